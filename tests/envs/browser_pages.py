"""Pages on a port of this computer, for the tests that drive the real Chromium."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest
from agentkit_envs.browser.chromium import ChromiumMissing, find_chromium


def _missing() -> str:
    """Why the browser cannot be tested here, with how to install one; nothing if it can."""
    try:
        find_chromium()
    except ChromiumMissing as problem:
        return str(problem)
    return ""


needs_chromium = pytest.mark.skipif(bool(_missing()), reason=_missing() or "Chromium is here")


@dataclass(frozen=True)
class Hit:
    """A request that reached a site."""

    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]
    body: bytes = b""


Answer = str | bytes | tuple[int, Mapping[str, str], str | bytes]
"""A page, or its status, headers and body."""
Pages = Mapping[str, Answer | Callable[[Hit], Answer]]
"""What is served, by path without the query; any other path is a 404."""


class Site:
    """Serves pages and notes every request and every connection, answered or not."""

    def __init__(self, pages: Pages, host: str = "127.0.0.1", port: int = 0) -> None:
        self.pages = dict(pages)
        self.hits: list[Hit] = []
        self.connections = 0
        self.server = _server(self, host, port)
        self.port = int(self.server.server_address[1])
        self.address = f"http://{host}:{self.port}"
        """The origin: no slash at the end."""

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order, with their queries."""
        return [hit.path for hit in self.hits]

    def url(self, path: str = "/") -> str:
        """The whole address of a page."""
        return self.address + path

    def answer(self, hit: Hit) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a request."""
        self.hits.append(hit)
        path = urlsplit(hit.path).path
        page = self.pages.get(path, (404, {}, "not here"))
        status, headers, body = _whole(page(hit) if callable(page) else page)
        content = guess_type(path)[0] if PurePosixPath(path).suffix else "text/html"
        if content and content.startswith("text/"):
            content += "; charset=utf-8"
        data = body.encode() if isinstance(body, str) else body
        return status, {"Content-Type": content or "text/html; charset=utf-8", **headers}, data


@contextmanager
def served(pages: Pages, host: str = "127.0.0.1", port: int = 0) -> Iterator[Site]:
    """A site that is open for as long as the block lasts."""
    site = Site(pages, host, port)
    thread = threading.Thread(target=site.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        thread.join()
        site.server.server_close()


def _whole(answer: Answer) -> tuple[int, Mapping[str, str], str | bytes]:
    return answer if isinstance(answer, tuple) else (200, {}, answer)


def _server(site: Site, host: str, port: int) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        # A browser opens six connections at once; the backlog of five would refuse some.
        request_queue_size = 64

        def verify_request(self, request: Any, client_address: Any) -> bool:
            site.connections += 1
            return True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A browser that hangs up in the middle of an answer is no fault of the site."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hit = Hit(self.command, self.path, dict(self.headers), body)
            status, headers, content = site.answer(hit)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            """The hits say it all."""

    return Server((host, port), Handler)
