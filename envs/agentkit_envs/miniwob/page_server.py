"""The pages of MiniWoB++, served on loopback to the browser of this process."""

import atexit
import os
import threading
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_TYPES: Final = {
    ".css": "text/css",
    ".gif": "image/gif",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".woff": "font/woff",
}
_IDLE_S: Final = 30.0
"""How long a connection may be silent before it is dropped."""


class PagesMissing(ImportError):
    """The package with the pages is not installed."""


def pages_folder() -> Path:
    """The folder of all pages; the package is found, but not imported.

    Raises:
        PagesMissing: It is not installed.
    """
    spec = find_spec("miniwob")
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "html"
        if folder.is_dir():
            return folder
    raise PagesMissing("the pages of MiniWoB++ are in the package 'miniwob'", name="miniwob")


class PageServer:
    """Serves the files of a folder, and nothing else, at 127.0.0.1 on a free port.

    They are taken to stay as they are: a browser may keep them.
    """

    def __init__(self, folder: Path) -> None:
        self._server = _Server(folder)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="miniwob pages", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def shared_pages() -> str:
    """The origin that the pages are served at in this process, until it ends.

    Raises:
        PagesMissing: The package with the pages is not installed.
    """
    with _guard:
        return _shared(os.getpid()).origin


@cache
def _shared(process: int) -> PageServer:  # a forked child has its parent's memory, not its thread
    server = PageServer(pages_folder())
    atexit.register(server.close)
    return server


_guard = threading.Lock()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._files = {
            "/" + path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.suffix in _TYPES
        }
        self._read = cache(_content)

    def content(self, path: str) -> tuple[str, bytes] | None:
        file = self._files.get(path)
        return None if file is None else self._read(file)


def _content(file: Path) -> tuple[str, bytes]:
    """A file's type and bytes."""
    content, kind = file.read_bytes(), _TYPES[file.suffix]
    # Few pages say how they are encoded: their Chinese letters would be shown as other ones.
    is_unicode = kind.startswith("text/") and _is_unicode(content)
    return (f"{kind}; charset=utf-8" if is_unicode else kind), content


def _is_unicode(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    server: _Server

    def do_GET(self) -> None:
        found = self.server.content(self.path.partition("?")[0])
        if found is None:
            self._answer(
                HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"There is no such page"
            )
        else:
            self._answer(HTTPStatus.OK, *found)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: who starts the browser wants no log of it."""

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=31536000, immutable")
        self.end_headers()
        self.wfile.write(content)
