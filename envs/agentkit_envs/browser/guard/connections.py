"""Connections to the outside, made only to addresses that the allow-list has been asked about."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.ip_addresses import Address, is_localhost, literal
from agentkit_envs.browser.guard.origins import Origin

LOOK_UP_S = 10.0
CONNECT_S = 10.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LookUp = Callable[[str], Awaitable[Sequence[Address]]]
"""The addresses of a name; it raises OSError if there is no such name."""


class RefusedError(Exception):
    """The allow-list does not have it; the text says why."""


class UnreachableError(Exception):
    """It may be reached, but cannot be; the text says why."""


async def look_up(host: str) -> Sequence[Address]:
    """The addresses that this computer knows for a name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    hosts = (str(place[0]).partition("%")[0] for *_, place in found)
    return list(dict.fromkeys(map(ip_address, hosts)))


async def reach(allow: AllowList, origin: Origin, look_up: LookUp = look_up) -> Streams:
    """A connection to an origin's computer.

    Raises:
        RefusedError: If the origin, or every address of its name, is refused.
        UnreachableError: If there is no such name, or nobody answers there.
    """
    if reason := allow.refuses_origin(origin):
        raise RefusedError(reason)
    addresses = await _addresses(origin, look_up)
    reasons = {address: allow.refuses_address(origin, address) for address in addresses}
    # It is the checked address that is connected to, not the name: a second look-up could give
    # another one.
    open_to = [address for address, reason in reasons.items() if reason is None]
    if not open_to:
        raise RefusedError(reasons[addresses[0]] or "")
    return await _connect(origin, open_to)


async def _addresses(origin: Origin, look_up: LookUp) -> Sequence[Address]:
    if (address := literal(origin.host)) is not None:
        return [address]
    if is_localhost(origin.host):
        return [ip_address("127.0.0.1"), ip_address("::1")]
    try:
        async with asyncio.timeout(LOOK_UP_S):
            return await look_up(origin.host)
    except TimeoutError:
        raise UnreachableError("looking up its name took too long") from None
    except (OSError, UnicodeError):
        raise UnreachableError("there is no computer of this name") from None


async def _connect(origin: Origin, addresses: Sequence[Address]) -> Streams:
    share_s = CONNECT_S / len(addresses)
    for address in addresses:
        try:
            async with asyncio.timeout(share_s):
                return await asyncio.open_connection(str(address), origin.port)
        except OSError:
            continue
    raise UnreachableError("nobody answers there")
