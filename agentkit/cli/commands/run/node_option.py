"""`agentkit run --node`: one node is asked once."""

import asyncio

from agentkit.cli.arguments import find_snapshot, load_with_values
from agentkit.cli.run_options import RunOptions
from agentkit.cli.view import closing
from agentkit.cli.view.terminal import echo
from agentkit.cli.view.words import money, tokens
from agentkit.preview.preview import ask


def ask_node(name: str, node: str, chosen: RunOptions) -> None:
    """Ask one node's model once, and print the answer."""
    agent, given = load_with_values(name, chosen.model, chosen.inputs)
    agent = chosen.limit(agent)
    snapshot = find_snapshot(agent, node, chosen.place, chosen.seed)
    asking = ask(agent, node, snapshot, given, allow_unknown_price=chosen.allow_unknown_price)
    asked = asyncio.run(asking)
    if chosen.as_json:
        entry = {"node": node, "value": asked.value, "usage": asked.usage}
        if asked.probabilities is not None:
            entry["probabilities"] = asked.probabilities
        closing.print_json({**entry, "cost_usd": asked.usage.cost_usd})
        return
    closing.show_answer(node, asked.value)
    echo(f"tokens {tokens(asked.usage)}   cost {money(asked.usage.cost_usd)}", err=True)
