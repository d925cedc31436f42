"""`python -m agentkit_envs.webshop serve`: the shop as web pages on this computer."""

from contextlib import suppress
from errno import EACCES, EADDRINUSE
from typing import TYPE_CHECKING

import click

from agentkit.errors import visible

if TYPE_CHECKING:
    from agentkit_envs.webshop.web.shop import Shop


@click.group()
def main() -> None:
    """WebShop: find the product that an instruction asks for, choose its options and buy it."""


@main.command()
@click.option("--data", metavar="DIR", help="A folder with WebShop's files; generated if left out.")
@click.option(
    "--host", metavar="NAME", default="127.0.0.1", show_default=True, help="Where to listen."
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=3000,
    show_default=True,
    help="The port; 0 takes one that is free.",
)
@click.option(
    "--goals",
    type=click.Choice(["synthetic", "human"]),
    default="synthetic",
    show_default=True,
    help="Whose instructions.",
)
@click.option(
    "--products",
    metavar="N",
    type=click.IntRange(1),
    help="How many products to generate, or to take from the data.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of generated products, and of prices and price limits.",
)
@click.option("--cache", metavar="DIR", help="Where the prepared catalogue is kept.")
def serve(
    data: str | None,
    host: str,
    port: int,
    goals: str,
    products: int | None,
    seed: int,
    cache: str | None,
) -> None:
    """Open the shop as web pages, for a browser on this computer.

    The pages need no JavaScript and load nothing from elsewhere. /12 is the shop for goal 12,
    which is goal 12 of the text environment too, and a purchase there gets the same reward. Ctrl-C
    closes the shop.

    \b
    Examples:
      python -m agentkit_envs.webshop serve
      python -m agentkit_envs.webshop serve --data webshop_data --goals human --port 0
    """
    try:
        from agentkit_envs.webshop.web.hosts import is_loopback
        from agentkit_envs.webshop.web.server import address_of, answer, listen
        from agentkit_envs.webshop.web.site import make_site

        shop = _open(data, goals, products, seed, cache)
    except ImportError as error:
        told = f"{error}; install what is missing: pip install 'agentkit-graph[webshop]'"
        raise click.ClickException(visible(told)) from error
    except ValueError as error:
        raise click.UsageError(visible(str(error))) from error
    try:
        waiting = listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in (EADDRINUSE, EACCES):
            reason += "; choose another port with --port"
        raise click.ClickException(visible(f"cannot listen on {host}:{port}: {reason}")) from error
    with waiting:
        click.echo(visible(f"{shop.catalogue.name}; goals: {len(shop.goals):,}"))
        click.echo(visible(f"The shop is open at {address_of(host, waiting)} (Ctrl-C closes it)"))
        if not is_loopback(host):
            click.echo("note: whoever reaches this computer can open the shop", err=True)
        with suppress(KeyboardInterrupt):  # not raised where SIGINT was ignored at the start
            answer(make_site(shop, host), waiting)
        click.echo("closed", err=True)


def _open(
    data: str | None, goals: str, products: int | None, seed: int, cache: str | None
) -> "Shop":
    """The shop, with a first search done: that one takes longer than the others."""
    from agentkit_envs.webshop.arguments import check_arguments
    from agentkit_envs.webshop.goals.nouns import get_nouns
    from agentkit_envs.webshop.goals.shared_goals import shared_goals
    from agentkit_envs.webshop.web.shop import Shop

    check_arguments(data=data, cache=cache)
    catalogue, shared = shared_goals(data, products=products, seed=seed, kind=goals, cache=cache)
    catalogue.index.search("shop")
    return Shop(catalogue, shared, get_nouns("rules"))


if __name__ == "__main__":
    main(prog_name="python -m agentkit_envs.webshop")
