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

    failed = 0
    for name in agents:
        try:
            click.echo(check_agent(name))
        except InputError as error:
            failed += 1
            click.echo(f"{click.style('error', fg='red')}: {error}", err=True)
    ctx.exit(2 if failed else 0)
