"""Folders that are prepared once and then shared by every process."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import orjson

STORING = ("catalogue/goal_table", "catalogue/product", "catalogue/store", "search")
READING = tuple(
    f"catalogue/{name}"
    for name in (
        *("accepted_records", "extras", "json_stream", "lookup"),
        *("official", "processed", "records"),
    )
)
GENERATING = ("catalogue/generated",)
"""Modules and packages of WebShop whose code decides what a prepared folder holds."""


def cache_folder(chosen: Path | None) -> Path:
    """Where prepared catalogues lie: the chosen folder, or one under the user's cache."""
    if chosen is not None:
        return chosen
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path("~/.cache").expanduser()) / "agentkit" / "webshop"


def fingerprint(
    arguments: Sequence[str | int | None], files: Sequence[Path], code: Sequence[str]
) -> str:
    """A name for what is made of these arguments and files by the code as it is now.

    Files count by their path, size and time of change: reading gigabytes at every start would
    take longer than the start.
    """
    found = [path.resolve() for path in files]
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found]
    digest = hashlib.sha256(orjson.dumps([arguments, stats]))
    digest.update(_code_digest(tuple(code)))
    return digest.hexdigest()[:24]


@cache
def _code_digest(names: tuple[str, ...]) -> bytes:
    """A digest of the code, which this process has loaded and so need not read again."""
    digest = hashlib.sha256()
    for path in _sources(names):
        digest.update(path.read_bytes())
    return digest.digest()


def _sources(names: Sequence[str]) -> list[Path]:
    here = Path(__file__).parents[1]
    packages = [here / name for name in names if (here / name).is_dir()]
    files = [here / f"{name}.py" for name in names]
    files += [path for p in packages for path in p.rglob("*") if path.suffix in (".py", ".yaml")]
    return sorted(path for path in files if path.is_file())


def prepared(cache: Path, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `cache/name`, built by `build` when it is not there yet.

    It is built beside and renamed when complete, so that a folder that is there is whole. Other
    processes that want it wait.

    Raises:
        ValueError: When the cache folder cannot be written.
    """
    folder = cache / name
    try:
        if folder.is_dir():
            return folder
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / f"{name}.lock"):
            if not folder.is_dir():
                _build(folder, build)
    except OSError as error:
        raise ValueError(
            f"the catalogue cannot be prepared in {cache}: {error.strerror or error}. It needs a "
            "folder that can be read and written; choose another with the argument 'cache'"
        ) from error
    return folder


@contextmanager
def whole(folder: Path) -> Iterator[None]:
    """While files of a prepared folder are opened: what is wrong with them is told as one error.

    Raises:
        ValueError: A file is missing or damaged, or cannot be read.
    """
    try:
        yield
    except PermissionError as error:
        raise ValueError(
            f"the prepared catalogue {folder} cannot be read: {error.strerror}. It needs a folder "
            "that can be read and written; choose another with the argument 'cache'"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"the prepared catalogue {folder} is damaged ({error}): remove that folder, and it is "
            "prepared anew"
        ) from error


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    # Left by a process that was killed: we hold the lock, so nobody writes it now.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        build(partial)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a file for this process; the lock goes with the process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
