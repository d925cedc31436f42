"""A thousand episodes at once against a model server that fails: is anything lost?

    nice python tests/bench/soak.py [--episodes 1000] [--share 0.02] [--latency 0.02]

The server is a process of its own on 127.0.0.1; each kind of fault happens to that share of the
tries. The episodes of a small environment are played in this process, through the OpenAI SDK, all
at once, with every event on disk. Then the same episodes are played against a server without
faults, and both are compared: trajectories, and the calls in the record with those in the
server's log.
"""

import argparse
import asyncio
import contextlib
import gc
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
from records import records
from rich.console import Console
from rich.table import Table

from agentkit import Agent, EnvSpec, Graph, Node, Plan, Run, RunSummary, RunWriter, load_run
from agentkit import rollout as play
from agentkit.models.hosted import Settings
from agentkit.models.openai.model import OpenAIModel

sys.path.insert(0, str(Path(__file__).parents[1]))
from loopback import CORRECTED, SURVIVED, LoopbackProcess, recorded_calls

KINDS = (*SURVIVED, *CORRECTED)
ANSWERED = (None, "slow", *CORRECTED)
"""What happened to requests that got an answer which the record must have."""
DECISIONS = 6
TIMEOUT_S = 20.0


class Cave(gymnasium.Env[str, str]):
    """A row of rooms with a coin or a hole; every decision moves, digs or waits."""

    action_space = gymnasium.spaces.Text(20)
    observation_space = gymnasium.spaces.Text(300)
    meter: ClassVar["Meter"]

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.rooms = [
            ("a coin", "a hole", "nothing")[i] for i in self.np_random.integers(3, size=9)
        ]
        self.room = self.coins = self.time = 0
        return self._observed()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.meter.tick()
        self.time += 1
        found = action == "dig" and self.rooms[self.room] == "a coin"
        if found:
            self.rooms[self.room] = "nothing"
        self.coins += found
        self.room = (self.room + {"left": -1, "right": 1}.get(action, 0)) % len(self.rooms)
        observation, info = self._observed()
        return observation, float(found), self.time == DECISIONS, False, info

    def _observed(self) -> tuple[str, dict[str, Any]]:
        text = f"You are in room {self.room} of 9. Here is {self.rooms[self.room]}. "
        text += f"You have {self.coins} coins. It is minute {self.time}."
        return text, {"actions": ["left", "right", "dig", "wait"]}


ATTEMPTS = 8  # answers are spoilt on purpose: three in a row would happen
NODES = [
    Node("seen", "Say in a sentence what matters here.", attempts=ATTEMPTS),
    Node("danger", "Is it dangerous to go on?", output="yes_no", attempts=ATTEMPTS),
    Node(
        "plan",
        "You saw: {{ seen }} Make a plan.",
        output={"goal": "str", "steps": ["str"], "effort": "one of [low, high]"},
        attempts=ATTEMPTS,
    ),
    Node(
        "act",
        "Danger: {{ danger }}. Your plan: {{ plan.steps }}. What do you do?",
        recall=["plan"],
        output={"choice": "actions"},
        attempts=ATTEMPTS,
    ),
]


def make_agent(server: LoopbackProcess, at_once: int) -> Agent:
    settings = Settings(timeout_s=TIMEOUT_S, retries=8, max_concurrency=at_once)
    return Agent(
        Graph(NODES, system="You search a cave for coins.", context="{{ observation }}"),
        model=OpenAIModel("soak", base_url=server.base_url, settings=settings),
        env=EnvSpec("soak/Cave-v0"),
        name="soak",
    )


@dataclass
class Meter:
    """Memory of this process, after each quarter of the steps."""

    total: int
    done: int = 0
    at: dict[int, float] = field(default_factory=dict)
    """Percent of the steps to MB."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self) -> None:
        with self.lock:
            self.done += 1
            percent = 100 * self.done / self.total
            for quarter in (25, 50, 75, 100):
                if percent >= quarter and quarter not in self.at:
                    self.at[quarter] = rss_mb()


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def open_sockets() -> int:
    count = 0
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing itself
            count += str(path.readlink()).startswith("socket:")
    return count


@dataclass
class Played:
    """What came of all episodes."""

    summary: RunSummary
    run: Run
    calls: list[dict[str, Any]]
    """The server's log."""
    seconds: float
    tasks_left: int

    @property
    def trajectories(self) -> dict[int, list[Any]]:
        """Actions, observations and rewards of each episode."""
        keys = ("action", "observation", "reward", "terminated")
        return {
            episode: [
                [event[key] for key in keys]
                for event in records(self.run, episode)
                if event["event"] == "environment_stepped"
            ]
            for episode in self.run.episodes
        }

    @property
    def recorded(self) -> Counter[str]:
        """Digests of the requests whose answers are in the record."""
        found: Counter[str] = Counter()
        for episode in self.run.episodes:
            found.update(recorded_calls(records(self.run, episode)))
        return found

    @property
    def answered(self) -> Counter[str]:
        """Digests of the requests that the server answered."""
        return Counter(call["digest"] for call in self.calls if call["fault"] in ANSWERED)


