"""What this machine has left for a model: memory and cores."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

_MEMINFO: Final = Path("/proc/meminfo")
_CPUINFO: Final = Path("/proc/cpuinfo")
_CGROUP: Final = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Return the bytes that can be taken, within the limit of a container; None: nobody knows."""
    free: list[int] = []
    with suppress(OSError):
        if found := re.search(r"MemAvailable:\s*(\d+) kB", _MEMINFO.read_text()):
            free.append(int(found[1]) * 1024)
    with suppress(OSError, ValueError):  # no container, or one without a limit: "max"
        limit = int((_CGROUP / "memory.max").read_text())
        free.append(max(0, limit - int((_CGROUP / "memory.current").read_text())))
    if not free and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        free.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(free, default=None)


def free_cores() -> int:
    """Return how many threads find a core of their own now: at least 1.

    A thread of llama.cpp that has no core holds all others up: on a machine that is busy, two
    threads are several times slower than one. So a core that others use does not count, nor does
    the second thread of a core.
    """
    cores = float(_cores())
    with suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        cores = min(cores, int(quota) / int(period))
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, round(cores - busy))


def _cores() -> int:
    """The cores that this process may use."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    usable = len(mine) if mine is not None else os.cpu_count() or 1
    with suppress(OSError):
        blocks = _CPUINFO.read_text().split("\n\n")
        cores = {_core(block) for block in blocks if mine is None or _processor(block) in mine}
        if cores and None not in cores:
            return min(usable, len(cores))
    return usable


def _processor(block: str) -> int | None:
    found = re.search(r"^processor\s*: (\d+)", block, re.M)
    return int(found[1]) if found else None


def _core(block: str) -> tuple[str, str] | None:
    chip = re.search(r"^physical id\s*: (\d+)", block, re.M)
    core = re.search(r"^core id\s*: (\d+)", block, re.M)
    return (chip[1], core[1]) if chip and core else None


def count_text(number: int) -> str:
    """Return a number of parameters as people write it: 135M, 41.9B."""
    if number >= 1e9:
        return f"{number / 1e9:.1f}B"
    return f"{number / 1e6:.0f}M" if number >= 1e6 else f"{number / 1e3:.0f}K"


def byte_text(number: int) -> str:
    """Return bytes as people write them: 98 MB, 83.7 GB."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
