"""What a scalar means: the core rules of YAML 1.2, without the surprises of YAML 1.1."""

import re
from typing import Any, Final

from agentkit.agentfile.yaml_marks import EntriesMark, ItemsMark, Mark, ScalarMark

INT_LIMIT: Final = 2**63
"""Whole numbers stay below this; JSON readers agree on no longer ones."""

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAYBE_BOOLEAN = re.compile(r"yes|no|on|off", re.IGNORECASE)
_LONGEST_INTEGER = 40


def plain(scalar: ScalarMark) -> Any:
    """The value of a scalar: text, number, boolean or None."""
    text = scalar.text
    if scalar.style:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base) if len(text) <= _LONGEST_INTEGER else INT_LIMIT
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def could_be_boolean(scalar: ScalarMark) -> bool:
    """Whether YAML 1.1 would have read a boolean: `yes`, `no`, `on`, `off`."""
    return not scalar.style and _MAYBE_BOOLEAN.fullmatch(scalar.text) is not None


def found(value: Mark) -> str:
    """What a value is, for messages: `the number 3`."""
    if isinstance(value, ItemsMark):
        return "a list"
    if isinstance(value, EntriesMark):
        return "a mapping"
    meaning = plain(value)
    if meaning is None:
        return "nothing"
    if isinstance(meaning, bool):
        return str(meaning).lower()
    kind = "the text" if isinstance(meaning, str) else "the number"
    text = " ".join(value.text.split())
    shown = text if len(text) <= 40 else text[:37] + "..."
    return f"{kind} '{shown}'" if isinstance(meaning, str) else f"{kind} {shown}"
