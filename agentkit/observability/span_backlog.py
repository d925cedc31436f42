"""Keep spans from being made faster than they are exported."""

import asyncio
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

_MOST: Final = 512
"""Spans after which the exporter must catch up: a quarter of what OpenTelemetry's processor keeps
by default, since others make spans too."""
_REST_S: Final = 30.0
"""How long nobody waits any more after that: what takes the spans may be gone."""


class SpanBacklog:
    """Counts the spans that were made, and waits until they are exported.

    A program whose models and functions answer at once makes thousands of spans a second. A
    processor that exports in batches keeps 2048 of them and drops the rest.

    Args:
        provider: OpenTelemetry's tracer provider. One that cannot flush is not waited for.
        patience_s: The longest wait for the exporter.
    """

    def __init__(self, provider: Any, patience_s: float = 5.0) -> None:
        self._flush = getattr(provider, "force_flush", None)
        self._patience_s = patience_s
        self._made = 0
        self._lock = threading.Lock()
        self._flushing: Future[None] | None = None
        self._rests_until_s = 0.0

    def add(self) -> None:
        """Count a span that has ended."""
        self._made += 1

    async def wait(self) -> None:
        """Wait until there is room for more spans, at most for a few seconds."""
        while self._made >= _MOST and self._flush is not None:
            if time.monotonic() < self._rests_until_s:
                return
            flushed = asyncio.wrap_future(self._start())
            done, _ = await asyncio.wait([flushed], timeout=self._patience_s)
            if not done:
                self._rests_until_s = time.monotonic() + _REST_S

    def _start(self) -> "Future[None]":
        """Begin to export, unless that is under way, in a thread that no exit waits for."""
        with self._lock:
            if self._flushing is None:
                self._flushing = Future()
                work = threading.Thread(
                    target=self._export, args=(self._flushing, self._made), daemon=True
                )
                work.start()
            return self._flushing

    def _export(self, ended: "Future[None]", made: int) -> None:
        with suppress(Exception):  # the exporter's errors are OpenTelemetry's to log
            if self._flush is not None:
                self._flush()
        with self._lock:
            self._made -= made
            self._flushing = None
        ended.set_result(None)
