"""What environments return in a wrong form is said, and fails the episode alone."""

import asyncio
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentkit import Agent, EnvError, EnvSpec, Graph, Node, Plan, RunWriter, load_run, rollout
from agentkit.environments.answers import reset_env, step_env

RESETS = [
    ("start", "it is 'start' (str), expected a tuple of 2: observation, info"),
    (None, "it is None (NoneType), expected a tuple of 2"),
    (["start", {}], "expected a tuple of 2"),
    (("start", {}, 3), "it is a tuple of 3: ('start', {}, 3) (tuple), expected a tuple of 2"),
    ((7, {}), "the observation is 7 (int), expected a text. agentkit_envs.words"),
    (({"seen": "start"}, {}), "the observation is {'seen': 'start'} (dict), expected a text"),
    ((np.zeros((90, 90, 3)), {}), "the observation is array("),
    (("start", None), "info is None (NoneType), expected a dict"),
    (("start", [1]), "info is [1] (list), expected a dict"),
    (("start", {"actions": "east"}), "info['actions'] is 'east' (str), expected a list of texts"),
    (("start", {"actions": [0, 1]}), "info['actions'] is [0, 1] (list), expected a list of texts"),
    (("start", {"actions": 4}), "info['actions'] is 4 (int)"),
    (("start", {"actions": np.array(["east"])}), "info['actions'] is array("),
    (("start", {"understood": "no"}), "info['understood'] is 'no' (str), expected True or False"),
]
ENDLESS: dict[str, Any] = {}
ENDLESS["again"] = ENDLESS


class Mute:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no attribute")


RESETS += [
    (("start", ENDLESS), "expected at most 100 levels"),
    (("start", {"seen": {("a", 1): 2}}), "a key of info['seen'] is ('a', 1) (tuple), expected a"),
    (("start", {("a", 1): 2}), "a key of info is ('a', 1) (tuple), expected a text"),
    (("start", {"mute": [Mute()]}), "info['mute'] is <Mute instance at "),
]
STEPS = [
    (None, "it is None (NoneType), expected a tuple of 5"),
    (("on", 0.0, False, {}), "'done' there are terminated and truncated"),
    (("on", 0.0, False, False, {}, {}), "it is a tuple of 6"),
    ((b"on", 0.0, False, False, {}), "the observation is b'on' (bytes), expected a text"),
    (("on", None, False, False, {}), "the reward is None (NoneType), expected a finite number"),
    (("on", "1", False, False, {}), "the reward is '1' (str)"),
    (("on", float("nan"), False, False, {}), "the reward is nan (float)"),
    (("on", np.float32("inf"), False, False, {}), "the reward is "),
    (("on", 10**400, False, False, {}), "expected a finite number"),
    (("on", np.ones(1), False, False, {}), "the reward is array([1.])"),
    (("on", 1j, False, False, {}), "the reward is 1j (complex)"),
    (("on", 0.0, None, False, {}), "terminated is None (NoneType), expected True or False"),
    (("on", 0.0, 0, False, {}), "terminated is 0 (int)"),
    (("on", 0.0, False, "no", {}), "truncated is 'no' (str)"),
    (("on", 0.0, False, False, "info"), "info is 'info' (str), expected a dict"),
]


class Odd(gymnasium.Env[Any, Any]):
    """Answers what it is told to, from the seed 1 on; without spaces."""

    def __init__(self, reset: Any = ("start", {}), step: Any = ("on", 0.0, True, False, {})):
        self._reset, self._step = reset, step

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self._odd = seed != 0
        return self._reset if self._odd else ("start", {})

    def step(self, action: str) -> Any:
        return self._step if self._odd else ("end", 1, True, False, {})


gymnasium.register("test/Odd-v0", entry_point=Odd)


@pytest.mark.parametrize(("answer", "said"), RESETS)
def test_a_reset_of_the_wrong_form_is_said_with_what_came(answer, said):
    with pytest.raises(EnvError) as raised:
        reset_env(Odd(reset=answer), 1)
    assert str(raised.value).startswith("what the environment's reset() returned cannot be used: ")
    assert said in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(("answer", "said"), STEPS)
def test_a_step_of_the_wrong_form_is_said_with_what_came(answer, said):
    env = Odd(step=answer)
    reset_env(env, 1)
    with pytest.raises(EnvError) as raised:
        step_env(env, "east")
    assert str(raised.value).startswith("what the environment's step() returned cannot be used: ")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "value", [{1: 2}, 10**400, float("nan"), b"x", {1}, len, [np.zeros(3)], "\ud800", np.int64(3)]
)
def test_an_info_may_have_whatever_can_be_shown(value, tmp_path):
    agent = Agent(
        Graph([Node("act", "?")]),
        model="echo",
        env=EnvSpec("test/Odd-v0", {"reset": ("start", {"value": value, "image": np.zeros(3)})}),
    )
    with RunWriter(tmp_path / "run", {}) as writer:
        summary = asyncio.run(rollout(agent, Plan(seed=1), writer=writer))
    assert summary.status == "done"


@pytest.mark.parametrize("reward", [1, True, 1.0, np.float32(1), np.int64(1), np.bool_(True)])
def test_numbers_and_flags_of_numpy_are_numbers_and_flags(reward):
    env = Odd(step=("on", reward, np.bool_(True), np.False_, {"actions": ("east",)}))
    reset_env(env, 1)
    outcome = step_env(env, "east")
    assert outcome == ("on", 1.0, True, False, {"actions": ("east",)})
    assert [type(part) for part in outcome[1:4]] == [float, bool, bool]


@pytest.mark.parametrize("odd", [{"reset": "start"}, {"step": ("on", 0.0, False, {})}])
def test_a_wrong_form_fails_its_episode_and_the_run_ends_in_order(odd, tmp_path):
    """A reset that was no pair ended the command with a traceback, and left a run 'running'."""
    env = EnvSpec("test/Odd-v0", odd)
    agent = Agent(Graph([Node("act", "?")]), model="echo", env=env)
    with RunWriter(tmp_path / "run", {}) as writer:
        summary = asyncio.run(rollout(agent, Plan(episodes=3, parallel=2), writer=writer))
        writer.finish(summary.status, summary.totals())
    assert [episode.status for episode in summary.episodes] == ["done", "failed", "failed"]
    assert "cannot be used" in summary.episodes[1].reason
    assert load_run(tmp_path / "run").about["status"] == "failed"
