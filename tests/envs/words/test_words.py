"""Environments of Gymnasium and of others, described in words and played by words."""

import time
from typing import Any

import gymnasium
import numpy as np
import pytest
from agentkit_envs.words import Words
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from agentkit import Agent, EnvSpec, Graph, Node, Request, parse_agent, rollout_sync
from agentkit.environments.answers import reset_env, step_env

GRID = ["left", "down", "right", "up"]
TAXI = {
    "names": ["down", "up", "right", "left", "pick up", "drop off"],
    "fields": {
        "row": 5,
        "column": 5,
        "passenger": ["red", "green", "yellow", "blue", "in the taxi"],
        "destination": ["red", "green", "yellow", "blue"],
    },
}
PLAYED = {
    "FrozenLake-v1": {"names": GRID, "fields": {"row": 4, "column": 4}, "is_slippery": False},
    "CliffWalking-v1": {
        "names": ["up", "right", "down", "left"],
        "fields": {"row": 4, "column": 12},
    },
    "Taxi-v4": TAXI,
    "Blackjack-v1": {
        "names": ["stick", "hit"],
        "fields": {"my sum": None, "dealer shows": None, "usable ace": ["no", "yes"]},
    },
    "CartPole-v1": {"names": ["left", "right"]},
    "MountainCarContinuous-v0": {"fields": ["position", "speed"]},
}


class Given(gymnasium.Env[Any, Any]):
    """Shows drawn values and remembers the actions it takes."""

    def __init__(self, actions: Any = None, observations: Any = None, info: Any = None) -> None:
        self.action_space = actions or spaces.Discrete(2)
        self.observation_space = observations or spaces.Discrete(2)
        self.info = info or {}
        self.taken: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), dict(self.info)

    def step(self, action: Any) -> Any:
        assert action in self.action_space
        self.taken.append(action)
        return self.observation_space.sample(), 1, False, False, dict(self.info)


def shown(space: spaces.Space[Any], value: Any, fields: Any = None) -> str:
    """What is said of a value of a space."""
    env = Given(observations=space)
    space.sample = lambda *_, **__: value  # type: ignore[method-assign]
    return Words(env, fields=fields).reset()[0]


def taken(space: spaces.Space[Any], text: str, names: Any = None) -> Any:
    """The action that a text is; what the observation says where it is none."""
    env = Given(actions=space)
    words = Words(env, names)
    words.reset(seed=0)
    said, *_, info = words.step(text)
    assert info["understood"] == bool(env.taken)
    return env.taken[0] if env.taken else said.partition("\n")[0]


@pytest.mark.parametrize("env_id", PLAYED)
def test_gymnasium_finds_nothing_to_complain_about(env_id):
    check_env(Words(env_id, **PLAYED[env_id]), skip_render_check=True)


@pytest.mark.parametrize("env_id", PLAYED)
def test_an_agent_plays_it_by_the_names_of_the_actions(env_id):
    asked: list[str] = []

    def model(request: Request) -> str:
        asked.append(request.messages[-1].content)
        actions = request.variables["actions"]
        return actions[len(asked) % len(actions)] if actions else "0.5"

    env = EnvSpec("agentkit/Words-v1", {"env": env_id, **PLAYED[env_id], "max_episode_steps": 9})
    agent = Agent(Graph([Node("act", "{{ observation }} {{ actions }}")]), model=model, env=env)
    (episode,) = rollout_sync(agent).episodes
    assert episode.status == "done"
    assert 0 < episode.steps <= 9
    assert all(name in asked[0] for name in PLAYED[env_id].get("fields", ()))


def test_a_number_that_means_several_things_is_said_in_parts():
    said, info = Words("Taxi-v4", **TAXI).reset(seed=0)
    assert said == "row: 3\ncolumn: 0\npassenger: blue\ndestination: yellow"
    assert info["actions"] == ["down", "up"]  # the environment masks the others


def test_five_lines_of_an_agents_file_are_enough():
    agent = parse_agent(
        "name: lake\n"
        "model: echo\n"
        "env:\n"
        "  id: agentkit/Words-v1\n"
        "  env: FrozenLake-v1\n"
        "  names: [left, down, right, up]\n"
        "  fields: {row: 4, column: 4}\n"
        "  is_slippery: false\n"
        "nodes: {act: right}\n"
        "limits: {steps: 3}\n"
    )
    (episode,) = rollout_sync(agent).episodes
    assert (episode.steps, episode.info["game_steps"]) == (3, 3)


