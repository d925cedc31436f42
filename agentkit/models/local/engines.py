"""Engines of models in this process: all who ask for the same one share it."""

import atexit
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar
from weakref import WeakSet, WeakValueDictionary

from agentkit.errors import ModelError
from agentkit.models.throttle import Throttle


class Engine(ABC):
    """What is loaded once, when it is first needed, and freed when nobody holds it.

    Args:
        name: The model's name, for messages.
        slots: The most calls at once.
    """

    in_parent: ClassVar[str]
    """What has threads that a fork of the process has not, as in `in which llama.cpp runs`."""
    is_fork = False
    """Whether this process was forked from one in which such an engine was loaded."""

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.places = Throttle(slots)
        """The turns of all calls, of whichever model object."""
        self._closed = False

    @property
    @abstractmethod
    def is_loaded(self) -> bool:
        """Whether it is loaded."""

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @abstractmethod
    def load(self) -> None:
        """Load it, once.

        Raises:
            InputError: It cannot be loaded.
            ModelError: The engine was closed, or is that of another process.
        """

    @abstractmethod
    def close(self) -> None:
        """End all calls and free the memory; whoever waits for an answer gets an error."""

    @abstractmethod
    def leave(self) -> None:
        """Leave the threads to the process that this one is a fork of: they are not here."""

    def _loaded(self) -> None:
        """Have it closed at the end of the program, while its threads can still end."""
        _open.add(self)

    def _unloaded(self) -> None:
        _open.discard(self)

    def _check_open(self) -> None:
        if self.is_fork:
            raise ModelError(
                f"{self.name}: this process was forked from one {self.in_parent}, and it has no "
                "threads for it. Start processes with multiprocessing's 'spawn', or ask local: "
                "models only after the fork"
            )
        if self._closed:
            raise ModelError(f"{self.name}: the engine was closed")


E = TypeVar("E", bound=Engine)

_engines: Final[WeakValueDictionary[tuple[object, ...], Any]] = WeakValueDictionary()
_lock: Final = threading.Lock()
_open: Final[WeakSet[Engine]] = WeakSet()


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


@atexit.register
def _close_all() -> None:
    for engine in list(_open):
        engine.close()


def _after_fork() -> None:
    """Leave what is loaded to the parent."""
    for engine in list(_open):
        engine.leave()
        type(engine).is_fork = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
