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
    from agentkit.cli.view.terminal import echo, echo_pair
    from agentkit.plugins import broken_envs

    for entry in described():
        state = "installed" if entry.missing is None else f"not installed: {entry.missing}"
        echo_pair(entry.id, f"  {entry.about}", bold=True)
        echo(f"    {state}", fg="green" if entry.missing is None else "yellow")
    for problem in broken_envs().values():
        echo_pair("left out", f": {problem}", err=True, fg="red")