@pytest.mark.parametrize(
    ("space", "value", "fields", "said"),
    [
        (spaces.Discrete(5, start=3), 4, None, "observation: 4"),
        (spaces.Discrete(3), 1, ["red", "green", "blue"], "observation: green"),
        (spaces.Discrete(6, start=10), 14, {"row": 2, "column": 3}, "row: 1\ncolumn: 1"),
        (spaces.MultiDiscrete([2, 3]), [1, 2], None, "observation: 1, 2"),
        (spaces.MultiDiscrete([2, 3]), [1, 2], ["door", "lamp"], "door: 1\nlamp: 2"),
        (
            spaces.MultiDiscrete([2, 3]),
            [1, 2],
            {"door": ["shut", "open"], "lamp": None},
            "door: open\nlamp: 2",
        ),
        (spaces.MultiBinary(3), np.array([1, 0, 1], np.int8), None, "observation: 1, 0, 1"),
        (spaces.MultiBinary(2), [1, 0], [["no", "yes"], ["no", "yes"]], "1: yes\n2: no"),
        (spaces.Box(-1, 1, (2,)), [0.5, -1.0], ["x", "y"], "x: 0.5\ny: -1"),
        (spaces.Box(-1, 1, ()), np.float32(0.123456), None, "observation: 0.1235"),
        (
            spaces.Box(0, 9, (2, 2), np.int64),
            np.array([[1, 2], [3, 4]]),
            None,
            "observation:\n1 2\n3 4",
        ),
        (spaces.Box(0, 9, (1, 2, 2), int), np.ones((1, 2, 2), int), None, "observation: 1/1 1/1"),
        (spaces.Text(9), "a door", None, "a door"),
        (
            spaces.Dict(
                seen=spaces.Text(9), at=spaces.Tuple([spaces.Discrete(4), spaces.Discrete(4)])
            ),
            {"seen": "a door", "at": (2, 3)},
            {"at": ["row", "column"]},
            "at row: 2\nat column: 3\nseen: a door",
        ),
        (spaces.Sequence(spaces.Discrete(4)), (3, 1), None, "observation:\n3\n1"),
        (spaces.Sequence(spaces.Discrete(4)), (), None, "observation: none"),
    ],
)
def test_values_of_every_space_are_described(space, value, fields, said):
    words = shown(space, value, fields)
    assert sorted(words.splitlines()) == sorted(said.splitlines())


@pytest.mark.parametrize(
    ("space", "names", "text", "value"),
    [
        (spaces.Discrete(4), GRID, "right", 2),
        (spaces.Discrete(4), GRID, ' "Right." ', 2),
        (spaces.Discrete(2), ["pick up", "drop_off"], "Pick-Up", 0),
        (spaces.Discrete(2), ["pick up", "drop_off"], "drop off", 1),
        (spaces.Discrete(4, start=5), None, "7", 7),
        (spaces.Discrete(6), {"row": 2, "column": 3}, "row: 1; column: 2", 5),
        (spaces.MultiDiscrete([2, 3]), None, "1, 2", [1, 2]),
        (spaces.MultiDiscrete([2, 3]), {"door": ["shut", "open"], "lamp": None}, "open, 2", [1, 2]),
        (spaces.MultiDiscrete([2, 3]), ["door", "lamp"], "lamp: 2; door=1", [1, 2]),
        (spaces.MultiDiscrete([2, 3]), ["door", "lamp"], "door: 1\nlamp: 0\n", [1, 0]),
        (spaces.MultiBinary(3), None, "[1 0 1]", [1, 0, 1]),
        (spaces.Box(-1, 1, (2,)), None, "0.5, -1", [0.5, -1]),
        (spaces.Box(0.1, 0.7, (1,)), None, "0.1", [np.float32(0.1)]),
        (spaces.Box(-1, 1, ()), ["force"], "force: .5", 0.5),
        (
            spaces.Dict(aim=spaces.Box(-1, 1, (2,)), fire=spaces.Discrete(2)),
            {"fire": ["no", "yes"]},
            "0.5, 1; yes",
            {"aim": [0.5, 1], "fire": 1},
        ),
        (
            spaces.Tuple([spaces.Discrete(2), spaces.Text(20, charset="aehlo, ")]),
            ["loud", "say"],
            "loud: 1\nsay:hello, a",
            (1, "hello, a"),
        ),
    ],
)
def test_actions_of_every_space_are_read(space, names, text, value):
    action = taken(space, text, names)
    if isinstance(value, dict):
        assert {key: np.asarray(one).tolist() for key, one in action.items()} == value
    else:
        assert np.asarray(action).tolist() == np.asarray(value).tolist()


