"""The server from the command line: prints its port once it listens; ends with SIGTERM."""

import argparse
import signal
import threading
from importlib import import_module
from pathlib import Path

from loopback.answers import answer
from loopback.faults import KINDS, SURVIVED, RandomFaults
from loopback.server import LoopbackServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="loopback", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="gets a JSON line for each request")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--formats", choices=("openai", "any", "none"), default="openai")
    parser.add_argument("--key", help="the only key that is let in")
    parser.add_argument("--share", type=float, default=0.0, help="share of each kind of fault")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(SURVIVED))
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--wait", type=float, default=0.05, help="seconds of a slow answer")
    parser.add_argument("--answer", metavar="MODULE:FUNCTION", help="gives the text for a body")
    given = parser.parse_args()
    module, _, name = (given.answer or "").partition(":")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with LoopbackServer(
        answer=getattr(import_module(module), name) if module else answer,
        faults=RandomFaults(given.share, given.kinds, given.seed, given.wait),
        latency_s=given.latency,
        formats=given.formats,
        key=given.key,
        port=given.port,
        log=given.log,
        keep=False,
    ) as server:
        print(server.port, flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
