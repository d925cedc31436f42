"""Are the prices known that a limit on cost needs?"""

from collections.abc import Iterable

from agentkit.binding import BoundNode
from agentkit.errors import InputError
from agentkit.messages import Usage
from agentkit.models.base import Priced


def check_prices(nodes: Iterable[BoundNode]) -> None:
    """Refuse a limit on cost for models whose price is unknown.

    Args:
        nodes: The nodes that will be asked.

    Raises:
        InputError: It lists the models without a price, with the nodes that use them.
    """
    unpriced = unpriced_models(nodes)
    if not unpriced:
        return
    listed = "\n".join(f"  {name} (asked by {', '.join(n)})" for name, n in unpriced.items())
    raise InputError(
        f"a limit on cost needs the price of every model, and these have none:\n{listed}\n"
        "Say what a million tokens cost, in USD, where the model is declared:\n"
        "  models: {NAME: {use: ID, price: {input: 0.25, output: 2}}}\n"
        "Or let them count as free: --allow-unknown-price (in Python: "
        "Plan(allow_unknown_price=True))"
    )


def unpriced_models(nodes: Iterable[BoundNode]) -> dict[str, list[str]]:
    """The models of unknown price that nodes ask, each with the names of these nodes."""
    some = Usage(input_tokens=1000, output_tokens=1000, calls=1)
    found: dict[str, list[str]] = {}
    for bound in nodes:
        model = bound.model
        if model is None or (isinstance(model, Priced) and model.cost_usd(some) is not None):
            continue
        found.setdefault(model.name, []).append(bound.compiled.name)
    return found
