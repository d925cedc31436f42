"""Options that several commands share."""

from pathlib import Path
from typing import Final

import click

from agentkit.cli.imports import import_modules
from agentkit.cli.log_file import start_log

FILE: Final = click.Path(path_type=Path)
"""The type of an option that names a file or folder."""

agent = click.argument("agent", metavar="AGENT")
model = click.option(
    "--model", metavar="ID", help="A model that answers every node, in place of the agent's own."
)
inputs = click.option(
    "--input",
    "inputs",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give an input a value; NAME=@FILE takes the text of a file. Can be repeated.",
)
imports = click.option(
    "--import",
    metavar="MODULE",
    multiple=True,
    expose_value=False,
    callback=import_modules,
    help="Import a module first, installed or of this folder, that registers an environment. "
    "Can be repeated.",
)
log = click.option(
    "--log",
    metavar="FILE",
    type=FILE,
    envvar="AGENTKIT_LOG",
    show_envvar=True,
    expose_value=False,
    callback=start_log,
    help="Append a line for each event to this file: no prompts, no answers.",
)
seed = click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Another seed is another episode: another world, another goal.",
)
show = click.option(
    "--show", is_flag=True, help="Open a window to watch, where the environment has one."
)
record = click.option(
    "--record", is_flag=True, help="Keep pictures and a film of every episode in the run's folder."
)
place = click.option(
    "--from",
    "place",
    metavar="RUN:EPISODE:STEP",
    help="Begin with this step of a recorded run.",
)


def check_show_or_record(show: bool, record: bool) -> None:
    """Refuse both together.

    Raises:
        UsageError: Both were given.
    """
    if show and record:
        raise click.UsageError(
            "--show and --record do not go together: a window opens, or pictures are kept"
        )
