"""`agentkit new`: write an agent to edit."""

from pathlib import Path

import click

from agentkit.cli import options


@click.command("new")
@click.argument("name", metavar="NAME")
@click.option(
    "--from",
    "origin",
    metavar="AGENT",
    default="crafter_list",
    show_default=True,
    help="The shipped agent, or the file, to begin with.",
)
@click.option("--out", metavar="FILE", type=options.FILE, help="The file; NAME.yaml by default.")
def command(name: str, origin: str, out: Path | None) -> None:
    """Write an agent called NAME, with comments, for you to edit.

    A file that is there already is never overwritten.

    \b
    Examples:
      agentkit new my_agent
      agentkit new my_essay --from essay
    """
    from agentkit.cli.new_agent import write_agent
    from agentkit.cli.view.terminal import echo

    path = write_agent(name, origin, out)
    echo(f"{path} is written. Open it in a text editor, change a prompt, then:")
    for line in (f"agentkit check {path}", f"agentkit run {path}"):
        echo(f"  {line}")
