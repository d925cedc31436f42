"""What the server was asked: in memory for tests, in a file for tests that kill."""

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from loopback.answers import body_digest


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    number: int
    """Its place in the order of arrival, from 0."""
    digest: str
    """Of its messages: `digest_of` gives the same for (role, text) pairs without pictures."""
    tries: int
    """How often the same messages had been asked before."""
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    """Without the key."""
    time_s: float
    """When it arrived, on the monotonic clock."""


class Journal:
    """Counts and keeps every request; safe to read from other threads.

    Args:
        log: Gets a JSON line for each request, written before it is answered.
        keep: Whether bodies stay in memory.
    """

    def __init__(self, log: Path | None, keep: bool) -> None:
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self._requests: list[Received] = []
        self._keep = keep
        self._count = 0
        self._log: TextIO | None = None if log is None else log.open("a", encoding="utf-8")

    @property
    def requests(self) -> list[Received]:
        """Every request so far."""
        with self._lock:
            return list(self._requests)

    def receive(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Received:
        """Count and keep a request."""
        digest = body_digest(body)
        shown = {name: value for name, value in headers.items() if name != "authorization"}
        with self._lock:
            number, self._count = self._count, self._count + 1
            tries = self._seen[digest]
            self._seen[digest] += 1
            received = Received(number, digest, tries, body, shown, time.monotonic())
            if self._keep:
                self._requests.append(received)
        return received

    def write(self, received: Received, fault: str | None) -> None:
        """Put a line into the log, where there is one."""
        if self._log is None:
            return
        line = {
            "number": received.number,
            "digest": received.digest,
            "model": received.body.get("model"),
            "stream": bool(received.body.get("stream")),
            "fault": fault,
            "labels": "logprobs" in received.body,
        }
        with self._lock:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log so far: `number digest model stream fault`."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
