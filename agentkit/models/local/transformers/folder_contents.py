"""Looks for the parts of a checkpoint in its folder: weights, tokenizer, chat template."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from agentkit.errors import listed
from agentkit.models.local.transformers.checkpoint_files import (
    FileFault,
    TensorHead,
    read_mapping,
    read_tensor_heads,
)

_WEIGHTS: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
_PICKLED: Final = ("pytorch_model*.bin", "*.pt", "*.pth", "consolidated*.pth")
_TOKENIZERS: Final = (
    ("tokenizer.json",), ("tokenizer.model",), ("spiece.model",), ("vocab.json", "merges.txt"),
    ("vocab.txt",), ("tekken.json",), ("qwen.tiktoken",),
)  # fmt: skip
_MOST_TEMPLATE: Final = 2**20
_TEMPLATE, _LEGACY_TEMPLATE = "chat_template.jinja", "chat_template.json"
_TOKENIZER_CONFIG: Final = "tokenizer_config.json"
_HUB_NAME: Final = re.compile(r"[\w.-]{1,60}/[\w.-]{1,90}")
_NO_TEMPLATE: Final = (
    "there is no chat template, neither as chat_template.jinja nor in tokenizer_config.json: it is "
    "a base model, which continues texts and follows no instructions. Take its 'instruct' or "
    "'chat' version"
)


def what_it_is_instead(path: Path) -> str | None:
    """Say what stands at a path that is no folder of a checkpoint at all; None: it may be one."""
    if not path.is_dir():
        if path.exists():
            return f"{path} is a file, and a checkpoint is a folder with a config.json"
        hint = ""
        if _HUB_NAME.fullmatch(str(path)):
            hint = f" Of a name of the Hub, 'hf download {path}' prints the folder it is saved in"
        return f"there is no folder {path}.{hint}"
    if (path / "config.json").exists():
        if (path / "adapter_config.json").exists():
            return (
                f"{path} has a config.json and an adapter_config.json: move the adapter into a "
                "folder of its own, so that it is clear what is loaded"
            )
        if any(path.glob("shard-*-model-*.safetensors")):
            return f"{path} holds the state of a training on several machines: save the model first"
        return None
    return f"{path} is no checkpoint: it has no config.json{_without_config(path)}"


def _without_config(path: Path) -> str:
    if (path / "adapter_config.json").exists():
        return (
            ". It is an adapter, which changes a model: name the folder of the model that it was "
            "trained for"
        )
    if files := sorted(one.name for one in path.glob("*.gguf")):
        return f". It has {listed(files, 3)}: name the file itself"
    below = (*path.glob("snapshots/*/config.json"), *path.glob("*/config.json"))
    if folders := sorted({str(one.parent) for one in below}):
        return f". Did you mean '{folders[0]}'?"
    if any(path.iterdir()):
        return ". Download the whole folder, or save it with transformers' save_pretrained"
    return ", it is empty"


def read_weights(path: Path) -> tuple[dict[str, TensorHead], int, list[str]]:
    """Read the headers of all weights.

    Returns:
        The tensors by name, the bytes of all files, and what is wrong.
    """
    if (path / _WEIGHTS).exists():
        return _read_shards(path, {_WEIGHTS: ()})
    if not (path / _INDEX).exists():
        return {}, 0, [_why_no_weights(path)]
    try:
        return _read_shards(path, _shards(read_mapping(path / _INDEX)))
    except FileFault as fault:
        return {}, 0, [f"{_INDEX} {fault}"]


def _why_no_weights(path: Path) -> str:
    if found := sorted(one.name for one in path.glob("*.safetensors")):
        if any("-of-" in name for name in found):
            return f"{_INDEX} is missing, which says what is in {listed(found, 3)}. Download it too"
        return f"there is no {_WEIGHTS}, but {listed(found, 3)}: the form of another program"
    if found := sorted(one.name for pattern in _PICKLED for one in path.glob(pattern)):
        return (
            f"the weights are in {listed(found, 3)}: pickled files, which can hold any program "
            "code, and are not loaded. Take a version of the checkpoint with .safetensors"
        )
    return f"there are no weights: neither {_WEIGHTS} nor {_INDEX}"


def _shards(index: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The tensors that each file should have.

    Raises:
        FileFault: The index makes no sense.
    """
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places:
        raise FileFault("has no 'weight_map', which says in which file each weight is")
    shards: dict[str, list[str]] = {}
    for name, file in places.items():
        if not isinstance(file, str) or Path(file).name != file or file in ("", ".", ".."):
            raise FileFault(f"names {file!a:.60}, which is no name of a file beside it")
        if not file.endswith(".safetensors"):
            raise FileFault(f"names {file!a:.60}, which is no file of safetensors")
        shards.setdefault(file, []).append(name)
    return {file: tuple(names) for file, names in shards.items()}