@pytest.mark.parametrize(
    ("space", "names", "text", "said"),
    [
        (spaces.Discrete(4), GRID, "rigth", "expected one of left, down, right, up; did you mean"),
        (spaces.Discrete(4), GRID, "2", "expected one of left"),
        (spaces.Discrete(4), None, "4", "expected a whole number from 0 to 3"),
        (spaces.Discrete(4), None, "1.5", "expected a whole number from 0 to 3"),
        (spaces.Discrete(4), None, "", "expected a whole number from 0 to 3"),
        (spaces.MultiDiscrete([2, 3]), None, "1", "expected 2 numbers"),
        (spaces.MultiDiscrete([2, 3]), None, "1, 3", "expected a whole number from 0 to 2"),
        (spaces.MultiDiscrete([2, 3]), ["door", "lamp"], "1", "expected 2 values in this order"),
        (spaces.MultiDiscrete([2, 3]), ["door", "lamp"], "1; 9", "lamp: expected a whole number"),
        (spaces.Box(-1, 1, (2,)), None, "0.5, 1.2", "expected a number from -1 to 1"),
        (spaces.Box(-1, 1, (2,)), None, "0.5, nan", "expected a number from -1 to 1"),
        (spaces.Box(-np.inf, np.inf, (1,)), None, "inf", "expected a number"),
        (spaces.Text(3), None, "four", "expected a text of Text(1, 3"),
    ],
)
def test_a_text_that_is_no_action_changes_nothing_and_says_what_would_be_one(
    space, names, text, said
):
    told = taken(space, text, names)
    assert told.startswith(f"Nothing happened: '{text}' is not understood: ")
    assert said in told


@pytest.mark.parametrize("text", ["a" * 10**6, ";" * 10**6, "1," * 10**6, "1" * 10**6])
def test_a_very_long_text_is_refused_at_once(text):
    space = spaces.Dict(way=spaces.Discrete(4), speed=spaces.Box(-1, 1, (1,)))
    for actions, names in ((space, {"way": GRID}), (spaces.Discrete(4), GRID)):
        env = Words(Given(actions=actions), names)
        env.reset(seed=0)
        started = time.process_time()
        said, *_ = env.step(text)
        assert time.process_time() - started < 2
        assert len(said) < 1_000


@given(st.text())
def test_no_text_breaks_the_reading(text):
    space = spaces.Dict(
        aim=spaces.Box(-1, 1, (2,)), fire=spaces.Discrete(2), at=spaces.MultiDiscrete([2, 3])
    )
    env = Words(Given(actions=space), {"at": {"row": ["a", "b"], "column": None}})
    reset_env(env, 0)
    step_env(env, text)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(5, start=-2),
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiBinary([2, 2]),
        spaces.Box(-1, 1, (2, 2)),
        spaces.Box(0, 9, (3,), np.int32),
        spaces.Tuple([spaces.Discrete(2), spaces.Box(-1, 1, (2,))]),
        spaces.Dict(a=spaces.Discrete(2), b=spaces.Dict(c=spaces.MultiBinary(2))),
    ],
)
def test_the_examples_of_the_action_space_are_actions(space):
    env = Words(Given(actions=space))
    env.reset(seed=0)
    for text in env.action_space.examples:
        assert env.step(text)[-1]["understood"], text
    _, info = env.reset(seed=0)
    assert info["actions"] or info["grammar"]


def test_large_pictures_are_for_models_that_see():
    space = spaces.Dict(
        view=spaces.Box(0, 255, (40, 60, 3), np.uint8),
        mission=spaces.Text(9),
        at=spaces.Discrete(9),
    )
    env = Words(Given(observations=space))
    said, info = env.reset(seed=0)
    assert "view: a picture of 60 x 40, in info.image" in said.splitlines()
    assert info["image"].shape == (40, 60, 3)
    *_, info = env.step("nonsense")
    assert info["image"].shape == (40, 60, 3)


def test_a_long_observation_is_cut_and_says_so():
    words = Words(Given(), describe=lambda seen: "word " * 10_000)
    said, _ = words.reset(seed=0)
    assert len(said) < 20_100
    assert said.endswith("(30,000 more characters)")
    told, *_ = words.step("x" * 5_000)
    assert "(4,800 more characters)" in told
    many = shown(spaces.Sequence(spaces.Discrete(4)), tuple([1] * 130))
    assert many.endswith("and 30 more")


SMALL, BIG = spaces.Discrete(2), spaces.Box(0, 1, (30, 30))
PICTURE = spaces.Box(0, 255, (40, 60, 3), np.uint8)


