"""What the end of a run says of MiniWoB episodes."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit_envs.intervals import wilson


def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Success rate, mean reward and the tasks that failed, from the last `info` of each episode."""
    won = sum(info["success"] for info in infos)
    rewards = [info["score"] or 0.0 for info in infos]
    lines = {
        "success rate": _share(won, len(infos)),
        "mean reward": f"{sum(rewards) / len(rewards):.3f} (from -1 to 1)",
        "tasks": _tasks(infos),
    }
    partial = sum(0 < reward < 1 for reward in rewards)
    if partial:
        lines["successes with less than the full reward"] = str(partial)
    failed = [info["task"] for info in infos if not info["success"]]
    if failed:
        lines["failed"] = _counted(failed)
    given_up = [info["task"] for info in infos if info["infeasible"] is not None]
    if given_up:
        lines["of these given up"] = f"{len(given_up)}: {_counted(given_up)}"
    actions, errors = (sum(info[key] for info in infos) for key in ("decisions", "failed"))
    lines["actions with an error"] = f"{errors} of {actions}"
    return lines


def _share(won: int, count: int) -> str:
    text = f"{100 * won / count:.1f}%"
    if count == 1:
        return f"{text} (one episode)"
    low, high = wilson(won, count)
    return f"{text} (95% between {100 * low:.1f} and {100 * high:.1f}, {won} of {count} episodes)"


def _tasks(infos: Sequence[Mapping[str, Any]]) -> str:
    names: list[str] = sorted({info["task"] for info in infos})
    if len(names) == 1:
        return names[0]
    return f"{len(names)} different ones, each played {len(infos) / len(names):.3g} times"


def _counted(names: Sequence[str]) -> str:
    """The names in order, with how often where it is more than once."""
    counts = {name: names.count(name) for name in sorted(names)}
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in counts.items())