def _read_shards(
    path: Path, shards: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, TensorHead], int, list[str]]:
    tensors: dict[str, TensorHead] = {}
    size, missing, faults = 0, [], []
    for file, names in sorted(shards.items()):
        if not (path / file).exists():
            missing.append(file)
            continue
        try:
            found = read_tensor_heads(path / file)
            size += (path / file).stat().st_size
        except FileFault as fault:
            faults.append(f"{file} {fault}")
            continue
        if not found:
            faults.append(f"{file} holds no weights. Download it again")
        if lost := [name for name in names if name not in found]:
            faults.append(
                f"{file} lacks {len(lost):,} of the weights that {_INDEX} says are in it: "
                f"{listed(lost, 3, 120)}. Download it again"
            )
        tensors |= found
    if missing:
        faults.append(
            f"{len(missing):,} of the {len(shards):,} files that {_INDEX} names are missing: "
            f"{listed(missing, 5)}. Download them too"
        )
    return tensors, size, faults


def tokenizer_fault(path: Path) -> str | None:
    """Say what is wrong with the files of the tokenizer; None: nothing that can be seen."""
    for files in _TOKENIZERS:
        if all((path / file).exists() for file in files):
            break
    else:
        return (
            "there is no tokenizer: neither tokenizer.json nor tokenizer.model. Download the whole "
            "folder"
        )
    start = b""
    try:
        with (path / files[0]).open("rb") as file:
            start = file.read(30)
    except OSError as error:
        return f"{files[0]} cannot be read: {error.strerror or error}"
    if start.startswith(b"version https://git-lfs"):
        return f"{files[0]} is a pointer of Git LFS, not the file itself: run 'git lfs pull'"
    return None if start else f"{files[0]} is empty. Download it again"


def find_template(path: Path) -> tuple[str, str | None]:
    """Find the chat template, where transformers looks for it.

    Returns:
        The template, empty where there is none, and what is wrong; None: nothing.
    """
    try:
        template = next(_templates(path), None)
    except FileFault as fault:
        return "", str(fault)
    if not template:
        return "", _NO_TEMPLATE
    if len(template) > _MOST_TEMPLATE:
        return "", f"the chat template has {len(template):,} characters, which none has"
    return template, None


def _templates(path: Path) -> Iterator[str]:
    if (path / _TEMPLATE).exists():
        yield _text(path / _TEMPLATE)
    for name in (_TOKENIZER_CONFIG, _LEGACY_TEMPLATE):
        if not (path / name).exists():
            continue
        try:
            value = read_mapping(path / name).get("chat_template")
        except FileFault as fault:
            raise FileFault(f"{name} {fault}") from None
        if isinstance(value, list):  # several with names
            named = {one.get("name"): one.get("template") for one in value if isinstance(one, dict)}
            value = named.get("default")
            if value is None:
                raise FileFault(
                    f"{name} has several chat templates, and none has the name 'default'"
                )
        if value is not None and not isinstance(value, str):
            raise FileFault(f"{name}: 'chat_template' is no text")
        if value:
            yield value


def _text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(_MOST_TEMPLATE + 1)
    except UnicodeDecodeError:
        raise FileFault(f"{file.name} is not UTF-8") from None
    except OSError as error:
        raise FileFault(f"{file.name} cannot be read: {error.strerror or error}") from None
