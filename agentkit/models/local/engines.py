"""Engines of models in this process: all who ask for the same one share it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakValueDictionary


class _Engine(Protocol):
    @property
    def is_closed(self) -> bool: ...


E = TypeVar("E", bound=_Engine)

_engines: Final[WeakValueDictionary[tuple[object, ...], Any]] = WeakValueDictionary()
_lock: Final = threading.Lock()


def get_engine(path: Path, wishes: tuple[object, ...], make: Callable[[], E]) -> E:
    """Return the engine of a file as it is now, the same one for all who wish the same.

    Args:
        path: The file.
        wishes: What was asked for: of what was left open, the first who asks decides.
        make: Makes the engine.
    """
    about = path.stat()
    key = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, *wishes)
    with _lock:
        engine: E | None = _engines.get(key)
        if engine is None or engine.is_closed:
            engine = _engines[key] = make()
        return engine
