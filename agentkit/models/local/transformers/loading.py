"""Loads a checkpoint into this process, strictly: what is not as it should be is an error."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from agentkit.errors import InputError, ModelError, listed, visible
from agentkit.messages import Message
from agentkit.models.local.machine import free_memory
from agentkit.models.local.transformers.chat import guard_control_tokens, prompt_ids, turn_end
from agentkit.models.local.transformers.checkpoint import CheckpointInfo

_WIDTHS: Final = {"float32": 4, "bfloat16": 2, "float16": 2}
_OWN_BYTES: Final = 400 * 2**20
"""What torch and transformers take beside the weights."""

_LOADING: Final = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class LoadedCheckpoint:
    """A checkpoint in memory."""

    model: Any
    """The model of transformers, on its device, without dropout."""
    tokenizer: Any
    """Its tokenizer, with the chat template."""
    end_ids: frozenset[int]
    """The tokens that end an answer: those that the checkpoint names, the end of its tokenizer, and
    what its template writes after an answer."""
    info: CheckpointInfo
    """What it said of itself."""
    dtype: str
    """The type of the weights in memory, such as `bfloat16`."""
    device: str
    """Where they are: `cpu`, `cuda:0`."""


def load_checkpoint(
    info: CheckpointInfo,
    *,
    dtype: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    change: Callable[[Any], None] | None = None,
) -> LoadedCheckpoint:
    """Load a checkpoint, with attention and experts in the fastest way that gives right results.

    Nothing is fetched from a network, and no program code of a checkpoint is executed.

    Args:
        info: What `read_checkpoint` found.
        dtype: Type of the weights in memory: `float32`, `bfloat16`, `float16`; `auto` is that of
            the checkpoint on a GPU, and on a CPU what `fastest_on_cpu` says.
        device: `cpu`, `cuda`, `cuda:1`, `mps`; `auto` is a GPU where there is one.
        threads: Threads of torch, of the whole process; None leaves them as they are.
        change: Changes the model in the memory of the machine, before it goes to a GPU; it may make
            it smaller.

    Raises:
        InputError: It does not fit into memory, a weight is missing, unexpected, of another shape
            or not finite, the tokenizer has tokens without weights, or transformers cannot load it.
    """
    import torch

    where = _device(device)
    kind = _dtype(info, dtype, where)
    if threads is not None:
        torch.set_num_threads(threads)
    first = where if change is None else "cpu"
    with quiet_transformers():
        _check_memory(info, kind, first)
        tokenizer = _load_tokenizer(info)
        model = _load_model(info, kind, first)
    _check_weights(info, model)
    if change is not None:
        change(model)
        model = _moved(info, model, where)
    end_ids = _end_ids(info, tokenizer, model)
    return LoadedCheckpoint(model, tokenizer, end_ids, info, kind, where)


def _moved(info: CheckpointInfo, model: Any, where: str) -> Any:
    import torch

    try:
        return model.to(where)
    except torch.OutOfMemoryError:
        raise InputError(
            f"{visible(str(info.path))} does not fit onto {where} with what is kept of it. Keep "
            "fewer experts, or take a smaller model"
        ) from None


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
    return info.parameters * _WIDTHS[dtype]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep progress bars and advice of transformers from the terminal; errors are raised.

    One thread at a time: what is switched off is that of the process.
    """
    from transformers.utils import logging as transformers_logging

    told: Any = transformers_logging
    with _LOADING:
        level, bars = told.get_verbosity(), told.is_progress_bar_enabled()
        told.set_verbosity(logging.CRITICAL)
        told.disable_progress_bar()
        try:
            yield
        finally:
            told.set_verbosity(level)
            if bars:
                told.enable_progress_bar()


def _device(device: str) -> str:
    import torch

    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (number or "0").isdecimal() and int(number or "0") < count:
            return f"cuda:{int(number or '0')}"
        found = f"{count} GPU{'s' if count != 1 else ''}" if count else "no GPU"
        raise InputError(f"the device {device!a:.40} is not there: torch finds {found}")
    if device == "cpu" or (device == "mps" and torch.backends.mps.is_available()):
        return device
    raise InputError(f"the device {device!a:.40} is not there; it can be: auto, cpu, cuda, cuda:1")


