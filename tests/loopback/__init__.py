"""A model server on 127.0.0.1 that speaks OpenAI's Chat Completions, for tests and benchmarks.

    with LoopbackServer(faults=[Fault("rate_limit", 1.0)]) as server:
        server.base_url, server.requests

or as a process of its own, for tests that kill and benchmarks that measure memory:

    PYTHONPATH=tests python -m loopback --port 0 --log calls.jsonl
"""

from loopback.answers import answer, digest_of
from loopback.decisions import Decides
from loopback.faults import (
    CORRECTED,
    KINDS,
    SURVIVED,
    Fault,
    RandomFaults,
)
from loopback.journal import Received, read_log
from loopback.process import LoopbackProcess
from loopback.records import recorded_calls
from loopback.server import LoopbackServer

__all__ = [
    "CORRECTED",
    "KINDS",
    "SURVIVED",
    "Decides",
    "Fault",
    "LoopbackProcess",
    "LoopbackServer",
    "RandomFaults",
    "Received",
    "answer",
    "digest_of",
    "read_log",
    "recorded_calls",
]
