"""What of a page is shown to who plays a task."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from agentkit_envs.browser.client import REFUSED
from agentkit_envs.browser.see.view import Element, View
from agentkit_envs.miniwob.tasks import page_of

GOAL: Final = "agentkit-goal"
"""How task.js calls the lines of the goal."""


def as_shown(view: View, task: str) -> View:
    """The view without what is no part of the task, or is said apart.

    The address has the number of a port, another one in every process. A task asks for nothing
    elsewhere: what is refused is the browser's own, and comes at any time.
    """
    return replace(
        view,
        url="/" + page_of(task),
        tabs=(),
        notices=tuple(notice for notice in view.notices if not notice.startswith(REFUSED)),
        elements=_without_goal(view.elements),
    )


def _without_goal(elements: Sequence[Element]) -> tuple[Element, ...]:
    kept: list[Element] = []
    within: int | None = None
    for element in elements:
        if within is not None and element.depth > within:
            continue
        within = element.depth if element.role == "note" and element.name == GOAL else None
        if within is None:
            kept.append(element)
    return tuple(kept)
