"""Reads which experts of a mixture a server sent each token to, and counts them.

vLLM puts the bytes of an .npy file (tokens, layers, experts of a token) in base64 into the choice;
SGLang puts the bare int32 numbers in the same order into `sglext` of the answer. Both tell of every
token that was read or written, of those from the cache too, but for the last.
"""

import logging
import re
import sys
from array import array
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from agentkit.messages import Usage
from agentkit.models.expert_counts import MOST_LAYERS, count_experts

_LOG = logging.getLogger("agentkit.models")
_NAME: Final = "routed_experts"
_LARGEST: Final = 8 * 2**20
"""Characters of base64."""
_MAGIC: Final = b"\x93NUMPY"
_LONGEST_HEADER: Final = 1024
_HEADER: Final = re.compile(
    rb"\{'descr': '([<>|])([iu])([1248])', 'fortran_order': False, "
    rb"'shape': \((\d{1,9}), (\d{1,9}), (\d{1,9})\), \}\s*"
)
_CODES: Final = {
    (kind, array(code).itemsize): code for kind, codes in (("i", "bhiq"), ("u", "BHIQ"))
    for code in codes
}  # fmt: skip
_SURE: Final = 12.0
"""How often experts would have to come twice, on average, where they never do."""

_CHECKED: Final = 200_000
"""How many numbers are looked at to find how many experts a token takes."""
_MOST_CHOSEN: Final = 64

Counts = tuple[tuple[int, ...], ...]
"""How often each expert was chosen, by layer."""


class _Wrong(Exception):
    """What a server said is no choice of experts. The message says why."""


class ExpertsTold:
    """What a server said of experts in the parts of an answer; the last that says so counts.

    What is something else is ignored, and a warning says so once.
    """

    def __init__(self) -> None:
        self._npy: Any = None
        self._flat: Any = None

    def take(self, data: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        """Take what stands in an answer or a piece of one."""
        self._npy = choice.get(_NAME) or self._npy
        for part in (data.get("sglext"), choice.get("sglext"), choice.get("meta_info")):
            if isinstance(part, Mapping):
                self._flat = part.get(_NAME) or self._flat

    def count(self, usage: Usage) -> Counts:
        """Count the experts that were told of; none where there are none.

        Args:
            usage: The tokens of the answer.
        """
        if self._npy is None and self._flat is None:
            return ()
        try:
            if self._npy is not None:
                numbers, layers, chosen = _read_npy(_decoded(self._npy))
            else:
                numbers, layers, chosen = _read_flat(_decoded(self._flat), usage)
            return _counted(numbers, layers, chosen)
        except _Wrong as error:
            _warn(str(error))
            return ()


@lru_cache(maxsize=64)
def _warn(why: str) -> None:
    _LOG.warning("the server's '%s' are ignored: %s", _NAME, why)


def experts_in(data: Mapping[str, Any], choice: Mapping[str, Any], usage: Usage) -> Counts:
    """Count the experts that a whole answer tells of; none where it does not."""
    told = ExpertsTold()
    told.take(data, choice)
    return told.count(usage)


def _decoded(text: Any) -> bytes:
    if not isinstance(text, str):
        raise _Wrong(f"they are a {type(text).__name__}, expected base64")
    if len(text) > _LARGEST:
        raise _Wrong(f"they have more than {_LARGEST:,} characters")
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise _Wrong("they are no base64") from None


def _read_npy(data: bytes) -> tuple[Sequence[int], int, int]:
    """The numbers of an .npy file, in the order of its elements; layers; experts of a token."""
    if data[:6] != _MAGIC or data[6:7] not in (b"\x01", b"\x02", b"\x03"):
        raise _Wrong("they are no .npy file")
    size = 2 if data[6] == 1 else 4
    start = 8 + size
    end = start + int.from_bytes(data[8:start], "little")
    header = _HEADER.fullmatch(data, start, end) if end <= start + _LONGEST_HEADER else None
    if header is None:
        raise _Wrong("their .npy file is no array of whole numbers with three dimensions")
    order, kind, width = header[1].decode(), header[2].decode(), int(header[3])
    tokens, layers, chosen = (int(header[number]) for number in (4, 5, 6))
    if len(data) - end != tokens * layers * chosen * width or chosen > _MOST_CHOSEN:
        raise _Wrong("their .npy file has another size than its header says")
    return _numbers(data[end:], kind, width, order), layers, chosen


def _numbers(data: bytes, kind: str, width: int, order: str) -> Sequence[int]:
    numbers: array[int] = array(_CODES[kind, width])
    numbers.frombytes(data)
    if width > 1 and (order == ">") != (sys.byteorder == "big"):
        numbers.byteswap()
    return numbers


def _read_flat(data: bytes, usage: Usage) -> tuple[Sequence[int], int, int]:
    """The numbers without a shape: that follows from the tokens, and from no expert coming twice.

    Each token has `layers` times `chosen` numbers. The experts of a token in a layer differ, those
    of two layers are the same now and then: `chosen` is the largest part of a token's numbers in
    which none ever comes twice, if that can be no accident.
    """
    if len(data) % 4:
        raise _Wrong("they are no int32 numbers")
    numbers = _numbers(data, "i", 4, "<")
    tokens = usage.input_tokens + usage.output_tokens - 1
    if tokens < 1 or not numbers or len(numbers) % tokens:
        raise _Wrong(f"{len(numbers):,} numbers are not of {max(0, tokens):,} tokens")
    each = len(numbers) // tokens
    some = numbers[: max(1, _CHECKED // each) * each]
    experts = max(numbers) + 1
    most = min(each, experts, _MOST_CHOSEN)
    sizes = (size for size in range(most, 0, -1) if each % size == 0)
    chosen = next((size for size in sizes if _differ(some, size)), 1)
    # Were a part two layers, so many pairs in it would be alike, if all experts were alike.
    if chosen > 1 and len(some) // chosen * (chosen / 2) ** 2 / experts < _SURE:
        raise _Wrong(f"{tokens:,} tokens are too few to tell how many experts a token takes")
    return numbers, each // chosen, chosen


def _differ(numbers: Sequence[int], size: int) -> bool:
    """Whether in every part of so many numbers none comes twice, or all are 0: no layer of them."""
    for start in range(0, len(numbers), size):
        part = numbers[start : start + size]
        if len({*part}) < size and any(part):
            return False
    return True


def _counted(numbers: Sequence[int], layers: int, chosen: int) -> Counts:
    """Count by layer; a layer where all numbers are 0 has no experts, if a token takes several."""
    if layers > MOST_LAYERS:
        raise _Wrong(f"they have {layers:,} layers, expected up to {MOST_LAYERS:,}")
    each = layers * chosen
    by_layer = (
        chain(*(numbers[layer * chosen + place :: each] for place in range(chosen)))
        for layer in range(layers)
    )
    try:
        counts = count_experts(by_layer if numbers else ())
    except ValueError as error:
        raise _Wrong(f"they have {error}") from None
    return tuple(layer for layer in counts if chosen == 1 or any(layer[1:]))
