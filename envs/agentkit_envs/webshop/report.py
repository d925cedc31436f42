"""What the end of a run says of WebShop episodes."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.environments.estimates import Estimate, estimate, share
from agentkit_envs.webshop.score import score, successes

GENERATED = ", on generated products: no result of the benchmark"
"""What stands behind a score that was reached on products that we made up."""
ORIGINAL_NOUNS = "spacy:en_core_web_lg"


def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str | Estimate]:
    """Score, success rate and their parts, from the last `info` of each episode.

    It says on which goals of which catalogue, and behind the score when it was a generated one.
    """
    scores = [info["score"] for info in infos if info["score"] is not None]
    rewards = [s["reward"] for s in scores] + [0.0] * (len(infos) - len(scores))
    note = GENERATED if any(info["generated"] for info in infos) else ""
    lines: dict[str, str | Estimate] = {
        "score": estimate(score, rewards, note=note),
        "success rate": share(successes(rewards), len(rewards)),
        "purchases": f"{len(scores)} of {_episodes(len(infos))}",
    }
    if scores:
        lines["parts"] = _parts(scores)
        lines["nouns"] = _nouns(scores)
    lines["goals"] = _goals(infos)
    if any(info["attributes_shown"] for info in infos):
        lines["attributes"] = "shown to the shopper: no result of the benchmark"
    lines["catalogue"] = _catalogues(infos)
    return lines


def _parts(scores: Sequence[Mapping[str, Any]]) -> str:
    """What the purchases had of what was asked, in percent, and their mean type factor."""
    parts = [
        f"{name} {100 * had / asked:.1f}%"
        for name in ("attributes", "options")
        if (asked := sum(s[name] for s in scores))
        for had in (sum(s[f"matched_{name}"] for s in scores),)
    ]
    prices = sum(s["price_ok"] for s in scores)
    factor = sum(s["type_factor"] for s in scores) / len(scores)
    parts += [f"price {100 * prices / len(scores):.1f}%", f"type factor {factor:.3f}"]
    return ", ".join(parts)


def _nouns(scores: Sequence[Mapping[str, Any]]) -> str:
    taggers = sorted({s["nouns"] for s in scores})
    text = ", ".join(taggers)
    return text if taggers == [ORIGINAL_NOUNS] else f"{text} (the original: {ORIGINAL_NOUNS})"


def _goals(infos: Sequence[Mapping[str, Any]]) -> str:
    """Which goals were played, for each kind, split and number of goals."""
    played: dict[tuple[str, str, int], set[int]] = {}
    for info in infos:
        kind = info["goals"], info["split"], info["goal_count"]
        played.setdefault(kind, set()).add(info["session"])
    return "; ".join(
        f"{kind}, {_numbers(numbers)} of {count:,} (split {split})"
        for (kind, split, count), numbers in sorted(played.items())
    )


def _numbers(numbers: set[int]) -> str:
    first, last = min(numbers), max(numbers)
    if first == last:
        return f"{first:,}"
    if len(numbers) == last - first + 1:
        return f"{first:,} to {last:,}"
    return f"{len(numbers):,} between {first:,} and {last:,}"


def _catalogues(infos: Sequence[Mapping[str, Any]]) -> str:
    """The catalogue; when the data changed between episodes of one run, that they differ."""
    names: list[str] = sorted({info["catalogue"] for info in infos})
    if len(names) == 1:
        return names[0]
    return f"{len(names)} different ones, so the numbers belong to none: {'; '.join(names)}"


def _episodes(count: int) -> str:
    return "1 episode" if count == 1 else f"{count} episodes"
