"""Reads the header of a GGUF file: what the model in it is, and whether the file is whole.

The form is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

import mmap
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite, prod
from pathlib import Path
from typing import Any, Final

from agentkit.atomic_files import open_regular
from agentkit.errors import InputError, visible

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_STRING: Final = 8
_ARRAY: Final = 9
_SCALARS: Final = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
"""The numbers of types in metadata, and how `struct` reads them."""
_MOST_ENTRIES: Final = 1_000_000
"""The most metadata, tensors, or texts in an array: the largest vocabularies have 300,000."""
_LONGEST_KEPT: Final = 1000
"""Longer arrays, such as a vocabulary, are skipped."""
_LONGEST_NAME: Final = 60
_PART: Final = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of the model in it."""

    path: Path
    """The file."""
    metadata: Mapping[str, Any]
    """Its metadata, without long arrays."""
    parameters: int
    """How many parameters the model has; of a model in several files, those in this one."""
    expert_parameters: int
    """Those of them that belong to experts of a mixture."""
    size: int
    """Bytes of the file, or of all files of a model that has several."""
    has_own_rotations: bool = False
    """Whether it has factors of its own for the rotations that tell positions, as Llama 3.1 has."""

    def get(self, key: str) -> Any:
        """Return the metadata of the architecture, such as `block_count`; None: there is none."""
        return self.metadata.get(f"{self.architecture}.{key}")

    @property
    def architecture(self) -> str:
        """Which kind of model it is, such as `llama`."""
        return visible(str(self.metadata.get("general.architecture", "")))[:_LONGEST_NAME]

    @property
    def context(self) -> int | None:
        """The tokens that the model was trained to read and write; None: the file does not say."""
        return self._count("context_length")

    @property
    def active_parameters(self) -> int:
        """The parameters that a token goes through: fewer than all in a mixture of experts."""
        experts, used = self._count("expert_count"), self._count("expert_used_count")
        if not experts or not used:
            return self.parameters
        return self.parameters - self.expert_parameters * max(0, experts - used) // experts

    @property
    def bytes_per_token(self) -> int:
        """The memory that a token of context takes, at 16 bits; 0 where the file does not say."""
        layers, width = self._count("block_count"), self._count("embedding_length")
        if latent := self._count("attention.kv_lora_rank"):
            return 2 * (layers or 0) * (latent + (self._count("rope.dimension_count") or 0))
        heads = self._counts("attention.head_count")
        kept = self._counts("attention.head_count_kv") or heads
        if not layers or not width or not kept or not heads:
            return 0
        kept_heads = sum(kept) if len(kept) > 1 else kept[0] * layers
        own = width // max(heads)
        key = self._count("attention.key_length") or own
        return 2 * kept_heads * (key + (self._count("attention.value_length") or own))

    @property
    def fault(self) -> str | None:
        """What no model can have, and llama.cpp would end the process for; None: nothing."""
        for key in ("context_length", "block_count"):
            if self.get(key) == 0:
                return f"its '{key}' is 0"
        for key, value in self.metadata.items():
            if isinstance(value, float) and not isfinite(value):
                return f"its '{key:.60}' is {value}"
        experts, used = self._count("expert_count") or 0, self._count("expert_used_count") or 0
        return f"it uses {used} experts of {experts}" if used > experts else None

    def _counts(self, key: str) -> list[int]:
        """The numbers of all layers, or one for each; empty where they are none."""
        value = self.get(key)
        numbers = value if isinstance(value, list) else [value]
        are_counts = all(type(number) is int for number in numbers) and max(numbers, default=0) > 0
        return numbers if are_counts else []

    def _count(self, key: str) -> int | None:
        value = self.get(key)
        return value if type(value) is int and value > 0 else None


