"""Messages of one node: shown without asking (`render`), or asked once (`run --node`)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from agentkit.agent import Agent
from agentkit.cli.arguments import choose_episode, load, open_run, parse_inputs, parse_place
from agentkit.cli.budget_options import BudgetOptions
from agentkit.cli.view import closing
from agentkit.cli.view.prompt_messages import show_message
from agentkit.cli.view.terminal import echo
from agentkit.cli.view.words import money, tokens
from agentkit.preview.preview import Rendered, Snapshot, ask, render
from agentkit.preview.snapshot import first_snapshot, recorded_snapshot


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
    agent, given = _load(name, model, inputs)
    agent = agent.replace(run_limits=budget.over(agent.run_limits))
    snapshot = _snapshot(agent, node, place, seed)
    asking = ask(agent, node, snapshot, given, allow_unknown_price=allow_unknown_price)
    asked = asyncio.run(asking)
    if as_json:
        entry = {"node": node, "value": asked.value, "usage": asked.usage}
        closing.print_json({**entry, "cost_usd": asked.cost_usd})
        return
    closing.show_answer(node, asked.value)
    echo(f"tokens {tokens(asked.usage)}   cost {money(asked.cost_usd)}", err=True)


def show_node(
    name: str, node: str, inputs: Sequence[str], place: str | None, seed: int, text: str | None
) -> None:
    """Print the exact messages of a node."""
    agent, given = _load(name, None, inputs)
    if text is not None:
        given["observation"] = text
    rendered = render(agent, node, _snapshot(agent, node, place, seed), given)
    _show(agent, node, rendered)


def _load(name: str, model: str | None, inputs: Sequence[str]) -> tuple[Agent, dict[str, Any]]:
    """The agent with its inputs given, and what else is given: values of any name."""
    agent, _ = load(name, model)
    given = parse_inputs(inputs)
    agent = agent.with_inputs({key: given.pop(key) for key in list(given) if key in agent.inputs})
    agent.check_inputs()
    return agent, given


def _snapshot(agent: Agent, node: str, place: str | None, seed: int) -> Snapshot:
    if place is not None:
        folder, episode, step = parse_place(place)
        run = open_run(folder)
        return recorded_snapshot(agent, run, choose_episode(run, episode), step, node)
    return first_snapshot(agent, seed)


def _show(agent: Agent, node: str, rendered: Rendered) -> None:
    bound = agent.binding.nodes[agent.graph.index[node]]
    count = len(rendered.questions)
    for number, messages in enumerate(rendered.messages):
        if count > 1:
            echo(f"##### item {number} of {count}", bold=True)
        for message in messages:
            show_message(message.role, message.content, len(message.images))
    if not count:
        echo("nothing is asked: its list is empty")
    for question in rendered.questions[:1]:
        schema = question.output.json_schema(question.variables)
        if schema is not None:
            echo("--- answer as JSON schema", dim=True)
            echo(closing.json_line(schema))
    model = bound.model.name if bound.model else "none"
    echo(f"node '{node}' asks the model {model}; nothing was asked now", err=True)
    if rendered.unknown:
        names = ", ".join(f"⟨{name}⟩" for name in rendered.unknown)
        echo(
            f"not known without asking a model: {names}. Give a value with --input "
            f"{rendered.unknown[0]}=..., or take a recorded step with --from",
            err=True,
        )
    if rendered.wanted is False:
        echo("its 'when' is false here: it would be skipped", err=True)
