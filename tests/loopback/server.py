"""The server: the application on a port of 127.0.0.1, in a thread."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from loopback.answers import answer as default_answer
from loopback.app import App
from loopback.decisions import Decides
from loopback.faults import Plan, planned
from loopback.formats import Formats
from loopback.journal import Journal, Received

_Connections = dict[tuple[str, int], asyncio.Transport]


class _Server(uvicorn.Server):
    """Starts and ends at once: whoever still waits for an answer gets none."""

    def __init__(self, connections: _Connections, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._connections = connections
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self.ready = threading.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        await self._ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for transport in list(self._connections.values()):
            transport.abort()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.sleep(0)

    def stop(self) -> None:
        """End it, from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)


class LoopbackServer:
    """A model server on 127.0.0.1.

    Args:
        answer: Gives the text for a request's body; it must be a pure function.
        faults: Faults of the first requests in order (None is none), or a function of the
            `Received` request (`number`, `digest`, `tries`, `body`), such as `RandomFaults`.
        latency_s: How long an answer takes: seconds, or a function of the body.
        formats: What it takes as `response_format`: `openai` (closed objects only), `any`,
            or `none` (400, like old servers).
        key: The only key that is let in; None lets everybody in.
        port: 0 takes a free one.
        log: Gets a JSON line for each request before it is answered; appended to.
        keep: Whether `requests` keeps them.
        decides: What it decides; None: it only answers in text.
    """

    def __init__(
        self,
        *,
        answer: Callable[[Mapping[str, Any]], str] = default_answer,
        faults: Plan = (),
        latency_s: float | Callable[[Mapping[str, Any]], float] = 0.0,
        formats: Formats = "openai",
        key: str | None = None,
        port: int = 0,
        log: Path | None = None,
        keep: bool = True,
        decides: Decides | None = None,
    ) -> None:
        wait = latency_s if callable(latency_s) else lambda body: latency_s
        self._journal = Journal(log, keep)
        self._connections: _Connections = {}
        self._app = App(
            self._journal,
            answer,
            planned(faults),
            wait,
            formats,
            key,
            self._drop_connection,
            decides,
        )
        self._port = port
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def base_url(self) -> str:
        """What a client takes as base URL."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def requests(self) -> list[Received]:
        """Every request so far."""
        return self._journal.requests

    @property
    def most_at_once(self) -> int:
        """The most requests that were being answered at the same time."""
        return self._app.most_at_once

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def connections_left(self, patience_s: float = 2.0) -> int:
        """Return how many connections stay open: one that a client closes ends here a bit later."""
        deadline = time.monotonic() + patience_s
        while self._connections and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(self._connections)

    def __enter__(self) -> Self:
        self._server = self._make_server()
        self._thread = threading.Thread(target=self._run, name="loopback", daemon=True)
        self._thread.start()
        while not self._server.ready.wait(0.1):
            if not self._thread.is_alive():
                raise RuntimeError("the loopback server did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is None or self._thread is None:
            raise RuntimeError("the loopback server was not started")
        self._server.stop()
        self._thread.join()
        self._journal.close()

    def _make_server(self) -> _Server:
        # asyncio turns the 40 ms delay of small packets off only where the protocol is named
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self._port))
        self._port = self._socket.getsockname()[1]
        return _Server(
            self._connections,
            uvicorn.Config(
                self._app.asgi,
                http=self._protocol(),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=60,  # above CRITICAL: a dropped connection is no news here
                access_log=False,
                backlog=4096,
            ),
        )

    def _run(self) -> None:
        if self._server is not None and self._socket is not None:
            self._server.run(sockets=[self._socket])

    def _protocol(self) -> type[H11Protocol]:
        connections = self._connections

        class Protocol(H11Protocol):
            """Keeps the transports, so that a connection can be dropped."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                self.address = transport.get_extra_info("peername")
                connections[self.address] = transport
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                connections.pop(self.address, None)
                super().connection_lost(error)

        return Protocol

    async def _drop_connection(self, client: tuple[str, int]) -> None:
        self._connections[client].abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the protocol knows that the connection is lost
