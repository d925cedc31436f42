"""Where an environment failed, in its own code."""

import asyncio
import re
from typing import Any

import gymnasium
import pytest
from records import records

from agentkit import (
    Agent,
    EnvError,
    EnvSpec,
    Graph,
    InputError,
    Node,
    RunWriter,
    load_run,
    rollout,
)
from agentkit.environments.failure import env_error
from agentkit.environments.make import call_env, open_env


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Faulty(gymnasium.Env[str, str]):
    """Fails where it is told to."""

    def __init__(self, where: str = "", render_mode: str | None = None) -> None:
        self.where = where
        if where == "argument":
            raise ValueError("where is 'reset' or 'step', not 'argument'")
        if where == "make":
            self.length = int(where)
        if where == "kind":
            self.length = where + 1
        if where == "key":
            {}[where]

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if self.where == "reset":
            self._load()
        return "start", {}

    def step(self, action: str) -> Any:
        api_key = "sk-1234567890abcdef1234"  # noqa: F841
        if self.where == "secret":
            raise RuntimeError("api_key=sk-1234567890abcdef1234")
        if self.where == "deep":
            return self.step(action)
        if self.where == "long":
            raise RuntimeError("word " * 10_000)
        if self.where == "silent":
            raise Unspeakable
        return 1 / 0

    def _load(self) -> None:
        try:
            {}["treasure"]
        except KeyError as error:
            raise OSError("no such world") from error


gymnasium.register("test/Where-v0", entry_point=Faulty)


def failed(where: str, folder: Any) -> str:
    """The reason of an episode that fails, which its record and its summary have."""
    agent = Agent(
        Graph([Node("act", "?")]), model="echo", env=EnvSpec("test/Where-v0", {"where": where})
    )
    with RunWriter(folder / "run", {}) as writer:
        (episode,) = asyncio.run(rollout(agent, writer=writer)).episodes
    assert episode.status == "failed"
    assert [*records(load_run(folder / "run"), 0)][-1]["reason"] == episode.reason
    return episode.reason


def test_an_exception_is_told_with_file_line_and_code_of_the_environment_alone(tmp_path):
    lines = failed("step", tmp_path).splitlines()
    assert lines[0] == "the environment raised ZeroDivisionError: division by zero"
    assert re.fullmatch(rf'  File "{re.escape(__file__)}", line \d+, in step', lines[1])
    assert lines[2].strip() == "return 1 / 0"
    assert not [line for line in lines if "agentkit/" in line or "wrappers" in line]


def test_the_exceptions_behind_one_are_told_too(tmp_path):
    reason = failed("reset", tmp_path)
    assert reason.startswith("the environment raised OSError: no such world\n")
    assert [*re.findall(r", in (\w+)", reason)] == ["reset", "_load", "_load"]
    assert "caused by KeyError: 'treasure'\n" in reason


@pytest.mark.parametrize("where", ["deep", "long"])
def test_a_traceback_is_bounded(where, tmp_path):
    assert 100 < len(failed(where, tmp_path)) < 7_000


def test_keys_are_masked_in_words_and_lines_of_code(tmp_path):
    reason = failed("secret", tmp_path)
    assert "RuntimeError" in reason
    assert "1234567890" not in reason


def test_an_exception_without_words_is_told_all_the_same(tmp_path):
    assert "Unspeakable: (its words cannot be shown)\n" in failed("silent", tmp_path)


@pytest.mark.parametrize(
    ("where", "said"),
    [("make", "ValueError: invalid literal"), ("kind", "TypeError: "), ("key", "KeyError: 'key'")],
)
def test_a_fault_in_a_constructor_is_told_with_its_place(where, said):
    with pytest.raises(EnvError) as raised:
        open_env("test/Where-v0", {"where": where})
    assert str(raised.value).startswith(f"the environment raised {said}")
    assert f'File "{__file__}", line ' in str(raised.value)
    assert ", in __init__" in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"where": "argument"}, "where is 'reset' or 'step', not 'argument'"),
        ({"were": "step"}, "unexpected keyword argument 'were'"),
    ],
)
def test_arguments_that_are_refused_are_a_mistake_without_a_traceback(arguments, said):
    with pytest.raises(InputError) as raised:
        open_env("test/Where-v0", arguments)
    assert said in str(raised.value)
    assert "File" not in str(raised.value)


def test_a_fault_of_code_that_was_never_in_a_file_is_told():
    names: dict[str, Any] = {}
    exec("def fail():\n    raise OSError('gone')", names)
    with pytest.raises(EnvError, match=r"the environment raised OSError: gone\n  File .<string>"):
        call_env(names["fail"])


def test_an_exception_that_was_never_raised_has_no_calls():
    assert str(env_error(OSError("gone"))) == "the environment raised OSError: gone"
