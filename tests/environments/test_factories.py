"""Environments that a program gives an agent: a class, or a function that makes one."""

import asyncio
from functools import partial

import gymnasium
import numpy as np
import pytest
from agentkit_envs.text import AnyText

from agentkit import (
    Agent,
    EnvSpec,
    Graph,
    InputError,
    Limits,
    Node,
    Plan,
    RunWriter,
    SpecError,
    dump_agent,
    fork,
    load_run,
    parse_agent,
    render,
    replay,
    rollout_sync,
)
from agentkit.rollouts.recorded_setup import recorded_agent


class Doors(gymnasium.Env):
    """It ends when all doors are open."""

    observation_space = action_space = AnyText()
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, doors: int = 3, render_mode: str | None = None) -> None:
        self.doors = doors
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = self.doors
        return f"{self.left} doors", {"actions": ["open"]}

    def step(self, action):
        self.left -= 1
        return f"{self.left} doors", 1.0, self.left == 0, False, {"actions": ["open"]}

    def render(self):
        return np.full((8, 8, 3), 20 * self.left, np.uint8)


GRAPH = Graph([Node("act", "{{ observation }}", output={"choice": "actions"})])


def opener(env, **options) -> Agent:
    return Agent(GRAPH, model=lambda request: "open", env=env, **options)


def make_two(render_mode: str | None = None) -> gymnasium.Env:
    return Doors(2, render_mode)


@pytest.mark.parametrize(
    ("env", "name", "steps"),
    [
        (Doors, "Doors", 3),
        (EnvSpec(Doors, {"doors": "{{ 2 + 2 }}"}), "Doors", 4),
        (partial(Doors, 5), "Doors", 5),
        (make_two, "make_two", 2),
        (EnvSpec("two doors", make=make_two), "two doors", 2),
    ],
)
def test_each_episode_makes_its_own_environment(env, name, steps):
    agent = opener(env)
    assert agent.env.id == (name if " " in name else f"{Doors.__module__}:{name}")
    summary = rollout_sync(agent, Plan(episodes=6, parallel=3))
    assert [(episode.status, episode.steps) for episode in summary.episodes] == [
        ("done", steps)
    ] * 6


def test_an_environment_may_be_named_by_its_id_alone():
    assert opener("CartPole-v1").env == EnvSpec("CartPole-v1")
    with pytest.raises(InputError, match=r"unknown environment 'CartPol-v1'"):
        rollout_sync(opener("CartPol-v1"))


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (Doors(), r"made already, and each episode makes its own: .* such as Doors or lambda: Doo"),
        (int, r"the class int is no gymnasium\.Env: expected a registered id, a class"),
        ({"id": "CartPole-v1"}, r"this is a mapping: write EnvSpec\(id, \{argument: value\}\)"),
        (gymnasium.spec("CartPole-v1"), "an EnvSpec of Gymnasium: give its id, 'CartPole-v1'"),
        (7, "expected a registered id, a class of gymnasium.Env, or a function .* found 7"),
        (" ", "the environment's id is empty"),
    ],
)
def test_what_is_no_environment_is_refused_when_the_agent_is_made(env, message):
    with pytest.raises(SpecError, match=message) as caught:
        opener(env)
    assert caught.value.problems[0].field == "env"
    with pytest.raises(InputError, match=message):
        EnvSpec(env)


def test_arguments_of_an_environment_are_a_mapping():
    with pytest.raises(InputError, match="environment arguments: expected a mapping, found 3"):
        EnvSpec(Doors, 3)


SHARED = Doors()


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (lambda: "a text", "expected a gymnasium.Env, found 'a text'"),
        (lambda size: Doors(size), "missing 1 required positional argument: 'size'"),
        (lambda: SHARED, "is the one that another episode had: return a new one each time"),
    ],
)
def test_a_function_that_makes_no_new_environment_ends_the_run(env, message):
    with pytest.raises(InputError, match=message):
        rollout_sync(opener(env), Plan(episodes=2))


def test_a_node_is_rendered_in_it():
    (messages,) = render(opener(make_two), "act").messages
    assert messages[-1].content.startswith("2 doors")


@pytest.mark.parametrize("env", [Doors, partial(Doors, 3), make_two])
def test_its_pictures_are_recorded(env, tmp_path):
    with RunWriter(tmp_path / "run") as writer:
        rollout_sync(opener(env), Plan(record=True), writer=writer)
    assert (tmp_path / "run" / "pictures" / "0000.webp").exists()


def test_a_function_that_takes_no_render_mode_cannot_be_recorded(tmp_path):
    with (
        pytest.raises(InputError, match="unexpected keyword argument 'render_mode'"),
        RunWriter(tmp_path / "run") as writer,
    ):
        rollout_sync(opener(lambda: Doors()), Plan(record=True), writer=writer)


@pytest.fixture
def stopped(tmp_path):
    """The folder of a run in Doors that a limit stopped after two of its three steps."""
    with RunWriter(tmp_path / "run") as writer:
        rollout_sync(opener(Doors, limits=Limits(steps=2)), writer=writer)
    return tmp_path / "run"


def test_a_record_says_where_the_class_is(stopped):
    assert load_run(stopped).about["env"] == {"id": f"{Doors.__module__}:Doors", "arguments": {}}


def test_the_same_program_resumes_replays_and_forks_a_run_in_it(stopped, tmp_path):
    agent = opener(Doors)
    with RunWriter.resume(load_run(stopped)) as writer:
        (episode,) = rollout_sync(agent, writer=writer).episodes
    assert (episode.status, episode.steps) == ("done", 3)
    run = load_run(stopped)
    compared = asyncio.run(replay(run, RunWriter(tmp_path / "again"), agent))
    assert (compared.steps, compared.difference) == (3, None)
    with RunWriter(tmp_path / "fork") as writer:
        plan = fork(agent, run, 0, 1, writer)
        (episode,) = rollout_sync(agent, plan, writer=writer).episodes
    assert (episode.status, episode.usage.calls) == ("done", 2)
    assert load_run(tmp_path / "fork").about["from"]["step"] == 1
    with (
        pytest.raises(InputError, match=r"was recorded in .*:Doors\(\), and agent plays in .*:mak"),
        RunWriter(tmp_path / "other") as writer,
    ):
        fork(opener(make_two), run, 0, 1, writer)


def test_who_has_only_the_record_is_told_that_a_program_has_the_environment(stopped, tmp_path):
    with pytest.raises(InputError, match="only that program can go on with it, with RunWriter"):
        recorded_agent(load_run(stopped))
    text = "model: echo\nenv: CartPole-v1\nnodes: ['{{ observation }}']\n"
    with RunWriter(tmp_path / "mixed") as writer:
        rollout_sync(parse_agent(text).replace(env=Doors), writer=writer)
    with pytest.raises(InputError, match=r"was played in .*:Doors, which a program gave the agent"):
        recorded_agent(load_run(tmp_path / "mixed"))


def test_yaml_cannot_name_it():
    with pytest.raises(InputError, match=r"env is Python's .*:Doors; register it"):
        dump_agent(opener(Doors).replace(model="echo"))
