"""Large values that come again in a record are written once, and then referred to.

The context of a step stands in front of each of its prompts, a recalled turn in many, and a
function's map goes in, comes out and is saved. The first time such a value is written as
`{"$id": 7, "$value": ...}`, later as `{"$same": 7}`; readers put it back.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import orjson

_SMALLEST: Final = 200
"""Characters, or bytes of JSON, from which a value is shared."""
_REMEMBERED: Final = 64
"""How many of the last large values can be referred to."""
_MARKS: Final = ("$id", "$same")


class Deduplicator:
    """The writer's side: what was written lately."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str | bytes, int] = OrderedDict()
        self._next = 0

    def share(self, value: Any) -> Any:
        """What to write for a value: itself, the value with an id, or a reference."""
        if isinstance(value, str):
            return value if len(value) < _SMALLEST else self._refer(value, value)
        if not isinstance(value, (Mapping, list)):
            return value
        try:
            data = orjson.dumps(value)
        except orjson.JSONEncodeError:
            return value
        if len(data) < _SMALLEST and not any(mark in value for mark in _MARKS):
            return orjson.Fragment(data)
        return self._refer(data, orjson.Fragment(data))

    def forget(self) -> None:
        """Forget every value: the line that was to bring one may not have been written.

        Ids are never given twice, so readers are not misled by those that went with it.
        """
        self._ids.clear()

    def _refer(self, key: str | bytes, written: Any) -> dict[str, Any]:
        if key in self._ids:
            self._ids.move_to_end(key)
            return {"$same": self._ids[key]}
        number = self._ids[key] = self._next
        self._next += 1
        if len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)
        return {"$id": number, "$value": written}


class Restorer:
    """The reader's side: what was read so far."""

    def __init__(self) -> None:
        self._values: OrderedDict[int, Any] = OrderedDict()

    def restore(self, written: Any) -> Any:
        """The value that was written.

        Raises:
            KeyError: It refers to a value that is not there.
        """
        if not isinstance(written, dict):
            return written
        if "$same" in written:
            self._values.move_to_end(written["$same"])
            return self._values[written["$same"]]
        if "$id" in written:
            self._values[written["$id"]] = written["$value"]
            self._values.move_to_end(written["$id"])
            if len(self._values) > _REMEMBERED:
                self._values.popitem(last=False)
            return written["$value"]
        return written
