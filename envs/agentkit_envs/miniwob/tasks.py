"""Which tasks there are, by name and by group."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import yaml

from agentkit_envs.checks import near

ALL: Final = "all"
LISTING: Final = "python -m agentkit_envs.miniwob"
"""What prints the tasks."""
WINDOW: Final = (500, 420)
"""Width and height in pixels. A task takes 160 x 210, and some draw beyond: nothing may scroll, for
where things stand would then depend on how they were reached."""
_FLIGHT_WINDOW: Final = (600, 700)
_FLIGHT = "flight."


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """The tasks of each group; a task may be in several."""
    text = files("agentkit_envs.miniwob").joinpath("tasks.yaml").read_text(encoding="utf-8")
    named = {name: tuple(tasks) for name, tasks in yaml.safe_load(text).items()}
    return {ALL: tuple(sorted({task for tasks in named.values() for task in tasks})), **named}


def chosen_tasks(task: str | Sequence[str]) -> tuple[str, ...]:
    """The tasks that an argument names: names and groups, in a list or in a text with commas.

    Raises:
        ValueError: A name is unknown, or none is given; every problem is listed.
    """
    names = _names(task)
    known = groups()
    found: dict[str, None] = {}
    problems = []
    for name in names:
        tasks = known.get(name, (name,) if name in known[ALL] else ())
        if not tasks:
            problems.append(_unknown(name))
        found.update(dict.fromkeys(tasks))
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(found)


def page_of(task: str) -> str:
    """The path of a task's page, under the folder of all pages."""
    if task.startswith(_FLIGHT):
        return f"flight/{task.removeprefix(_FLIGHT)}/wrapper.html"
    return f"miniwob/{task}.html"


def window_of(task: str) -> tuple[int, int]:
    """Width and height of the window that a task is shown in."""
    return _FLIGHT_WINDOW if task.startswith(_FLIGHT) else WINDOW


def _names(task: object) -> list[str]:
    if isinstance(task, str):
        names = task.replace(",", " ").split()
    elif isinstance(task, (list, tuple)) and all(isinstance(name, str) for name in task):
        names = list(task)
    else:
        names = []
    if not names:
        raise ValueError(
            "task is the name of a task such as 'click-test', of a group such as 'benchmark', "
            f"or several of them, not {task!r}"
        )
    return names


def _unknown(name: str) -> str:
    known = groups()
    if not known.get(name, (name,)):
        return f"the group '{name}' has no tasks"
    close = near(name, [*known, *known[ALL]])
    if close:
        return f"task '{name}' is unknown{close}"
    return (
        f"task '{name}' is unknown. There are the groups {', '.join(known)}, and {len(known[ALL])} "
        f"tasks, such as {known[ALL][0]}; '{LISTING}' lists them"
    )
