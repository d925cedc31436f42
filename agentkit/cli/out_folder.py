"""The folder a command records its run in."""

import re
from datetime import datetime
from pathlib import Path

from agentkit.errors import InputError


def run_folder(name: str, out: Path | None) -> Path:
    """`runs/<time>-<agent>`, or the folder the user named.

    Raises:
        InputError: The user named a file, or a folder that has something in it.
    """
    if out is not None:
        if out.exists() and not out.is_dir():
            raise InputError(f"--out {out} is a file: choose a folder for the run")
        if out.is_dir() and any(out.iterdir()):
            raise InputError(f"--out {out} is not empty: choose another folder for the run")
        return out
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    slug = re.sub(r"[^\w.-]+", "_", name) or "agent"
    folder = Path("runs") / f"{now}-{slug}"
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{now}-{slug}-{number}")
        number += 1
    return folder
