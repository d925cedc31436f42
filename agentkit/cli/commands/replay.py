"""`agentkit replay`: play a recorded run again, without a model, and compare."""

from pathlib import Path

import click

from agentkit.cli import options


@click.command("replay")
@click.argument("run", metavar="RUN", type=options.FILE)
@click.option(
    "--parallel",
    metavar="N",
    type=click.IntRange(1),
    help="How many episodes at once; as many as the run did by default.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=options.FILE,
    help="The folder to record the replay in; runs/... by default.",
)
@options.show
@options.record
@click.pass_context
def command(
    ctx: click.Context,
    /,
    run: Path,
    parallel: int | None,
    out: Path | None,
    show: bool,
    record: bool,
) -> None:
    """Play a recorded RUN (a folder) again from its recorded answers.

    No model is asked and no memory file is written. The replay is recorded in a folder of its
    own and held against the record, event by event: it says that both are the same, or where they
    first differ, and what the environment says of the replayed episodes. What a run that ended
    early left unfinished is not compared.

    \b
    Examples:
      agentkit replay runs/20260131-120000-crafter
      agentkit replay runs/20260131-120000-crafter --out again
      agentkit replay runs/20260131-120000-crafter --record

    Exit codes: 0 the same, 1 different, 2 something in the command or the record is wrong.
    """
    from agentkit.cli.replay_session import replay_run

    options.check_show_or_record(show, record)
    ctx.exit(replay_run(run, parallel, out, show, record))
