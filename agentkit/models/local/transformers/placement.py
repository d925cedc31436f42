"""Chooses the device and the type of the weights, and finds out whether they fit."""

from collections.abc import Mapping
from typing import Any, Final

from agentkit.errors import InputError
from agentkit.models.local.machine import free_memory
from agentkit.models.local.transformers.checkpoint import CheckpointInfo

WIDTHS: Final = {"float32": 4, "bfloat16": 2, "float16": 2}
"""The types that weights can have in memory, and the bytes of a number."""
_OWN_BYTES: Final = 400 * 2**20
"""What torch and transformers take beside the weights."""


def fastest_on_cpu() -> str:
    """Return `bfloat16` where the processor has instructions for it, else `float32`.

    Tokens per CPU-second of one thread, bfloat16 against float32, on a processor that has them
    (AVX512-BF16): SmolLM2 reads 433 against 231, writes 12.6 against 15.1 alone and 95 against 69
    in a batch of 8; a mixture of 32 experts with 166M parameters reads 1,630 against 1,033, writes
    41 against 51 alone and 143 against 110. A prompt is far longer than its answer, and bfloat16
    takes half the memory. float16 reads 65. Without such instructions torch emulates them.
    """
    import torch

    told: Mapping[str, Any] = torch.cpu.get_capabilities()
    has = any(told.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
    return "bfloat16" if has and torch.backends.mkldnn.enabled else "float32"


def memory_needed(info: CheckpointInfo, dtype: str) -> int:
    """Return the bytes that the weights take in memory, without any cache.

    Args:
        info: The checkpoint.
        dtype: Type of the weights in memory.
    """
    return info.parameters * WIDTHS[dtype]


def choose_device(device: str) -> str:
    """Return where weights go: `cpu`, `cuda:0`, `mps`.

    Raises:
        InputError: There is no such device.
    """
    import torch

    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (number or "0").isdecimal() and int(number or "0") < count:
            return f"cuda:{int(number or '0')}"
        found = f"{count} GPU{'s' if count != 1 else ''}" if count else "no GPU"
        raise InputError(
            f"the device {device!a:.40} is not there: torch finds {found}. Leave 'device' out to "
            "take what there is"
        )
    if device == "cpu" or (device == "mps" and torch.backends.mps.is_available()):
        return device
    raise InputError(f"the device {device!a:.40} is not there; it can be: auto, cpu, cuda, cuda:1")


def choose_dtype(info: CheckpointInfo, dtype: str, device: str) -> str:
    """Return the type of weights in memory.

    Raises:
        InputError: There is no such type.
    """
    if dtype in WIDTHS:
        return dtype
    if dtype != "auto":
        raise InputError(f"the dtype {dtype!a:.40} is none of: auto, {', '.join(WIDTHS)}")
    if device == "cpu":
        return fastest_on_cpu()
    return info.dtype if info.dtype in WIDTHS else "float32"


def check_memory(info: CheckpointInfo, dtype: str, device: str) -> None:
    """Find out whether the weights fit.

    Raises:
        InputError: They do not.
    """
    import torch

    needed = memory_needed(info, dtype)
    if device.startswith("cuda"):
        free: int | None = torch.cuda.mem_get_info(device)[0]
        what, place = "GPU memory", f"on {device}. One GPU holds the whole model here"
    else:
        needed += _OWN_BYTES
        free, what, place = free_memory(), "memory", "here"
    if free is not None and needed > free:
        hint = " Take 'dtype: bfloat16', or a smaller model" if dtype == "float32" else ""
        raise InputError(
            f"{info.path} needs about {_bytes(needed)} of {what} in {dtype}, and {_bytes(free)} "
            f"are free {place}.{hint or ' Take a smaller or a quantized model'}"
        )


def _bytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
