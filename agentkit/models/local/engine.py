"""llama.cpp in this process: loaded once for each file, whoever asks it."""

import asyncio
import atexit
import gc
import json
import logging
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakSet, WeakValueDictionary

from agentkit.errors import InputError, ModelError
from agentkit.models.openai.errors import Refusal, Refused
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from xllamacpp import Server

_LOG = logging.getLogger("agentkit.models")

_BATCH: Final = 128
"""Tokens of a prompt that are read at once: between two batches a call can be cancelled, and
others get their next token. As fast as 512 on a CPU (3.8 s for 600 tokens, with either)."""
_PROBE_S: Final = 120.0
_ERROR: Final = re.compile(r"^\S+ E (.*)$", re.M)
_REASON: Final = re.compile(r"error loading model: (?:llama_model_loader: )?(.*)$|(failed to .*)$")
_SILENT: Final = 0
_ERRORS_ONLY: Final = 1
"""How much llama.cpp writes to standard error."""


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """How a file is loaded."""

    path: str
    """The GGUF file."""
    context: int
    """The tokens of a prompt and its answer together, for each call."""
    slots: int
    """The most calls at once; each has the whole context."""
    threads: int
    """The threads that calculate."""
    kept_mib: int
    """The most memory for prompts that were read before and have no slot now, in MiB."""


def start_server(plan: EnginePlan, verbosity: int = _SILENT) -> "Server":
    """Load a file; no other thread of Python runs meanwhile.

    The server of llama.cpp listens on a port of this machine, whether or not that is wanted: it
    gets a key that nobody knows.

    Raises:
        RuntimeError: It cannot be loaded.
    """
    with _threads_that_sleep():
        import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = plan.path
    params.model_alias = {Path(plan.path).stem}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [secrets.token_urlsafe(32)]
    params.ui = params.endpoint_slots = False
    params.n_threads_http = 1
    params.n_ctx = plan.context * plan.slots
    params.n_parallel = plan.slots
    params.n_batch = params.n_ubatch = max(_BATCH, plan.slots)
    params.cache_ram_mib = plan.kept_mib
    params.fit_params = params.warmup = False
    params.verbosity = verbosity
    for cores in (params.cpuparams, params.cpuparams_batch):
        cores.n_threads, cores.poll = plan.threads, 0
    return xllamacpp.Server(params)


@contextmanager
def _threads_that_sleep() -> Iterator[None]:
    """Let threads of OpenMP that wait sleep, where nobody said otherwise: it reads this once.

    By default they spin, and on busy cores the others wait for them (measured with two threads:
    37 tokens a second instead of 1.1).
    """
    name = "OMP_WAIT_POLICY"
    unset = name not in os.environ and "GOMP_SPINCOUNT" not in os.environ
    if unset:
        os.environ[name] = "PASSIVE"
    try:
        yield
    finally:
        if unset:
            os.environ.pop(name, None)


class Engine:
    """A loaded file. It is loaded when it is first needed, and freed when nobody holds it.

    Args:
        name: The model's name, for messages.
        plan: How it is loaded.
    """

    def __init__(self, name: str, plan: EnginePlan) -> None:
        self.name = name
        self.plan = plan
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._closed = False
        self._calls: set[threading.Thread] = set()

    def load(self) -> None:
        """Load the file, once.

        Raises:
            InputError: It cannot be loaded.
            ModelError: The engine was closed.
        """
        with self._lock:
            self._check_open()
            if self._server is not None:
                return
            began = time.monotonic()
            try:
                self._server = start_server(self.plan)
            except RuntimeError as error:
                why = _reason(self.plan) or str(error)
            else:
                _open.add(self)
                _LOG.info("%s: loaded in %.1f s", self.name, time.monotonic() - began)
                return
        raise InputError(f"{self.name} cannot be loaded: {redacted(why)}")

    def close(self) -> None:
        """End all calls and free the memory; whoever waits for an answer gets an error."""
        with self._lock:
            self._closed = True
            calls, self._server = list(self._calls), None
        for call in calls:
            call.join()
        gc.collect()

    @property
    def address(self) -> str | None:
        """Where llama.cpp listens; None: it is not loaded."""
        server = self._server
        return server.listening_address if server is not None else None

    def _check_open(self) -> None:
        if self._closed:
            raise ModelError(f"{self.name}: the engine was closed")

    async def ask(self, body: bytes) -> AsyncGenerator[bytes]:
        """Yield the events of the answer to a request of Chat Completions with `stream`.

        Raises:
            Refused: The engine does not take the request.
            ModelError: It was closed.
        """
        parts: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        call = _EngineCall(self, parts, body)
        with self._lock:
            self._check_open()
            server = self._server
            if server is None:
                raise ModelError(f"{self.name}: the engine is not loaded")
            thread = threading.Thread(target=call.run, args=(server,), name="agentkit-local-model")
            self._calls.add(thread)
            thread.start()
        del server
        try:
            while (part := await parts.get()) is not None:
                if isinstance(part, Exception):
                    raise Refused(Refusal(400, str(part), None, None, {}))
                yield b"data: " + part + b"\n\n"
            self._check_open()
        finally:
            call.stopped = True

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def done(self, thread: threading.Thread) -> None:
        """Forget a call that has ended."""
        with self._lock:
            self._calls.discard(thread)


