"""Two records compared: what makes them the same, where they first differ, how to show it."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, Final

from agentkit.events import CallRetried, EpisodeResumed, Event, NodeFinished, NodeStarted
from agentkit.models.json_forms import bounds_in, without_bounds
from agentkit.record.line import as_record
from agentkit.record.recorded_calls import first_question, one_wording

Record = dict[str, Any]
"""An event as a JSON object."""

_NOT_COMPARED_FIELDS: Final = frozenset({"latency_s", "waited_s", "seconds"})
"""Fields that differ between two runs that are otherwise the same."""
_NOT_COMPARED_USAGE: Final = frozenset({"calls", "cached_tokens"})
"""Fields of a usage that vary between runs: retries and the provider's cache."""

_CLOSE: Final = 1e-9
"""Sums of costs may differ by so much, as a share, when they are added in another order."""
_SHOWN: Final = 200
"""Characters that are shown of a long value."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay first differs from the record."""

    episode: int
    place: str
    """The step and the node, in words."""
    field: str
    """What differs."""
    recorded: Any
    replayed: Any

    def __str__(self) -> str:
        where = f"episode {self.episode}{', ' if self.place else ''}{self.place}"
        was, now = diff_excerpt(self.recorded, self.replayed)
        return f"{where}: {self.field}\n  recorded: {was}\n  replayed: {now}"


def first_difference(
    episode: int, recorded: Sequence[Record], replayed: Sequence[Record]
) -> Difference | None:
    """The first event of the record that did not happen in the same way, else one too many."""
    found: dict[tuple[Any, ...], deque[Record]] = {}
    for event in replayed:
        found.setdefault(_key(event), deque()).append(event)
    for was in recorded:
        same = found.get(_key(was))
        if not same:
            instead = (_name(now) for now in replayed if _key(now)[2:] == _key(was)[2:])
            return Difference(
                episode, _place(was), "what happened", _name(was), [*instead, "nothing"][-2:][0]
            )
        difference = _differing(was, same.popleft(), "")
        if difference is not None:
            field, one, other = difference
            return Difference(episode, _place(was), f"{was['event']}{field}", one, other)
    extra = next((event for events in found.values() for event in events), None)
    if extra is None:
        return None
    return Difference(episode, _place(extra), "what happened", "nothing", _name(extra))


def _key(event: Record) -> tuple[Any, ...]:
    """What makes two events one and the same happening."""
    return tuple(event.get(name) for name in ("event", "key", "step", "node", "item", "attempt"))


def _differing(was: Any, now: Any, path: str) -> tuple[str, Any, Any] | None:
    """The first part in which two values differ, with its path."""
    if path == ".schema" and was != now:
        now = _bounded_like(was, now)
    if isinstance(was, dict) and isinstance(now, dict) and was.keys() == now.keys():
        parts = ((f"{path}.{key}", was[key], now[key]) for key in was)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        parts = ((f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(was, now, strict=True)))
    elif was == now or _same_cost(path, was, now):
        return None
    else:
        return path, was, now
    found = (_differing(one, other, part) for part, one, other in parts)
    return next((difference for difference in found if difference is not None), None)


def _bounded_like(was: Any, now: Any) -> Any:
    """A schema without the kinds of bounds that nobody set when an older record was made."""
    return without_bounds(now, bounds_in(now) - bounds_in(was))


def _same_cost(path: str, was: Any, now: Any) -> bool:
    numbers = isinstance(was, float) and isinstance(now, float)
    return numbers and path.endswith("cost_usd") and isclose(was, now, rel_tol=_CLOSE)


def _place(event: Record) -> str:
    if "step" not in event:
        return ""
    place = f"step {event['step']}"
    if event.get("node"):
        place += f", node '{event['node']}'"
    return place if event.get("item") is None else f"{place} item {event['item']}"


def _name(event: Record) -> str:
    text = str(event["event"]).replace("_", " ")
    return f"{text}: {event['error']}" if "error" in event else text


def diff_excerpt(one: Any, other: Any) -> tuple[str, str]:
    """Two values, of long ones the first part that differs."""
    texts = [value if isinstance(value, str) else repr(value) for value in (one, other)]
    pairs = enumerate(zip(*texts, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(map(len, texts)))
    start = max(0, same - _SHOWN // 2) if max(map(len, texts)) > _SHOWN else 0
    shown = [text[start : start + _SHOWN] for text in texts]
    ends = ["..." if len(text) > start + _SHOWN else "" for text in texts]
    begin = "..." if start else ""
    return f"{begin}{shown[0]}{ends[0]}", f"{begin}{shown[1]}{ends[1]}"


def comparable(events: Iterable[Event]) -> list[Record]:
    """Return the events of an episode as JSON objects, in a fixed order and without times.

    Two runs are the same when these are equal: parallel nodes finish in any order, but what each
    did does not depend on it. That a run was resumed, that a server did not answer at once, how
    many tries that took and what the server had in its cache are no part of it.
    """
    kept = (compared(event) for event in events)
    return sorted((_lasting(record) for record in kept if record), key=_rank)


def compared(event: Event) -> Record | None:
    """Return what two runs have in common in an event; None when all of it may differ."""
    if isinstance(event, (EpisodeResumed, CallRetried)):
        return None
    left_out = _NOT_COMPARED_FIELDS
    if isinstance(event, NodeFinished):  # its value is compared; older records do not say why
        left_out = left_out | {"error"}
    record = as_record(event)
    if isinstance(event, NodeStarted):
        asked = first_question(record["messages"], event.attempt)
        record["messages"] = [{**said, "content": one_wording(said["content"])} for said in asked]
    return {key: value for key, value in record.items() if key not in left_out}


def _lasting(kept: Record) -> Record:
    """An event without what a server decides."""
    if "usage" in kept:
        kept["usage"] = _tokens(kept["usage"])
    if kept.get("completion"):
        completion = kept["completion"]
        kept["completion"] = {**completion, "usage": _tokens(completion["usage"])}
        kept["completion"].pop("experts", None)  # tokens from the cache take none
    return kept


def _tokens(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in usage.items() if key not in _NOT_COMPARED_USAGE}


_RANKS: Final = {
    name: rank
    for rank, name in enumerate(
        (
            "episode_started", "step_started", "node_added", "node_started", "node_retried",
            "node_skipped", "node_finished", "node_failed", "node_cancelled", "memory_written",
            "step_finished", "step_failed", "environment_stepped", "limit_reached",
            "episode_finished",
        )
    )
}  # fmt: skip
_AFTER_NODES: Final = _RANKS["memory_written"]


def _rank(event: Record) -> tuple[float, int, str, int, int, int]:
    """Where an event stands: by step, then node, item and attempt, then kind."""
    kind = event["event"]
    rank = _RANKS.get(kind, len(_RANKS))
    ends = {"episode_started": -1.0, "episode_finished": float("inf")}
    phase = 0 if kind == "step_started" else 2 if rank > _AFTER_NODES else 1
    item = event.get("item")
    step: int = event.get("step", 0)
    return (
        ends.get(kind, float(step)),
        phase,
        event.get("node") or "",
        -1 if item is None else item,
        event.get("attempt", 0),
        rank,
    )
