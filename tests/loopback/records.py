"""The calls in the record of a run, to hold against those that the server received."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from loopback.answers import digest_of

_ENDS = ("node_finished", "node_retried", "node_failed")


def recorded_calls(events: Iterable[dict[str, Any]]) -> Counter[str]:
    """Digests of the requests whose answers are in the record of an episode.

    They equal `Received.digest` of requests without pictures. Reused answers do not count.
    """
    found: Counter[str] = Counter()
    asked: dict[tuple[Any, ...], str] = {}
    for event in events:
        place = tuple(event.get(key) for key in ("step", "node", "item", "attempt"))
        if event["event"] == "node_started" and event["messages"]:
            pairs = ((said["role"], said["content"]) for said in event["messages"])
            asked[place] = digest_of(pairs)
        elif event["event"] in _ENDS and event["completion"] and not event.get("reused"):
            found[asked[place]] += 1
    return found
