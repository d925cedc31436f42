"""What every registered environment promises."""

import inspect
import subprocess
import sys

import gymnasium
import pytest
from agentkit_envs import ENTRY_POINTS, register
from envs.browser_pages import needs_chromium, served
from gymnasium.error import ResetNeeded

from agentkit.testing import ENV_CHECKS

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


def test_every_registered_environment_is_tried_here():
    assert set(SMALL) == set(ENTRY_POINTS)


@pytest.mark.parametrize("check", ENV_CHECKS, ids=lambda check: check.__name__)
def test_every_environment_keeps_what_all_promise(check, make):
    check(make)


def test_the_class_says_everything_under_its_heading(env_id):
    headings = [line[7:] for line in kind(env_id).__doc__.splitlines() if line[:7] == "    ## "]
    assert tuple(headings) == SECTIONS


def test_the_documented_arguments_are_the_real_ones(env_id):
    assert documented(env_id, "Arguments") == set(inspect.signature(kind(env_id)).parameters)


def test_info_has_only_documented_keys_and_lists_the_actions(env_id, make):
    env = make()
    told = [env.reset(seed=0), env.step("dance")]
    told.append(env.step(told[0][-1]["actions"][0]))
    for *_, info in told:
        assert set(info) <= documented(env_id, "Information")
        assert isinstance(info["actions"], list)
    assert [info["game_steps"] for *_, info in told[:2]] == [0, 0]


def test_before_a_reset_there_is_nothing_to_do(make):
    with pytest.raises(ResetNeeded):
        make().step("dance")


def test_nothing_of_an_environment_is_imported_before_it_is_made():
    program = (
        "import sys, agentkit_envs; agentkit_envs.register()\n"
        "print(sorted(m for m in sys.modules if m.startswith('agentkit_envs')))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.strip() == "['agentkit_envs']"
