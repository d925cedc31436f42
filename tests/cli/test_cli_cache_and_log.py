"""`agentkit run --cache FILE` and `--log FILE`."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.cli.log_file import LogFile

AGENTKIT = Path(sys.executable).with_name("agentkit")
ESSAY = """\
version: 1
name: essay
model: echo
inputs: {topic: cats}
nodes:
  - What of {{ topic }}?
  - essay: Write it.
"""


@pytest.fixture
def essay(folder: Path) -> Path:
    (folder / "essay.yaml").write_text(ESSAY)
    return folder


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [AGENTKIT, "run", "essay.yaml", *arguments],
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def reused(summary: dict) -> list[bool]:
    """What the record of a run says of each answer."""
    lines = (Path(summary["folder"]) / "episodes" / "0000.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [event["reused"] for event in events if event["event"] == "node_finished"]


def test_a_second_run_takes_its_answers_from_the_file(essay, invoke):
    first, again, other = (
        json.loads(invoke("run", "essay.yaml", "--cache", "answers.db", "--json", *more).stdout)
        for more in ([], [], ["--input", "topic=dogs"])
    )
    assert [run["totals"]["usage"]["calls"] for run in (first, again, other)] == [2, 0, 2]
    assert [reused(run) for run in (first, again)] == [[False, False], [True, True]]
    assert again["episodes"][0]["action"] == first["episodes"][0]["action"]


def test_a_file_that_is_no_cache_is_said_once_and_the_run_goes_on(essay):
    done = run("--cache", "essay.yaml", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["totals"]["usage"]["calls"] == 2
    assert done.stderr.count("the cache essay.yaml is not used: file is not a database") == 1
    assert "Traceback" not in done.stderr
    assert (essay / "essay.yaml").read_text() == ESSAY


def test_a_cache_does_not_go_with_one_node(essay, invoke):
    result = invoke("run", "essay.yaml", "--node", "essay", "--cache", "answers.db")
    assert result.exit_code == 2
    assert "--cache goes with a whole run" in result.stderr


def test_a_log_has_a_line_for_each_event_and_no_contents(essay, invoke):
    for _ in range(2):
        assert invoke("run", "essay.yaml", "--log", "log.txt").exit_code == 0
    lines = (essay / "log.txt").read_text().splitlines()
    pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO) agentkit\.run (\w+) agent=essay "
    names = [re.match(pattern, line)[2] for line in lines]
    assert names[: len(names) // 2] == [
        "episode_started", "step_started", "node_started", "node_finished", "node_started",
        "node_finished", "step_finished", "episode_finished",
    ]  # fmt: skip
    assert len(names) == 16
    assert "cats" not in "\n".join(lines)


def test_the_environment_can_name_the_log(essay):
    assert run(AGENTKIT_LOG="log.txt").returncode == 0
    assert "episode_finished" in (essay / "log.txt").read_text()


def test_a_log_that_cannot_be_written_is_refused(essay, invoke):
    result = invoke("run", "essay.yaml", "--log", "nowhere/log.txt")
    assert result.exit_code == 2
    assert "cannot write nowhere/log.txt: No such file or directory" in result.stderr
    assert not (essay / "runs").exists()


def test_a_log_on_a_full_disk_is_said_once_and_the_run_goes_on(essay):
    done = run("--log", "/dev/full")
    assert done.returncode == 0
    assert done.stderr.count("the log /dev/full is not written any more") == 1
    assert "Traceback" not in done.stderr


def test_an_entry_of_the_log_is_one_line_whoever_writes_it(folder):
    """A model's name with a line break in it made further lines of its own."""
    handler = LogFile(folder / "log.txt")
    record = logging.makeLogRecord({"msg": "m\n2026-01-31 ERROR forged\x1b[2J\u2028x"})
    handler.handle(record)
    handler.close()
    said = (folder / "log.txt").read_text()
    assert said.count("\n") == 1
    assert said.endswith("m 2026-01-31 ERROR forged [2J x\n")
