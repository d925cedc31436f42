"""The `agentkit` command: finds its commands by name and reports errors in plain words."""

import os
import sys
from errno import EACCES, ELOOP, ENAMETOOLONG, EPERM, EPIPE, EROFS
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final

import click

from agentkit import __version__
from agentkit.cli.original import clash_note
from agentkit.errors import (
    AgentKitError,
    InputError,
    LimitExceeded,
    on_command_line,
    suggest,
    visible,
)

COMMANDS: Final = {
    "run": "Run an agent, watch it, and record what happens.",
    "replay": "Play a recorded run again without a model, and compare.",
    "check": "Check agent files; every problem is listed with its line.",
    "show": "Show an agent's graph, or a recorded run step by step.",
    "profile": "Show where time and money of a recorded run went, and what would help.",
    "moe": "Plan what a mixture of experts needs, and see which experts an agent uses.",
    "render": "Print the exact messages of a node; no model is asked.",
    "new": "Write a new agent to edit, from one that is shipped, or an environment.",
    "envs": "List the environments that agents can play in.",
    "play": "Play an environment yourself, in the terminal.",
    "schema": "Print the JSON Schema of agent files, for editors.",
}
"""Each command and what it does; its module is imported only when it is used."""

_OF_THE_USER: Final = frozenset({EACCES, ELOOP, ENAMETOOLONG, EPERM, EROFS})
"""What is wrong with a file or folder that the user named, wherever that is noticed."""
INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it."""


class Failure(click.ClickException):
    """What went wrong, in words that may come from a file or a server."""

    def format_message(self) -> str:
        """The words, without what would steer the terminal."""
        return visible(self.message)


class Mistake(Failure):
    """What the user gave is wrong."""

    exit_code = 2


class Reached(Failure):
    """A limit leaves no room for what the user wants."""

    exit_code = 3


class Commands(click.Group):
    """The commands of the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"agentkit.cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the one that was meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hint = suggest(name, set(COMMANDS))
            raise click.UsageError(f"No such command '{name}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command line; what the terminal cannot show is replaced, not refused."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a user's mistake gets a message, never a traceback."""
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            ctx.color = False
        if note := clash_note():
            click.echo(note, err=True)
        try:
            with on_command_line():
                return super().invoke(ctx)
        except InputError as error:
            raise Mistake(str(error)) from error
        except LimitExceeded as error:
            raise Reached(str(error)) from error
        except AgentKitError as error:
            raise Failure(str(error)) from error
        except OSError as error:
            if error.filename is not None and error.errno in _OF_THE_USER:
                raise Mistake(f"{str(error.filename)[:200]}: {error.strerror}") from error
            if error.filename is not None or error.errno == EPIPE:  # click ends quietly on EPIPE
                raise
            _drop_output()
            raise click.ClickException(f"cannot write the output: {error.strerror}") from error
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            return ctx.exit(INTERRUPTED)


def _drop_output() -> None:
    """Let what could not be written go, or Python tries once more when it ends, and complains."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Commands, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="agentkit")
def cli() -> None:
    """AgentKit turns a list of plain-language prompts into an agent.

    \b
    Examples:
      agentkit run crafter              play Crafter: no key and no model needed
      agentkit new my_agent             write an agent of your own to edit
      agentkit run my_agent.yaml        run it

    An AGENT is a YAML file, or the name of an agent that comes with AgentKit. Every command
    explains itself: agentkit run --help. Exit codes: 0 done, 1 failed, 2 something in the command
    or the agent is wrong, 3 a limit other than --steps was reached, 130 stopped with Ctrl-C.
    """
