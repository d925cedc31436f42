"""What rule-based players have in common: a state that follows the episode, a rule for each node.

They are guests in an agent: they go by the names of its nodes and by what the environment shows.
Prompts, schemas, contexts and memory are none of their business, so these can change.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from operator import eq
from typing import Any, Final, Generic, TypeVar

from agentkit.errors import ModelError, suggest
from agentkit.messages import Request

S = TypeVar("S")

_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that is a text of its own where a node's output has no fields."""

    text: str
    """The answer in one text."""
    fields: Mapping[str, Any]
    """The answer by fields."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the environment shows in a step."""

    observation: str
    """The text of the observation."""
    action: str | None
    """What was done before it; None at the start of an episode."""
    info: Mapping[str, Any]
    """What else the environment says now."""


class Expert(Generic[S]):
    """A rule-based player as a model: from a Request to the text of an answer.

    Its state is made anew from every observation. Where an episode is resumed, it follows the
    history from the start, and comes to the same state.

    Args:
        game: Whose player it is, for errors.
        follow: Makes the state after a sight, from the one before; None at the start.
        rules: For each node what answers it, from the state: a text, a value of JSON, or `Said`.
    """

    def __init__(
        self,
        game: str,
        follow: Callable[[S | None, Sight], S],
        rules: Mapping[str, Callable[[S], Any]],
    ) -> None:
        self._game = game
        self._follow = follow
        self._rules = rules
        self.nodes = tuple(rules)
        """The names of the nodes that it answers."""

    def __call__(self, request: Request) -> str:
        """Return the text that answers a node, in the form that its output asks for.

        Raises:
            ModelError: There is no rule for a node of this name, or no environment.
        """
        node = request.call.node
        rule = self._rules.get(node)
        if rule is None:
            raise ModelError(
                f"the rule-based {self._game} player has no rule for node '{node}'."
                f"{suggest(node, {*self.nodes})} It answers: {', '.join(self.nodes)}."
            )
        found = rule(self.state(request))
        if request.schema is not None:
            found = fitted(found, request.schema)
        elif isinstance(found, Said):
            found = found.text
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)

    def state(self, request: Request) -> S:
        """Return the state after everything that was seen up to a request.

        Raises:
            ModelError: There is no environment.
        """
        moment = request.moment
        if moment is None or not isinstance(moment.observation, str):
            raise ModelError(f"the rule-based {self._game} player sees no observation of the game")
        steps = [*moment.history, {"observation": moment.observation}]
        seen, last, state = moment.notes.get(self, (0, None, None))
        if seen and steps[seen - 1]["observation"] != last:  # a step that failed, and then another
            seen, state = 0, None
        action = steps[seen - 1].get("action") if seen else None
        for step in steps[seen:]:
            state = self._follow(state, Sight(step["observation"], action, moment.info))
            action = step.get("action")
        moment.notes[self] = (len(steps), moment.observation, state)
        return state  # type: ignore[no-any-return]


def fitted(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return an answer in the form that a schema asks for, with as much of it as fits there.

    A field under a name of its own takes the first value of its kind that no field is named after.
    What is then asked for and not there is empty: a text without words, 0, false, a list without
    items. What is not asked for is left out.
    """
    if "anyOf" in schema:
        kinds = schema["anyOf"]
        nothing = next((kind for kind in kinds if kind.get("type") == "null"), None)
        if nothing is not None and (value is None or value is _MISSING):
            return None
        return fitted(value, next(kind for kind in kinds if kind is not nothing))
    if "enum" in schema:
        return _one_of(_parts(value), schema["enum"])
    fit = _FITS.get(schema.get("type", ""))
    if fit is None:
        return None if value is _MISSING else value.fields if isinstance(value, Said) else value
    if fit is not _object and isinstance(value, (Said, Mapping)):
        value = _first_of_kind(_parts(value), schema)
    return fit(value, schema)


def _parts(value: Any) -> list[Any]:
    """The values that an answer consists of."""
    if isinstance(value, Said):
        return [value.text, *value.fields.values()]
    return [*value.values()] if isinstance(value, Mapping) else [value]


def _first_of_kind(values: list[Any], schema: Mapping[str, Any]) -> Any:
    """The first value that is of the kind that a schema asks for."""
    options, kind = schema.get("enum"), _KINDS.get(schema.get("type", ""), object)
    for value in values:
        is_kind = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if value in options if options else is_kind:
            return value
    return _MISSING


def _one_of(parts: list[Any], options: list[Any]) -> Any:
    """The option that a part of an answer is or is the beginning of; else the one that begins most
    like it, such as another `search[...]`."""
    if "yes" in options:
        parts = [("yes" if part else "no") if isinstance(part, bool) else part for part in parts]
    for part in parts:
        if part in options:
            return part
    begun = (one for part in parts for one in options if str(one).startswith(f"{part} "))
    return next(begun, None) or max(options, key=lambda one: _likeness(str(one), parts))


def _likeness(option: str, parts: list[Any]) -> int:
    """How many characters of an option are the beginning of a part of an answer."""
    return max(int(sum(takewhile(bool, map(eq, option, str(part))))) for part in [*parts, ""])


def _object(value: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(value, Said):
        value = value.fields
    given = value if isinstance(value, Mapping) else {"": value}
    fields = schema.get("properties")
    if fields is None:
        return dict(given)
    spare = [part for name, part in given.items() if name not in fields]
    found = {}
    for name, field in fields.items():
        part = given[name] if name in given else _first_of_kind(spare, field)
        if name not in given and part is not _MISSING:
            spare.remove(part)
        found[name] = fitted(part, field)
    return found


def _array(value: Any, schema: Mapping[str, Any]) -> list[Any]:
    items = value if isinstance(value, list) else []
    return [fitted(item, schema.get("items", {})) for item in items[: schema.get("maxItems")]]


def _number(value: Any, schema: Mapping[str, Any]) -> int | float:
    found: int | float = value if isinstance(value, (int, float)) else schema.get("minimum", 0)
    return int(found) if schema["type"] == "integer" else found


def _text(value: Any, schema: Mapping[str, Any]) -> str:
    if value is _MISSING:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[: schema.get("maxLength")]


_KINDS: Final[Mapping[str, Any]] = {
    "object": Mapping,
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "string": str,
}
_FITS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "object": _object,
    "array": _array,
    "boolean": lambda value, schema: value is True,
    "integer": _number,
    "number": _number,
    "string": _text,
}
