"""JSON values: copied, and refused when they are something else."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any, Final

import orjson

from agentkit.errors import InputError
from agentkit.program.foreign_objects import langchain_form, langchain_kind, langchain_text

JsonSchema = Mapping[str, Any]
"""A JSON Schema."""
JSON_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
"""How values are written in a record."""
LARGEST: Final = 2**63
"""Whole numbers from here on are refused: many readers of JSON cannot hold them."""

NUL: Final = (
    "the character U+0000 (NUL, '\\0' in double quotes) is in this text, and neither models nor "
    "names of files can have it: delete it"
)
"""What is wrong with a text that has one."""


def fits(number: int) -> bool:
    """Whether a whole number fits into 64 bits."""
    return -LARGEST <= number < LARGEST


def json_copy(value: Any, where: str = "value") -> Any:
    """A deep copy of a JSON value; tuples become lists.

    A message or document of LangChain becomes its text; in a list or mapping, a mapping.

    Raises:
        TypeError: Something in it is not a JSON value. The message says where.
    """
    try:
        return _copy(value) if langchain_kind(value) is None else langchain_text(value)
    except TypeError as error:
        raise TypeError(_complaint(value, where) or str(error)) from None
    except RecursionError:
        raise TypeError(f"{where} is nested too deeply, or contains itself") from None


def checked_copy(value: Any, where: str) -> Any:
    """A deep copy of a JSON value that a program gave.

    Raises:
        InputError: Something in it is not a JSON value. The message says where.
    """
    try:
        return json_copy(value, where)
    except TypeError as error:
        raise InputError(str(error)) from error


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int and fits(value):
        return value
    if kind is list:
        return [_copy(item) for item in value]
    if kind is dict:
        return {_key(key): _copy(item) for key, item in value.items()}
    if isinstance(value, float) and isfinite(value):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_copy(item) for item in value]
    if isinstance(value, Mapping):
        return {_key(key): _copy(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and fits(value):
        return int(value)
    return _copy(_foreign_form(value))


def _foreign_form(value: Any) -> Any:
    if langchain_kind(value) is None:
        raise TypeError("not a JSON value")
    return langchain_form(value)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError("not a text key")
    return str(key)


def _complaint(value: Any, where: str) -> str | None:
    """What in a value is not JSON, and where; None when all of it is."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"{where} has the key {key!r}; keys are texts"
            if complaint := _complaint(item, f"{where}.{key}"):
                return complaint
        return None
    if isinstance(value, (list, tuple)):
        found = (_complaint(item, f"{where}[{i}]") for i, item in enumerate(value))
        return next((complaint for complaint in found if complaint), None)
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, int):
        return None if fits(value) else f"{where} is a number of more than 64 bits"
    if isinstance(value, float):
        return None if isfinite(value) else f"{where} is {value}, which JSON cannot say"
    return _foreign_complaint(value, where)


def _foreign_complaint(value: Any, where: str) -> str | None:
    if langchain_kind(value) is None:
        hint = "; add '| list'" if hasattr(value, "__next__") else ""
        return f"{where} is a {type(value).__name__}, not a JSON value{hint}"
    try:
        return _complaint(langchain_form(value), where)
    except TypeError as error:
        return f"{where}: {error}"


def json_text(value: Any) -> str:
    """A value as a model would have written it: texts as they are, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def json_stand_in(value: Any) -> Any:
    """What stands in a record for a value that JSON does not have."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if langchain_kind(value) is not None:
        with suppress(TypeError):
            return langchain_form(value)
    return f"<{type(value).__name__}>"


def as_recorded(value: Any) -> Any:
    """A value as it reads once it was written: what a record can be compared with."""
    try:
        data = orjson.dumps(value, default=json_stand_in, option=JSON_OPTIONS)
    except orjson.JSONEncodeError:
        data = orjson.dumps(json_safe(value), default=json_stand_in, option=JSON_OPTIONS)
    return orjson.loads(data)


def json_safe(value: Any) -> Any:
    """A value that JSON can say: half surrogate pairs become `?`, huge numbers become text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and value.bit_length() > 63:
        return hex(value)
    if isinstance(value, Mapping):
        return {json_safe(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_safe(getattr(value, field.name)) for field in fields(value)}
    return value


def has_nul(value: Any) -> bool:
    """Return whether a text in a value, or a key of it, has the character U+0000."""
    if isinstance(value, Mapping):
        return any(map(has_nul, value)) or any(map(has_nul, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(has_nul, value))
    return isinstance(value, str) and "\0" in value
