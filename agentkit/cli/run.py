"""`agentkit run`: run an agent, watch it, and record what happens."""

from pathlib import Path
from typing import Any

import click

from agentkit.cli import options


@click.command("run")
@options.agent
@options.model
@click.option(
    "--episodes",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many episodes to play.",
)
@options.seed
@click.option(
    "--parallel",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many of them at once.",
)
@click.option(
    "--steps", metavar="N", type=click.IntRange(1), help="The most decisions an episode may take."
)
@click.option("--fresh", is_flag=True, help="Start every episode without anything remembered.")
@options.inputs
@click.option(
    "--memory", metavar="FILE", type=options.FILE, help="The file that keeps memory between runs."
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=options.FILE,
    help="The folder to record in; runs/... by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--node", metavar="NAME", help="Ask only this node, once, and print its answer.")
@options.place
@click.option("--picture", type=options.FILE, hidden=True)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    agent: str,
    model: str | None,
    inputs: tuple[str, ...],
    memory: Path | None,
    node: str | None,
    place: str | None,
    **wishes: Any,
) -> None:
    """Run AGENT: a YAML file, or the name of a shipped agent (crafter, crafter_list, essay).

    The run is recorded in runs/<time>-<agent>/; look at it with agentkit show. Ctrl-C stops it
    and keeps what was reached.

    \b
    Examples:
      agentkit run crafter
      agentkit run crafter --episodes 8 --parallel 4 --fresh --json
      agentkit run essay --model echo --input topic="why cats sleep so much"
      agentkit run my_agent.yaml --steps 50
      agentkit run crafter --node plan --from runs/20260131-120000-crafter:0:12

    Exit codes: 0 done, 1 failed, 2 something in the command or the agent is wrong, 3 a limit was
    reached, 130 stopped with Ctrl-C.
    """
    if node is not None:
        from agentkit.cli.asking import ask_node

        ask_node(agent, node, model, inputs, place, wishes["seed"], wishes["as_json"])
        return
    if place is not None:
        raise click.UsageError("--from goes with --node: it gives one node the values it reads")
    from agentkit.cli.running import Wishes, run_agent

    ctx.exit(run_agent(agent, model, inputs, memory, Wishes(**wishes)))
