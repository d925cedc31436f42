"""The folder a command records its run in."""

import re
from datetime import datetime
from pathlib import Path


def run_folder(name: str, out: Path | None) -> Path:
    """`runs/<time>-<agent>`, or the folder the user named."""
    if out is not None:
        return out
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    slug = re.sub(r"[^\w.-]+", "_", name) or "agent"
    folder = Path("runs") / f"{now}-{slug}"
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{now}-{slug}-{number}")
        number += 1
    return folder
