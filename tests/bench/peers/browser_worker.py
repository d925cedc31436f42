"""What runs inside the process of one way of playing MiniWoB++: it begins a task and acts once.

Standard library only: this file is read by the Python of each peer's virtual environment. Requests
and answers go as in `worker.py`.
"""

import json
import os
import sys
import time
import traceback
from importlib.metadata import version
from typing import Any


class Player:
    """One way of playing. What is asked for between the calls of a method is not timed."""

    def reset(self, task: str, seed: int) -> Any:
        """Begin a task, and see its goal and its page."""
        raise NotImplementedError

    def find(self, css: str, role: str) -> str:
        """The first element to click: of a CSS selector, or of a role in the observation."""
        raise NotImplementedError

    def step(self, action: str, element: str) -> Any:
        """Hover over it or click it, and see the page and the reward."""
        raise NotImplementedError


def serve(player: Player, package: str) -> None:
    """Answer requests until the input ends; `package` has the version of a peer."""
    with os.fdopen(int(os.environ["BENCH_ANSWERS"]), "w", buffering=1) as answers:
        print(json.dumps({"version": version(package) if package else ""}), file=answers)
        for line in iter(sys.stdin.readline, ""):
            try:
                answer = _played(player, **json.loads(line))
            except Exception as error:
                traceback.print_exc()
                answer = {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
            print(json.dumps(answer), file=answers)


def _played(player: Player, task: str, seed: int, css: str, role: str) -> dict[str, float]:
    moments = [time.perf_counter()]
    player.reset(task, seed)
    moments.append(time.perf_counter())
    element = player.find(css, role)
    moments.append(time.perf_counter())
    for action in ("hover", "click"):
        player.step(action, element)
        moments.append(time.perf_counter())
    started, begun, found, hovered, clicked = (1000 * moment for moment in moments)
    return {
        "reset_ms": begun - started,
        "step_ms": clicked - hovered,
        "episode_ms": begun - started + clicked - found,
    }
