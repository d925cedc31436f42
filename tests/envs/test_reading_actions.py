"""`parse_action` of the environments: the one spelling of what they understand, or the reason."""

from typing import Any

import pytest
from agentkit_envs.browser.env import BrowserEnv
from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.miniwob.env import MiniWoBEnv
from agentkit_envs.webshop.env import WebShopEnv
from agentkit_envs.words.env import Words


def reason(env: Any, text: str) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # its message is what is tested
        env.parse_action(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Move left", "move_left"),
        ("move_left 3", "move_left 3"),
        ("`Move-Left 3`.", "move_left 3"),
        ("noop 1", "noop"),
    ],
)
def test_crafter_reads_its_actions_in_any_spelling(text: str, action: str) -> None:
    assert CrafterEnv().parse_action(text) == action


def test_crafter_says_what_an_action_is() -> None:
    said = reason(CrafterEnv(), "moove left")
    assert said.startswith("'moove left' is not an action: did you mean move_left?")
    assert "a number repeats it: move_left 3" in said


def test_webshop_reads_what_does_something_on_the_page() -> None:
    env = WebShopEnv(products=200)
    env.reset(seed=0)
    assert env.parse_action(" Search [Red  Shoes]. ") == "search[red shoes]"
    assert "nothing to click here" in reason(env, "click[Buy Now]")
    assert "search[words] or click[text]" in reason(env, "I look for red shoes")
    env.step("search[shoes]")
    for said in ("CLICK[back to  search]", "Click on 'Back to Search'.", "back to search"):
        assert env.parse_action(said) == "click[Back to Search]"
    assert "nothing on this page is called 'bakc to search'" in reason(env, "click[bakc to search]")


def test_the_browser_reads_calls_and_says_what_is_wrong_with_one() -> None:
    env = BrowserEnv(url="http://127.0.0.1:1/")
    assert env.parse_action('click("e3");') == "click('e3')"
    assert env.parse_action("click(3)") == env.parse_action("click('3')")
    assert "is not an action" in reason(env, "press the red button")
    assert "Expected: fill(" in reason(env, "fill('e3')")
    several = BrowserEnv(url="http://127.0.0.1:1/", multi_action=True)
    assert several.parse_action("noop()\nclick('e3')") == "noop()\nclick('e3')"


def test_a_task_takes_only_its_own_calls() -> None:
    env = MiniWoBEnv(task="click-button")
    assert env.parse_action('click("e3")') == "click('e3')"
    assert "goto is no action here" in reason(env, "goto('http://x.org')")


def test_an_environment_in_words_reads_names_and_keeps_other_texts() -> None:
    env = Words("FrozenLake-v1", names=["left", "down", "right", "up"])
    assert [env.parse_action(text) for text in ("LEFT.", "left")] == ["left", "left"]
    assert "expected one of left, down, right, up" in reason(env, "jump")
    speed = Words("Pendulum-v1")
    assert speed.parse_action(" 0.12345678 ") == "0.12345678"
