"""The web server that the shop's pages come from."""

import socket

import uvicorn
from starlette.types import ASGIApp


def listen(host: str, port: int) -> socket.socket:
    """A socket that waits for shoppers; port 0 takes any that is free.

    Raises:
        OSError: The address is taken or not this computer's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    waiting = socket.socket(family, kind, protocol)
    try:
        waiting.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        waiting.bind(address)
        waiting.listen(128)
    except OSError:
        waiting.close()
        raise
    return waiting


def address_of(host: str, waiting: socket.socket) -> str:
    """What to open in a browser."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{waiting.getsockname()[1]}/"


def answer(app: ASGIApp, waiting: socket.socket) -> None:
    """Answer shoppers until Ctrl-C."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[waiting])
