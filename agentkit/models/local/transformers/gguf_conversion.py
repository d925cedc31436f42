"""Converts a GGUF file into a checkpoint of Hugging Face, once: the result is kept in a cache."""

import errno
import hashlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from agentkit.errors import InputError, visible
from agentkit.models.local.llamacpp.gguf import Header, check_header, read_header
from agentkit.models.local.machine import free_memory
from agentkit.models.local.transformers.checkpoint import read_checkpoint
from agentkit.models.local.transformers.loading import (
    check_torch_extra,
    misfits,
    quiet_transformers,
)
from agentkit.models.local.transformers.placement import WIDTHS

_LOG: Final = logging.getLogger("agentkit.models")
_FORM: Final = 1
"""Raised when a conversion comes out otherwise than before: what is in the cache is not used."""
_EDGE: Final = 2**20
"""The bytes of the beginning and of the end of a file by which it is known again."""
_ABANDONED_S: Final = 86_400.0
_FLOAT_FILES: Final = {0: "float32", 1: "float16", 32: "bfloat16"}
"""The types of files, by `general.file_type`, whose weights are not quantized."""
_END_IDS: Final = ("eos_token_id", "eot_token_id", "eom_token_id")
_DIGITS_ALONE: Final = {
    "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b",
}  # fmt: skip
"""How tokenizers are named in a GGUF that take each digit for a word: transformers forgets it."""
_LIKE_GPT2: Final = {
    "gpt-2", "phi-2", "olmo", "jais", "mpt", "trillion", "granite-docling", "exaone4",
}  # fmt: skip
"""Those that split a text as GPT-2 does, which is what transformers takes for all it does not
know."""


def checkpoint_of_gguf(file: Path, cache: Path | None = None) -> Path:
    """Return the folder of a checkpoint with the model of a GGUF file; convert it, the first time.

    Weights that are quantized become bfloat16, others keep their type. The chat template and all
    tokens that end an answer are those of the file.

    Args:
        file: The GGUF file. It is known again by its size, its time and its first and last
            megabyte.
        cache: Where converted files are kept; by default `$XDG_CACHE_HOME/agentkit/checkpoints`,
            or `~/.cache/agentkit/checkpoints`. A folder in it may be deleted at any time.

    Raises:
        InputError: The file holds no model that answers, transformers cannot read it, or there is
            no room for the result.
    """
    cache = cache or _default_cache()
    try:
        folder = cache / _key(file)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    if _is_whole(folder):
        return folder
    header = read_header(file)
    check_header(header)
    check_torch_extra(f"{file}")
    _check_parts(header)
    _check_room(header, cache)
    began = time.monotonic()
    made = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        made.mkdir()
        _convert(header, made)
        read_checkpoint(made)
        _sync(made)
        _move(made, folder)
    except OSError as error:
        why = "there is no space left" if error.errno == errno.ENOSPC else error.strerror or error
        raise InputError(
            f"{file} cannot be converted into {visible(str(folder))}: {why}. Converted files are "
            "kept there; set XDG_CACHE_HOME to keep them elsewhere"
        ) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
    _LOG.info("%s: converted into %s in %.1f s", file, folder, time.monotonic() - began)
    return folder


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not Path(base).is_absolute():  # relative ones are to be ignored, says the specification
        try:
            base = str(Path.home() / ".cache")
        except RuntimeError:
            raise InputError("there is no home folder for a cache: set XDG_CACHE_HOME") from None
    return Path(base, "agentkit", "checkpoints")