def read_header(path: Path) -> Header:
    """Read the header of a file.

    Raises:
        InputError: The file cannot be read, is no GGUF file, or is cut off.
    """
    try:
        with open_regular(path) as file:
            size = path.stat().st_size
            if size < len(_MAGIC):
                raise InputError(f"{path} is no GGUF file: it has {size} bytes")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(path, data).header()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def check_header(header: Header) -> None:
    """Refuse what is no model that answers.

    Raises:
        InputError: It is none.
    """
    kind = header.metadata.get("general.type", "model")
    if not header.architecture or kind != "model" or header.architecture == "clip":
        what = f"{kind!a:.60}" if kind != "model" else header.architecture or "nothing known"
        raise InputError(f"{header.path} is no language model, but: {what}")
    if fault := header.fault:
        raise InputError(f"{header.path} is damaged: {fault}")
    template = header.metadata.get("tokenizer.chat_template")
    if not isinstance(template, str) or not template:
        raise InputError(
            f"{header.path} has no chat template: it is a base model, which continues texts and "
            "follows no instructions. Take the file of its 'instruct' or 'chat' version"
        )


class _Reader:
    """Reads a header from its beginning."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._at = 0
        self._readers: dict[int, Callable[[], Any]] = {
            _STRING: self._text,
            _ARRAY: self._array,
            **{kind: partial(self._number, form) for kind, form in _SCALARS.items()},
        }

    def header(self) -> Header:
        if self._data[:4] != _MAGIC:
            raise self._bad(f"it begins with {bytes(self._data[:4])!r} instead of 'GGUF'")
        self._at = len(_MAGIC)
        version = self._number("I")
        if version not in _VERSIONS:
            swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS
            why = "it is for machines with another order of bytes" if swapped else "unsupported"
            raise self._bad(f"version {version}, {why}; versions 2 and 3 can be read")
        tensors, entries = self._number("Q"), self._number("Q")
        if max(tensors, entries) > _MOST_ENTRIES:
            raise self._bad(f"it claims {tensors:,} tensors and {entries:,} entries")
        metadata = {self._text(): self._value(self._number("I")) for _ in range(entries)}
        parameters = of_experts = last = 0
        rotations = False
        for _ in range(tensors):
            name = self._text()
            dimensions = self._number("I")
            if dimensions > 8:
                raise self._bad(f"its tensor {name!a:.60} has {dimensions} dimensions")
            count = prod(self._number("Q") for _ in range(dimensions))
            self._number("I")
            last = max(last, self._number("Q"))
            parameters += count
            of_experts += count if "_exps" in name else 0
            rotations = rotations or name.startswith(("rope_freqs.", "rope_factors_"))
        if tensors and self._at + last >= len(self._data):
            raise self._cut_off()
        size = _whole_size(self._path, len(self._data))
        return Header(self._path, metadata, parameters, of_experts, size, rotations)

    def _number(self, form: str) -> Any:
        form = f"<{form}"
        end = self._at + struct.calcsize(form)
        if end > len(self._data):
            raise self._cut_off()
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at = end
        return value

    def _text(self) -> str:
        length = self._number("Q")
        start, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise self._cut_off()
        return self._data[start : self._at].decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        reader = self._readers.get(kind)
        if reader is None:
            raise self._bad(f"its metadata has a value of the unknown type {kind}")
        return reader()

    def _array(self) -> Any:
        kind, count = self._number("I"), self._number("Q")
        if kind == _ARRAY:
            raise self._bad("its metadata has an array of arrays")
        if count <= _LONGEST_KEPT:
            return [self._value(kind) for _ in range(count)]
        if form := _SCALARS.get(kind):
            self._at += count * struct.calcsize(f"<{form}")
        elif count > _MOST_ENTRIES:
            raise self._bad(f"its metadata has an array of {count:,} texts")
        else:
            for _ in range(count):
                length = self._number("Q")
                self._at += length
        return None

    def _bad(self, why: str) -> InputError:
        return InputError(f"{self._path} is no GGUF file that can be read: {why}")

    def _cut_off(self) -> InputError:
        return InputError(
            f"{self._path} is cut off: it has {len(self._data):,} bytes, fewer than it says. "
            "Download it again"
        )


def _whole_size(path: Path, size: int) -> int:
    """The bytes of a model, which may be in several files `NAME-00001-of-00003.gguf`."""
    part = _PART.fullmatch(path.name)
    if part is None:
        return size
    others = path.parent.glob(f"{part[1]}-*-of-{part[3]}.gguf")
    return sum(other.stat().st_size for other in others if _PART.fullmatch(other.name))
