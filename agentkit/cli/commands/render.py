"""`agentkit render`: the exact messages of a node; no model is asked."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentkit.cli import options
from agentkit.cli.arguments import find_snapshot, load_with_values, read_text
from agentkit.cli.view.terminal import echo
from agentkit.rollouts.metadata import node_models

if TYPE_CHECKING:
    from agentkit.agent import Agent
    from agentkit.preview.preview import Rendered


@click.command("render", cls=options.WithInputs)
@options.agent
@click.option("--node", metavar="NAME", required=True, help="The node.")
@options.model
@options.inputs
@options.place
@click.option(
    "--observation", metavar="FILE", type=options.FILE, help="A file with the observation."
)
@options.seed
@options.imports
def command(
    agent: str,
    node: str,
    model: str | None,
    inputs: tuple[str, ...],
    place: str | None,
    observation: Path | None,
    seed: int,
) -> None:
    """Print the exact messages of a node of AGENT; no model is asked.

    Without --from, an agent with an environment sees the first observation of --seed. Values of
    other nodes are not known then and stand as ⟨name⟩; --input NAME=VALUE gives them, and any
    other name that prompts can use.

    \b
    Examples:
      agentkit render crafter --node plan
      agentkit render crafter --node plan --from runs/20260131-120000-crafter:0:12
      agentkit render essay --node essay --input topic="why cats sleep so much"
    """
    from agentkit.preview.preview import render

    loaded, values = load_with_values(agent, model, inputs)
    if observation is not None:
        values["observation"] = read_text(observation)
    snapshot = find_snapshot(loaded, node, place, seed)
    _show(loaded, node, render(loaded, node, snapshot, values))


def _show(agent: "Agent", node: str, rendered: "Rendered") -> None:
    from agentkit.cli.view.closing import json_line
    from agentkit.cli.view.prompt_messages import show_message

    count = len(rendered.questions)
    for number, messages in enumerate(rendered.messages):
        if count > 1:
            echo(f"##### item {number} of {count}", bold=True)
        for message in messages:
            show_message(message.role, message.content, len(message.images))
    if not count:
        echo("nothing is asked: its list is empty")
    for question in rendered.questions[:1]:
        schema = question.schema
        if schema is not None:
            echo("--- answer as JSON schema", dim=True)
            echo(json_line(schema))
    model = node_models(agent)[node]
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
