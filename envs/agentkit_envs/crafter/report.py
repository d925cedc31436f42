"""What the end of a run says of Crafter episodes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentkit_envs.crafter.score import Successes, crafter_score, progress, success_rates
from agentkit_envs.intervals import bootstrap


def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Achievements and scores of episodes, from the last `info` of each."""
    successes = [{n: c > 0 for n, c in info["achievements"].items()} for info in infos]
    return {
        "achievements": _achievements(successes),
        "Crafter score": _percent(crafter_score, successes),
        "progress": _percent(progress, successes),
    }


def _achievements(successes: Sequence[Successes]) -> str:
    rates = success_rates(successes)
    if len(successes) == 1:
        made = [name for name, rate in rates.items() if rate]
        return f"{len(made)} of {len(rates)}" + (f": {', '.join(made)}" if made else "")
    mean = sum(rates.values()) / 100
    parts = [f"{mean:.1f} of {len(rates)} in the mean episode"]
    for label, wanted in (("always", 100), ("never", 0)):
        names = [name for name, rate in rates.items() if rate == wanted]
        parts += [f"{label} {', '.join(names)}"] if names else []
    return "; ".join(parts)


def _percent(
    statistic: Callable[[Sequence[Successes]], float], successes: Sequence[Successes]
) -> str:
    text = f"{statistic(successes):.1f}%"
    if len(successes) == 1:
        return f"{text} (one episode)"
    low, high = bootstrap(statistic, successes)
    return f"{text} (95% between {low:.1f} and {high:.1f}, {len(successes)} episodes)"
