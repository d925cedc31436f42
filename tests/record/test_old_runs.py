"""Run folders that were written by AgentKit of November 2026, before it recorded `waited_s`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from records import records

from agentkit import load_run

OLD = Path(__file__).parents[1] / "data" / "runs_of_november_2026"
AGENTKIT = Path(sys.executable).with_name("agentkit")


@pytest.fixture(params=sorted(path.name for path in OLD.iterdir()))
def old(request, tmp_path) -> Path:
    """A copy, since commands write into a run's folder."""
    return Path(shutil.copytree(OLD / request.param, tmp_path / request.param))


def agentkit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AGENTKIT, *arguments], cwd=folder.parent, capture_output=True, text=True, timeout=120
    )


def test_every_line_is_read_and_what_was_not_recorded_yet_is_zero(old):
    run = load_run(old)
    finished = [e for e in records(run, 0) if e["event"] == "node_finished"]
    assert finished
    assert {event["waited_s"] for event in finished} == {0.0}


@pytest.mark.parametrize("command", [("show",), ("show", "--episode", "0"), ("profile",)])
def test_it_is_shown_and_profiled(old, command):
    done = agentkit(old, command[0], old.name, *command[1:])
    assert done.returncode == 0, done.stderr


def test_it_is_replayed_as_the_same_run(old):
    done = agentkit(old, "replay", old.name, "--out", "again")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"the same run as {old.name}: ")


def test_it_is_resumed_and_forked(old):
    has_steps = json.loads((old / "run.json").read_text())["env"] is not None
    more = ["--steps", "4"] if has_steps else []
    done = agentkit(old, "run", "--resume", old.name, *more)
    assert done.returncode == 0, done.stderr
    if has_steps:
        assert load_run(old).about["totals"]["steps"] == 4
        done = agentkit(old, "run", old.name, "--from", f"{old.name}:0:2", "--steps", "3")
        assert done.returncode == 0, done.stderr
