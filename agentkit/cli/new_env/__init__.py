"""`agentkit new --env`: the package of a new environment, from the texts in this folder."""

import keyword
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Final

from agentkit.errors import InputError

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_TEXTS: Final = Path(__file__).parent


def write_env(name: str, out: Path | None) -> Path:
    """Write the package of a new environment, with its test and an agent that plays it.

    Args:
        name: Its name, which is that of the module too.
        out: The folder to write; by default the name.

    Returns:
        The folder.

    Raises:
        InputError: The name is no module's, or taken; the folder is there or cannot be written.
    """
    _check_name(name)
    folder = out or Path(name)
    kind = "".join(part.capitalize() for part in name.split("_"))
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise InputError(
            f"{folder} is there already and was not changed: choose another name, or --out FOLDER"
        ) from error
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    try:
        for path in sorted(_TEXTS.glob("*.txt")):
            text = Template(path.read_text(encoding="utf-8")).substitute(name=name, kind=kind)
            (folder / path.stem.replace("NAME", name)).write_text(text, encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)  # this call made it
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    return folder


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        usable = _NAME.fullmatch(words) and not keyword.iskeyword(words)
        raise InputError(
            f"'{name}' is no name for an environment, which is a Python module: use small letters, "
            f"digits and _, such as {words if usable else 'my_world'}"
        )
    if find_spec(name) is not None:
        raise InputError(
            f"there is a module '{name}' already, which this one would hide: choose another name, "
            f"such as my_{name}"
        )
