"""Options that several commands share."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from agentkit.cli.imports import import_modules
from agentkit.cli.log_file import start_log

FILE: Final = click.Path(path_type=Path)
"""The type of an option that names a file or folder."""


class WithInputs(click.Command):
    """A command that takes `--input`: an input that is written as an option of its own is told."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises:
            UsageError: An option is unknown, or there are too many arguments.
        """
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hidden = {name for one in self.params if getattr(one, "hidden", 0) for name in one.opts}
            nearest = [name for name in error.possibilities or () if name not in hidden]
            message, option = error.message, error.option_name
            value = _value(given, option)
            if option.startswith("--") and "=" not in value and (name := _as_name(option)):
                message += f" {_GIVE}{name}={value}"
            raise click.NoSuchOption(option, message, nearest, ctx) from None
        except click.UsageError as error:
            words = [word for word in given if _as_name(word.partition("=")[0]) and "=" in word]
            if not words or "unexpected extra argument" not in error.message:
                raise
            raise click.UsageError(
                f"{error.message}. {_GIVE}{shlex.quote(words[0])}", ctx
            ) from None


_GIVE: Final = "An input gets its value with --input "


def _as_name(option: str) -> str | None:
    """The input that an option's name may be meant for."""
    name = option.removeprefix("--").replace("-", "_")
    return name if name.isidentifier() else None


def _value(given: Sequence[str], option: str) -> str:
    """What stands after an option, quoted for the shell."""
    for word, following in zip(given, [*given[1:], "-"], strict=True):
        if word.startswith(f"{option}="):
            return shlex.quote(word.partition("=")[2])
        if word == option and not following.startswith("-"):
            return shlex.quote(following)
    return "VALUE"


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
