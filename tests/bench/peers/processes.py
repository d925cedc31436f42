"""One process for each engine, asked in turn, so that all meet the same noise of the machine."""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self, TextIO

from peers.venvs import DEFAULT_FOLDER, Engine, NotInstalled, python_of

QUIET = {
    "OMP_NUM_THREADS": "1",
    "HAMILTON_TELEMETRY_ENABLED": "false",
    "LANGSMITH_TRACING": "false",
}


class EngineFailed(Exception):
    """An engine could not do what it was asked."""


class EngineProcess:
    """A running engine: its process, where its answers arrive, where its errors go."""

    def __init__(self, process: "subprocess.Popen[str]", answers: TextIO, errors: TextIO) -> None:
        self._process = process
        self._answers = answers
        self._errors = errors
        self.version: str = self._read()["version"]

    def ask(self, **request: Any) -> dict[str, Any]:
        """Measure once.

        Raises:
            EngineFailed: It raised, or its process ended.
        """
        if self._process.stdin is None:
            raise EngineFailed("no pipe to the engine's process")
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise EngineFailed("its process has ended") from error
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            self._errors.seek(0)
            raise EngineFailed((self._errors.read().splitlines() or ["its process ended"])[-1])
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineFailed(answer["error"])
        return answer


@contextmanager
def running(engine: Engine, folder: Path) -> Iterator[EngineProcess]:
    """Start an engine, and end its process afterwards.

    Raises:
        NotInstalled: pip could not install it.
        EngineFailed: Its process ended at once.
    """
    python = python_of(engine, folder)
    script = Path(__file__).with_name(engine.script)
    reading, writing = os.pipe()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with tempfile.TemporaryFile("w+") as errors, os.fdopen(reading) as answers:
        process = subprocess.Popen(
            [str(python), str(script), *filter(None, [engine.argument])],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
            pass_fds=[writing],
            env={**environment, **QUIET, "BENCH_ANSWERS": str(writing)},
        )
        os.close(writing)
        with process:  # closes its input, which ends it, and waits
            yield EngineProcess(process, answers, errors)


@dataclass(frozen=True)
class Answers:
    """What one question to all engines gave."""

    medians: dict[Engine, dict[str, float]]
    """The median of each number, for engines that answered every time."""
    failures: dict[Engine, str]
    """Why others did not."""


class Field:
    """All engines of a comparison: those that run, and why the others do not."""

    def __init__(self, engines: Sequence[Engine], folder: Path) -> None:
        self._stack = ExitStack()
        self.engines = engines
        self.running: dict[Engine, EngineProcess] = {}
        self.missing: dict[Engine, str] = {}
        for engine in engines:
            try:
                self.running[engine] = self._stack.enter_context(running(engine, folder))
            except (NotInstalled, EngineFailed) as error:
                self.missing[engine] = str(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, repeat: int, **request: Any) -> Answers:
        """Ask every engine `repeat` times, all of them once before any of them again."""
        answers: dict[Engine, list[dict[str, float]]] = {engine: [] for engine in self.running}
        failures = dict(self.missing)
        for _ in range(repeat):
            for engine in [engine for engine in answers if engine not in failures]:
                try:
                    answers[engine].append(self.running[engine].ask(**request))
                except EngineFailed as error:
                    failures[engine] = str(error)
        medians = {
            engine: {key: median(answer[key] for answer in given) for key in given[0]}
            for engine, given in answers.items()
            if engine not in failures
        }
        return Answers(medians, failures)

    def label(self, engine: Engine) -> str:
        """The engine's name, with the version of a peer."""
        process = self.running.get(engine)
        return f"{engine.label} {process.version}" if process and engine.package else engine.label


def reasons(columns: Mapping[str, Answers]) -> list[str]:
    """A line for each engine that could not do something, with what and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for label, answers in columns.items():
        for engine, why in answers.failures.items():
            found.setdefault((engine.label, why), []).append(label)
    return [f"{engine} ({', '.join(what)}): {why}" for (engine, why), what in found.items()]


def options(description: str | None, repeat: int) -> argparse.ArgumentParser:
    """The options that every comparison has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=repeat, help="rounds; the median is shown")
    parser.add_argument(
        "--venvs", type=Path, default=DEFAULT_FOLDER, help="where the peers are installed"
    )
    return parser
