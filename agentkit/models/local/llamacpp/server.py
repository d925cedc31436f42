"""llama.cpp's server in this process: how a file is loaded, and why one cannot be."""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xllamacpp import Server

_BATCH: Final = 128
"""Tokens of a prompt that are read at once: between two batches a call can be cancelled, and
others get their next token. As fast as 512 on a CPU (3.8 s for 600 tokens, with either)."""
_PROBE_S: Final = 120.0
_ERROR: Final = re.compile(r"^\S+ E (.*)$", re.M)
_REASON: Final = re.compile(r"error loading model: (?:llama_model_loader: )?(.*)$|(failed to .*)$")
_SILENT: Final = 0
_ERRORS_ONLY: Final = 1
"""How much llama.cpp writes to standard error."""


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """How a file is loaded."""

    path: str
    """The GGUF file."""
    context: int
    """The tokens of a prompt and its answer together, for each call."""
    slots: int
    """The most calls at once; each has the whole context."""
    threads: int
    """The threads that calculate."""
    kept_mib: int
    """The most memory for prompts that were read before and have no slot now, in MiB."""


def start_server(plan: EnginePlan, verbosity: int = _SILENT) -> "Server":
    """Load a file; no other thread of Python runs meanwhile.

    The server of llama.cpp listens on a port of this machine, whether or not that is wanted: it
    gets a key that nobody knows.

    Raises:
        RuntimeError: It cannot be loaded.
    """
    with _threads_that_sleep():
        import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = plan.path
    params.model_alias = {Path(plan.path).stem}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [secrets.token_urlsafe(32)]
    params.ui = params.endpoint_slots = False
    params.n_threads_http = 1
    params.n_ctx = plan.context * plan.slots
    params.n_parallel = plan.slots
    params.n_batch = params.n_ubatch = max(_BATCH, plan.slots)
    params.cache_ram_mib = plan.kept_mib
    params.fit_params = params.warmup = False
    params.verbosity = verbosity
    for cores in (params.cpuparams, params.cpuparams_batch):
        cores.n_threads, cores.poll = plan.threads, 0
    return xllamacpp.Server(params)


@contextmanager
def _threads_that_sleep() -> Iterator[None]:
    """Let threads of OpenMP that wait sleep, where nobody said otherwise: it reads this once.

    By default they spin, and on busy cores the others wait for them (measured with two threads:
    37 tokens a second instead of 1.1).
    """
    name = "OMP_WAIT_POLICY"
    unset = name not in os.environ and "GOMP_SPINCOUNT" not in os.environ
    if unset:
        os.environ[name] = "PASSIVE"
    try:
        yield
    finally:
        if unset:
            os.environ.pop(name, None)


def load_failure(plan: EnginePlan) -> str | None:
    """Return why a file cannot be loaded, from what llama.cpp writes to standard error.

    It writes there for the whole process, so it is asked once more in another one.
    """
    code = (
        "import json, sys; "
        "from agentkit.models.local.llamacpp.server import EnginePlan, start_server; "
        f"start_server(EnginePlan(**json.loads(sys.argv[1])), {_ERRORS_ONLY})"
    )
    command = [sys.executable, "-c", code, json.dumps(asdict(plan))]
    with suppress(OSError, subprocess.SubprocessError):
        ran = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PROBE_S, check=False
        )
        errors = _ERROR.findall(ran.stderr)
        reasons = [found[1] or found[2] for one in errors if (found := _REASON.search(one))]
        return next(iter(reasons), errors[0] if errors else None)
    return None
