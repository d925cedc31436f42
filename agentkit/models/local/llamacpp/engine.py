"""llama.cpp in this process: loaded once for each file, whoever asks it."""

import asyncio
import ctypes
import gc
import logging
import threading
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from agentkit.errors import InputError, ModelError
from agentkit.models.local.engines import Engine
from agentkit.models.local.llamacpp.server import EnginePlan, load_failure, start_server
from agentkit.models.openai.errors import Refusal, Refused
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from xllamacpp import Server

_LOG = logging.getLogger("agentkit.models")


class LlamaCppEngine(Engine):
    """A loaded file. It is loaded when it is first needed, and freed when nobody holds it.

    Args:
        name: The model's name, for messages.
        plan: How it is loaded.
    """

    in_parent = "in which llama.cpp runs"

    def __init__(self, name: str, plan: EnginePlan) -> None:
        super().__init__(name, plan.slots)
        self.plan = plan
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._calls: set[threading.Thread] = set()

    def load(self) -> None:
        """Load the file, once.

        Raises:
            InputError: It cannot be loaded.
            ModelError: The engine was closed, or is that of another process.
        """
        with self._lock:
            self._check_open()
            if self._server is not None:
                return
            began = time.monotonic()
            try:
                self._server = start_server(self.plan)
            except RuntimeError as error:
                why = load_failure(self.plan) or str(error)
            else:
                self._loaded()
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
        self._unloaded()
        gc.collect()

    @property
    def is_loaded(self) -> bool:
        """Whether it is loaded."""
        return self._server is not None

    @property
    def address(self) -> str | None:
        """Where llama.cpp listens; None: it is not loaded."""
        server = self._server
        return server.listening_address if server is not None else None

    def leave(self) -> None:
        """Leave the server to the process that this one is a fork of.

        Its threads are not here: whoever asked it or freed it would wait for ever.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._server))
        self._lock, self._calls, self._server = threading.Lock(), set(), None

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
        self, engine: LlamaCppEngine, parts: "asyncio.Queue[bytes | Exception | None]", body: bytes
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
