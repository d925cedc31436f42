"""The server as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from loopback.journal import read_log

_TESTS = Path(__file__).parents[1]


class LoopbackProcess:
    """Starts `python -m loopback` and waits until it listens.

    Args:
        log: Gets a JSON line for each request; also across several processes.
        arguments: More arguments of the command line, such as `--share 0.02`.
        port: 0 takes a free one.
    """

    def __init__(self, log: Path, arguments: Sequence[str] = (), port: int = 0) -> None:
        self.log = log
        self.port = port
        self._arguments = list(arguments)
        self._process: subprocess.Popen[str] | None = None

    @property
    def base_url(self) -> str:
        """What a client takes as base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise RuntimeError("the loopback process was not started")
        return self._process.pid

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The lines of the log so far."""
        return read_log(self.log)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "loopback", "--port", str(self.port)]
        self._process = subprocess.Popen(
            [*command, "--log", str(self.log), *self._arguments],
            env={**os.environ, "PYTHONPATH": str(_TESTS)},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.port = self._announced(self._process)
        except BaseException:
            self._process.kill()
            raise
        return self

    def _announced(self, process: "subprocess.Popen[str]") -> int:
        """The port that it listens on; it says so when it does."""
        if process.stdout is None:
            raise RuntimeError("the loopback process has no output")
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the loopback process ended with {process.wait()}")
        return int(line)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("the loopback process was not started")
        self._process.terminate()
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.stdout.close()
