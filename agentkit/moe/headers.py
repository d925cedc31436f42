"""What the weight files of a checkpoint hold, read from their headers alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import orjson

from agentkit.atomic_files import open_regular
from agentkit.errors import InputError

_LARGEST_HEADER: Final = 100_000_000
"""Bytes; safetensors allows no more."""
_SINGLE: Final = "model.safetensors"
_MOST_FILES: Final = 4096
_LARGEST_INDEX: Final = 100_000_000
_BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "U16": 16,
    "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64,
    "F4": 4,
}  # fmt: skip
_COMPUTED: Final = "rotary_emb.inv_freq"
"""What old checkpoints hold besides weights: it follows from the config."""
_MOST_DIMENSIONS: Final = 16
_LARGEST_SIZE: Final = 1 << 48
_WHOLE: Final = frozenset({"F16", "BF16", "F32", "F64"})


@dataclass(frozen=True, slots=True)
class Stored:
    """What the files of a checkpoint hold."""

    files: int
    """How many there are."""
    size: int
    """Bytes of all tensors."""
    values: int
    """Numbers in all tensors."""
    dtypes: Mapping[str, int]
    """Bytes by the type that the files have for them, such as `BF16`."""
    packed: bool
    """Whether some are quantised, so that numbers are no parameters."""
    missing: tuple[str, ...] = ()
    """Files that the index names and that are not there."""


def read_stored(folder: Path) -> Stored | None:
    """Read the headers of a checkpoint's safetensors files, those that transformers would load.

    Args:
        folder: The checkpoint.

    Returns:
        What they hold; None when there are none.

    Raises:
        InputError: A file is damaged.
    """
    present = {file.name for file in folder.glob("*.safetensors")}
    named = {_SINGLE} & present or _named(folder / f"{_SINGLE}.index.json") or present
    missing = tuple(sorted(named - present))
    names = sorted(named & present)[:_MOST_FILES]
    if not names:
        return None
    sizes: dict[str, int] = {}
    values = 0
    for name in names:
        for dtype, count, size in _tensors(folder / name):
            sizes[dtype] = sizes.get(dtype, 0) + size
            values += count
    packed = not {*sizes} <= _WHOLE
    return Stored(len(names), sum(sizes.values()), values, sizes, packed, missing)


def _named(index: Path) -> set[str]:
    """The files that an index names; none where there is no index."""
    if not index.exists():
        return set()
    try:
        with open_regular(index) as file:
            names = orjson.loads(file.read(_LARGEST_INDEX))["weight_map"].values()
        return {name for name in names if "/" not in name}
    except OSError as error:
        raise InputError(f"cannot read {index}: {error.strerror}") from error
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        raise InputError(f"{index} is damaged: it is no index of files") from None


def _tensors(path: Path) -> Iterator[tuple[str, int, int]]:
    """Type, numbers and bytes of each tensor of a file."""
    try:
        with open_regular(path) as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LARGEST_HEADER:
                raise InputError(f"{path} is damaged: its header has {length:,} bytes")
            header = file.read(length)
            end = 8 + length
            size = path.stat().st_size
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    try:
        tensors: Mapping[str, Any] = orjson.loads(header)
        last = 0
        for name, tensor in tensors.items():
            if name == "__metadata__" or name.endswith(_COMPUTED):
                continue
            (start, stop), shape = tensor["data_offsets"], tensor["shape"]
            if len(shape) > _MOST_DIMENSIONS or not _are_sizes([start, stop, *shape]):
                raise ValueError(f"tensor {name[:80]} has no shape, or no place in the file")
            count, bits = prod(shape), _BITS.get(tensor["dtype"])
            if stop < start or (bits is not None and (count * bits + 7) // 8 != stop - start):
                raise ValueError(f"tensor {name[:80]} has another size than its shape")
            last = max(last, stop)
            yield str(tensor["dtype"])[:20], count, stop - start
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        why = error if type(error) is ValueError else "its header is no header of safetensors"
        raise InputError(f"{path} is damaged: {why}") from None
    if end + last > size:
        raise InputError(
            f"{path} is cut off: its header tells of {end + last:,} bytes, it has {size:,}"
        )


def _are_sizes(values: list[Any]) -> bool:
    return all(type(value) is int and 0 <= value <= _LARGEST_SIZE for value in values)
