"""`check_env` finds what an environment does otherwise than it should."""

import subprocess
import sys
from typing import Any

import gymnasium
import pytest
from agentkit_envs.text import AnyText

from agentkit.testing import ENV_CHECKS, check_env
from agentkit.testing.environments import NONSENSE

WAYS = ["east", "west"]


class Corridor(gymnasium.Env[str, str]):
    """A corridor that keeps every promise."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self) -> None:
        self.action_space: Any = AnyText(WAYS)
        self.observation_space: Any = AnyText()
        self.closed = False

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = 0
        self.end = int(self.np_random.integers(5, 9))
        return self.text(""), self.info(True)

    def step(self, action: str) -> Any:
        understood = action in WAYS
        self.place += understood
        said = "" if understood else f"'{action}' is no way: {WAYS}. "
        over = self.place >= self.end
        return self.text(said), float(over), over, False, self.info(understood)

    def text(self, said: str) -> str:
        return f"{said}{self.end - self.place} steps are left."

    def info(self, understood: bool) -> dict[str, Any]:
        return {"actions": WAYS, "understood": understood, "game_steps": self.place}

    def close(self) -> None:
        self.closed = True

    @staticmethod
    def report(infos: list[dict[str, Any]]) -> Any:
        return {"furthest": str(max(info["game_steps"] for info in infos))}


class NoSpaces(Corridor):
    def __init__(self) -> None:
        super().__init__()
        del self.observation_space


class Numbers(Corridor):
    def __init__(self) -> None:
        super().__init__()
        self.action_space = gymnasium.spaces.Discrete(2)


class OldForm(Corridor):
    def step(self, action: str) -> Any:
        observation, reward, terminated, _, info = super().step(action)
        return observation, reward, terminated, info


class Broken(Corridor):
    def step(self, action: str) -> Any:
        return {}[action]


class Tuples(Corridor):
    def info(self, understood: bool) -> dict[str, Any]:
        return {**super().info(understood), "place": (self.place, 0)}


class Unwritable(Corridor):
    def info(self, understood: bool) -> dict[str, Any]:
        return {**super().info(understood), "space": self.action_space}


class Random(Corridor):
    played = 0

    def text(self, said: str) -> str:
        Random.played += 1
        return f"{super().text(said)} {Random.played}"


class Leaking(Corridor):
    """What was played before shows in the next episode."""

    total = 0

    def step(self, action: str) -> Any:
        self.total += 1
        return super().step(action)

    def text(self, said: str) -> str:
        return f"{super().text(said)} {self.total}"


class Unrepeatable(Random):
    resumable = False


class Deaf(Corridor):
    def info(self, understood: bool) -> dict[str, Any]:
        return super().info(True)


class Silent(Corridor):
    def text(self, said: str) -> str:
        return super().text("")


class Strict(Corridor):
    def step(self, action: str) -> Any:
        *told, info = super().step(action)
        return told[0], told[1] if info["understood"] else -1.0, *told[2:], info


class Raising(Corridor):
    def step(self, action: str) -> Any:
        if action not in WAYS:
            raise ValueError("no such way")
        return super().step(action)


class Ticking(Corridor):
    ticks = 0

    def info(self, understood: bool) -> dict[str, Any]:
        self.ticks += 1
        return {**super().info(understood), "game_steps": self.ticks}


class Reporting(Corridor):
    @staticmethod
    def report(infos: list[dict[str, Any]]) -> Any:
        return {"furthest": 3}


class ClosedOnce(Corridor):
    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        super().close()


class Talk(Corridor):
    """Every text is an action."""

    def step(self, action: str) -> Any:
        self.place += 1
        over = self.place >= self.end
        return f"You said: {action}.", float(over), over, False, self.info(True)

    def info(self, understood: bool) -> dict[str, Any]:
        return {}

    report = None


@pytest.mark.parametrize("kind", [Corridor, Talk])
def test_an_environment_that_keeps_its_promises_passes(kind):
    check_env(kind)
    check_env(lambda: gymnasium.wrappers.TimeLimit(kind(), 4))


def test_an_environment_that_says_that_it_does_not_repeat_itself_passes():
    gymnasium.register("test/Unrepeatable-v0", entry_point=Unrepeatable, nondeterministic=True)
    check_env(lambda: gymnasium.make("test/Unrepeatable-v0"))


@pytest.mark.parametrize(
    ("kind", "promise", "found"),
    [
        (NoSpaces, "spaces are texts", "it has no observation_space: agentkit_envs.text.AnyText()"),
        (Numbers, "spaces are texts", "'Numbers' does not speak text: its actions are Discrete(2)"),
        (OldForm, "answers have the right form", "expected a tuple of 5: observation, reward"),
        (Broken, "answers have the right form", f"KeyError: 'east'\n      File \"{__file__}\""),
        (Tuples, "info can be recorded", "info['place'] is (0, 0), and a record gives [0, 0] back"),
        (Unwritable, "info can be recorded", "info['space'] "),
        (Random, "same seed is the same episode", "in another environment the same seed"),
        (Leaking, "same seed is the same episode", "after another episode the same seed"),
        (Deaf, "nonsense changes nothing", f"info['understood'] is not False after '{NONSENSE}'"),
        (Silent, "nonsense changes nothing", "the observation does not repeat what was not"),
        (Strict, "nonsense changes nothing", "not understood gave reward -1, terminated False"),
        (Raising, "nonsense changes nothing", "the environment raised ValueError: no such way"),
        (Ticking, "nonsense changes nothing", "info['game_steps'] went from 1 to 2"),
        (Reporting, "a report gives texts", "report() gave {'furthest': 3}, expected texts"),
        (ClosedOnce, "it can be closed twice", "the environment raised RuntimeError: closed alr"),
    ],
)
def test_each_broken_promise_is_told_with_what_was_found(kind, promise, found):
    with pytest.raises(AssertionError) as raised:
        check_env(kind)
    told = str(raised.value)
    assert f"  {promise}" in told
    assert found in told


def test_all_that_is_broken_is_told_at_once():
    class Both(Tuples, Deaf):
        pass

    with pytest.raises(AssertionError, match=r"\A2 promises are broken\n") as raised:
        check_env(Both)
    assert "info can be recorded" in str(raised.value)
    assert "nonsense changes nothing" in str(raised.value)


def test_every_check_says_what_it_checks():
    assert all(check.__doc__ for check in ENV_CHECKS)


def test_importing_needs_no_pytest_and_nothing_heavy():
    code = (
        "import sys, agentkit.testing\n"
        "heavy = {'pytest', 'gymnasium', 'numpy', 'openai', 'pydantic', 'langchain_core'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
