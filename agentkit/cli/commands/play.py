"""`agentkit play`: a person plays an environment in the terminal."""

import click

from agentkit.cli import options


@click.command("play")
@click.argument("env", metavar="ENV")
@options.seed
@click.option(
    "--set",
    "arguments",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give the environment an argument; NAME=@FILE takes the text of a file. Can be repeated.",
)
@click.pass_context
def command(ctx: click.Context, env: str, seed: int, arguments: tuple[str, ...]) -> None:
    """Play one episode of ENV yourself: an id that agentkit envs lists, or its short name.

    Type an action and press Enter. Where the actions are listed, the number of one will do, as in
    #1. ? or help shows the list again; quit, exit, q or Ctrl-D ends the game. A word that is an
    action itself is taken as that. Actions can also come from a file or a pipe, one a line.

    \b
    Examples:
      agentkit play crafter
      agentkit play agentkit/Crafter-v1 --seed 3 --set length=500
      agentkit play webshop --seed 7 --set products=500
      agentkit play crafter < my_actions.txt
    """
    from agentkit.cli.human_player import play_by_hand

    ctx.exit(play_by_hand(env, seed, arguments))
