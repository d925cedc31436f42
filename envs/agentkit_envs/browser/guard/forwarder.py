"""Forwarding: what a browser asks of a proxy, one connection of the browser at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import h11

from agentkit_envs.browser.guard.connections import RefusedError, Streams, UnreachableError
from agentkit_envs.browser.guard.origins import PORTS, Origin, read_host, read_origin, split_port

IDLE_S = 600.0
"""How long a connection may say nothing. Long: a page waits while a model thinks."""
HEAD_BYTES = 256 * 1024
PIECE_BYTES = 64 * 1024

# They speak of one connection, not of the message, or would make it another protocol's.
_HOP_BY_HOP = {
    b"connection",
    b"expect",
    b"http2-settings",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
Headers = list[tuple[bytes, bytes]]
Reach = Callable[[Iterable[Origin]], Awaitable[Streams]]
"""Connects to the first of the origins that may be reached; it raises what `reach` raises."""


class HungUpError(Exception):
    """One of the two sides closed its connection before it had said all."""


class Side:
    """One of the two connections of an exchange, read and written as HTTP/1.1."""

    def __init__(self, streams: Streams, role: Any) -> None:
        self.reader, self.writer = streams
        self.http = h11.Connection(role, max_incomplete_event_size=HEAD_BYTES)
        self._unsent: list[bytes] = []

    async def receive(self, meanwhile: "Side | None" = None) -> Any:
        """The next event of the other end; before waiting for it, flush what another side has."""
        while True:
            event = self.http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if meanwhile is not None:
                await meanwhile.flush()
            self.http.receive_data(await self.read())

    async def read(self) -> bytes:
        """Bytes as they come; none at the end."""
        async with asyncio.timeout(IDLE_S):
            return await self.reader.read(PIECE_BYTES)

    def put(self, event: Any) -> None:
        """Have an event ready, to be sent together with those after it: packets are costly."""
        self._unsent.append(self.http.send(event) or b"")

    async def flush(self) -> None:
        """Send what is ready."""
        data = b"".join(self._unsent)
        self._unsent.clear()
        await self.write(data)

    async def write(self, data: bytes) -> None:
        """Write bytes, as fast as the other end takes them."""
        self.writer.write(data)
        if self.writer.is_closing() or self.writer.transport.get_write_buffer_size():
            async with asyncio.timeout(IDLE_S):
                await self.writer.drain()

    @property
    def reusable(self) -> bool:
        """Whether both ends have said all of this exchange, and go on to a next one."""
        done = self.http.our_state is h11.DONE and self.http.their_state is h11.DONE
        return done and not self.reader.at_eof() and not self.writer.is_closing()


class Forwarder:
    """Answers the requests of one connection."""

    def __init__(self, streams: Streams, reach: Reach) -> None:
        self.client = Side(streams, h11.SERVER)
        self.reach = reach
        self.server: Side | None = None
        self.origin: Origin | None = None

    async def run(self) -> None:
        """Answer request after request, until one of the ends wants no more."""
        try:
            await self._converse()
        except (HungUpError, OSError):
            # Each side learns it by its connection being closed, which is done now.
            return
        except asyncio.CancelledError:
            self.client.writer.transport.abort()
            raise
        finally:
            self._hang_up()

    async def _converse(self) -> None:
        try:
            while await self._answer():
                self.client.http.start_next_cycle()
        except h11.RemoteProtocolError as problem:
            await self._say(problem.error_status_hint, f"this is no proper request: {problem}.")

    def _hang_up(self) -> None:
        self.client.writer.close()
        if self.server is not None:
            self.server.writer.close()
            self.server = None

    async def _answer(self) -> bool:
        """Answer one request; whether there can be another."""
        request = await self.client.receive()
        if not isinstance(request, h11.Request):
            return False
        try:
            if request.method == b"CONNECT":
                await self._tunnel(await self.reach(_tunnelled(request.target)))
                return False
            origin = _asked(request.target)
            await self._turn_to(origin)
        except RefusedError as problem:
            return await self._turn_away(403, f"this is refused: it is {problem}.")
        except UnreachableError as problem:
            return await self._turn_away(502, f"this cannot be reached: {problem}.")
        except ValueError as problem:
            return await self._turn_away(400, f"this address cannot be read: {problem}.")
        return await self._exchange(request, origin)

    async def _turn_to(self, origin: Origin) -> None:
        if self.server is not None:
            if origin == self.origin and self.server.reusable:
                self.server.http.start_next_cycle()
                return
            self.server.writer.close()
            self.server = None
        self.server = Side(await self.reach([origin]), h11.CLIENT)
        self.origin = origin

    async def _exchange(self, request: h11.Request, origin: Origin) -> bool:
        server = self.server
        if server is None:
            raise HungUpError
        target = _path(request.target)
        others = _forwarded(request, b"host")
        headers = [(b"Host", _authority(origin)), *others, *_framing(request.headers)]
        server.put(h11.Request(method=request.method, target=target, headers=headers))
        # Both ways at once: a server may answer before it has taken all, and a browser that
        # hangs up ends the request.
        await _first_of(self._send_up(server), self._send_down(server))
        return self.client.reusable

    async def _send_up(self, server: Side) -> None:
        """Send the request and its body; return when the browser hangs up."""
        while isinstance(event := await self.client.receive(server), h11.Data):
            server.put(event)
        if isinstance(event, h11.EndOfMessage):
            server.put(event)
            await server.flush()
            while data := await self.client.read():
                self.client.http.receive_data(data)

    async def _send_down(self, server: Side) -> None:
        """Send what is answered."""
        try:
            answer = await server.receive()
            while isinstance(answer, h11.InformationalResponse):
                answer = await server.receive()
            if not isinstance(answer, h11.Response):
                raise HungUpError
            headers = [*_forwarded(answer), *_framing(answer.headers)]
            status, reason = answer.status_code, answer.reason
            self.client.put(h11.Response(status_code=status, reason=reason, headers=headers))
            while isinstance(event := await server.receive(self.client), h11.Data):
                self.client.put(event)
        except h11.RemoteProtocolError:
            raise HungUpError from None
        self.client.put(h11.EndOfMessage())
        await self.client.flush()

    async def _tunnel(self, streams: Streams) -> None:
        """Pass on every byte, both ways, until one of the ends hangs up."""
        self.server = Side(streams, h11.CLIENT)
        self.client.put(h11.Response(status_code=200, headers=[], reason=b"Connected"))
        await self.client.flush()
        early, _ = self.client.http.trailing_data
        await self.server.write(early)
        await _first_of(_pour(self.client, self.server), _pour(self.server, self.client))

    async def _turn_away(self, status: int, words: str) -> bool:
        """Answer with the gate's own page; whether there can be another request."""
        await self._say(status, words)
        # The rest of the request is not wanted, but it comes before the next one.
        while isinstance(await self.client.receive(), h11.Data):
            continue
        return self.client.reusable

    async def _say(self, status: int, words: str) -> None:
        if self.client.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f"AgentKit's gate: {words}\n".encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        self.client.put(h11.Response(status_code=status, headers=headers))
        self.client.put(h11.Data(data=body))
        self.client.put(h11.EndOfMessage())
        await self.client.flush()


