"""The real process is killed at random moments of a game of Crafter, and goes on each time.

The model server is a process of its own that keeps running and logs every call. However often the
player is killed, in the end the game is the one that an uninterrupted player plays, and no call
whose answer was on the disk was made again.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import LoopbackProcess, answer, digest_of, recorded_calls
from loopback.answers import messages_of
from records import records

from agentkit import Run, comparable, load_run
from agentkit.record.line import as_record

AGENTKIT = Path(sys.executable).with_name("agentkit")
LATENCY_S = 0.02
"""How long the server takes for an answer, so that most kills hit calls in flight."""
PATIENCE_S = 180.0


class Game:
    """One run of the real command line, from its beginning through every kill to its end."""

    def __init__(self, folder: Path, server: LoopbackProcess, seed: int) -> None:
        self.folder = folder
        self.run = folder / "run"
        self._server = server
        self._draw = random.Random(seed)
        self.in_flight: Counter[str] = Counter()
        """Calls that were made and not answered when the player was killed."""
        self.hits = 0
        """Kills while a call was in flight."""

    def play(self, *arguments: str) -> int:
        """Let a player play to its end; returns its exit code."""
        process = self._start(arguments)
        _, complaints = process.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in complaints, complaints
        return process.returncode

    def kill(self, *arguments: str, calls: int) -> None:
        """Start a player and kill it somewhere after its so-and-so-many'th call."""
        before = self._received()
        with self._start(arguments) as process:
            deadline = time.monotonic() + PATIENCE_S
            while self._received() < before + calls:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(self._draw.uniform(0, 2 * LATENCY_S))
            process.kill()
        assert process.returncode == -signal.SIGKILL, "it had ended before it could be killed"
        waiting = Counter(self._waiting())
        self.in_flight += waiting
        self.hits += bool(waiting)

    def _start(self, arguments: Sequence[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [AGENTKIT, "run", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "OPENAI_BASE_URL": self._server.base_url,
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _received(self) -> int:
        return self._server.log.read_bytes().count(b"\n")

    def _waiting(self) -> Iterator[str]:
        """Digests of the calls that the record knows to have begun and not to have ended."""
        run = load_run(self.run)
        for episode in run.episodes:
            known, begun = set(), {}
            for line in (as_record(event) for event, _, _ in run.lines(episode)):
                place = tuple(line.get(key) for key in ("step", "node", "item", "attempt"))
                if line["event"] == "episode_resumed":
                    begun = {}
                elif line["event"] == "node_started" and line["messages"]:
                    pairs = ((said["role"], said["content"]) for said in line["messages"])
                    begun[place] = digest_of(pairs)
                elif line.get("completion"):
                    known.add(place)
            yield from (digest for place, digest in begun.items() if place not in known)


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[LoopbackProcess]:
    folder.mkdir(exist_ok=True)
    log = folder / "calls.jsonl"
    log.touch()
    options = ["--latency", str(LATENCY_S), "--answer", "rollouts.test_kill:spoken"]
    with LoopbackProcess(log, options, port=port) as server:
        yield server


def spoken(body: Mapping[str, Any]) -> str:
    """The server's answer: an action where one is asked for, now and then in the second attempt.

    It is never empty, which would be an error of the server.
    """
    said = [(role, text) for role, text in messages_of(body) if role == "user"]
    corrected = said[-1][1].startswith("That answer cannot be used")
    draw = random.Random(digest_of(said))
    if '"act": <action>' in said[-1 - corrected][1] and (corrected or draw.random() < 0.8):
        action = draw.choice(["move_left", "move_right", "move_up", "move_down", "do", "noop"])
        return json.dumps({"why": "to see more", "act": action})
    return answer(body) or "Nothing."


def trajectory(run: Run) -> list[Any]:
    """What happened in all episodes."""
    return [comparable(run.events(episode)) for episode in run.episodes]


def killed_and_whole(
    folder: Path, arguments: Sequence[str], kills: Sequence[int], seed: int
) -> tuple[Game, list[Any], list[Any]]:
    """Play twice: once in peace, once killed after so many calls of each sitting."""
    command = [*arguments, "--model", "openai:loopback", "--out", "run", "--allow-unknown-price"]
    with served(folder / "whole") as server:
        whole = Game(folder / "whole", server, seed)
        assert whole.play(*command) == 0
        port = server.port
    with served(folder / "killed", port) as server:
        game = Game(folder / "killed", server, seed)
        for number, calls in enumerate(kills):
            game.kill(*(["--resume", "run"] if number else command), calls=calls)
        assert game.play("--resume", "run") == 0
        # Asking whether the server tells probabilities is no call of the game.
        received = Counter(call["digest"] for call in server.calls if not call["labels"])
    run = load_run(game.run)
    recorded: Counter[str] = Counter()
    for episode in run.episodes:
        recorded += recorded_calls(records(run, episode))
    made_again = received - recorded - game.in_flight
    assert not made_again, f"{made_again.total()} recorded calls were made again"
    assert received.total() >= recorded.total()
    resumed = [e for i in run.episodes for e in records(run, i) if e["event"] == "episode_resumed"]
    assert len(resumed) >= len(kills)
    return game, trajectory(load_run(whole.run)), trajectory(run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("agent", "steps", "kills", "options"),
    [
        ("crafter_list", 8, (9, 6), ()),
        ("crafter", 2, (7, 4), ()),
        ("crafter_list", 4, (11, 9), ("--episodes", "4", "--parallel", "4")),
    ],
    ids=["list", "graph", "parallel"],
)
def test_a_game_that_is_killed_again_and_again_is_the_game_that_was_not(
    agent, steps, kills, options, tmp_path
):
    arguments = [agent, "--steps", str(steps), "--seed", "3", *options]
    _, whole, killed = killed_and_whole(tmp_path, arguments, kills, seed=len(kills))
    assert killed == whole


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("agent", "steps", "options"),
    [
        ("crafter_list", 30, ()),
        ("crafter", 8, ()),
        ("crafter", 4, ("--fresh", "--episodes", "4", "--parallel", "4")),
    ],
    ids=["list", "graph", "parallel"],
)
def test_a_long_game_that_is_killed_at_many_random_moments(agent, steps, options, seed, tmp_path):
    draw = random.Random(seed)
    kills = [draw.randint(1, 9) for _ in range(8)]
    arguments = [agent, "--steps", str(steps), "--seed", str(seed), *options]
    game, whole, killed = killed_and_whole(tmp_path, arguments, kills, seed)
    assert killed == whole
    assert game.hits, "no kill hit a call in flight, so nothing was tried"
