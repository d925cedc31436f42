"""Actions read from texts."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import spaces

from agentkit_envs.words.layout import layout
from agentkit_envs.words.parts import (
    LONGEST_LIST,
    Array,
    Choice,
    Line,
    NotUnderstood,
    Part,
    Picture,
    Several,
)

_EXAMPLES = 5


class Reader:
    """Reads the actions of a space from texts.

    Args:
        space: The environment's own action space.
        names: What actions, or their parts, are called.

    Raises:
        ValueError: The names do not fit, or no text can say an action.
    """

    def __init__(self, space: spaces.Space[Any], names: Any) -> None:
        self._layout = layout(space, names, "actions")
        self._parts = self._layout.parts
        for name, part in self._parts:
            if isinstance(part, (Picture, Several)):
                what = f"actions{f', part {name!r}' if name else ''}"
                raise ValueError(f"{what}: no text can say {part.form}")
        self._choice = self._parts[0][1] if len(self._parts) == 1 else None
        self.examples = tuple(self._drawn(deepcopy(space)))
        """Texts that are actions."""

    def read(self, text: str) -> Any:
        """Return the action that a text says.

        Raises:
            NotUnderstood: It says none.
        """
        values = [
            self._value(name, part, piece)
            for (name, part), piece in zip(self._parts, self._pieces(text), strict=True)
        ]
        return self._layout.join(values)

    def canonical(self, text: str) -> str:
        """Return the name of the choice that a text is; of other actions the text itself.

        Raises:
            NotUnderstood: It says none.
        """
        value = self.read(text)
        if isinstance(self._choice, Choice):
            return self._choice.say(self._layout.split(value)[0])
        return text.strip()

    def listed(self, mask: Any = None) -> list[str] | None:
        """Return all actions, or those that a mask allows; None where they are no short list."""
        choice = self._choice
        if not isinstance(choice, Choice) or choice.count > LONGEST_LIST:
            return None
        options = choice.options
        allowed = np.asarray(mask if mask is not None else [])
        if allowed.shape != (choice.count,) or not allowed.any():
            return options
        return [option for option, is_legal in zip(options, allowed, strict=True) if is_legal]

    @property
    def grammar(self) -> str:
        """What actions look like."""
        if len(self._parts) == 1:
            return self._parts[0][1].form
        parts = "; ".join(f"{name} ({part.form})" for name, part in self._parts)
        example = f", such as: {self.examples[0]}" if self.examples else ""
        return f"{len(self._parts)} values in this order with ';' between: {parts}{example}"

    def _value(self, name: str, part: Part, text: str) -> Any:
        try:
            return part.read(text if isinstance(part, Line) else text.strip().strip("\"'`"))
        except NotUnderstood as error:
            raise NotUnderstood(f"{name}: {error}" if name else str(error)) from error

    def _pieces(self, text: str) -> Sequence[str]:
        """The text of each part, in order."""
        names = [name for name, _ in self._parts]
        if len(names) == 1:
            return [_named(text, names[0]) if names[0] else text]
        pieces = [piece for piece in self._separated(text) if piece.strip()]
        if len(pieces) != len(names):
            raise NotUnderstood(f"expected {self.grammar}")
        by_name = {
            name: _named(piece, name) for piece in pieces for name in names if _has(piece, name)
        }
        if len(by_name) == len(names):
            return [by_name[name] for name in names]
        return [_named(piece, name) for piece, name in zip(pieces, names, strict=True)]

    def _separated(self, text: str) -> list[str]:
        for mark in ("\n", ";"):
            if mark in text.strip():
                return text.split(mark)
        has_commas = any(isinstance(part, (Array, Line)) for _, part in self._parts)
        return [text] if has_commas else text.split(",")

    def _drawn(self, space: spaces.Space[Any]) -> Iterator[str]:
        if (listed := self.listed()) is not None:
            yield from listed
            return
        space.seed(0)
        for _ in range(_EXAMPLES):
            values = self._layout.split(space.sample())
            pairs = zip(self._parts, values, strict=True)
            yield "; ".join(part.say(value) for (_, part), value in pairs)


def _has(piece: str, name: str) -> bool:
    """Whether a piece begins with a part's name."""
    return re.match(rf"\s*{re.escape(name)}\s*[:=]", piece, re.IGNORECASE) is not None


def _named(piece: str, name: str) -> str:
    """A piece without the part's name."""
    return re.sub(rf"\A\s*{re.escape(name)}\s*[:=]", "", piece, flags=re.IGNORECASE)
