"""What every registered environment promises."""

import inspect
import subprocess
import sys

import gymnasium
import pytest
from agentkit_envs import ENTRY_POINTS, register
from agentkit_envs.text import AnyText
from envs.browser_pages import needs_chromium, served
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from agentkit.environments.make import describe_info, env_report
from agentkit.values import json_copy

SMALL = {
    "agentkit/Browser-v1": {"goal": "Buy a lamp"},
    "agentkit/Crafter-v1": {},
    "agentkit/MiniWoB-v1": {"task": "click-test, enter-text"},
    "agentkit/WebShop-v1": {"products": 40},
    "agentkit/Words-v1": {"env": "Blackjack-v1", "names": ["stick", "hit"]},
}
"""Arguments that make an environment quickly; a new environment is entered here."""
BROWSERS = {"agentkit/Browser-v1", "agentkit/MiniWoB-v1"}
"""Those that need a browser."""
PAGE = "<title>Lamps</title><button>Buy</button> <a href=/>Again</a>"
SECTIONS = (
    *("Description", "Action Space", "Observation Space", "Reward", "Episode End"),
    *("Information", "Arguments", "Seeds", "Version"),
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(env_id, marks=[needs_chromium] if env_id in BROWSERS else [])
        for env_id in sorted(ENTRY_POINTS)
    ],
)
def env_id(request):
    register()
    return request.param


@pytest.fixture(scope="module")
def own(env_id, tmp_path_factory):
    """What an environment is given here: a folder for what it prepares, a page to open."""
    takes = inspect.signature(kind(env_id)).parameters
    with served({"/": PAGE}) as site:
        given = {"cache": tmp_path_factory.mktemp("cache"), "url": site.url()}
        yield {name: value for name, value in given.items() if name in takes}


@pytest.fixture(scope="module")
def make(env_id, own):
    """Makes environments of the id; they are closed in the end."""
    made = []

    def one():
        made.append(gymnasium.make(env_id, **SMALL[env_id], **own).unwrapped)
        return made[-1]

    yield one
    for env in made:
        env.close()


def kind(env_id):
    return gymnasium.envs.registration.load_env_creator(ENTRY_POINTS[env_id])


def documented(env_id, section):
    """The names that a section of the class's text lists."""
    text = kind(env_id).__doc__.split(f"## {section}\n")[1].split("\n    ## ")[0]
    return {line.split("`")[1] for line in text.splitlines() if line.strip().startswith("- `")}


def episode(env, seed, steps=12):
    """All that is told when the first listed action and a nonsense take turns."""
    observation, info = env.reset(seed=seed)
    told = [(observation, info)]
    for number in range(steps):
        *step, info = env.step("dance" if number % 2 else info["actions"][0])
        told.append((*step, info))
        if step[2] or step[3]:
            break
    return told


def test_every_registered_environment_is_tried_here():
    assert set(SMALL) == set(ENTRY_POINTS)


def test_gymnasium_finds_nothing_to_complain_about(make):
    env = make()
    check_env(env, skip_render_check="human" in env.metadata["render_modes"])  # needs a screen


def test_observations_and_actions_are_texts(make):
    env = make()
    assert isinstance(env.action_space, AnyText)
    assert isinstance(env.observation_space, AnyText)


def test_the_class_says_everything_under_its_heading(env_id):
    headings = [line[7:] for line in kind(env_id).__doc__.splitlines() if line[:7] == "    ## "]
    assert tuple(headings) == SECTIONS


def test_the_documented_arguments_are_the_real_ones(env_id):
    assert documented(env_id, "Arguments") == set(inspect.signature(kind(env_id)).parameters)


def test_info_has_only_documented_keys_and_can_be_recorded(env_id, make):
    for *_, info in episode(make(), seed=0):
        assert set(info) <= documented(env_id, "Information")
        assert isinstance(info["actions"], list)
        recorded = describe_info(info)
        assert json_copy(recorded) == recorded


def test_the_same_seed_is_the_same_episode(make):
    assert episode(make(), seed=3) == episode(make(), seed=3)
    env = make()
    episode(env, seed=8)
    assert episode(env, seed=3) == episode(make(), seed=3)


def test_an_action_that_is_not_understood_changes_nothing_and_says_so(make):
    env = make()
    observation, before = env.reset(seed=0)
    said, reward, terminated, truncated, after = env.step("dance")
    assert (reward, terminated, truncated, after["understood"]) == (0, False, False, False)
    assert before["understood"]
    assert "dance" in said
    assert said != observation
    assert after["game_steps"] == before["game_steps"] == 0


def test_before_a_reset_there_is_nothing_to_do(make):
    with pytest.raises(ResetNeeded):
        make().step("dance")


def test_the_end_of_a_run_has_a_report(env_id, make):
    lines = env_report(env_id, [episode(make(), seed)[-1][-1] for seed in (0, 1)])
    assert lines or not hasattr(kind(env_id), "report")
    assert all(isinstance(text, str) for pair in lines.items() for text in pair)


def test_nothing_of_an_environment_is_imported_before_it_is_made():
    program = (
        "import sys, agentkit_envs; agentkit_envs.register()\n"
        "print(sorted(m for m in sys.modules if m.startswith('agentkit_envs')))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.strip() == "['agentkit_envs']"
