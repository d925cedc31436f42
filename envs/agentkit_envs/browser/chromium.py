"""Where Chromium is on this machine, and how it is started."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from agentkit_envs.browser.guard.gate import CHROMIUM_FLAGS

VARIABLE: Final = "AGENTKIT_CHROMIUM"
NAMES: Final = (
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "chrome",
)
"""Programs that are looked for on the PATH, in this order."""
HOW_TO_INSTALL: Final = (
    "apt-get install chromium (Debian, Ubuntu), or install Google Chrome, "
    "or run: python -m playwright install chromium"
)


class ChromiumMissing(ValueError):
    """No Chromium was found, or what `AGENTKIT_CHROMIUM` names is none."""


def find_chromium() -> Path:
    """The browser's program: `AGENTKIT_CHROMIUM`, else the first that is found.

    Looked for are /usr/bin/chromium, chromium and Google Chrome on the PATH, where macOS keeps
    programs, and what `playwright install chromium` has put on this machine.

    Raises:
        ChromiumMissing: There is none, or the variable does not name a program.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _named(Path(named).expanduser())
    return first_program(_candidates())


def first_program(paths: Iterable[Path]) -> Path:
    """The first of these that can be executed.

    Raises:
        ChromiumMissing: None can.
    """
    for path in paths:
        if _is_program(path):
            return path
    raise ChromiumMissing(
        f"no Chromium was found on this machine. Install one: {HOW_TO_INSTALL}. "
        f"If you have one in another place, name its program: export {VARIABLE}=/path/to/chromium"
    )


def launch_arguments() -> list[str]:
    """The command-line arguments that every browser of ours is started with."""
    arguments = [*CHROMIUM_FLAGS]
    if sys.platform != "win32" and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # as root it starts only without
    return arguments


def _named(path: Path) -> Path:
    if _is_program(path):
        return path
    if path.is_dir():
        why = "that is a folder"
    elif path.exists():
        why = "that file may not be executed"
    else:
        why = "there is no such file"
    raise ChromiumMissing(
        f"{VARIABLE} is '{path}': {why}. Name the program of a Chromium or Google Chrome, such as "
        f"/usr/bin/chromium, or unset {VARIABLE} to have one found"
    )


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _candidates() -> Iterator[Path]:
    yield Path("/usr/bin/chromium")
    for name in NAMES:
        if found := shutil.which(name):
            yield Path(found)
    if sys.platform == "darwin":
        for app in ("Chromium", "Google Chrome"):
            yield Path(f"/Applications/{app}.app/Contents/MacOS/{app}")
    yield from _of_playwright()


def _of_playwright() -> Iterator[Path]:
    """Playwright's own browsers, the newest first."""
    for build in sorted(_playwright_folder().glob("chromium-*"), key=_revision, reverse=True):
        yield from sorted(build.glob("chrome-linux*/chrome"))
        yield from sorted(build.glob("chrome-mac*/*.app/Contents/MacOS/*"))
        yield from sorted(build.glob("chrome-win*/chrome.exe"))


def _revision(folder: Path) -> int:
    digits = folder.name.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def _playwright_folder() -> Path:
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if named and named != "0":
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ms-playwright"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "ms-playwright"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ms-playwright"
