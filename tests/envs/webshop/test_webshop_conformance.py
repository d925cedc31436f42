"""The recorded episodes of the original environment, letter by letter."""

import json

import gymnasium
import pytest
from agentkit_envs import register
from envs.webshop_data import DATA, needs_data

pytestmark = needs_data


def episodes():
    path = DATA / "trajectories.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    register()
    return gymnasium.make(
        "agentkit/WebShop-v1",
        data=DATA,
        observation_mode="text",
        max_steps=None,
        cache=tmp_path_factory.mktemp("cache"),
    )


def test_the_recordings_are_all_there():
    assert len(episodes()) == 206
    assert sum(len(episode["steps"]) for episode in episodes()) == 830


@pytest.mark.parametrize("episode", episodes(), ids=lambda episode: episode["session"])
def test_a_recorded_episode_is_reproduced_letter_by_letter(env, episode):
    instruction = episode["reset"].split(" [SEP] ")[2]
    options = {"session": episode["session"], "instruction": instruction}
    observation, info = env.reset(options=options)
    assert observation == episode["reset"]
    assert (info["session"], info["instruction"]) == (episode["session"], instruction)
    for step in episode["steps"]:
        observation, reward, terminated, truncated, info = env.step(step["action"])
        assert observation == step["observation"]
        assert (reward, terminated, truncated, info["understood"]) == (0, False, False, True)


def test_the_goals_have_the_recorded_instructions_but_for_the_price(env):
    for episode in episodes():
        wish = episode["reset"].split(" [SEP] ")[2].rpartition(", and price")[0]
        assert env.unwrapped.goals[episode["session"]].instruction.startswith(wish)
