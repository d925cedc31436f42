"""A file that keeps completions between runs: one SQLite database for any number of processes.

A cache saves money and decides nothing: whatever is wrong with its file is a warning, and the
model is asked.
"""

import asyncio
import hashlib
import json
import logging
import os
import sqlite3
import time
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from agentkit.execution.request_cache import SingleFlight, request_key
from agentkit.messages import Completion, Decision, Request, Usage
from agentkit.models.base import Model
from agentkit.models.scripted import ScriptedModel
from agentkit.program.argument_kinds import check_path

T = TypeVar("T")

LOCK_PATIENCE_S: Final = 10.0
"""How long to wait for other processes that write."""

_LOG = logging.getLogger("agentkit.cache")
_OURS: Final = 0x416B6974  # "Akit", in the header of the file: SQLite's application_id
_VERSION: Final = 1
"""Of the keys and the entries. Another version has a table of its own in the same file."""
_TABLE: Final = f"completions_{_VERSION}"
_CREATE: Final = f"""
CREATE TABLE IF NOT EXISTS {_TABLE} (
    key BLOB PRIMARY KEY, model TEXT, time REAL, body BLOB, checksum BLOB
) WITHOUT ROWID
"""
_READ: Final = f"SELECT body, checksum FROM {_TABLE} WHERE key = ?"
_WRITE: Final = f"INSERT OR REPLACE INTO {_TABLE} VALUES (?, ?, ?, ?, ?)"


class CompletionFile:
    """Keeps completions in a file, so that no request is paid for twice, in whatever run.

    A request is the same as in `agentkit.execution.request_cache`. Kept are completions that
    ended by themselves, not those that were cut off or refused. Models that answer by more than
    the request's messages (`rules`, functions, scripts) are asked always.

    Args:
        path: The file. It is made when it is not there; one that is something else is left alone.
        on_warning: Called with what is wrong with the file, at most once, besides the log; by
            default it is a Python warning.
        patience_s: How long to wait while other processes write.
    """

    def __init__(
        self,
        path: Path | str,
        on_warning: Callable[[str], None] | None = None,
        patience_s: float = LOCK_PATIENCE_S,
    ) -> None:
        check_path("path", path)
        self.path = Path(path)
        self._on_warning = on_warning
        self._patience_s = patience_s
        self._warned = False
        self._readable = self._writable = True
        self._flights: SingleFlight[tuple[Completion, bool]] = SingleFlight()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what is asked from now on is not looked for in it."""
        self._readable = self._writable = False
        if self._process == os.getpid():
            self._thread.submit(self._table.close)
            self._thread.shutdown()

    async def complete(
        self, model: Model, request: Request, ask: Callable[[], Coroutine[Any, Any, Completion]]
    ) -> tuple[Completion, bool]:
        """The completion of a request, and whether nothing was paid for it.

        Identical requests in flight are asked once.

        Args:
            model: The model.
            request: What it is asked.
            ask: Asks it when the answer is not known here.
        """
        if model.reads_variables or isinstance(model, ScriptedModel):
            return await ask(), False
        key = request_key(model, request)
        here = asyncio.get_running_loop(), key
        took, shared = await self._flights.do(here, lambda: self._take(key, model, ask))
        completion, known = took
        return completion, known or shared

    async def _take(
        self, key: bytes, model: Model, ask: Callable[[], Coroutine[Any, Any, Completion]]
    ) -> tuple[Completion, bool]:
        """Take the completion from the file, or ask for it and keep it there."""
        known = await self._read(key)
        if known is not None:
            return known, True
        completion = await ask()
        if completion.finish_reason == "stop":
            try:
                await self._write(key, model.name, completion)
            except asyncio.CancelledError:  # comes later: what was paid for is recorded first
                if task := asyncio.current_task():
                    task.uncancel()
                    task.cancel()
        return completion, False

    async def _read(self, key: bytes) -> Completion | None:
        if not self._readable:
            return None
        try:
            return await self._do(lambda: self._table.read(key))
        except _Damaged:
            self._warn(f"an entry of the cache {self.path} is damaged: it is asked again")
        except _Unusable as error:
            self._readable = self._writable = False
            self._warn(f"the cache {self.path} is not used: {error}")
        return None

    async def _write(self, key: bytes, model: str, completion: Completion) -> None:
        if not self._writable:
            return
        try:
            await self._do(lambda: self._table.write(key, model, completion))
        except _Unusable as error:
            self._writable = False
            self._warn(f"nothing more is kept in the cache {self.path}: {error}")

    async def _do(self, work: Callable[[], T]) -> T:
        """Do something with the file, off the event loop's thread, even if nobody waits for it."""
        if self._process != os.getpid():
            # A fork has no thread, and must neither use nor close the connection.
            self._inherited = self._table
            self._start()
        job = self._thread.submit(work)
        return await asyncio.get_running_loop().run_in_executor(self._thread, job.result)

    def _start(self) -> None:
        self._process = os.getpid()
        self._table = _Table(self.path, self._patience_s)
        self._thread = ThreadPoolExecutor(1, "agentkit-cache")

    def _warn(self, message: str) -> None:
        if self._warned:
            return
        self._warned = True
        _LOG.warning("%s", message)
        if self._on_warning is None:
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        else:
            self._on_warning(message)


