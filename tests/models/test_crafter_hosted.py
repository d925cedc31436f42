"""Both shipped Crafter agents play real Crafter through a model server that fails now and then."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from loopback import CORRECTED, SURVIVED, Fault, LoopbackServer, Received, recorded_calls
from records import records

from agentkit import load_run

AGENTKIT = Path(sys.executable).with_name("agentkit")
STEPS = {"crafter_list": 10, "crafter": 3}
TRANSIENT = tuple(kind for kind in SURVIVED if kind != "slow")
EVERY = 3


def every_few(kinds: Sequence[str]) -> Callable[[Received], Fault | None]:
    """Every third call goes wrong, each time in another way."""

    def fault(received: Received) -> Fault | None:
        turn, rest = divmod(received.number, EVERY)
        return None if rest else Fault(kinds[turn % len(kinds)], 0.05)

    return fault


# LangChain drops a refusal from a stream, which then looks like an empty answer: not tried here.
KINDS = {
    "openai:": (*TRANSIENT, *CORRECTED),
    "langchain:openai:": (*TRANSIENT, *(kind for kind in CORRECTED if kind != "refusal")),
}


@pytest.mark.parametrize("prefix", KINDS)
@pytest.mark.parametrize("agent", ["crafter_list", pytest.param("crafter", marks=pytest.mark.slow)])
def test_a_shipped_agent_plays_through_a_failing_server(agent, prefix, tmp_path):
    fault_of = every_few(KINDS[prefix])
    with LoopbackServer(faults=fault_of, key="sk-crafter-123456") as server:
        environment = {
            **os.environ,
            "OPENAI_API_KEY": "sk-crafter-123456",
            "OPENAI_BASE_URL": server.base_url,
            "OMP_NUM_THREADS": "1",
        }
        command = [AGENTKIT, "run", agent, "--model", f"{prefix}loopback"]
        done = subprocess.run(
            [
                *command,
                "--steps",
                str(STEPS[agent]),
                "--seed",
                "1",
                "--json",
                "--allow-unknown-price",
            ],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        # Where questions are decided, the first requests ask whether the server can.
        asked = list(server.requests)
        requests = [one for one in asked if "logprobs" not in one.body]
        probes = len(asked) - len(requests)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    [episode] = summary["episodes"]
    assert (episode["status"], episode["steps"]) == ("done", STEPS[agent])
    run = load_run(tmp_path / summary["folder"])
    events = list(records(run, 0))
    answered = [r for r in requests if (f := fault_of(r)) is None or f.kind in CORRECTED]
    assert recorded_calls(events) == Counter(received.digest for received in answered)
    usage = summary["totals"]["usage"]
    missing_paths = 2 if probes else 0  # it has neither /decisions nor /systemone
    assert usage["calls"] == len(requests) + probes + missing_paths
    assert usage["input_tokens"] > 5000
    assert usage["output_tokens"] > 100
    assert 0 < usage["cached_tokens"] < usage["input_tokens"]
    assert summary["totals"]["cost_usd"] is None
    retried = [e for e in events if e["event"] == "call_retried"]
    tried_again = [e for e in retried if not e["reason"].startswith("it does not take /")]
    faults = Counter(fault.kind for r in asked if (fault := fault_of(r)))
    assert len(tried_again) == sum(faults[kind] for kind in TRANSIENT) > 0
    assert len([e for e in events if e["event"] == "node_retried"]) >= faults["length"]
