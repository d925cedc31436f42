"""`agentkit render`: the exact messages of a node; no model is asked."""

from pathlib import Path

import click

from agentkit.cli import options


@click.command("render")
@options.agent
@click.option("--node", metavar="NAME", required=True, help="The node.")
@options.inputs
@options.place
@click.option(
    "--observation", metavar="FILE", type=options.FILE, help="A file with the observation."
)
@options.seed
def command(
    agent: str,
    node: str,
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
    from agentkit.cli.arguments import read_text
    from agentkit.cli.one_node import show_node

    text = None if observation is None else read_text(observation)
    show_node(agent, node, inputs, place, seed, text)
