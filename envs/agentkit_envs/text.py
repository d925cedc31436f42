"""A space that contains every text, and what Gymnasium's wrappers and vectors need of it."""

import multiprocessing
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces.utils import flatten, flatten_space, unflatten
from gymnasium.vector.utils import (
    create_empty_array,
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)
from gymnasium.wrappers.utils import create_zero_array

SHARED_BYTES: Final = 1 << 18
"""Bytes that shared memory has for each environment's text, in UTF-8."""
_LENGTH_BYTES: Final = 4
_SLOT: Final = _LENGTH_BYTES + SHARED_BYTES


class AnyText(gymnasium.Space[str]):
    """All texts of any length, in any script. Gymnasium's own `Text` refuses most of them.

    `sample` draws one of `examples` when they are given (the legal actions, say, so that a
    random player plays), else up to 32 printable characters.
    """

    def __init__(self, examples: Sequence[str] = (), seed: int | None = None) -> None:
        self.examples = tuple(examples)
        super().__init__(shape=(), dtype=None, seed=seed)

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """Draw a text; the same seed draws the same texts. Masks have no meaning here."""
        if mask is not None or probability is not None:
            raise ValueError("AnyText cannot be masked: it has no finite list of texts")
        if self.examples:
            return self.examples[int(self.np_random.integers(len(self.examples)))]
        length = int(self.np_random.integers(33))
        letters = self.np_random.integers(len(string.printable), size=length)
        return "".join(string.printable[i] for i in letters)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a text."""
        return isinstance(x, str)

    @property
    def is_np_flattenable(self) -> bool:
        """A text has no fixed number of entries: it is flat already, and no array."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyText) and self.examples == other.examples

    def __hash__(self) -> int:
        return hash(self.examples)

    def __repr__(self) -> str:
        return f"AnyText({list(self.examples)!r})" if self.examples else "AnyText()"


class SharedTexts(Sequence[str]):
    """The texts in a shared memory, as they are now; a deep copy is a tuple of them."""

    def __init__(self, memory: Any, count: int) -> None:
        self._slots = _slots(memory).reshape(count, _SLOT)

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self)[index]
        slot = self._slots[index]
        length = int.from_bytes(slot[:_LENGTH_BYTES].tobytes(), "little")
        data = slot[_LENGTH_BYTES : _LENGTH_BYTES + length].tobytes()
        return data.decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def __deepcopy__(self, memo: Any) -> tuple[str, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        return f"SharedTexts{tuple(self)!r}"


def _slots(memory: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(memory.get_obj(), np.uint8)


@create_zero_array.register(AnyText)
def _zero(space: AnyText) -> str:  # type: ignore[misc]
    return ""


@create_empty_array.register(AnyText)
def _empty(space: AnyText, n: int = 1, fn: Callable[..., Any] = np.zeros) -> tuple[str, ...]:
    return ("",) * n


@flatten.register(AnyText)
def _flat(space: AnyText, x: str) -> str:  # type: ignore[misc]
    return x


@unflatten.register(AnyText)
def _unflat(space: AnyText, x: str) -> str:  # type: ignore[misc]
    return x


@flatten_space.register(AnyText)
def _flat_space(space: AnyText) -> AnyText:
    return AnyText(space.examples)


@create_shared_memory.register(AnyText)
def _memory(space: AnyText, n: int = 1, ctx: Any = multiprocessing) -> Any:
    return ctx.Array("B", n * _SLOT)


@read_from_shared_memory.register(AnyText)
def _read(space: AnyText, shared_memory: Any, n: int = 1) -> SharedTexts:
    return SharedTexts(shared_memory, n)


@write_to_shared_memory.register(AnyText)
def _write(space: AnyText, index: int, value: str, shared_memory: Any) -> None:
    data = value.encode("utf-8", "surrogatepass")
    if len(data) > SHARED_BYTES:
        raise ValueError(
            f"a text of {len(data):,} bytes is longer than the {SHARED_BYTES:,} that shared memory "
            "has for each environment: make the vector with shared_memory=False"
        )
    whole = len(data).to_bytes(_LENGTH_BYTES, "little") + data
    _slots(shared_memory)[index * _SLOT : index * _SLOT + len(whole)] = np.frombuffer(
        whole, np.uint8
    )