class _Unusable(Exception):
    """The file cannot be read or written."""


class _Damaged(Exception):
    """An entry is not what was written."""


class _Table:
    """The table in the file, used from one thread; opened when it is first used."""

    def __init__(self, path: Path, patience_s: float) -> None:
        self._path = path
        self._patience_s = patience_s
        self._connection: sqlite3.Connection | None = None

    def read(self, key: bytes) -> Completion | None:
        """The completion under a key, if there is one."""
        rows = self._run(_READ, (key,))
        return _completion(key, *rows[0]) if rows else None

    def write(self, key: bytes, model: str, completion: Completion) -> None:
        """Keep a completion under a key."""
        body = _body(completion)
        self._run(_WRITE, (key, _ascii(model), time.time(), body, _checksum(key, body)))

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            if self._connection is None:
                self._connection = self._open()
            return self._connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError, ValueError) as error:
            raise _Unusable(str(error)) from error

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=self._patience_s, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table where it is not there yet; refuse a database that is somebody else's."""
    if _application(connection) != _OURS or _TABLE not in _names(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = _application(connection)
            if found != _OURS and (found or _names(connection)):
                raise _Unusable("it is a database of something else")
            connection.execute(f"PRAGMA application_id = {_OURS}")
            connection.execute(_CREATE)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    with suppress(sqlite3.OperationalError):  # another process is switching, or it cannot be had
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _application(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("PRAGMA application_id").fetchone()[0]
    return number


def _names(connection: sqlite3.Connection) -> list[str]:
    """The tables and the like in a database."""
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]


def _body(completion: Completion) -> bytes:
    usage = completion.usage
    body: dict[str, Any] = {
        "text": completion.text,
        "usage": [usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.calls],
        "cost_usd": usage.cost_usd,
        "model": completion.model,
        "finish_reason": completion.finish_reason,
        "thoughts": completion.thoughts,
    }
    if completion.decisions:
        body["decisions"] = [[{**one.probabilities}, one.other] for one in completion.decisions]
    if completion.experts:
        body["experts"] = completion.experts
    return json.dumps(body).encode("ascii")


def _completion(key: bytes, body: Any, checksum: Any) -> Completion:
    """The completion in an entry.

    Raises:
        _Damaged: It is not what was written.
    """
    if not isinstance(body, bytes) or checksum != _checksum(key, body):
        raise _Damaged
    read = json.loads(body)
    read["usage"] = replace(Usage(*read["usage"]), cost_usd=read.pop("cost_usd"))
    read["decisions"] = tuple(Decision(*one) for one in read.get("decisions", ()))
    read["experts"] = tuple(map(tuple, read.get("experts", ())))
    return Completion(**read)


def _checksum(key: bytes, body: bytes) -> bytes:
    return hashlib.sha256(key + body).digest()


def _ascii(text: str) -> str:
    """A text that any database can hold."""
    return text.encode("ascii", "backslashreplace").decode("ascii")
