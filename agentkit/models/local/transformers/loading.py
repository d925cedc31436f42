"""Loads a checkpoint into this process, strictly: what is not as it should be is an error."""

import importlib.util
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from agentkit.errors import InputError, ModelError, listed, visible
from agentkit.messages import Message
from agentkit.models.local.transformers.chat import guard_control_tokens, prompt_ids, turn_end
from agentkit.models.local.transformers.checkpoint import CheckpointInfo
from agentkit.models.local.transformers.placement import (
    check_memory,
    choose_device,
    choose_dtype,
)
from agentkit.plugins import DISTRIBUTION

_PACKAGES: Final = (
    "torch", "transformers", "tokenizers", "safetensors", "llguidance", "accelerate", "gguf",
)  # fmt: skip
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
    check_torch_extra(f"the checkpoint {visible(str(info.path))}")
    import torch

    where = choose_device(device)
    kind = choose_dtype(info, dtype, where)
    if threads is not None:
        torch.set_num_threads(threads)
    first = where if change is None else "cpu"
    with quiet_transformers():
        check_memory(info, kind, first)
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


def check_torch_extra(what: str) -> None:
    """Find out whether the packages of the extra `torch` are installed, without importing them.

    Args:
        what: What needs them.

    Raises:
        InputError: One of them is not.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        command = f"pip install '{DISTRIBUTION}[torch]'"
        error = InputError(f"{what} needs {listed(missing)}, not installed: {command}")
        error.missing = command
        raise error


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
            for name, weight in chain(model.named_parameters(), model.named_buffers())
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
