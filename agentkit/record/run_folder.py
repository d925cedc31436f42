"""The folder of a run: made, taken for this process, gone on with, and let go."""

import asyncio
import fcntl
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import orjson

from agentkit.atomic_files import write_atomic
from agentkit.errors import TraceError
from agentkit.program.argument_kinds import check_given, check_path
from agentkit.record.line import FORMAT
from agentkit.record.reader import Run, check_about, load_run
from agentkit.record.summaries import RunSummary
from agentkit.record.writer import EpisodeWriter
from agentkit.values import JSON_OPTIONS, json_safe

_LEFT_OVER: Final = ".run.json.*"
"""What `run.json` is called while it is written."""


class RunWriter:
    """A run folder being written by this process.

    As a context manager it finishes by itself: with the status and the sums of the rollout that
    it was given to, as `failed` when the block raises, as `interrupted` when it is cancelled.

    Args:
        folder: The folder; it must not exist yet, or be empty. What a process leaves that is killed
            before it recorded anything counts as empty.
        about: What `run.json` says of the run beside what `rollout` knows: agent, models, plan.

    Raises:
        TraceError: The folder cannot be made or is somebody else's.
    """

    def __init__(self, folder: Path | str, about: Mapping[str, Any] | None = None) -> None:
        check_path("folder", folder)
        self.folder = folder = Path(folder)
        self.recorded: Run | None = None
        """What was recorded before and is gone on with; None for a run that begins."""
        self.summary: RunSummary | None = None
        """How the episodes went, as far as `rollout` has come."""
        self._is_new = True
        self._process = os.getpid()
        self._lock: int | None = None
        self._about = {
            "format": FORMAT,
            "status": "running",
            "started": _now(),
            "python": platform.python_version(),
            **(about or {}),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _check_empty(folder)
            (folder / "episodes").mkdir(exist_ok=True)
            self._lock = _lock(folder)
            _check_empty(folder)
            _remove_left_over(folder)
            self._save()
        except OSError as error:
            self._let_go()
            raise TraceError(f"cannot record a run in {folder}: {error.strerror}") from error
        except BaseException:
            self._let_go()
            raise

    @classmethod
    def resume(cls, run: Run, changes: Mapping[str, Any] | None = None) -> "RunWriter":
        """Go on with a recorded run: `rollout` plays what is left of it.

        Args:
            run: The run, from `load_run`.
            changes: What `run.json` shall say differently from now on, such as `limits`.

        Raises:
            TraceError: Another process writes it, or its folder cannot be written.
        """
        check_given("run", run, Run, "a Run, such as load_run('runs/first')")
        writer = cls.__new__(cls)
        writer.folder = run.folder
        writer.summary = writer._lock = None
        writer._is_new = False
        writer._process = os.getpid()
        try:
            (run.folder / "episodes").mkdir(exist_ok=True)
            writer._lock = _lock(run.folder)
            _remove_left_over(run.folder)
            writer.recorded = run = load_run(run.folder)  # another process may have gone on with it
            writer._about = {
                **run.about,
                **(changes or {}),
                "format": FORMAT,
                "status": "running",
                "resumed": [*run.about.get("resumed", ()), _now()],
            }
            writer._save()
        except OSError as error:
            writer._let_go()
            raise TraceError(f"cannot write {run.folder}: {error.strerror}") from error
        except BaseException:
            writer._let_go()
            raise
        return writer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._finish_with(error)
        except TraceError as second:  # the disk may be full; the first error is the one to show
            if error is None:
                raise
            error.add_note(str(second))

    def _finish_with(self, error: BaseException | None) -> None:
        """Finish a run whose block is left, perhaps by an error."""
        if self.summary is None and not self._is_new:
            return self.discard()  # nothing was played: the run is as it was
        summary = self.summary or RunSummary(())
        status = summary.status
        if error is not None:
            stopped = isinstance(error, (KeyboardInterrupt, asyncio.CancelledError))
            status = "interrupted" if stopped else "failed"
        return self.finish(status, summary.totals())

    def check_unused(self) -> None:
        """Refuse to record a second rollout: its episodes would have the files of the first.

        Raises:
            TraceError: The writer recorded a rollout, or has let go of its folder.
        """
        if self.summary is not None or not self._is_held:
            raise TraceError(
                f"the writer of {self.folder} has recorded its run: make a RunWriter for each "
                "rollout, or go on with the run, with RunWriter.resume(load_run(...))"
            )

    def describe(self, about: Callable[[], Mapping[str, Any]]) -> None:
        """Let `run.json` say of a run that begins what its writer was not told.

        Args:
            about: Gives it; not called where a command has told all.

        Raises:
            TraceError: It cannot be written.
        """
        if self.recorded is None and "versions" not in self._about:
            self._about = {**about(), **self._about}
            self._save()

    def note(self, about: Mapping[str, Any]) -> None:
        """Let `run.json` say more.

        Raises:
            TraceError: It cannot be written.
        """
        self._about |= about
        self._save()

    def episode(self, index: int) -> EpisodeWriter:
        """The writer of one episode's file."""
        return EpisodeWriter(self.folder, index)

    def finish(self, status: str, totals: Mapping[str, Any]) -> None:
        """Write how the run ended, and let go of the folder; the second time, do nothing.

        Args:
            status: `done`, `limit`, `failed` or `interrupted`.
            totals: The sums, as `RunSummary.totals` gives them.

        Raises:
            TraceError: It cannot be written; the folder is let go all the same.
        """
        if not self._is_held:
            return
        self._about |= {"status": status, "totals": dict(totals)}
        try:
            self._save()
        finally:
            self._let_go()

    def discard(self) -> None:
        """Undo a run that never began: a new folder is removed, an older one is as it was.

        Does nothing once the folder is let go.
        """
        if not self._is_held:
            return
        try:
            if self._is_new:
                shutil.rmtree(self.folder, ignore_errors=True)
            elif self.recorded is not None:
                self._about = dict(self.recorded.about)
                self._save()
        finally:
            self._let_go()

    @property
    def _is_held(self) -> bool:
        """Whether the folder is this process's own: a fork of it has only a copy of the lock."""
        return self._lock is not None and self._process == os.getpid()

    def _let_go(self) -> None:
        """Let go of the folder. Its lock is closed once: the number may be another file's then."""
        lock, self._lock = self._lock, None
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_UN)  # a fork may still have it open
            os.close(lock)

    def _save(self) -> None:
        path = self.folder / "run.json"
        options = JSON_OPTIONS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        data = orjson.dumps(json_safe(self._about), default=str, option=options)
        check_about(orjson.loads(data), f"what is to be written in {path}")
        try:
            write_atomic(path, data)
        except OSError as error:
            raise TraceError(f"cannot write {path}: {error.strerror}") from error


def _check_empty(folder: Path) -> None:
    """Refuse a folder with something in it."""
    episodes = folder / "episodes"
    names = {path.name for path in folder.iterdir() if not path.match(_LEFT_OVER)}
    if names <= {"lock", "episodes"} and not (episodes.exists() and any(episodes.iterdir())):
        return
    raise TraceError(f"{folder} is not empty: choose another folder for the run")


def _remove_left_over(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote `run.json`."""
    for path in folder.glob(_LEFT_OVER):
        path.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _lock(folder: Path) -> int:
    """Take the folder for this process; the lock goes with the process."""
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise TraceError(f"{folder} is being written by another process") from error
    return descriptor
