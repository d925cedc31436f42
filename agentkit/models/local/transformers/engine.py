"""A checkpoint in this process: loaded once, its requests in one batch, its decisions between."""

import itertools
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from agentkit.errors import ModelError
from agentkit.models.local.engines import Engine
from agentkit.models.local.transformers.experts import ExpertTap, checkpoint_experts, watch_experts
from agentkit.models.local.transformers.plan import TorchPlan, fitted

if TYPE_CHECKING:
    from agentkit.models.local.transformers.generation import Generation
    from agentkit.models.local.transformers.loading import LoadedCheckpoint

_LOG = logging.getLogger("agentkit.models")


class Runner(Protocol):
    """Runs answers in the making, in a thread of its own."""

    def add(self, generation: "Generation", key: str) -> None:
        """Begin an answer.

        Raises:
            ModelError: It has ended.
        """
        ...

    def cancel(self, key: str) -> None:
        """Free the place of an answer."""
        ...

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Use the model oneself meanwhile."""
        ...

    def stop(self) -> None:
        """End it; answers in the making fail."""
        ...

    @property
    def has_ended(self) -> bool:
        """Whether it can take no more answers."""
        ...


class TorchEngine(Engine):
    """A loaded checkpoint. It is loaded when it is first needed, and freed when nobody holds it.

    Args:
        name: The model's name, for messages.
        plan: How it is loaded.
        load: Loads it.
    """

    in_parent = "in which a checkpoint is loaded"

    def __init__(self, name: str, plan: TorchPlan, load: Callable[[], "LoadedCheckpoint"]) -> None:
        super().__init__(name, plan.slots)
        self.plan = plan
        self._load = load
        self._lock = threading.RLock()
        self._alone = threading.Lock()
        self.deciders = _deciders()
        """The thread that uses the model alone."""
        self._checkpoint: LoadedCheckpoint | None = None
        self._runners: list[Runner] = []
        weakref.finalize(self, _stop_later, self._runners).atexit = False
        self.tap: ExpertTap | None = None
        """Tells of the experts that tokens are sent to; None: nobody counts them."""
        self._keys = itertools.count()
        self._made: dict[str, Any] = {}

    def load(self) -> None:
        """Load the checkpoint, once.

        Raises:
            InputError: It cannot be loaded.
            ModelError: The engine was closed, or is that of another process.
        """
        with self._lock:
            self._check_open()
            if self._checkpoint is not None:
                return
            began = time.monotonic()
            checkpoint = self._load()
            self.plan = fitted(self.plan, checkpoint)
            if self.plan.counts_experts:
                self.tap = _tapped(checkpoint)
            self._checkpoint = checkpoint
            self._loaded()
            _LOG.info("%s: loaded in %.1f s", self.name, time.monotonic() - began)

    @property
    def checkpoint(self) -> "LoadedCheckpoint":
        """The loaded checkpoint.

        Raises:
            InputError: It cannot be loaded.
            ModelError: The engine was closed.
        """
        self.load()
        checkpoint = self._checkpoint
        if checkpoint is None:
            raise ModelError(f"{self.name}: the engine was closed")
        return checkpoint

    @property
    def is_loaded(self) -> bool:
        """Whether it is loaded."""
        return self._checkpoint is not None

    def once(self, what: str, make: Callable[[], Any]) -> Any:
        """Return what is worked out of the checkpoint once, such as its grammars."""
        with self._lock:
            if what not in self._made:
                self._made[what] = make()
            return self._made[what]

    def begin_now(self, generation: "Generation") -> Callable[[], None] | None:
        """Begin an answer where answers are run already; None: use `begin`, in a thread.

        Returns:
            A function that frees its place.
        """
        with self._lock:
            self._check_open()
            runner = self._runner_now()
            return None if runner is None else self._add(runner, generation)

    def begin(self, generation: "Generation") -> Callable[[], None]:
        """Begin an answer, once nobody uses the model alone.

        Returns:
            A function that frees its place.

        Raises:
            ModelError: The engine was closed, or cannot run.
        """
        with self._alone, self._lock:
            checkpoint, runner = self.checkpoint, self._runner_now()
            if runner is None:
                runner = _runner(self.name, checkpoint, self.plan, self.tap)
                self._runners.append(runner)
            return self._add(runner, generation)

    def _add(self, runner: Runner, generation: "Generation") -> Callable[[], None]:
        key = f"{next(self._keys)}"
        runner.add(generation, key)
        if generation.is_over:  # who asked has gone meanwhile
            runner.cancel(key)
        return lambda: runner.cancel(key)

    def _runner_now(self) -> Runner | None:
        """What runs answers now; one that an error has ended leaves the model as it was."""
        if self._runners and self._runners[-1].has_ended:
            self._stop_runners()
        return self._runners[-1] if self._runners else None

    @contextmanager
    def alone(self) -> Iterator["LoadedCheckpoint"]:
        """Use the model while no answer is in the making; one caller at a time.

        Raises:
            ModelError: The engine was closed.
        """
        import torch

        with self._alone:
            with self._lock:
                checkpoint, runner = self.checkpoint, self._runner_now()
            with runner.paused() if runner else nullcontext(), torch.inference_mode():
                yield checkpoint

    def close(self) -> None:
        """End all calls and free the memory; whoever waits for an answer gets an error."""
        with self._lock:
            self._closed = True
            self._checkpoint = None
            self._made.clear()
            self._stop_runners()
        self.deciders.shutdown(wait=False, cancel_futures=True)
        self._unloaded()

    def leave(self) -> None:
        """Leave the threads to the process that this one is a fork of: they are not here."""
        self._lock, self._alone = threading.RLock(), threading.Lock()
        self._runners.clear()
        self.deciders = _deciders()

    def _stop_runners(self) -> None:
        while self._runners:
            self._runners.pop().stop()


def _deciders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "agentkit-local-decisions")


def _stop_later(runners: list[Runner]) -> None:
    """End what nobody holds any more: in a thread, for this may be the one that has to end."""
    for runner in runners:
        threading.Thread(target=runner.stop, daemon=True).start()


def _tapped(checkpoint: "LoadedCheckpoint") -> ExpertTap:
    tap = ExpertTap(checkpoint_experts(checkpoint.model))
    watch_experts(checkpoint.model, tap)
    return tap


def _runner(
    name: str, checkpoint: "LoadedCheckpoint", plan: TorchPlan, tap: ExpertTap | None
) -> Runner:
    from agentkit.models.local.transformers.batch_runner import BatchRunner, can_batch
    from agentkit.models.local.transformers.turn_runner import TurnRunner

    kind = BatchRunner if can_batch(checkpoint.model, plan.context) else TurnRunner
    return kind(name, checkpoint, plan, tap)
