"""An environment whose spaces are no texts is refused before a model is asked."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from agentkit_envs.text import AnyText
from agentkit_envs.words import Words
from gymnasium import spaces
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv

from agentkit import Agent, EnvSpec, Graph, InputError, Node, Request, rollout_sync
from agentkit.environments.spaces import check_spaces


class Between(gymnasium.Env[Any, Any]):
    """An environment between two spaces."""

    def __init__(self, actions: Any, observations: Any) -> None:
        self.action_space, self.observation_space = actions, observations


class Own(spaces.Space[Any]):
    """A space of somebody's own."""

    def __init__(self, drawn: Any) -> None:
        super().__init__()
        self.drawn = drawn

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        if self.drawn is None:
            raise NotImplementedError
        self.draws = getattr(self, "draws", 0) + 1
        return self.drawn


NOT_TEXT = [
    spaces.Discrete(4),
    spaces.MultiDiscrete([2, 3]),
    spaces.MultiBinary(3),
    spaces.Box(-1, 1, (2,), np.float32),
    spaces.Tuple([spaces.Text(5)]),
    spaces.Dict(said=spaces.Text(5)),
    spaces.Sequence(spaces.Text(5)),
    spaces.Graph(spaces.Discrete(2), None),
    spaces.OneOf([spaces.Text(5)]),
    Own(3),
]


@pytest.mark.parametrize("space", NOT_TEXT, ids=lambda space: type(space).__name__)
@pytest.mark.parametrize("whose", ["actions", "observations"])
def test_every_space_of_other_values_is_refused_by_name(space, whose):
    env = Between(**{"actions": AnyText(), "observations": AnyText(), whose: space})
    with pytest.raises(InputError) as raised:
        check_spaces("some/Env-v0", env)
    assert f"'some/Env-v0' does not speak text: its {whose} are {space!r}"[:90] in str(raised.value)
    assert "env: {id: agentkit/Words-v1, env: some/Env-v0}" in str(raised.value)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("space", [spaces.Text(9), AnyText(), AnyText(["a"]), Own("a"), Own(None)])
def test_spaces_of_texts_are_taken_and_a_space_of_ones_own_that_draws_texts(space):
    check_spaces("some/Env-v0", Between(space, space))
    assert not hasattr(space, "draws")


def test_spaces_that_are_not_declared_are_trusted():
    check_spaces("some/Env-v0", gymnasium.Env())


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "CliffWalking-v1", "Taxi-v4", "Blackjack-v1"])
def test_gymnasiums_own_environments_are_refused_before_a_model_is_asked(env_id):
    """The model was asked, and paid, and then the environment raised KeyError: '1'."""
    asked: list[Request] = []

    def model(request: Request) -> str:
        asked.append(request)
        return "1"

    agent = Agent(Graph([Node("act", "?")]), model=model, env=EnvSpec(env_id))
    with pytest.raises(InputError, match=f"'{env_id}' does not speak text: its actions are Disc"):
        rollout_sync(agent)
    assert not asked


def test_a_class_that_speaks_no_text_is_refused_with_a_way_that_works_for_it():
    """It was told to write the class's name into a file, where only ids can stand."""
    agent = Agent(Graph([Node("act", "?")]), model="echo", env=FrozenLakeEnv)
    with pytest.raises(
        InputError, match=r"give a function that returns Words\(env\); docs"
    ) as said:
        rollout_sync(agent)
    assert "agentkit/Words-v1" not in str(said.value)
    worded = agent.replace(env=lambda: Words(FrozenLakeEnv()))
    assert rollout_sync(worded).episodes[0].status == "limit"  # the echo is no action
