"""What rule-based players have in common: a state that follows the episode, a rule for each node.

They are guests in an agent: they go by the names of its nodes and by what the environment shows.
Prompts, schemas, contexts and memory are none of their business, so these can change.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from agentkit.errors import ModelError, suggest
from agentkit.messages import Request

S = TypeVar("S")

_MISSING: Any = object()


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
        rules: For each node what answers it, from the state: a text, or a value of JSON.
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
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)

    def state(self, request: Request) -> S:
        """Return the state after everything that was seen up to a request.

        Raises:
            ModelError: There is no environment.
        """
        moment = request.moment
        if moment is None or not isinstance(moment.observation, str):
            raise ModelError(f"the rule-based {self._game} player sees no observation of the game")
        seen, state = moment.notes.get(self, (0, None))
        steps = [*moment.history[seen:], {"observation": moment.observation}]
        if seen == len(moment.history) + 1:
            return state  # type: ignore[no-any-return]
        action = moment.history[seen - 1]["action"] if seen else None
        for step in steps:
            state = self._follow(state, Sight(step["observation"], action, moment.info))
            action = step.get("action")
        moment.notes[self] = (len(moment.history) + 1, state)
        return state  # type: ignore[no-any-return]


def fitted(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return an answer in the form that a schema asks for, with as much of it as fits there.

    A field of another name takes a value of its kind that no field has the name of, the last
    field the last such value. Fields that are not asked for are left out; what is asked for and not
    there is empty: a text without words, 0, false, a list without items.
    """
    if "enum" in schema:
        return _one_of(value, schema["enum"])
    if "anyOf" in schema:
        kinds = schema["anyOf"]
        nothing = next((kind for kind in kinds if kind.get("type") == "null"), None)
        if nothing is not None and (value is None or value is _MISSING):
            return None
        return fitted(value, next(kind for kind in kinds if kind is not nothing))
    fit = _FITS.get(schema.get("type", ""))
    if fit is not None:
        return fit(value, schema)
    return None if value is _MISSING else value


def _one_of(value: Any, options: list[Any]) -> Any:
    """The option that an answer, or a part of it, is or is the beginning of; else the first."""
    if isinstance(value, bool) and "yes" in options:
        value = "yes" if value else "no"
    parts = [*value.values()] if isinstance(value, Mapping) else [value]
    for part in parts:
        if part in options:
            return part
    begun = (one for part in parts for one in options if str(one).startswith(f"{part} "))
    return next(begun, options[0])


def _object(value: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    given = value if isinstance(value, Mapping) else {}
    fields = schema.get("properties")
    if fields is None:
        return dict(given)
    named = {name: given.get(name, _MISSING) for name in fields}
    left = [one for name, one in given.items() if name not in fields]
    for name in reversed(fields):
        fits = [at for at, one in enumerate(left) if _is_a(one, fields[name])]
        if named[name] is _MISSING and fits:
            named[name] = left.pop(fits[-1])
    return {name: fitted(named[name], fields[name]) for name in fields}


def _is_a(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value is of the kind that a schema asks for."""
    if "enum" in schema:
        return value in schema["enum"]
    if "anyOf" in schema:
        return any(_is_a(value, kind) for kind in schema["anyOf"])
    kind = _KINDS.get(schema.get("type", ""), ())
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _array(value: Any, schema: Mapping[str, Any]) -> list[Any]:
    items = value if isinstance(value, list) else []
    return [fitted(item, schema.get("items", {})) for item in items]


def _number(value: Any, schema: Mapping[str, Any]) -> int | float:
    found: int | float = value if isinstance(value, (int, float)) else schema.get("minimum", 0)
    return int(found) if schema["type"] == "integer" else found


def _text(value: Any, schema: Mapping[str, Any]) -> str:
    if value is _MISSING:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
