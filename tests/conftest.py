"""What all tests share: Ctrl-C, time limits, how hypothesis runs, and a small environment."""

import signal
from typing import Any

import gymnasium
import pytest
from hypothesis import settings

# The first example of a test loads what the rest has in memory; how long it takes says nothing.
# A run that fails is repeated and fails again; `--hypothesis-profile=explore` draws others.
settings.register_profile("agentkit", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("agentkit")

# A shell starts background jobs with SIGINT ignored, and their children inherit that: a test that
# presses Ctrl-C would wait for ever. Every process of the tests, or its parent, imports this.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW_S = 900.0
"""The time limit of a test that is marked as slow; that of the others is in pyproject.toml."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests their longer limit."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_S))


class Corridor(gymnasium.Env[str, str]):
    """Walk east five times. Deterministic; `noise` adds a number drawn from the seed."""

    action_space = gymnasium.spaces.Text(20)
    observation_space = gymnasium.spaces.Text(200)

    def __init__(self, length: int = 5, noise: bool = False) -> None:
        self.length = length
        self.noise = noise
        self.closed = False

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = 0
        return self._text(), self._info(True)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        understood = action in ("east", "west")
        if action == "east":
            self.place += 1
        elif action == "west":
            self.place = max(0, self.place - 1)
        there = self.place >= self.length
        return self._text(), float(there), there, False, self._info(understood)

    def close(self) -> None:
        self.closed = True

    def _text(self) -> str:
        drawn = f" Noise {self.np_random.integers(1000)}." if self.noise else ""
        return f"You are at {self.place} of {self.length}.{drawn}"

    def _info(self, understood: bool) -> dict[str, Any]:
        return {
            "actions": ["east", "west"],
            "understood": understood,
            "game_steps": self.place,
        }


@pytest.fixture(scope="session", autouse=True)
def corridor() -> str:
    """Id of the corridor environment."""
    gymnasium.register(id="test/Corridor-v0", entry_point=Corridor)
    return "test/Corridor-v0"
