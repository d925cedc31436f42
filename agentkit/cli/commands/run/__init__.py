"""`agentkit run`: run an agent, watch it, and record what happens."""

from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from agentkit.cli import options, run_options
from agentkit.cli.run_options import RunOptions


@click.command("run", cls=options.WithInputs)
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
@run_options.budget
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
@options.imports
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
    node: str | None,
    resume: Path | None,
    **given: Any,
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

    Exit codes: 0 done, 1 failed, 2 something in the command or the agent is wrong, 3 a limit
    other than --steps was reached, 130 stopped with Ctrl-C.
    """
    chosen = RunOptions.of(given)
    options.check_show_or_record(chosen.show, chosen.record)
    if resume is not None:
        _refuse(
            ctx,
            _RECORDED,
            "--resume goes on with the run as it was recorded: leave {} out (to go on with another "
            "agent from one of its steps: --from RUN:EPISODE:STEP)",
        )
        from agentkit.cli.commands.run.resume_option import resume_run

        parallel = chosen.parallel if _given(ctx, "parallel") else None
        ctx.exit(resume_run(resume, parallel, chosen))
    if agent is None:
        raise click.UsageError("name an AGENT, or a run to go on with: --resume RUN")
    if node is not None:
        _refuse(ctx, _OF_A_RUN, "{} goes with a whole run, not with --node")
        from agentkit.cli.commands.run.node_option import ask_node

        ask_node(agent, node, chosen)
        return
    if chosen.place is not None:
        _refuse(ctx, _OF_A_FORK, "--from goes on with one recorded episode: leave {} out")
    from agentkit.cli.commands.run.run_session import run_agent

    ctx.exit(run_agent(agent, chosen))


_RECORDED: Final = "AGENT --model --input --memory --node --from --episodes --seed --fresh --out"
"""What a run that goes on takes from its record."""
_OF_A_RUN: Final = (
    "--memory --episodes --parallel --steps --budget-steps --fresh --out --cache --show --record"
)
"""What only a whole run can do."""
_OF_A_FORK: Final = "--episodes --parallel --seed"
"""What a run that begins with a recorded episode takes from that."""


def _given(ctx: click.Context, name: str | None) -> bool:
    return ctx.get_parameter_source(name or "") is ParameterSource.COMMANDLINE


def _refuse(ctx: click.Context, names: str, why: str) -> None:
    """Refuse options that do not go with the one that was given."""
    for parameter in ctx.command.params:
        shown = "AGENT" if parameter.name == "agent" else parameter.opts[0]
        if shown in names.split() and _given(ctx, parameter.name):
            raise click.UsageError(why.format(shown))
