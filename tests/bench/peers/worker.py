"""What runs inside the process of one engine: it builds a graph, runs it, and times it.

Standard library only: this file is read by the Python of each peer's virtual environment. It
reads one JSON request a line from standard input, and writes one JSON answer a line to the file
descriptor that it was told: engines print.
"""

import asyncio
import inspect
import json
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Work:
    """What a node does, in two kinds; an engine uses the kind it documents for such work."""

    wait: Callable[[], Awaitable[None]]
    """For engines that run async functions."""
    block: Callable[[], None]
    """For engines that run plain functions only."""


Needs = Mapping[str, Sequence[str]]
"""For each node the nodes it comes after, in an order in which they can run."""
Run = Callable[[], Awaitable[Any]]
"""One execution of the graph that was built."""
Build = Callable[[Needs, Mapping[str, Work]], Run | Awaitable[Run]]


async def _nothing() -> None:
    return None


def _nothing_now() -> None:
    return None


def _work(seconds: float) -> Work:
    if not seconds:
        return Work(_nothing, _nothing_now)
    return Work(lambda: asyncio.sleep(seconds), lambda: time.sleep(seconds))


class Engine:
    """One engine: builds a graph once and measures it many times."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._built: dict[str, Run] = {}

    async def built(self, needs: Needs, seconds: Mapping[str, float]) -> Run:
        """The graph, built once and checked once."""
        key = json.dumps([needs, seconds])
        if key not in self._built:
            await self._check(needs)
            work = {name: _work(seconds.get(name, 0)) for name in needs}
            self._built[key] = await self._made(needs, work)
            await self._built[key]()
        return self._built[key]

    async def _made(self, needs: Needs, work: Mapping[str, Work]) -> Run:
        run = self._build(needs, work)
        return await run if inspect.isawaitable(run) else run

    async def _check(self, needs: Needs) -> None:
        """Every node must run once, after all it needs; a faster engine that does less is none."""
        order: list[str] = []

        def recorded(name: str) -> Work:
            async def wait() -> None:
                order.append(name)

            return Work(wait, lambda: order.append(name))

        await (await self._made(needs, {name: recorded(name) for name in needs}))()
        place = {name: i for i, name in enumerate(order)}
        if sorted(order) != sorted(needs):
            raise RuntimeError(f"ran {len(order)} nodes, {len(place)} different, of {len(needs)}")
        for name, needed in needs.items():
            if any(place[other] > place[name] for other in needed):
                raise RuntimeError(f"node {name} ran before one that it needs")

    async def step(self, needs: Needs, seconds: Mapping[str, float], rounds: int) -> dict[str, Any]:
        """Seconds that one run takes and how long the processor works, means of some in a row."""
        run = await self.built(needs, seconds)
        started, worked = time.perf_counter(), time.process_time()
        for _ in range(rounds):
            await run()
        took, worked = time.perf_counter() - started, time.process_time() - worked
        return {"seconds": took / rounds, "cpu_seconds": worked / rounds}

    async def crowd(self, needs: Needs, seconds: Mapping[str, float], runs: int) -> dict[str, Any]:
        """Many runs at once: how long all take, and the most memory they took."""
        run = await self.built(needs, seconds)
        before = _resident_kb()
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        started = time.perf_counter()
        await asyncio.gather(*(run() for _ in range(runs)))
        took = time.perf_counter() - started
        return {"seconds": took, "peak_kb": _peak_kb() - before}

    async def alive(self, needs: Needs, held: Sequence[str], runs: int) -> dict[str, Any]:
        """Memory while many runs are alive: each stands still where its `held` nodes work."""
        await self.built(needs, {})
        arrived, everyone, release = 0, asyncio.Event(), asyncio.Event()
        expected = len(held)

        async def hold() -> None:
            nonlocal arrived
            arrived += 1
            if arrived == expected:
                everyone.set()
            await release.wait()

        work = {name: Work(hold, _nothing_now) if name in held else _work(0) for name in needs}
        run = await self._made(needs, work)
        release.set()
        await run()
        release.clear()
        everyone.clear()
        arrived, expected = 0, len(held) * runs
        before = _resident_kb()
        tasks = [asyncio.ensure_future(run()) for _ in range(runs)]
        await asyncio.wait(
            [asyncio.ensure_future(everyone.wait()), *tasks], return_when="FIRST_COMPLETED"
        )
        if not everyone.is_set():
            raise RuntimeError("a run ended before all were alive")
        resident = _resident_kb()
        release.set()
        await asyncio.gather(*tasks)
        return {"kb_per_run": (resident - before) / runs}


def _status_kb(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def _resident_kb() -> int:
    return _status_kb("VmRSS:")


def _peak_kb() -> int:
    return _status_kb("VmHWM:")


def serve(build: Build, package: str) -> None:
    """Answer requests until the input ends.

    Args:
        build: Builds a graph for this engine.
        package: The installed package whose version is the engine's.
    """
    with os.fdopen(int(os.environ["BENCH_ANSWERS"]), "w", buffering=1) as answers:
        asyncio.run(_answer(Engine(build), package, answers))


async def _answer(engine: Engine, package: str, answers: Any) -> None:
    known = version(package) if package else ""
    print(json.dumps({"version": known}), file=answers)
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        try:
            answer = await getattr(engine, request.pop("measure"))(**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers)