async def play_all(agent: Agent, episodes: int, folder: Path) -> tuple[RunSummary, int]:
    """Play, and count the tasks that are left."""
    writer = RunWriter(folder, {"agent": {"name": agent.name}})
    summary = await play(agent, Plan(episodes, parallel=episodes), writer=writer)
    writer.finish(summary.status, summary.totals())
    left = asyncio.all_tasks() - {asyncio.current_task()}
    return summary, len(left)


def played(folder: Path, given: argparse.Namespace, faults: Sequence[str]) -> Played:
    arguments = ["--latency", str(given.latency), *faults]
    with LoopbackProcess(folder / "calls.jsonl", arguments) as server:
        agent = make_agent(server, given.at_once)
        started = time.perf_counter()
        summary, left = asyncio.run(play_all(agent, given.episodes, folder / "run"))
        seconds = time.perf_counter() - started
        return Played(summary, load_run(folder / "run"), server.calls, seconds, left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=1000, help="all of them at once")
    parser.add_argument("--share", type=float, default=0.02, help="of each kind of fault")
    parser.add_argument("--latency", type=float, default=0.02, help="seconds of an answer")
    parser.add_argument("--at-once", type=int, default=64, help="calls at once")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gymnasium.register(id="soak/Cave-v0", entry_point=Cave)
    Cave.meter = meter = Meter(given.episodes * DECISIONS)
    threads, sockets, before_mb = threading.active_count(), open_sockets(), rss_mb()
    faults = ["--share", str(given.share), "--seed", str(given.seed), "--kinds", *KINDS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("faults", "plain"):
            (folder / part).mkdir()
        soaked = played(folder / "faults", given, faults)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        gc.collect()
        left = f"{soaked.tasks_left} / {threads_left(threads)} / {open_sockets() - sockets}"
        Cave.meter = Meter(given.episodes * DECISIONS)
        plain = played(folder / "plain", given, [])
        lines = {
            **outcome(soaked, plain),
            "wall time": f"{soaked.seconds:.0f} s ({plain.seconds:.0f} s without faults)",
            "calls/s": f"{len(soaked.calls) / soaked.seconds:.0f}",
            "memory before; after 25, 50, 75, 100% of the steps; peak": ", ".join(
                f"{mb:.0f}" for mb in (before_mb, *meter.at.values(), peak_mb)
            )
            + " MB",
            "tasks / threads / sockets left": left,
        }
    table = Table("", f"{given.episodes} episodes at once, {100 * given.share:g}% of each fault")
    for label, value in lines.items():
        table.add_row(label, value)
    Console(width=120).print(table)


def outcome(soaked: Played, plain: Played) -> dict[str, str]:
    """Whether anything was lost."""
    statuses = Counter(f"{one.status} ({one.reason})" for one in soaked.summary.episodes)
    trajectories, expected = soaked.trajectories, plain.trajectories
    same = sum(trajectories[episode] == expected[episode] for episode in expected)
    kinds = Counter(call["fault"] for call in soaked.calls if call["fault"])
    lost = soaked.answered - soaked.recorded
    unasked = soaked.recorded - soaked.answered
    return {
        "episodes": ", ".join(f"{count} {status}" for status, count in statuses.items()),
        "same trajectory as without faults": f"{same} of {len(expected)}",
        "calls that the server received": f"{len(soaked.calls)} ({len(plain.calls)} without)",
        "calls by the record": f"{soaked.summary.usage.calls}",
        "answers in the record": f"{soaked.recorded.total()} of {soaked.answered.total()}; "
        f"lost {lost.total()}, unknown to the server {unasked.total()}",
        "faults": ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS),
    }


def threads_left(before: int) -> int:
    """Threads that are left when those of the environments have had time to end."""
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.05)
    return threading.active_count() - before


if __name__ == "__main__":
    main()
