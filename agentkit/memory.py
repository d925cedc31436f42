"""Memory: named values that outlive a step, and how long each is kept."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import orjson

from agentkit.atomic_files import check_writable, open_regular, write_atomic
from agentkit.errors import InputError, Problem, SpecError, advice, listed, suggest
from agentkit.program.argument_kinds import check_kind
from agentkit.values import as_recorded, json_copy

Keep = Literal["episode", "run", "forever"]
_KEEPS: Final = get_args(Keep)


class Memory:
    """Starting values of the memory keys, and the values that outlive an episode.

    Args:
        start: A starting value for each key.
        keep: How long a key keeps its value: for an `episode` (the default), for the `run`, or
            `forever`, which needs a file.
        file: The JSON file of the keys that are kept forever.

    Raises:
        SpecError: A key of `keep` has no starting value, a `keep` is none of the three, or a
            starting value is not a JSON value.
    """

    def __init__(
        self,
        start: Mapping[str, Any] | None = None,
        keep: Mapping[str, Keep] | None = None,
        file: str | Path | None = None,
    ) -> None:
        check_kind("memory", start, Mapping, "a mapping of keys to starting values")
        check_kind("keep", keep, Mapping, "a mapping of keys to how long they are kept")
        self.keep: dict[str, Keep] = dict(keep or {})
        self.file = None if file is None else Path(file)
        problems = [*_keep_problems(self.keep, start or {})]
        self.start: dict[str, Any] = {}
        for key, value in (start or {}).items():
            try:
                self.start[key] = json_copy(value, f"memory.{key}")
            except TypeError as error:
                problems.append(Problem(str(error), field="memory", key=key))
        if problems:
            raise SpecError(problems)
        self._writes = True
        self._kept: dict[str, Any] | None = None
        """What outlives episodes; None until the file was looked at."""

    def __repr__(self) -> str:
        keys = [f"{key} ({self.keep.get(key, 'episode')})" for key in self.start]
        return f"<Memory: {listed(keys)}>"

    @property
    def outlives_episodes(self) -> list[str]:
        """The keys that are kept for longer than an episode."""
        return [key for key, keep in self.keep.items() if keep != "episode"]

    @property
    def kept_forever(self) -> list[str]:
        """The keys that are kept in the file."""
        return [key for key, keep in self.keep.items() if keep == "forever"]

    def load(self, kept: Mapping[str, Any] | None = None, *, writes: bool = True) -> None:
        """Begin a run: forget what the last run kept, and read the file.

        Args:
            kept: What a run that goes on has kept so far; it counts more than the file.
            writes: Whether the file is written at the end of each episode.

        Raises:
            InputError: A key is kept forever and there is no file to keep it in, or the file
                cannot be read or could not be written at the end.
        """
        self._kept = self._read_kept() if kept is None else dict(kept)
        self._writes = writes
        if not self.kept_forever or not writes:
            return
        if self.file is None:
            keys = ", ".join(self.kept_forever)
            raise InputError(
                f"memory kept forever ({keys}) needs a file: name it with 'memory_file' in the "
                f"agent's file, or with {advice('Memory(..., file=...)', '--memory FILE')}"
            )
        try:
            check_writable(self.file)
        except OSError as error:
            raise InputError(
                f"memory file {self.file} could not be written: {error.strerror}"
            ) from error

    def fresh(self) -> dict[str, Any]:
        """A copy of the starting values."""
        return {key: json_copy(value) for key, value in self.start.items()}

    def starting_with(self, values: Mapping[str, Any]) -> "Memory":
        """Return another memory of these keys, in which some of them begin with other values.

        Raises:
            InputError: It has no such key, or a value is not a JSON value.
        """
        check_kind("memory", values, Mapping, "a mapping of keys to values")
        for key in values:
            if key not in self.start:
                known = ", ".join(self.start) or "none"
                hint = suggest(str(key), set(self.start))
                raise InputError(f"memory has no key '{key}'.{hint} Declared keys: {known}")
        try:
            return Memory(self.start | dict(values), self.keep, self.file)
        except SpecError as error:
            raise InputError(str(error)) from error

    def begin(self) -> dict[str, Any]:
        """The values an episode starts with; the file is read if that was not done yet.

        Raises:
            InputError: The file cannot be read.
        """
        if self._kept is None:
            self._kept = self._read_kept()
        return {**self.fresh(), **{key: json_copy(value) for key, value in self._kept.items()}}

    def end(self, values: Mapping[str, Any]) -> None:
        """Keep what outlives the episode.

        Raises:
            InputError: The file cannot be read or written.
        """
        kept = self._read_kept() if self._kept is None else self._kept
        self._kept = kept | {key: values[key] for key in self.outlives_episodes if key in values}
        if not self.kept_forever or self.file is None or not self._writes:
            return
        forever = {key: self._kept[key] for key in self.kept_forever if key in self._kept}
        stored = _read(self.file) | forever
        text = orjson.dumps(stored, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            write_atomic(self.file, text)
        except OSError as error:
            raise InputError(
                f"memory file {self.file} cannot be written: {error.strerror}"
            ) from error

    def holds(self, states: Iterable[Mapping[str, Any]]) -> bool:
        """Whether the file holds what one of these states of the memory leaves in it.

        Keys that it does not have hold nothing that could be lost.

        Raises:
            InputError: The file cannot be read.
        """
        held = as_recorded(self._read_kept())
        return any(
            all(
                value == as_recorded(state.get(key, self.start[key])) for key, value in held.items()
            )
            for state in states
        )

    def _read_kept(self) -> dict[str, Any]:
        """What the file keeps of the keys that are kept forever."""
        forever = self.kept_forever
        stored = _read(self.file) if forever and self.file is not None else {}
        return {key: stored[key] for key in forever if key in stored}


def _keep_problems(keep: Mapping[str, str], start: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for key, value in keep.items():
        if key not in start:
            message = f"memory has no key '{key}'.{suggest(key, set(start))}"
            problems.append(Problem(message, field="keep", key=key))
        if value not in _KEEPS:
            message = f"keep.{key}: found {value!r:.60}, expected one of {', '.join(_KEEPS)}"
            problems.append(Problem(message, field="keep", key=key))
    return problems


def _read(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path) as file:
            stored = orjson.loads(file.read())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"memory file {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"memory file {path}: line {error.lineno}: {error.msg}. Mend it, or move it away "
            "to start afresh; it was not changed"
        ) from error
    if not isinstance(stored, dict):
        raise InputError(f"memory file {path}: expected a mapping of keys to values")
    return stored
