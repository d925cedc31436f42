"""Wrong arguments are told all at once, each with what would be right."""

import pytest
from agentkit_envs.browser.arguments import (
    checked_origins,
    origins,
    text_problems,
    window_problems,
)
from envs.browser_pages import needs_chromium

TEXTS = {"goal": "", "max_steps": 30, "text_size": 8000, "image": False, "marks": False}
WINDOW = {
    "viewport": (1280, 720),
    "action_timeout_s": 5.0,
    "dialogs": "dismiss",
    "uploads": None,
    "render_mode": None,
}


def texts(**changes):
    return [problem for problem in text_problems(**{**TEXTS, **changes}) if problem]


def window(**changes):
    return [problem for problem in window_problems(**{**WINDOW, **changes}) if problem]


@needs_chromium
def test_the_defaults_are_right():
    assert texts() == window() == []
    assert texts(max_steps=None) == window(viewport=[800, 600], action_timeout_s=1) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"goal": None}, "goal is a text that says what to do, not None"),
        ({"max_steps": 0}, "max_steps is a whole number of at least 1, or None (null in YAML)"),
        ({"max_steps": True}, "not True"),
        ({"text_size": 10}, "text_size is a whole number of at least 1000, not 10"),
        ({"image": "yes"}, "image is True or False (true or false in YAML), not 'yes'"),
        ({"marks": True}, "marks are drawn on the image: give image=True too"),
    ],
)
def test_a_wrong_text_argument_says_what_would_be_right(changes, said):
    (problem,) = texts(**changes)
    assert said in problem


@needs_chromium
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"viewport": (1280,)}, "viewport is the window's width and height in pixels, two whole"),
        ({"viewport": (1280, 10)}, "of at least 100, not (1280, 10)"),
        ({"action_timeout_s": 0}, "action_timeout_s is a number of seconds above 0, not 0"),
        ({"action_timeout_s": float("inf")}, "not inf"),
        ({"dialogs": "acept"}, "'dismiss' or 'accept', not 'acept'; did you mean 'accept'?"),
        ({"uploads": "nowhere/at/all"}, "uploads is 'nowhere/at/all': there is no such folder"),
        ({"uploads": __file__}, "that is no folder"),
        ({"uploads": ""}, "uploads is the path of a folder, or None (null in YAML) for no uploads"),
        ({"render_mode": "rgb"}, "'human', 'rgb_array' or 'rgb_array_list', not 'rgb'"),
    ],
)
def test_a_wrong_argument_of_the_window_says_what_would_be_right(changes, said):
    (problem,) = window(**changes)
    assert said in problem


@needs_chromium
def test_a_window_needs_a_screen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    (problem,) = window(render_mode="human")
    assert "this machine has no screen (neither DISPLAY nor WAYLAND_DISPLAY is set)" in problem
    monkeypatch.setenv("DISPLAY", ":0")
    assert window(render_mode="human") == []


def test_a_browser_that_is_not_there_is_told_with_the_rest(monkeypatch, tmp_path):
    monkeypatch.setenv("AGENTKIT_CHROMIUM", str(tmp_path / "none"))
    problems = window(dialogs="no")
    assert len(problems) == 2
    assert "there is no such file" in problems[1]


def test_the_start_page_must_be_named():
    with pytest.raises(ValueError, match="url is the address of the page to start on, such as"):
        checked_origins(None, ())


def test_what_may_be_reached_is_a_list_or_a_text():
    given = ["https://a.example", "https://b.example"]
    assert origins("https://a.example, https://b.example") == origins(given) == given
    assert origins("") == []
    with pytest.raises(ValueError, match="allow is a list of origins"):
        origins([1])


def test_every_wrong_argument_is_listed_in_one_error():
    with pytest.raises(ValueError, match="3 arguments are wrong") as caught:
        checked_origins("https://a.example/", ["nonsense://b"], texts(goal=1, max_steps="3"))
    told = str(caught.value)
    for part in ("3 arguments are wrong", "nonsense", "goal is a text", "max_steps is"):
        assert part in told
    assert len(told.splitlines()) == 4


def test_the_start_page_and_the_list_are_what_may_be_reached():
    found = checked_origins("http://127.0.0.1:8000/x", "https://a.example")
    assert found.origins == ("http://127.0.0.1:8000", "https://a.example")
