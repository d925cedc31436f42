"""Bytes: how many a weight takes, how many a card has, how many a text such as `80GB` means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

from agentkit.errors import InputError, listed, suggest
from agentkit.moe.architecture import Architecture
from agentkit.moe.parameters import Parameters, buffers

_UNITS: Final[Mapping[str, int]] = {
    **{f"{letter}b": 1000**power for power, letter in enumerate(("", "k", "m", "g", "t"))},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([a-z]{1,3})")
_MOST: Final = 1 << 60

DTYPES: Final[Mapping[str, int]] = {
    "float32": 4, "bfloat16": 2, "float16": 2, "fp8": 1, "mxfp4": 0,
}  # fmt: skip
"""Bytes of a matrix's weight; `mxfp4` has 4 bits, and 8 more for each 32 weights."""
_ALSO: Final = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "float8": "fp8"}
_MXFP4_BLOCK: Final = 32
_FP8_BLOCK: Final = 128 * 128


@dataclass(frozen=True, slots=True)
class Card:
    """An accelerator, as its maker describes it."""

    memory: int
    """Bytes of memory."""
    bandwidth: float
    """Bytes a second between memory and processor."""
    source: str
    """Where the maker says so."""


_NVIDIA: Final = "https://www.nvidia.com/en-us/"
CARDS: Final[Mapping[str, Card]] = {
    "l4": Card(24 * 10**9, 300e9, _NVIDIA + "data-center/l4/"),
    "l40s": Card(48 * 10**9, 864e9, _NVIDIA + "data-center/l40s/"),
    "rtx3090": Card(24 * 10**9, 936e9, _NVIDIA + "geforce/graphics-cards/30-series/"),
    "rtx4090": Card(24 * 10**9, 1008e9, _NVIDIA + "geforce/graphics-cards/40-series/rtx-4090/"),
    "rtx5090": Card(32 * 10**9, 1792e9, _NVIDIA + "geforce/graphics-cards/50-series/rtx-5090/"),
    "a100-40gb": Card(40 * 10**9, 1555e9, _NVIDIA + "data-center/a100/"),
    "a100": Card(80 * 10**9, 2039e9, _NVIDIA + "data-center/a100/"),
    "h100": Card(80 * 10**9, 3.35e12, _NVIDIA + "data-center/h100/"),
    "h200": Card(141 * 10**9, 4.8e12, _NVIDIA + "data-center/h200/"),
    "b200": Card(180 * 10**9, 8e12, _NVIDIA + "data-center/dgx-b200/"),
    "mi300x": Card(
        192 * 10**9, 5.3e12, "https://www.amd.com/en/products/accelerators/instinct/mi300/mi300x.html"
    ),
}  # fmt: skip
"""Well-known cards by name; A100, H100, H200 and B200 are those with SXM."""


def find_card(name: str) -> Card:
    """Return a card by its name.

    Raises:
        InputError: It is not in the table.
    """
    key = name.lower().replace(" ", "").replace("_", "-")
    if key not in CARDS:
        raise InputError(
            f"there is no card '{name[:40]}' in the table.{suggest(key, [*CARDS])} Known are: "
            f"{listed([*CARDS])}. Of any other, give its memory and bandwidth"
        )
    return CARDS[key]


def parse_bytes(text: str, example: str = "80GB") -> int:
    """Return the bytes that a text means: `80GB` is 80e9, `80GiB` is 80 * 2**30.

    Args:
        text: The text; `/s` at its end changes nothing.
        example: One that is right, for errors.

    Raises:
        InputError: It is none, or no number of bytes that there can be.
    """
    said = _SIZE.fullmatch(text.strip().lower().removesuffix("/s"))
    factor = _UNITS.get(said[2]) if said else None
    if said is None or factor is None:
        raise InputError(
            f"'{text[:40]}' is no number of bytes: write a number and a unit, such as {example} "
            "(GB is 1000**3 bytes, GiB 1024**3)"
        )
    value = float(said[1]) * factor
    if not isfinite(value) or not 1 <= value <= _MOST:
        raise InputError(
            f"'{text[:40]}' is not a size that hardware has: expected such as {example}"
        )
    return round(value)


def find_dtype(name: str) -> str:
    """Return the name of a type of weights: `bfloat16` for `bf16`.

    Raises:
        InputError: It is unknown.
    """
    key = name.lower().removeprefix("torch.")
    key = _ALSO.get(key, key)
    if key not in DTYPES:
        known = [*DTYPES, *_ALSO]
        raise InputError(
            f"how many bytes a weight of the type '{name[:40]}' takes is not known."
            f"{suggest(key, known)} Known are: {listed([*DTYPES])}"
        )
    return key


def weight_bytes(
    model: Architecture, parts: Parameters, dtype: str, experts: int | None = None
) -> dict[str, int]:
    """Return the bytes of every part of the weights.

    Of `mxfp4` only the experts' matrices are quantised, as in GPT-OSS; of `fp8` all matrices but
    embeddings, router and head, with a scale of 4 bytes for each block of 128 x 128. The rest is
    then bfloat16. The router's correction is float32.

    Args:
        model: The model.
        parts: Its parameters.
        dtype: A type of `DTYPES`.
        experts: How many experts each layer of experts has; None: as many as the config says.
    """
    rest = 2 if dtype in ("fp8", "mxfp4") else DTYPES[dtype]
    sizes: dict[str, int] = {name: getattr(parts, name) * rest for name in Parameters.__slots__}
    quantised = {"mxfp4": ("experts",), "fp8": ("attention", "experts", "shared_experts", "mlp")}
    for name in quantised.get(dtype, ()):
        number = getattr(parts, name)
        if dtype == "mxfp4":
            sizes[name] = -(-number // 2) + -(-number // _MXFP4_BLOCK)
        else:
            sizes[name] = number + 4 * -(-number // _FP8_BLOCK)
    sizes["router"] += 4 * buffers(model, experts)
    return {name: size for name, size in sizes.items() if size}
