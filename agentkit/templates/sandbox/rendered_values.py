"""What templates do with one value: name its kind, weigh it, write it as text."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from json import JSONEncoder
from typing import Any

from jinja2.runtime import Undefined

from agentkit.errors import RenderError
from agentkit.program.foreign_objects import (
    langchain_form,
    langchain_kind,
    langchain_text,
    named_fields,
)

_CHARACTERS_A_UNIT = 4  # as a shift: 16 characters copied cost about as much as one item visited
_BITS_A_UNIT = 6  # as a shift: 64 bits of a whole number are about 20 characters
_CONTAINERS = (Mapping, list, tuple, set, frozenset, range)
_LIGHT = frozenset({bool, float, type(None)})
_LISTS = frozenset({list, tuple})
_KINDS = {
    type(None): "null",
    bool: "a yes/no value",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
}
_KIND_NAMES = {kind.__name__: words for kind, words in _KINDS.items()}
_KIND_NAME = re.compile(rf"'({'|'.join(_KIND_NAMES)})'(?: object)?")
_LONGEST_WORDS = 300
_LONGEST_SHOWN = 40
_TOO_MANY_DIGITS = "integer string conversion"


def kind_of(value: Any) -> str:
    """Return what sort of value this is, in words for a message."""
    if isinstance(value, Mapping):
        return "a mapping"
    return _KINDS.get(type(value), f"a '{type(value).__name__}'")


def shown(value: Any) -> str:
    """Return a text on one line in quotes, truncated, or the kind of another value."""
    if not isinstance(value, str):
        return kind_of(value)
    line = " ".join(value[:_LONGEST_SHOWN].split())
    return f"'{line}...'" if len(value) > _LONGEST_SHOWN else f"'{line}'"


def in_words(error: Exception) -> str:
    """Return what an error of Python says, in the words of templates."""
    if isinstance(error, RecursionError):
        return "a value is nested too deeply."
    if isinstance(error, MemoryError):
        return "it takes too much memory."
    if isinstance(error, OverflowError) or _TOO_MANY_DIGITS in str(error):
        return "a number is too large."
    if isinstance(error, RenderError):
        return str(error)
    words = str(error)[:_LONGEST_WORDS] or type(error).__name__
    if isinstance(error, TypeError):
        return _KIND_NAME.sub(lambda match: _KIND_NAMES[match[1]], words)
    return words


def weight_of(value: Any, limit: int) -> int:
    """Return the work that going through all of a value takes, counted little beyond `limit`.

    A part that occurs twice counts twice, so a small value that would be written as a huge
    text has the weight of that text.
    """
    if value.__class__ is str:
        return (len(value) >> _CHARACTERS_A_UNIT) + 1
    total = -1
    pending: list[Any] = [(value,)]
    while pending:
        container = pending.pop()
        mapping = container.__class__ not in _LISTS and isinstance(container, Mapping)
        total += len(container) * (3 if mapping else 2)
        if total > limit:
            break
        for part in chain(container, container.values()) if mapping else container:
            kind = part.__class__
            if kind is str:
                total += len(part) >> _CHARACTERS_A_UNIT
            elif kind is dict or kind is list:
                pending.append(part)
            elif kind not in _LIGHT:
                total += _extra_weight(part, pending)
    return total


def _extra_weight(value: Any, pending: list[Any]) -> int:
    """Return what a value weighs beyond 1; the parts of a container are left for later."""
    if isinstance(value, int):
        return value.bit_length() >> _BITS_A_UNIT
    if isinstance(value, str):
        return len(value) >> _CHARACTERS_A_UNIT
    if isinstance(value, _CONTAINERS):
        pending.append(value)
    elif isinstance(value, Iterator):
        raise RenderError(f"{kind_of(value)} may have no end; use 'list' on it first.")
    elif (parts := _parts(value)) is not None:
        pending.append((parts,))
    return 0


def _parts(value: Any) -> Any:
    """Return what stands for an object in a list: its fields, or a message's role and text."""
    if langchain_kind(value) is None:
        return named_fields(value)
    try:
        return langchain_form(value)
    except TypeError as error:
        raise RenderError(f"{error}.") from None


def _plain(value: Any) -> Any:
    if (parts := _parts(value)) is not None:
        return parts
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, range):
        return list(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if getattr(value, "ndim", None) == 0:
        return value.item()
    return _other_text(value)


_COMPACT = JSONEncoder(ensure_ascii=False, default=_plain)


def quoted_json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON on one line, or indented; the order of keys is kept."""
    if indent is None:
        return _COMPACT.encode(value)
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_plain)


def text_of(value: Any) -> str:
    """Return a value as it stands in a prompt: text as it is, JSON for the rest."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, _CONTAINERS):
        return quoted_json(value)
    return _other_text(value)


def _other_text(value: Any) -> str:
    if isinstance(value, Undefined):
        return str(value)
    if getattr(value, "ndim", None) == 0:  # a number or yes/no value of numpy
        return text_of(value.item())
    if callable(value):
        name = getattr(value, "__name__", type(value).__name__)
        raise RenderError(f"'{name}' is a function, not a value. To call it write '{name}()'.")
    if langchain_kind(value) is not None:
        try:
            return langchain_text(value)
        except TypeError as error:
            raise RenderError(f"{error}.") from None
    if (parts := named_fields(value)) is not None:
        return quoted_json(parts)
    kind: Any = type(value)
    only_shown_to_programmers = kind.__str__ is object.__str__
    if only_shown_to_programmers or isinstance(value, (Iterator, bytes)) or hasattr(value, "ndim"):
        raise RenderError(f"{kind_of(value)} cannot be written into a text.")
    return str(value)
