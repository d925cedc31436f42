"""`a.b` and `a["b"]` in a template, and what is said when there is nothing there."""

from collections.abc import Mapping, Sized
from itertools import islice
from typing import Any

from jinja2.runtime import StrictUndefined, Undefined
from jinja2.sandbox import is_internal_attribute

from agentkit.errors import RenderError, suggest
from agentkit.templates.sandbox.rendered_values import kind_of

TEXT_METHODS = frozenset({
    "capitalize", "casefold", "center", "count", "endswith", "find", "index", "isalnum",
    "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric",
    "isprintable", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip",
    "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
    "swapcase", "title", "upper", "zfill",
})  # fmt: skip
MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})
LIST_METHODS = frozenset({"count", "index"})
FLOAT_METHODS = frozenset({"is_integer"})
LOOP_METHODS = frozenset({"changed", "cycle"})

_OPEN_TO: tuple[tuple[Any, frozenset[str]], ...] = (
    (str, TEXT_METHODS),
    (list, LIST_METHODS),
    (float, FLOAT_METHODS),
    ((int, type(None), bytes, set, frozenset), frozenset()),
)
_LISTED_KEYS = 20


class MissingValue(StrictUndefined):
    """A name without a value: any use of it is an error."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or f"'{self._undefined_name}' is not known here."


class NotFound(RenderError):
    """A key or attribute that is not there."""

    def __init__(self, owner: Any, key: Any) -> None:
        self.owner = owner
        self.key = key
        super().__init__(self.explain("the value"))

    def explain(self, owner: str) -> str:
        """What is missing from the value that the template calls `owner`."""
        if isinstance(self.owner, Mapping):
            keys = [str(key) for key in islice(self.owner, _LISTED_KEYS)]
            more = ", ..." if len(self.owner) > len(keys) else ""
            known = ", ".join(keys) + more if keys else "nothing"
            return f"{owner} has no '{self.key}'; it has: {known}.{suggest(str(self.key), keys)}"
        if isinstance(self.key, int) and isinstance(self.owner, Sized):
            return f"{owner} has no item {self.key}; its length is {len(self.owner)}."
        return f"{owner} has no '{self.key}'; it is {kind_of(self.owner)}."


def raise_if_missing(value: Any) -> None:
    """Raise the error of a name without a value."""
    if isinstance(value, Undefined):
        str(value)  # a strict undefined value raises its own message


def read_name(owner: Any, name: str) -> Any:
    """`owner.name`: the key of a mapping comes before any attribute."""
    if isinstance(owner, Mapping):
        if name in owner:
            return owner[name]
        if name in MAPPING_METHODS:
            return getattr(owner, name)
        raise NotFound(owner, name)
    raise_if_missing(owner)
    if name.startswith("_") or is_internal_attribute(owner, name):
        raise RenderError(f"'{name}' is private to Python and cannot be read in a template.")
    for types, names in _OPEN_TO:
        if isinstance(owner, types) and name not in names:
            raise NotFound(owner, name)
    try:
        return getattr(owner, name)
    except AttributeError:
        raise NotFound(owner, name) from None


def read_key(owner: Any, key: Any) -> Any:
    """`owner[key]`: a key of a mapping or a position in a list."""
    raise_if_missing(owner)
    raise_if_missing(key)
    readable = isinstance(key, int) if isinstance(owner, (str, list)) else owner is not None
    if not readable or isinstance(owner, (int, float)):
        raise NotFound(owner, key)
    try:
        return owner[key]
    except LookupError:
        raise NotFound(owner, key) from None
    except TypeError:
        raise RenderError(f"{kind_of(owner)} cannot be read with {kind_of(key)}.") from None
