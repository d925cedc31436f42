"""What models cost: the table of genai-prices as it was installed, never fetched from a network."""

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from agentkit.errors import InputError, advice
from agentkit.messages import Usage
from agentkit.models.base import Model, cost_of

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot


def listed_cost(usage: Usage, model: str, provider: str | None) -> float | None:
    """What tokens cost in US dollars; None when the model or its provider is not in the table.

    Args:
        usage: The tokens.
        model: The model's name, as its provider writes it.
        provider: The provider's id in the table, such as `openai`.
    """
    if provider is None:
        return None
    from genai_prices import Usage as Tokens

    tokens = Tokens(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        price = _table().calc(tokens, model, provider, None, None)
    except LookupError:
        return None
    return float(price.total_price)


@cache
def provider_at(url: str) -> str | None:
    """The id of the provider whose API has this address; None when it is nobody known."""
    from genai_prices.data import providers

    for provider in providers:
        found = re.match(provider.api_pattern, url)
        if found and (found[0].endswith("/") or url[found.end() :][:1] in ("", "/")):
            return str(provider.id)
    return None


@cache
def _table() -> "DataSnapshot":
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    return DataSnapshot(providers=providers, from_auto_update=False)


def check_prices(asked: Iterable[tuple[str, Model]]) -> None:
    """Refuse a limit on cost for models whose price is unknown.

    Args:
        asked: The nodes that will be asked, each with its model.

    Raises:
        InputError: It lists the models without a price, with the nodes that use them.
    """
    unpriced = unpriced_models(asked)
    if not unpriced:
        return
    listed = "\n".join(f"  {name} (asked by {', '.join(n)})" for name, n in unpriced.items())
    raise InputError(
        f"a limit on cost needs the price of every model, and these have none:\n{listed}\n"
        "Say what a million tokens cost, in USD, where the model is declared:\n"
        "  models: {NAME: {use: ID, price: {input: 0.25, output: 2}}}\n"
        "Or let them count as free: "
        + advice("Plan(allow_unknown_price=True)", "--allow-unknown-price")
    )


def unpriced_models(asked: Iterable[tuple[str, Model]]) -> dict[str, list[str]]:
    """The models of unknown price that nodes ask, each with the names of these nodes."""
    some = Usage(input_tokens=1000, output_tokens=1000, calls=1)
    found: dict[str, list[str]] = {}
    for node, model in asked:
        if cost_of(model, some) is None:
            found.setdefault(model.name, []).append(node)
    return found
