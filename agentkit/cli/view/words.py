"""Numbers and values in words: the same in the live view, in plain lines and in the summary."""

from collections.abc import Mapping
from typing import Any

from agentkit.messages import Usage
from agentkit.record.summaries import EpisodeSummary
from agentkit.values import json_text


def seconds(value: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 03 min`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def money(cost_usd: float | None) -> str:
    """`0.00 USD`, more digits below a dollar, or `unknown`."""
    if cost_usd is None:
        return "unknown"
    digits = 2 if cost_usd == 0 or cost_usd >= 1 else 4
    return f"{cost_usd:,.{digits}f} USD"


def tokens(usage: Usage) -> str:
    """`12,345 in (89% cached), 1,234 out, 456 calls`."""
    calls = f"{usage.calls:,} call{'s' if usage.calls != 1 else ''}"
    if not usage.input_tokens and not usage.output_tokens:
        return f"none, {calls}"
    share = usage.cached_tokens / usage.input_tokens if usage.input_tokens else 0
    cached = f" ({share:.0%} cached)"
    return f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out, {calls}"


def unusable(*episodes: EpisodeSummary) -> str:
    """`3 answers: 2 asked again, 1 replaced by otherwise`; nothing where all could be used."""
    became = {
        "asked again": sum(one.retried for one in episodes),
        "replaced by `otherwise`": sum(one.otherwise for one in episodes),
        "cut off and used": sum(one.cut for one in episodes),
    }
    parts = ", ".join(f"{number:,} {what}" for what, number in became.items() if number)
    return f"{count(sum(became.values()), 'answer')}: {parts}" if parts else ""


def score(value: float) -> str:
    """`18.1`, `0.833`, `1.0`: a reward or a return, with enough digits to tell 0.98 from 1."""
    value = round(value, 9) + 0.0  # neither the noise of a sum nor a minus before 0
    if 0 < abs(value) < 0.001:
        return f"{value:.3g}"
    whole, _, digits = f"{value:.3f}".partition(".")
    return f"{whole}.{digits[0]}{digits[1:].rstrip('0')}"


def count(number: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def colour(status: str) -> str:
    """The colour of a way to end: `done`, `failed`, or something between the two."""
    return {"done": "green", "failed": "red"}.get(status, "yellow")


def spoken(value: Any) -> str:
    """A value as one would say it: `goal: wood; steps: go there, take it`."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {spoken(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(spoken(part) for part in value)
    return " ".join(json_text(value).split())


def one_line(text: str, width: int) -> str:
    """A text on one line of at most `width` characters."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