def _key(file: Path) -> str:
    """The name of the folder for a file as it is now."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        about = os.fstat(opened.fileno())
        digest.update(f"{_FORM} {about.st_size} {about.st_mtime_ns}".encode())
        digest.update(opened.read(_EDGE))
        opened.seek(max(0, about.st_size - _EDGE))
        digest.update(opened.read(_EDGE))
    name = "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in file.stem)
    return f"{name[:80].lstrip('.') or 'model'}-{digest.hexdigest()[:16]}"


def _is_whole(folder: Path) -> bool:
    """Whether a file was converted before; what is damaged since then goes."""
    if not folder.exists():
        return False
    try:
        read_checkpoint(folder)
    except InputError as error:
        _LOG.warning("%s is converted again: %s", folder, error)
        shutil.rmtree(folder, ignore_errors=True)
        return False
    return True


def _check_parts(header: Header) -> None:
    """Refuse what transformers would read only a part of, or with another tokenizer.

    Raises:
        InputError: The file is such.
    """
    parts = header.metadata.get("split.count", 1)
    if isinstance(parts, int) and parts > 1:
        raise InputError(
            f"{header.path} is one of {parts} files of a model, which transformers cannot read. "
            "Join them with llama-gguf-split, or run the model on llama.cpp"
        )
    scaled = header.get("rope.scaling.type") not in (None, "none")
    if header.has_own_rotations or (scaled and header.architecture != "gpt-oss"):
        raise InputError(
            f"{header.path} scales the positions of tokens, which transformers leaves out of GGUF "
            "files: it would answer worse without a word. Take the checkpoint of Hugging Face, or "
            "run the file on llama.cpp"
        )
    split = header.metadata.get("tokenizer.ggml.pre")
    if header.metadata.get("tokenizer.ggml.model") == "gpt2" and split not in _known_splits():
        raise InputError(
            f"{header.path} splits texts into words in the way {split!a:.40}, which transformers "
            "does not know for GGUF files: it would read texts otherwise than the model was "
            "trained. Take the checkpoint of Hugging Face, or run the file on llama.cpp"
        )


def _known_splits() -> set[Any]:
    from transformers.integrations.gguf import gguf_tokenizer_mapping

    return {*_DIGITS_ALONE, *_LIKE_GPT2, *gguf_tokenizer_mapping.GGUF_PRE_TOKENIZER_SPLITS}


def _check_room(header: Header, cache: Path) -> None:
    """Find out whether memory and disk have room.

    Raises:
        InputError: One of them has not.
    """
    needed = header.parameters * WIDTHS[_dtype(header)]
    base = next(folder for folder in (cache, *cache.parents) if folder.exists())
    for free, factor, what in (
        (shutil.disk_usage(base).free, 1, f"on the disk of {cache}"),
        (free_memory(), 2, "of memory"),  # the weights, and those of the file beside them
    ):
        if free is not None and factor * needed > free:
            raise InputError(
                f"{header.path} takes about {factor * needed / 1e9:.1f} GB {what} while it is "
                f"converted, and {free / 1e9:.1f} GB are free"
            )


def _dtype(header: Header) -> str:
    return _FLOAT_FILES.get(header.metadata.get("general.file_type", -1), "bfloat16")


def _convert(header: Header, folder: Path) -> None:
    """Write the checkpoint.

    Raises:
        InputError: transformers cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig, PreTrainedTokenizerFast

    factory: Any = AutoModelForCausalLM
    source = header.path.parent
    where: dict[str, Any] = {"gguf_file": header.path.name, "local_files_only": True}
    try:
        with quiet_transformers(), _no_bar():
            # The general class: that of an architecture may split texts in a way of its own.
            tokenizer = PreTrainedTokenizerFast.from_pretrained(source, **where)
            model, told = factory.from_pretrained(
                source,
                dtype=getattr(torch, _dtype(header)),
                quantization_config=GgufConfig(dequantize=True),
                output_loading_info=True,
                **where,
                **_expert_sizes(header),
            )
    except Exception as error:  # whatever transformers, gguf and torch raise
        why = visible(f"{type(error).__name__}: {error}").replace("\n", " ")[:500]
        raise InputError(
            f"{header.path} cannot be read by transformers: {why}. llama.cpp may read it"
        ) from None
    if faults := misfits(told):
        raise InputError(
            f"{header.path} is not what transformers makes of its architecture, "
            f"{header.architecture}: {'; '.join(faults)}. llama.cpp may read it"
        )
    if header.metadata.get("tokenizer.ggml.pre") in _DIGITS_ALONE:
        _take_digits_alone(tokenizer)
    tokenizer.chat_template = header.metadata["tokenizer.chat_template"]
    ends = _end_ids(header, model.config.eos_token_id)
    model.generation_config.eos_token_id = model.config.eos_token_id = ends
    model.is_quantized, model.hf_quantizer = False, None  # as if it had never been quantized
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with quiet_transformers():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def _no_bar() -> Iterator[None]:
    """Keep the one progress bar from the terminal that does not heed transformers' switch."""
    from transformers import modeling_gguf_pytorch_utils

    reader: Any = modeling_gguf_pytorch_utils
    bar, reader.tqdm = reader.tqdm, partial(reader.tqdm, disable=True)
    try:
        yield
    finally:
        reader.tqdm = bar


def _expert_sizes(header: Header) -> dict[str, int]:
    """The sizes of experts, which transformers does not read: it takes those of Qwen3-30B-A3B."""
    if header.architecture not in ("qwen2moe", "qwen3moe"):
        return {}
    sizes = {
        "moe_intermediate_size": header.get("expert_feed_forward_length"),
        "shared_expert_intermediate_size": header.get("expert_shared_feed_forward_length"),
    }
    return {key: size for key, size in sizes.items() if isinstance(size, int) and size > 0}


def _end_ids(header: Header, known: int | list[int] | None) -> list[int]:
    """The ends that the file names, and those that transformers knows for its architecture."""
    named = (header.metadata.get(f"tokenizer.ggml.{key}") for key in _END_IDS)
    ids = (*named, *(known if isinstance(known, list) else [known]))
    return list(dict.fromkeys(one for one in ids if type(one) is int))


def _take_digits_alone(tokenizer: Any) -> None:
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )


def _remove_abandoned(folder: Path) -> None:
    """Delete what a process left that ended while it converted this file."""
    for left in folder.parent.glob(f".{folder.name}.*"):
        if time.time() - left.stat().st_mtime > _ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Write all files of a folder to the disk, so that none is half there after a crash."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _move(made: Path, folder: Path) -> None:
    """Give a folder its name, unless another process was faster."""
    try:
        made.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
