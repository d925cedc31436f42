"""`agentkit run`: run an agent, watch it, and record what happens."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from agentkit.cli import budget_options, options


@click.command("run")
@click.argument("agent", metavar="[AGENT]", required=False)
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
@budget_options.options
@click.option(
    "--allow-unknown-price",
    is_flag=True,
    help="Under a limit on cost, let models of unknown price count as free.",
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
@click.option(
    "--cache",
    metavar="FILE",
    type=options.FILE,
    help="Take answers from this file where they are known, and keep new ones in it.",
)
@options.show
@options.record
@options.log
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--node", metavar="NAME", help="Ask only this node, once, and print its answer.")
@options.place
@click.option(
    "--resume", metavar="RUN", type=options.FILE, help="Go on with a recorded run (a folder)."
)
@click.option("--picture", type=options.FILE, hidden=True)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    agent: str | None,
    model: str | None,
    inputs: tuple[str, ...],
    memory: Path | None,
    node: str | None,
    place: str | None,
    resume: Path | None,
    **chosen: Any,
) -> None:
    """Run AGENT: a YAML file, or the name of a shipped agent, such as crafter or webshop.

    The run is recorded in runs/<time>-<agent>/; look at it with agentkit show. Ctrl-C stops it
    and keeps what was reached.

    \b
    Examples:
      agentkit run crafter
      agentkit run webshop --seed 3
      agentkit run crafter --episodes 8 --parallel 4 --fresh --json
      agentkit run crafter --steps 100 --record
      agentkit run essay --model echo --input topic="why cats sleep so much"
      agentkit run my_agent.yaml --steps 50
      agentkit run my_agent.yaml --episodes 20 --budget-usd 5
      agentkit run --resume runs/20260131-120000-crafter
      agentkit run my_agent.yaml --from runs/20260131-120000-crafter:0:12
      agentkit run crafter --node plan --from runs/20260131-120000-crafter:0:12

    Exit codes: 0 done, 1 failed, 2 something in the command or the agent is wrong, 3 a limit was
    reached, 130 stopped with Ctrl-C.
    """
    chosen["budget"] = budget_options.BudgetOptions.take(chosen)
    options.check_show_or_record(chosen["show"], chosen["record"])
    if resume is not None:
        _refuse(
            ctx,
            _RECORDED,
            "--resume goes on with the run as it was recorded: leave {} out (to go on with another "
            "agent from one of its steps: --from RUN:EPISODE:STEP)",
        )
        from agentkit.cli.commands.run.resume_option import resume_run
        from agentkit.cli.commands.run.run_session import RunOptions

        parallel = chosen["parallel"] if _given(ctx, "parallel") else None
        ctx.exit(resume_run(resume, parallel, RunOptions(**chosen)))
    if agent is None:
        raise click.UsageError("name an AGENT, or a run to go on with: --resume RUN")
    if node is not None:
        _refuse(ctx, _OF_A_RUN, "{} goes with a whole run, not with --node")
        from agentkit.cli.commands.run.node_option import ask_node

        ask_node(
            agent, node, model, inputs, place, chosen["seed"], chosen["as_json"],
            chosen["budget"], chosen["allow_unknown_price"],
        )  # fmt: skip
        return
    if place is not None:
        _refuse(ctx, _OF_A_FORK, "--from goes on with one recorded episode: leave {} out")
    from agentkit.cli.commands.run.run_session import RunOptions, run_agent

    ctx.exit(run_agent(agent, model, inputs, memory, RunOptions(**chosen), place))


_RECORDED: Final = {
    "agent": "AGENT",
    "model": "--model",
    "inputs": "--input",
    "memory": "--memory",
    "node": "--node",
    "place": "--from",
    "episodes": "--episodes",
    "seed": "--seed",
    "fresh": "--fresh",
    "out": "--out",
}
"""What a run that goes on takes from its record."""
_OF_A_RUN: Final = {
    "memory": "--memory",
    "episodes": "--episodes",
    "parallel": "--parallel",
    "steps": "--steps",
    "budget_steps": "--budget-steps",
    "fresh": "--fresh",
    "out": "--out",
    "cache": "--cache",
    "show": "--show",
    "record": "--record",
}
"""What only a whole run can do."""
_OF_A_FORK: Final = {"episodes": "--episodes", "parallel": "--parallel", "seed": "--seed"}
"""What a run that begins with a recorded episode takes from that."""


def _given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _refuse(ctx: click.Context, names: Mapping[str, str], why: str) -> None:
    """Refuse options that do not go with the one that was given."""
    for name, shown in names.items():
        if _given(ctx, name):
            raise click.UsageError(why.format(shown))