def _dtype(info: CheckpointInfo, dtype: str, device: str) -> str:
    if dtype in _WIDTHS:
        return dtype
    if dtype != "auto":
        raise InputError(f"the dtype {dtype!a:.40} is none of: auto, {', '.join(_WIDTHS)}")
    if device == "cpu":
        return fastest_on_cpu()
    return info.dtype if info.dtype in _WIDTHS else "float32"


def _check_memory(info: CheckpointInfo, dtype: str, device: str) -> None:
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


def _load_tokenizer(info: CheckpointInfo) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            info.path, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # whatever transformers and its parts raise
        raise InputError(_failed(info, "its tokenizer cannot be loaded", error)) from None
    tokenizer.chat_template = info.template
    guard_control_tokens(tokenizer)
    try:
        prompt_ids(tokenizer, [Message("user", "A question?")])
    except ModelError as error:
        raise InputError(f"the checkpoint {visible(str(info.path))}: {error}") from None
    return tokenizer


def _load_model(info: CheckpointInfo, dtype: str, device: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    factory: Any = AutoModelForCausalLM
    placed: dict[str, Any] = {} if device == "cpu" else {"device_map": {"": device}}
    if info.experts:
        placed["experts_implementation"] = "grouped_mm"
    try:
        model, told = factory.from_pretrained(
            info.path,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that all of them are named
            **placed,
        )
    except Exception as error:  # whatever transformers, safetensors and torch raise
        raise InputError(_failed(info, "it cannot be loaded", error)) from None
    if faults := misfits(told):
        raise InputError(
            f"the checkpoint {visible(str(info.path))} does not fit its architecture, "
            f"{info.architecture or info.model_type}: {'; '.join(faults)}. Download it again, or "
            "repair config.json"
        )
    return model.eval()


def misfits(told: Mapping[str, Any]) -> list[str]:
    """Return what was not as the architecture wants it, from the loading info of transformers."""
    faults = []
    for what in ("missing", "unexpected"):
        if names := sorted(told.get(f"{what}_keys") or ()):
            faults.append(f"{what} weights ({len(names):,}): {listed(names, 4, 120)}")
    if wrong := sorted(told.get("mismatched_keys") or ()):
        shown = [f"{name} is {[*is_]} instead of {[*should]}" for name, is_, should in wrong]
        faults.append(f"weights of another shape ({len(wrong):,}): {listed(shown, 4, 160)}")
    if errors := told.get("error_msgs"):
        faults.append(f"{str(errors[0])[:200]}")
    return faults


def _check_weights(info: CheckpointInfo, model: Any) -> None:
    """Find weights that are not finite: a sum over each shows them, and is cheap.

    Raises:
        InputError: There are some.
    """
    import torch

    with torch.inference_mode():
        wrong = [
            name
            for name, weight in model.named_parameters()
            if weight.is_floating_point()
            and not torch.isfinite(weight.sum(dtype=torch.float32))
            and not torch.isfinite(weight).all()
        ]
    if wrong:
        raise InputError(
            f"the checkpoint {visible(str(info.path))} has weights that are infinite or no "
            f"numbers, in {listed(wrong, 4, 120)}: it is damaged, or float16 is too small for it. "
            "Download it again, or take another dtype"
        )


def _end_ids(info: CheckpointInfo, tokenizer: Any, model: Any) -> frozenset[int]:
    """The tokens that end an answer.

    Raises:
        InputError: The tokenizer has tokens, or the checkpoint end ids, without weights.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        raise InputError(
            f"the checkpoint {visible(str(info.path))} has a tokenizer with ids up to {highest:,}, "
            f"and weights for {rows:,} tokens: it is the tokenizer of another model"
        )
    if outside := [one for one in info.end_ids if one >= rows]:
        raise InputError(
            f"the checkpoint {visible(str(info.path))} ends answers with the ids "
            f"{listed([str(one) for one in outside])}, and has weights for {rows:,} tokens. Repair "
            "'eos_token_id' in generation_config.json and config.json"
        )
    own = (tokenizer.eos_token_id, turn_end(tokenizer))
    return frozenset((*info.end_ids, *(one for one in own if one is not None)))


def _failed(info: CheckpointInfo, what: str, error: Exception) -> str:
    why = visible(f"{type(error).__name__}: {error}").replace("\n", " ")[:500]
    return f"the checkpoint {visible(str(info.path))}: {what}: {why}"


def _bytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
