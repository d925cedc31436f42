"""What runs inside the process of one search engine: it builds an index, or asks one, and measures.

Standard library only: this file is read by the Python of each peer's virtual environment. Requests
and answers go as in `worker.py`.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any


class SearchEngine:
    """One engine with an index in a folder. A query is `{"text": ..., "tokens": [...]}`."""

    def build(self, texts: Path, folder: Path) -> None:
        """Index the documents of a file: asin, text and our tokens, one JSON list a line."""
        raise NotImplementedError

    def open(self, folder: Path) -> None:
        """Make ready for searches."""
        raise NotImplementedError

    def search(self, query: dict[str, Any], limit: int) -> Any:
        """The best documents, in the engine's own form."""
        raise NotImplementedError

    def positions(self, found: Any) -> list[int]:
        """Where the found documents stand in the file, best first; this is not timed."""
        raise NotImplementedError

    def clock(self) -> float:
        """Seconds that the processor worked for the engine."""
        return time.process_time()

    def peak_mb(self) -> float:
        """The most memory that the engine's process ever had."""
        return peak_mb("self")


def peak_mb(process: int | str) -> float:
    """The most memory that a process ever had."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("/proc does not tell the memory of a process")


def documents(texts: Path) -> Iterator[tuple[str, str, str]]:
    """Asin, text and our tokens (with a space between two) of each document."""
    with texts.open(encoding="utf-8") as file:
        for line in file:
            asin, text, tokens = json.loads(line)
            yield asin, text, tokens


def built(engine: SearchEngine, texts: str, folder: str) -> dict[str, Any]:
    """Build an index: how long the processor worked, and memory."""
    started = engine.clock()
    engine.build(Path(texts), Path(folder))
    return {"cpu_seconds": engine.clock() - started, "peak_mb": engine.peak_mb()}


def asked(engine: SearchEngine, folder: str, queries: str, limit: int) -> dict[str, Any]:
    """Ask every query twice, and measure the second time."""
    engine.open(Path(folder))
    seconds, found = [], []
    wanted = json.loads(Path(queries).read_text(encoding="utf-8"))
    for query in wanted:
        found.append(engine.positions(engine.search(query, limit)))
    for query in wanted:
        started = engine.clock()
        engine.search(query, limit)
        seconds.append(engine.clock() - started)
    return {"seconds": seconds, "found": found, "peak_mb": engine.peak_mb()}


MEASURES = {"build": built, "ask": asked}


def serve(engine: SearchEngine, package: str) -> None:
    """Answer requests until the input ends."""
    with os.fdopen(int(os.environ["BENCH_ANSWERS"]), "w", buffering=1) as answers:
        known = version(package) if package else ""
        print(json.dumps({"version": known}), file=answers)
        for line in iter(sys.stdin.readline, ""):
            request = json.loads(line)
            try:
                answer = MEASURES[request.pop("measure")](engine, **request)
            except Exception as error:
                traceback.print_exc()
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers)