async def _pour(source: Side, target: Side) -> None:
    while data := await source.read():
        await target.write(data)


async def _first_of(*works: Coroutine[None, None, None]) -> None:
    """Do both, until one is done or fails."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tunnelled(target: bytes) -> list[Origin]:
    """The origins that a tunnel to host:port could be for: what is said in it cannot be seen."""
    host, port = split_port(target.decode("ascii"))
    if port is None:
        raise ValueError("a tunnel needs a port")
    name = read_host(host)
    schemes = sorted(PORTS, key=lambda scheme: PORTS[scheme] != port and scheme != "https")
    return [Origin(scheme, name, port) for scheme in schemes]


def _asked(target: bytes) -> Origin:
    text = target.decode("ascii")
    if not text.startswith("http://"):
        raise ValueError("a proxy is asked for whole addresses, http://host/path")
    return read_origin(text)


def _path(target: bytes) -> bytes:
    _, _, rest = target.partition(b"://")
    start = min((place for mark in b"/?" if (place := rest.find(mark)) >= 0), default=len(rest))
    path = rest[start:].partition(b"#")[0]
    return path if path.startswith(b"/") else b"/" + path


def _authority(origin: Origin) -> bytes:
    return str(origin).partition("://")[2].encode()


def _forwarded(message: h11.Request | h11.Response, *without: bytes) -> Headers:
    """The headers that go on to the other side, spelled as they were; the framing is said anew."""
    named = (value.split(b",") for name, value in message.headers if name == b"connection")
    of_connection = {name.strip().lower() for names in named for name in names}
    left_out = _HOP_BY_HOP | of_connection | {b"content-length", *without}
    raw = message.headers.raw_items()
    return [(name, value) for name, value in raw if name.lower() not in left_out]


def _framing(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """How long the body is: in one way only, so that no two readers can differ about it."""
    said = dict(headers)
    if b"transfer-encoding" in said:
        return [(b"transfer-encoding", b"chunked")]
    if b"content-length" in said:
        return [(b"content-length", said[b"content-length"])]
    return []
