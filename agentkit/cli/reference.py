"""Write docs/cli.md from the help of every command: `python -m agentkit.cli.reference`."""

from collections.abc import Iterator

import click

from agentkit.cli.app import COMMANDS, cli

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
    root = _context(cli, "agentkit")
    yield "agentkit", cli.get_help(root)
    for name in COMMANDS:
        command = cli.get_command(root, name)
        if command is not None:
            context = _context(command, name, root)
            yield f"agentkit {name}", command.get_help(context)


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