class _EngineCall:
    """One request, in a thread of its own: llama.cpp answers by calling back.

    The thread is no daemon: at the end of the program it is waited for, which takes no longer than
    a batch, since whoever asked is cancelled by then. A daemon would be killed inside llama.cpp.
    """

    def __init__(
        self, engine: Engine, parts: "asyncio.Queue[bytes | Exception | None]", body: bytes
    ) -> None:
        self.stopped = False
        self._engine = engine
        self._parts = parts
        self._body = body
        self._loop = asyncio.get_running_loop()

    def run(self, server: "Server") -> None:
        """Ask, and hand over each part of the answer."""
        end: Exception | None = None
        try:
            server.handle_chat_completions(self._body, self._take)
        except Exception as error:  # of C++, as one of Python
            end = error
        del server  # what is closed meanwhile ends here
        self._engine.done(threading.current_thread())
        self._hand_over(end)

    def _take(self, part: bytes) -> bool:
        """Take a part; True ends the answer."""
        return self.stopped or self._engine.is_closed or not self._hand_over(part)

    def _hand_over(self, part: bytes | Exception | None) -> bool:
        """Give a part to whoever waits; False where the loop has ended."""
        try:
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)
        except RuntimeError:
            return False
        return True


_engines: WeakValueDictionary[tuple[object, ...], Engine] = WeakValueDictionary()
_open: WeakSet[Engine] = WeakSet()
_engines_lock: Final = threading.Lock()


def get_engine(path: Path, wishes: tuple[object, ...], make: Callable[[], Engine]) -> Engine:
    """Return the engine of a file as it is now, the same one for all who wish the same.

    Args:
        path: The file.
        wishes: What was asked for: of what was left open, the first who asks decides.
        make: Makes the engine.
    """
    about = path.stat()
    key = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, *wishes)
    with _engines_lock:
        engine = _engines.get(key)
        if engine is None or engine.is_closed:
            engine = _engines[key] = make()
        return engine


@atexit.register
def _close_all() -> None:
    """Free what is loaded while its threads can still end."""
    for engine in list(_open):
        engine.close()


def _reason(plan: EnginePlan) -> str | None:
    """Return why a file cannot be loaded, from what llama.cpp writes to standard error.

    It writes there for the whole process, so it is asked once more in another one.
    """
    code = (
        "import json, sys; from agentkit.models.local.engine import EnginePlan, start_server; "
        f"start_server(EnginePlan(**json.loads(sys.argv[1])), {_ERRORS_ONLY})"
    )
    command = [sys.executable, "-c", code, json.dumps(asdict(plan))]
    with suppress(OSError, subprocess.SubprocessError):
        ran = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PROBE_S, check=False
        )
        errors = _ERROR.findall(ran.stderr)
        reasons = [found[1] or found[2] for one in errors if (found := _REASON.search(one))]
        return next(iter(reasons), errors[0] if errors else None)
    return None
