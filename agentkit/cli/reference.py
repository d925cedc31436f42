"""Write docs/cli.md from the help of every command: `python -m agentkit.cli.reference`."""

from collections.abc import Iterator

import click

from agentkit.cli.app import cli

_HEAD = """# The command line

Every text below is what `--help` says. This page is written by
`python -m agentkit.cli.reference > docs/cli.md`; a test compares it. The picture in the README is
made by `agentkit run crafter --seed 0 --picture docs/run.svg`.
"""


def reference() -> str:
    """The page."""
    parts = [_HEAD, *(_section(*entry) for entry in _helps())]
    return "\n".join(parts)


def _helps() -> Iterator[tuple[str, str]]:
    yield from _with_commands(cli, _context(cli, "agentkit"))


def _with_commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """The help of a command, and of those that it has."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _with_commands(inner, _context(inner, name, context))


def _context(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    settings = {**command.context_settings, "terminal_width": 100}
    return click.Context(command, info_name=name, parent=parent, **settings)


def _section(title: str, text: str) -> str:
    lines = [line.rstrip() for line in click.unstyle(text).split("\n")]
    return "\n".join([f"## {title}", "", "```text", *lines, "```", ""])


if __name__ == "__main__":
    click.echo(reference(), nl=False)
