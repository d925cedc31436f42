"""What the end of a run says of Crafter episodes."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.environments.estimates import Estimate, estimate
from agentkit_envs.crafter.score import Successes, crafter_score, progress, success_rates


def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str | Estimate]:
    """Achievements and scores of episodes, from the last `info` of each."""
    successes = [{n: c > 0 for n, c in info["achievements"].items()} for info in infos]
    return {
        "achievements": _achievements(successes),
        "Crafter score": estimate(crafter_score, successes, unit="%"),
        "progress": estimate(progress, successes, unit="%"),
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
