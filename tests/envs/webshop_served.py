"""A shop on a port of this computer, with twelve lamps and 24 goals."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import agentkit_envs.webshop
from background import background


def command(*options: object) -> list[str]:
    """`python -m agentkit_envs.webshop serve` with options."""
    return [sys.executable, "-m", agentkit_envs.webshop.__name__, "serve", *map(str, options)]


@contextmanager
def served(data: Path, cache: Path, sigint_ignored: bool = False) -> Iterator[str]:
    """The address of a shop with this data; it ends without a complaint.

    Args:
        data: Of the shop.
        cache: For the prepared catalogue.
        sigint_ignored: When it starts.
    """
    options = ("--data", data, "--cache", cache, "--port", 0)
    with subprocess.Popen(
        background(command(*options)) if sigint_ignored else command(*options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            told = process.stdout.readline(), process.stdout.readline()
            assert told[0].startswith(f"WebShop's data in {data} "), process.stderr.read()
            assert told[1].startswith("The shop is open at http://127.0.0.1:")
            yield told[1].split()[5]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                ending = process.wait(timeout=30), process.stderr.read()
            finally:
                process.kill()
    assert ending == (0, "closed\n")
