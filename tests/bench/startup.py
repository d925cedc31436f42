"""How long starting takes: `python tests/bench/startup.py`.

Each line is the median of fresh processes, wall time, with files already in the page cache.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
AGENTKIT = str(Path(sys.executable).with_name("agentkit"))
STARTS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import agentkit": [sys.executable, "-c", "import agentkit"],
    "from agentkit import Agent, Graph, Node": [
        sys.executable,
        "-c",
        "from agentkit import Agent, Graph, Node",
    ],
    "agentkit --help": [AGENTKIT, "--help"],
    "agentkit run --help": [AGENTKIT, "run", "--help"],
    "agentkit check essay": [AGENTKIT, "check", "essay"],
}
AIMS = {"import agentkit": "0.15 over bare Python", "agentkit --help": "0.30"}


def median_s(command: list[str]) -> float:
    """Seconds a fresh process takes, the median of some after one to warm up."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    """Print the table."""
    print("| start | seconds | over bare Python | aim |")
    print("|---|---|---|---|")
    bare = None
    for name, command in STARTS.items():
        seconds = median_s(command)
        bare = seconds if bare is None else bare
        print(f"| `{name}` | {seconds:.3f} | {seconds - bare:.3f} | {AIMS.get(name, '')} |")


if __name__ == "__main__":
    main()
