"""Checks of the environment's arguments, each with a message that says how to mend it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from agentkit_envs.browser.chromium import ChromiumMissing, find_chromium
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.checks import (
    existing_folder,
    one_of,
    pair,
    refuse,
    seconds,
    text,
    true_or_false,
    whole,
)

DIALOGS = ("dismiss", "accept")
RENDER_MODES = ("human", "rgb_array", "rgb_array_list")
LEAST_TEXT = 1000
"""Characters under which an observation could not even say where one is."""
LEAST_SIDE = 100
"""Pixels; pages are not made for smaller windows."""


def checked_origins(
    url: str | None, allow: str | Sequence[str], others: Sequence[str | None] = ()
) -> AllowList:
    """What `url` and `allow` open, checked together with the other arguments.

    Args:
        url: The start page.
        allow: More that may be reached: a sequence, or one text with spaces or commas between.
        others: What is wrong with other arguments, as lines; None where nothing is.

    Raises:
        ValueError: Something is wrong; every problem is listed.
    """
    if not isinstance(url, str) or not url.strip():
        problem = (
            "url is the address of the page to start on, such as 'https://shop.example/', "
            f"not {url!r}"
        )
        refuse([problem, *others])
    try:
        found = AllowList.parse(url, origins(allow))
    except ValueError as error:
        refuse([str(error), *others])
        raise
    refuse(others)
    return found


def origins(allow: object) -> list[str]:
    """The entries of `allow`: of a sequence, or of a text with spaces or commas between.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(allow, str):
        return allow.replace(",", " ").split()
    if isinstance(allow, (list, tuple)) and all(isinstance(entry, str) for entry in allow):
        return list(allow)
    raise ValueError(
        "allow is a list of origins that may be reached besides the start page's, such as "
        f"['https://help.example'], not {allow!r}"
    )


def window_problems(
    *,
    viewport: object,
    action_timeout_s: object,
    dialogs: object,
    uploads: object,
    render_mode: object,
) -> list[str | None]:
    """What is wrong with how the browser is used; the arguments that every page has."""
    return [
        pair("viewport", viewport, LEAST_SIDE, "the window's width and height in pixels"),
        seconds("action_timeout_s", action_timeout_s),
        one_of("dialogs", dialogs, DIALOGS),
        existing_folder("uploads", uploads, "no uploads"),
        _rendering(render_mode),
        _browser(),
    ]


def text_problems(
    *,
    goal: object,
    max_steps: object,
    text_size: object,
    image: object,
    marks: object,
    multi_action: object = False,
) -> list[str | None]:
    """What is wrong with what is told and how long."""
    return [
        text("goal", goal, "a text that says what to do"),
        whole("max_steps", max_steps, 1, "no limit"),
        whole("text_size", text_size, LEAST_TEXT),
        true_or_false("image", image),
        true_or_false("marks", marks),
        true_or_false("multi_action", multi_action),
        "marks are drawn on the image: give image=True too" if marks and not image else None,
    ]


def folder(path: str | Path | None) -> Path | None:
    """A folder that was checked, as a path."""
    return None if path is None else Path(path)


def _rendering(value: object) -> str | None:
    if value is not None and value not in RENDER_MODES:
        return one_of("render_mode", value, RENDER_MODES)
    if value == "human" and not _has_screen():
        return (
            "render_mode='human' shows the browser's window, and this machine has no screen "
            "(neither DISPLAY nor WAYLAND_DISPLAY is set): without it the browser runs unseen, "
            "and render_mode='rgb_array' takes pictures"
        )
    return None


def _has_screen() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _browser() -> str | None:
    try:
        find_chromium()
    except ChromiumMissing as error:
        return str(error)
    return None
