"""What changes how tokens are picked: the names that transformers has for it, and their values."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

from agentkit.errors import InputError, suggest

EXTRA: Final = ("top_k", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size")
"""What `extra` may say of a checkpoint."""
COUNTS: Final = ("top_k", "no_repeat_ngram_size")
"""Those that are whole numbers."""
READS_IDS: Final = ("repetition_penalty", "no_repeat_ngram_size")
"""Those that depend on the tokens so far, and hold where the likeliest token is taken too."""
MAKES_SENSE: Final[Mapping[str, Callable[[Any], bool]]] = {
    "do_sample": lambda value: isinstance(value, bool),
    "temperature": lambda value: _is_number(value) and value >= 0,
    "top_p": lambda value: _is_number(value) and 0 < value <= 1,
    "top_k": lambda value: type(value) is int and value > 0,
    "min_p": lambda value: _is_number(value) and 0 <= value <= 1,
    "typical_p": lambda value: _is_number(value) and 0 < value <= 1,
    "repetition_penalty": lambda value: _is_number(value) and value > 0,
    "no_repeat_ngram_size": lambda value: type(value) is int and value >= 0,
    "max_new_tokens": lambda value: type(value) is int and value > 0,
}
"""How a checkpoint or a user may want tokens picked, and which values make sense."""
_HOLDS: Final = {
    "top_k": "a whole number above 0",
    "min_p": "a number from 0 to 1",
    "typical_p": "a number above 0, up to 1",
    "repetition_penalty": "a number above 0",
    "no_repeat_ngram_size": "a whole number of 0 or more",
}


def check_extra(name: str, extra: Mapping[str, Any]) -> None:
    """Refuse what `extra` cannot say of a checkpoint.

    Args:
        name: The model's name, for messages.
        extra: What it says.

    Raises:
        InputError: It has an unknown name, or a value that makes no sense.
    """
    wrong = []
    for key, value in extra.items():
        if key not in EXTRA:
            known = ", ".join(EXTRA)
            wrong.append(f"unknown '{key}'.{suggest(key, EXTRA)} Known of checkpoints: {known}")
        elif not MAKES_SENSE[key](value):
            wrong.append(f"{key} is {value!r:.40}, expected {_HOLDS[key]}")
    if wrong:
        raise InputError(f"{name}: extra: {'; '.join(wrong)}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)
