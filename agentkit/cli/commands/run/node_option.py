"""`agentkit run --node`: one node is asked once."""

import asyncio
from collections.abc import Sequence

from agentkit.cli.arguments import find_snapshot, load_with_values
from agentkit.cli.budget_options import BudgetOptions
from agentkit.cli.view import closing
from agentkit.cli.view.terminal import echo
from agentkit.cli.view.words import money, tokens
from agentkit.preview.preview import ask


def ask_node(
    name: str,
    node: str,
    model: str | None,
    inputs: Sequence[str],
    place: str | None,
    seed: int,
    as_json: bool,
    budget: BudgetOptions,
    allow_unknown_price: bool,
) -> None:
    """Ask one node's model once, and print the answer."""
    agent, given = load_with_values(name, model, inputs)
    agent = agent.replace(run_limits=budget.over(agent.run_limits))
    snapshot = find_snapshot(agent, node, place, seed)
    asking = ask(agent, node, snapshot, given, allow_unknown_price=allow_unknown_price)
    asked = asyncio.run(asking)
    if as_json:
        entry = {"node": node, "value": asked.value, "usage": asked.usage}
        closing.print_json({**entry, "cost_usd": asked.usage.cost_usd})
        return
    closing.show_answer(node, asked.value)
    echo(f"tokens {tokens(asked.usage)}   cost {money(asked.usage.cost_usd)}", err=True)
