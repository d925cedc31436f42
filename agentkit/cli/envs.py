"""`agentkit envs`: the environments that agents can play in."""

import click


@click.command("envs")
def command() -> None:
    """List the environments that AgentKit and its plug-ins bring.

    Any other environment that Gymnasium knows and that speaks text can be used as well.

    \b
    Examples:
      agentkit envs
    """
    from agentkit.cli.environments import described
    from agentkit.plugins import broken_envs

    for entry in described():
        state = "installed" if entry.missing is None else f"not installed: {entry.missing}"
        click.echo(f"{click.style(entry.id, bold=True)}  {entry.about}")
        click.secho(f"    {state}", fg="green" if entry.missing is None else "yellow")
    for problem in broken_envs().values():
        click.echo(f"{click.style('left out', fg='red')}: {problem}", err=True)
