"""The process table, for the tests that look for browsers that were left behind."""

import time
from pathlib import Path
from typing import NamedTuple

WAIT_S = 20.0


class Process(NamedTuple):
    """A process that is not taken for a later one with its number."""

    pid: int
    started: str


def running() -> dict[Process, int]:
    """Every process that runs, with its parent; one that only waits to be reaped does not run."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            if fields[0] not in "ZX":
                found[Process(int(folder.name), fields[19])] = int(fields[1])
    return found


def descendants(pid: int) -> set[Process]:
    """The children of a process, their children, and so on."""
    table = running()
    found: set[Process] = set()
    parents = {pid}
    while parents:
        children = {process for process, parent in table.items() if parent in parents} - found
        found |= children
        parents = {child.pid for child in children}
    return found


def marked(mark: str) -> set[Process]:
    """The processes whose environment has a text, wherever they are in the tree."""
    found = set()
    for process in running():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in environment:
            found.add(process)
    return found


def program(process: Process) -> str:
    """The file name of what a process executes."""
    try:
        return Path(f"/proc/{process.pid}/exe").readlink().name
    except OSError:
        return ""


def left_of(processes: set[Process]) -> dict[Process, str]:
    """Those that still run after a while; empty as soon as none does."""
    until = time.monotonic() + WAIT_S
    while (left := processes & running().keys()) and time.monotonic() < until:
        time.sleep(0.02)
    return {process: program(process) for process in left}
