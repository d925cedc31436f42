"""What the end of a run says of MiniWoB episodes."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from textwrap import shorten
from typing import Any, Final

from agentkit.environments.estimates import Estimate, estimate, share
from agentkit.errors import advice

LONGEST: Final = 100
"""At how many characters a reason is cut."""


def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str | Estimate]:
    """Success rate, mean reward and the tasks that failed, from the last `info` of each episode.

    Episodes that were cut off are named and not counted: they might have been won.
    """
    finished = [info for info in infos if not info.get("cut_off")]
    lines: dict[str, str | Estimate] = {"success rate": "no episode was finished"}
    if finished:
        lines = _scores(finished)
    cut = [info["task"] for info in infos if info.get("cut_off")]
    if cut:
        lines["not finished"] = f"{_counted(cut)} (not counted)"
    actions, errors = (sum(info[key] for info in infos) for key in ("decisions", "failed"))
    lines["actions with an error"] = f"{errors} of {actions}"
    return lines


def _scores(infos: Sequence[Mapping[str, Any]]) -> dict[str, str | Estimate]:
    won = sum(info["success"] for info in infos)
    rewards = [info["score"] or 0.0 for info in infos]
    lines: dict[str, str | Estimate] = {
        "success rate": share(won, len(infos)),
        "mean reward": estimate(fmean, rewards, digits=3, note=", from -1 to 1"),
        "tasks": _tasks(infos),
    }
    given_up = [info for info in infos if info["infeasible"] is not None]
    named = {
        "won with less than the full reward": [
            info["task"] for info in infos if info["success"] and info["score"] < 1
        ],
        "failed": [
            info["task"] for info in infos if not info["success"] and info["infeasible"] is None
        ],
    }
    lines |= {label: _counted(names) for label, names in named.items() if names}
    if given_up:
        lines["given up"] = _with_reasons(given_up)
    return lines


def _tasks(infos: Sequence[Mapping[str, Any]]) -> str:
    names: list[str] = sorted({info["task"] for info in infos})
    if len(names) == 1:
        text = names[0]
    else:
        times = len(infos) / len(names)
        text = f"{len(names)} different ones, each played " + (
            "once" if times == 1 else f"{times:.3g} times"
        )
    wanted = max(info.get("tasks", 0) for info in infos)
    if len(infos) >= wanted:
        return text
    more = advice(f"Plan(episodes={wanted})", f"--episodes {wanted}")
    return f"{text}; {len(infos)} of {wanted} tasks played: {more} plays all"


def _with_reasons(infos: Sequence[Mapping[str, Any]]) -> str:
    """The tasks by why they were given up, each reason once."""
    tasks: dict[str, list[str]] = {}
    for info in infos:
        said = info["infeasible"].replace(f"task {info['task']}", "this task")
        reason = shorten(said, LONGEST, placeholder="...")
        tasks.setdefault(reason, []).append(info["task"])
    return "; ".join(
        f"{_counted(names)} ({reason})" if reason else _counted(names)
        for reason, names in tasks.items()
    )


def _counted(names: Sequence[str]) -> str:
    """The names in order, with how often where it is more than once."""
    counts = {name: names.count(name) for name in sorted(names)}
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in counts.items())
