"""The gate: the only way out of a browser, a proxy on loopback that knows the allow-list.

It stands outside the page and outside the browser, so it sees everything that is asked for:
pages, redirects, frames, scripts, sockets, beacons, what workers fetch and what is fetched ahead.
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentkit_envs.browser.guard.allow_list import NOT_LISTED, AllowList
from agentkit_envs.browser.guard.connections import (
    LookUp,
    RefusedError,
    Streams,
    UnreachableError,
    look_up,
    reach,
)
from agentkit_envs.browser.guard.forwarder import Forwarder
from agentkit_envs.browser.guard.local_files import guard_files
from agentkit_envs.browser.guard.notices import quote_address, quote_addresses
from agentkit_envs.browser.guard.origins import Origin

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, ProxySettings

CHROMIUM_FLAGS = (
    # What is asked for outside of a context with a gate goes to a proxy that does not exist.
    "--proxy-server=http://gate.invalid:9",
    "--proxy-bypass-list=<-loopback>",
    # No name is ever looked up: the gate does that. What goes around a proxy finds no address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    # Chromium would ask Google what the fields of forms are for, through the page's proxy. It
    # never goes to this port.
    "--autofill-server-url=http://gate.invalid:9/",
)
"""Chromium with these fails closed: it reaches nothing but by a gate."""

_KEPT = 50
_TOLD = 20
_MOST_CONNECTIONS = 512


class Gate:
    """A proxy for one session. `async` methods and callbacks run on the loop that opened it."""

    def __init__(self, allow: AllowList, look_up: LookUp) -> None:
        self.allow = allow
        self._look_up = look_up
        self._refused: dict[str, tuple[str, int]] = {}
        self._untold = 0
        self._reasons: dict[str, str] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    @classmethod
    async def open(cls, allow: AllowList, look_up: LookUp = look_up) -> "Gate":
        """Listen on a free port of this computer, for this computer only.

        Args:
            allow: What may be reached.
            look_up: What says which addresses a name has.
        """
        gate = cls(allow, look_up)
        gate._server = await asyncio.start_server(gate._accept, "127.0.0.1", 0, backlog=256)
        gate._port = gate._server.sockets[0].getsockname()[1]
        return gate

    @property
    def address(self) -> str:
        """Where a browser finds it: http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def proxy(self) -> "ProxySettings":
        """What makes a context of Playwright ask this gate for everything.

        The bypass says that loopback addresses are asked for here too. Playwright says it by
        itself, unless a variable of its own in the environment tells it not to.
        """
        return {"server": self.address, "bypass": "<-loopback>"}

    async def guard(self, context: "BrowserContext") -> None:
        """Watch over what a context reads besides the network: the files of listed folders."""
        await guard_files(context, self.allow, lambda url: self._note(url, NOT_LISTED, True))

    def drain(self) -> list[str]:
        """What was refused since the last call: `"http://evil.example" (3 times): not on ...`."""
        refused, self._refused = self._refused, {}
        untold, self._untold = self._untold, 0
        told = [
            f"{quote_address(name)}{f' ({count} times)' if count > 1 else ''}: "
            f"{quote_addresses(reason)}"
            for name, (reason, count) in refused.items()
        ]
        return [*told, f"{untold} more requests, for other addresses"] if untold else told

    def reason(self, origin: str) -> str | None:
        """Why an origin, as in https://shop.example, was refused or not reached the last time."""
        return self._reasons.get(origin)

    async def close(self) -> None:
        """Drop every connection."""
        if self._server is not None:
            self._server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._serving) >= _MOST_CONNECTIONS:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(
            Forwarder((reader, writer), self._reach).run()
        )
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _reach(self, origins: Iterable[Origin]) -> Streams:
        choices = list(origins)
        allowed = [origin for origin in choices if self.allow.refuses_origin(origin) is None]
        origin = (allowed or choices)[0]
        try:
            streams = await reach(self.allow, origin, self._look_up)
        except RefusedError as problem:
            self._note(str(origin), str(problem), refused=True)
            raise
        except UnreachableError as problem:
            self._note(str(origin), str(problem), refused=False)
            raise
        self._reasons.pop(str(origin), None)
        return streams

    def _note(self, name: str, reason: str, refused: bool) -> None:
        if len(self._reasons) >= _KEPT:
            self._reasons.pop(next(iter(self._reasons)))
        self._reasons[name] = reason
        if not refused:
            return
        if name in self._refused or len(self._refused) < _TOLD:
            self._refused[name] = (reason, self._refused.get(name, ("", 0))[1] + 1)
        else:
            self._untold += 1
