"""Which names the shop answers to.

A page from elsewhere can give its own name the address 127.0.0.1, and its scripts could then read
what the shop shows. Such a request still carries that page's name, so it is refused.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Refuse = Callable[[Scope, Receive, Send, str], Awaitable[None]]


class HostCheck:
    """Lets requests through that name the shop as it is reached.

    Args:
        app: What answers them.
        host: Where the shop listens.
        refuse: Answers the others; it gets the name they had.
    """

    def __init__(self, app: ASGIApp, host: str, refuse: Refuse) -> None:
        self._app = app
        self._host = host
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        name = Headers(scope=scope).get("host", "") if scope["type"] == "http" else None
        if name is None or allowed(name, self._host):
            await self._app(scope, receive, send)
        else:
            await self._refuse(scope, receive, send, name)


def allowed(header: str, host: str) -> bool:
    """Whether a `Host` header names a shop that listens on `host`.

    A shop for this computer alone answers to `localhost` and loopback addresses, another one to
    its own name and to every address written in numbers.
    """
    name = bare(header)
    if name in ("localhost", host.lower()):
        return True
    try:
        number = ip_address(name)
    except ValueError:
        return False
    return number.is_loopback or not is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches a server on `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def bare(header: str) -> str:
    """The name in a `Host` header, in lower case, without its port and brackets."""
    name = header.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]