@pytest.mark.parametrize(
    ("env", "given", "said"),
    [
        (Given(spaces.Discrete(4)), {"names": ["a", "b"]}, "actions: there are 2 names for 4"),
        (Given(), {"names": ["a", "A"]}, "actions: two names are the same"),
        (Given(), {"names": ["a", 3]}, r"actions: names are a list of texts, not \['a', 3\]"),
        (Given(), {"names": "ab"}, "actions: names are a list of texts, not 'ab'"),
        (Given(), {"names": {"x": 3}}, "actions: the parts have 3 = 3 values, and there are 2"),
        (Given(spaces.Text(3)), {"names": ["a"]}, "has texts as values, which need no names"),
        (
            Given(spaces.MultiDiscrete([2, 2])),
            {"names": ["a"]},
            "actions: 1 parts have names, and there are 2",
        ),
        (Given(spaces.Box(0, 1, (2,))), {"names": [["a"], ["b"]]}, "a fraction have no names"),
        (Given(spaces.Dict(door=SMALL)), {"names": {"dor": ["a", "b"]}}, "did you mean 'door'"),
        (Given(spaces.Dict(door=SMALL)), {"names": ["a"]}, "a mapping by the keys door"),
        (Given(spaces.Sequence(SMALL)), {}, "actions: no text can say any number of values"),
        (Given(PICTURE), {}, "actions: no text can say a picture"),
        (Given(spaces.OneOf([SMALL])), {}, r"actions: OneOf\(.*cannot be put into words"),
        (Given(observations=PICTURE), {"fields": ["a"]}, "is a picture, which needs no names"),
        (Given(observations=spaces.Box(0, 255, (84, 84, 4), np.uint8)), {}, "28,224 numbers, too"),
        (Given(observations=BIG), {}, "has 900 numbers, too many for words.*describe=..."),
        (Given(observations=spaces.Graph(SMALL, None)), {}, "Graph.*describe=..."),
        (Given(observations=spaces.Tuple([PICTURE, PICTURE])), {}, "there are 2 pictures, 1, 2"),
        (Given(), {"fields": {"a": 3}}, "observations: the parts have 3"),
        (Given(), {"describe": "words"}, "describe is a function, given in Python"),
        (Given(), {"describe": str, "fields": ["a", "b"]}, "describe does all of that"),
        (Given(), {"is_slippery": False}, "is_slippery: give this to the environment where it is"),
        ("FrozenLake-v1", {"is_slipery": False}, "no argument 'is_slipery'.*'is_slippery'"),
        ("FrozenLak-v1", {}, "no environment 'FrozenLak-v1' .*did you mean 'FrozenLake-v1'"),
        ("Taxi-v3", {}, "did you mean 'Taxi-v4'"),
        ("FrozenLake-v1", {"colour": 1}, "no argument 'colour': there are 'render_mode', "),
        (3, {}, "env is the id of an environment, such as 'FrozenLake-v1', not 3"),
    ],
)
def test_wrong_arguments_are_refused_in_words(env, given, said):
    with pytest.raises(ValueError, match=said):
        Words(env, **given)


@pytest.mark.filterwarnings("default")  # Gymnasium warns of the old version
@pytest.mark.parametrize("space", [None, 5, iter([1])])
@pytest.mark.parametrize("name", ["action_space", "observation_space"])
def test_what_is_no_space_is_refused_with_its_name(name, space):
    class Odd(gymnasium.Env[Any, Any]):
        action_space = observation_space = spaces.Discrete(2)

    setattr(Odd, name, space)
    with pytest.raises(ValueError, match=rf"^{name} of .*, expected one of gymnasium.spaces$"):
        Words(Odd())


def test_the_argument_env_imports_no_module():
    """An agent's file could run code with it, as Gymnasium imports what stands before a colon."""
    with pytest.raises(ValueError, match=r"'Antigravity-v0': import antigravity with --import"):
        Words("antigravity:Antigravity-v0")


def test_describe_makes_the_text_and_must_make_one():
    assert Words(Given(), describe=lambda seen: f"It is {seen}.").reset(seed=0)[0] == "It is 1."
    with pytest.raises(TypeError, match="describe returned 1, expected a text"):
        Words(Given(), describe=int).reset(seed=0)


def test_a_made_environment_is_wrapped_as_it_is():
    env = gymnasium.make("FrozenLake-v1", render_mode="rgb_array", is_slippery=False)
    words = Words(env, GRID)
    assert (words.render_mode, words.metadata["render_fps"]) == ("rgb_array", 4)
    words.reset(seed=0)
    assert words.step("right")[0] == "observation: 1"
    words.close()


def test_minigrid_is_played_in_words():
    minigrid = pytest.importorskip("minigrid", reason="needs: pip install minigrid")
    assert minigrid
    names = ["left", "right", "forward", "pickup", "drop", "toggle", "done"]
    env = Words("MiniGrid-Empty-5x5-v0", names)
    said, info = env.reset(seed=0)
    assert "mission: get to the green goal square" in said.splitlines()
    assert info["actions"] == names
    check_env(env, skip_render_check=True)
    env.reset(seed=0)
    moves = ["forward", "forward", "right", "forward", "forward"]
    assert [env.step(move)[2] for move in moves] == [False] * 4 + [True]
