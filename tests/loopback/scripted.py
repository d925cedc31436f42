"""A server whose replies are written down: for odd answers, one after the other."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

IDLE_S = 0.1
"""After which it closes a connection."""
STREAMS = (b"data:", b"event:", b"id:", b"retry:", b":", b"\xef\xbb\xbf")
"""What the body of a stream of events begins with."""


@dataclass(frozen=True)
class Trickle:
    """The body of a stream whose pieces come one after the other, and whose end is late."""

    pieces: Sequence[bytes]
    every_s: float = 0.0
    """How long each takes."""
    silent_s: float = 0.0
    """How long nothing comes after the last one; then the connection is closed."""


class Scripted:
    """A server that gives written replies, the last one again and again; keeps what it got.

    A reply is a status, a body and, if need be, headers. What llama.cpp says of itself at /props
    is `props`; other servers have no such page.
    """

    def __init__(self, *replies: tuple[Any, ...]) -> None:
        self.replies = list(replies)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.props: tuple[Any, ...] = (404, {"detail": "Not Found"})
        self.props_asked = 0
        self.base_url = ""
        self.over = threading.Event()
        """Set when the server ends: nothing is waited for any more."""
        self.location = ""
        self.one_stream_each = False
        """Whether a connection is closed without a word when a request comes after a stream."""

    def next(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any, dict[str, str]]:
        self.bodies.append(json.loads(body) if body else {})
        self.headers.append(headers)
        return self.reply(*self.replies[min(len(self.bodies), len(self.replies)) - 1])

    def reply(self, status: int, reply: Any, *others: Any) -> tuple[int, Any, dict[str, str]]:
        """A written reply as it is sent."""
        if isinstance(reply, Trickle):
            return status, reply, {"content-type": "text/event-stream", "connection": "close"}
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        kind = "text/event-stream" if data.startswith(STREAMS) else "application/json"
        return status, data, {"content-type": kind, **(others[0] if others else {})}


class _Handler(BaseHTTPRequestHandler):
    script: Scripted
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    streamed = False

    def do_POST(self) -> None:
        if self.script.one_stream_each and self.streamed:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        sent = {name.lower(): value for name, value in self.headers.items()}
        status, reply, headers = self.script.next(body, sent)
        self.streamed = "event-stream" in headers["content-type"]
        self.send_reply(status, reply, headers)

    def send_reply(self, status: int, reply: Any, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.script.location:
            self.send_header("location", self.script.location)
        if isinstance(reply, Trickle):
            self.send_slowly(reply)
            return
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.connection.settimeout(None)
        with suppress(OSError):  # the client had enough
            self.wfile.write(reply)
        self.connection.settimeout(IDLE_S)

    def send_slowly(self, reply: Trickle) -> None:
        self.end_headers()
        with suppress(OSError):
            for part in reply.pieces:
                self.wfile.write(part)
                time.sleep(reply.every_s)
            self.script.over.wait(reply.silent_s)

    def do_GET(self) -> None:
        if self.path.endswith("/props"):
            self.script.props_asked += 1
            self.send_reply(*self.script.reply(*self.script.props))
        else:
            self.do_POST()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def scripted(*replies: tuple[Any, ...]) -> Iterator[Scripted]:
    script = Scripted(*replies)
    handler = type("Handler", (_Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        script.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        try:
            yield script
        finally:
            script.over.set()
            server.shutdown()
            thread.join()


def answer(text: str | None = "fine", **changes: Any) -> tuple[int, dict[str, Any]]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    return 200, {"id": "1", "model": "m-2026", "choices": [choice], "usage": usage, **changes}


def refusal(status: int, message: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"message": message, "type": "invalid_request_error", **fields}}


def piece(text: Any = None, finish: str | None = None, **delta: Any) -> bytes:
    """A piece of a stream."""
    said = {**delta, **({} if text is None else {"content": text})}
    choice = {"index": 0, "delta": said, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m", "choices": [choice]}).encode() + b"\n\n"
