"""Files that are either whole or not there, and reading what is really a file."""

import os
import secrets
import stat
from errno import EINVAL, EISDIR
from pathlib import Path
from typing import BinaryIO, Final

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never half of it.

    A file that was there keeps its permissions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    descriptor = os.open(temporary, _NEW, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read bytes from it.

    Raises:
        OSError: It cannot be opened, or is a pipe or a device, whose end may never come.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        raise OSError(EINVAL, "it is no regular file", str(path))
    return file


def check_writable(path: Path) -> None:
    """Find out whether a file could be written, without touching it.

    Raises:
        OSError: It could not.
    """
    if path.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    os.close(os.open(temporary, _NEW, 0o666))
    temporary.unlink()


def _beside(path: Path) -> Path:
    """A name that is free in the folder of a file."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")
