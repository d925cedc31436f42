"""The engine's asyncio loop, which knows the processes that were started on it."""

import asyncio
import os
import sys
from typing import Any

if sys.platform == "win32":
    _Loop = asyncio.ProactorEventLoop
else:
    _Loop = asyncio.SelectorEventLoop


class DriverLoop(_Loop):
    """A loop for Playwright, which starts its driver on the loop and keeps the process to itself.

    The driver ends, and Chromium with it, when the pipe to its input closes. A forked child of
    this process has a copy of that pipe, and would keep both alive.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[asyncio.SubprocessTransport] = []
        """Those that were started here and may still run, the newest last."""

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """Start a process, as any loop does, and remember it."""
        transport, protocol = await super().subprocess_exec(*args, **options)
        self.processes = [old for old in self.processes if old.get_returncode() is None]
        self.processes.append(transport)
        return transport, protocol

    def let_go(self) -> None:
        """In a forked child: give up the copies of the pipes."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for process in self.processes:
            pipe = process.get_pipe_transport(0)
            file = None if pipe is None else pipe.get_extra_info("pipe")
            if file is not None and file.fileno() >= 0:
                # Not closed: its number would be given to another file, which the objects of the
                # parent's loop would then close.
                os.dup2(nothing, file.fileno())
        os.close(nothing)
