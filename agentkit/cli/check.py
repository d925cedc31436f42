"""`agentkit check`: load agent files and list every problem with its line."""

import click

from agentkit.errors import InputError


@click.command("check")
@click.argument("agents", metavar="AGENT...", nargs=-1, required=True)
@click.pass_context
def command(ctx: click.Context, /, agents: tuple[str, ...]) -> None:
    """Check AGENT files: every problem is listed with its line, and nothing is run.

    \b
    Examples:
      agentkit check my_agent.yaml
      agentkit check agents/*.yaml

    Exit codes: 0 all are well, 2 one of them has a problem.
    """
    from agentkit.cli.checking import check_agent
    from agentkit.cli.view.terminal import echo, echo_pair

    failed = 0
    for name in agents:
        try:
            echo(check_agent(name))
        except InputError as error:
            failed += 1
            echo_pair("error", f": {error}", err=True, fg="red")
    ctx.exit(2 if failed else 0)
