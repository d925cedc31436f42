"""Reads the files of a checkpoint with bounds: JSON, and the headers of safetensors.

The form of safetensors is that of https://huggingface.co/docs/safetensors: eight bytes with the
length of the header, the header in JSON, and the tensors one after another.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

from agentkit.atomic_files import open_regular

_MOST_JSON: Final = 8 * 2**20
"""The most bytes of a JSON file; the index of a mixture with a trillion parameters has 7 MB."""
_MOST_HEADER: Final = 100_000_000
"""The most bytes of a header, that of the safetensors library."""
_LFS: Final = b"version https://git-lfs"
_BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
"""The types of numbers that transformers loads, with their bits."""


class FileFault(Exception):
    """What is wrong with a file, and what to do about it; without the name of the file."""


@dataclass(frozen=True, slots=True)
class TensorHead:
    """What a header says of a tensor."""

    dtype: str
    """Type of its numbers, such as `BF16`."""
    shape: tuple[int, ...]
    """Its sizes."""

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    @property
    def size(self) -> int:
        """How many bytes they take."""
        return self.count * _BITS[self.dtype] // 8


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds a mapping.

    Raises:
        FileFault: It cannot be read, is too large, is not JSON, has a key twice, or holds no
            mapping.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_MOST_JSON + 1)
    except OSError as error:
        raise FileFault(f"cannot be read: {error.strerror or error}") from None
    if len(data) > _MOST_JSON:
        raise FileFault(f"is larger than {_MOST_JSON // 2**20} MB, which no such file is")
    return _mapping(data)


def read_tensor_heads(path: Path) -> dict[str, TensorHead]:
    """Read which tensors a file of safetensors has, from its header alone.

    Raises:
        FileFault: It cannot be read, is cut off, or its header makes no sense.
    """
    try:
        with open_regular(path) as file:
            size = path.stat().st_size
            start = file.read(8)
            length = int.from_bytes(start, "little")
            beginning = start + file.read(len(_LFS))
            if beginning.startswith(_LFS):
                raise FileFault("is a pointer of Git LFS, not the file itself: run 'git lfs pull'")
            if len(start) < 8:
                raise FileFault(f"is cut off: it has {size} bytes. Download it again")
            if not 2 <= length <= _MOST_HEADER:
                raise FileFault(
                    f"is no file of safetensors: it claims a header of {length:,} bytes. "
                    "Download it again"
                )
            if 8 + length > size:
                raise _cut_off(size, 8 + length)
            file.seek(8)
            header = _mapping(file.read(length))
    except OSError as error:
        raise FileFault(f"cannot be read: {error.strerror or error}") from None
    header.pop("__metadata__", None)
    heads, end = {}, 0
    for name, about in header.items():
        heads[name], until = _head(name, about)
        end = max(end, until)
    if 8 + length + end > size:
        raise _cut_off(size, 8 + length + end)
    if 8 + length + end < size:
        raise FileFault(
            f"has {size:,} bytes, and its header speaks of {8 + length + end:,}: it is damaged. "
            "Download it again"
        )
    return heads


def _head(name: str, about: Any) -> tuple[TensorHead, int]:
    """A tensor's head, and where its numbers end."""
    what = f"its tensor {name!a:.90}"
    if not isinstance(about, Mapping):
        raise FileFault(f"has a damaged header: {what} has no description")
    dtype, shape, place = about.get("dtype"), about.get("shape"), about.get("data_offsets")
    sizes, offsets = _counts(shape), _counts(place)
    if not isinstance(dtype, str) or sizes is None or offsets is None or len(offsets) != 2:
        raise FileFault(f"has a damaged header: {what} has no sensible type, shape or place")
    if dtype not in _BITS:
        raise FileFault(
            f"has numbers of the type {dtype!a:.30} in {what}, which transformers cannot load. "
            "Take the checkpoint in bfloat16, float16 or float32"
        )
    head = TensorHead(dtype, sizes)
    if (offsets[1] - offsets[0]) * 8 != head.count * _BITS[dtype]:
        raise FileFault(
            f"has a damaged header: {what} of the shape {list(sizes)!s:.60} has "
            f"{offsets[1] - offsets[0]:,} bytes"
        )
    return head, offsets[1]


def _counts(value: Any) -> tuple[int, ...] | None:
    """The numbers of a short list; None: it is none."""
    if not isinstance(value, list) or len(value) > 16:
        return None
    are_counts = all(type(number) is int and 0 <= number < 1 << 62 for number in value)
    return tuple(value) if are_counts else None


def _cut_off(size: int, claimed: int) -> FileFault:
    return FileFault(
        f"is cut off: it has {size:,} bytes of at least {claimed:,}. Download it again"
    )


def _mapping(data: bytes) -> dict[str, Any]:
    if data.startswith(_LFS):
        raise FileFault("is a pointer of Git LFS, not the file itself: run 'git lfs pull'")
    try:
        value = json.loads(data, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise FileFault("is not JSON: it is not UTF-8") from None
    except RecursionError:
        raise FileFault("is nested too deeply") from None
    except ValueError as error:
        raise FileFault(f"is not JSON: {error!s:.120}") from None
    if not isinstance(value, dict):
        raise FileFault("holds no mapping, which begins with '{'")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping, in which no key may stand twice: the last would win in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise FileFault(f"has the key {twice!a:.60} twice. Delete one of them")
    return found
