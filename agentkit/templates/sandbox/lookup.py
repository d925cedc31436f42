"""`a.b` and `a["b"]` in a template, and what is said when there is nothing there."""

from collections.abc import Mapping, Sized
from functools import partial
from itertools import islice
from typing import Any

from jinja2.runtime import LoopContext, StrictUndefined, Undefined
from jinja2.sandbox import is_internal_attribute
from jinja2.utils import missing

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
_LOOP_NAMES = frozenset(name for name in dir(LoopContext) if not name.startswith("_"))

_OPEN_TO: tuple[tuple[Any, frozenset[str]], ...] = (
    (str, TEXT_METHODS),
    (list, LIST_METHODS),
    (float, FLOAT_METHODS),
    ((int, type(None), bytes, set, frozenset), frozenset()),
)
_LISTED_KEYS = 20
_SHOWN_KEY = 60


class MissingValue(StrictUndefined):
    """A name, key or item that is not there: any use of it is an error, `default` is none."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: Any = RenderError
    ) -> None:
        super().__init__(hint, obj, name, exc)

    @property
    def _undefined_message(self) -> str:
        if self._undefined_obj is not missing:
            return str(NotFound(self._undefined_obj, self._undefined_name))
        return self._undefined_hint or f"'{self._undefined_name}' is not known here."


class NotFound(RenderError):
    """A key or attribute that is not there."""

    def __init__(self, owner: Any, key: Any, *_: str) -> None:
        self.owner = owner
        self.key = key
        super().__init__(self.explain("the value"))

    def explain(self, owner: str) -> str:
        """Return what is missing from the value that the template calls `owner`."""
        key = str(self.key)[:_SHOWN_KEY] if isinstance(self.key, (str, int)) else kind_of(self.key)
        if isinstance(self.owner, Mapping):
            keys = [str(known)[:_SHOWN_KEY] for known in islice(self.owner, _LISTED_KEYS)]
            more = ", ..." if len(self.owner) > len(keys) else ""
            known = ", ".join(keys) + more if keys else "nothing"
            return f"{owner} has no '{key}'; it has: {known}.{suggest(key, keys)}"
        if isinstance(self.key, int) and isinstance(self.owner, Sized):
            return f"{owner} has no item {key}; its length is {len(self.owner)}."
        return f"{owner} has no '{key}'; it is {kind_of(self.owner)}."


def _missing(owner: Any, key: Any) -> MissingValue:
    return MissingValue(obj=owner, name=key, exc=partial(NotFound, owner, key))


def present(value: Any) -> Any:
    """Return the value, or raise the error of one that is missing."""
    if isinstance(value, Undefined):
        str(value)  # a strict undefined value raises its own message
    return value


def read_name(owner: Any, name: str) -> Any:
    """Return `owner.name`, or a missing value. The key of a mapping comes before any attribute."""
    kind = owner.__class__
    if kind is LoopContext and name in _LOOP_NAMES:
        return getattr(owner, name)
    if kind is dict or isinstance(owner, Mapping):
        if name in owner:
            return owner[name]
        return getattr(owner, name) if name in MAPPING_METHODS else _missing(owner, name)
    if isinstance(owner, Undefined):
        return owner
    if name.startswith("_") or is_internal_attribute(owner, name):
        raise RenderError(f"'{name}' is private to Python and cannot be read in a template.")
    for types, names in _OPEN_TO:
        if isinstance(owner, types) and name not in names:
            return _missing(owner, name)
    try:
        return getattr(owner, name)
    except AttributeError:
        return _missing(owner, name)


def read_key(owner: Any, key: Any) -> Any:
    """Return `owner[key]`: a key of a mapping, a position in a list, or else an attribute."""
    if isinstance(owner, Undefined):
        return owner
    try:
        return owner[key]
    except LookupError:
        pass
    except TypeError:
        present(key)
        if not isinstance(key, (str, int)):
            message = f"{kind_of(owner)} cannot be read with {kind_of(key)}."
            raise RenderError(message) from None
    if isinstance(key, str) and not isinstance(owner, Mapping):
        return read_name(owner, key)
    return _missing(owner, key)
