"""Limits on the command line, with a real model server."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from loopback import LoopbackServer
from records import records

from agentkit import load_run

AGENTKIT = Path(sys.executable).with_name("agentkit")
CROWD = """\
version: 1
name: crowd
model: tiny
models:
  tiny:
    use: openai:tiny
    base_url: {url}
    max_concurrency: 100
    max_tokens: 200
    {price}
inputs: {{count: 100}}
nodes:
  crowd:
    each: range(count) | list
    prompt: What about number {{{{ item }}}}?
"""
PRICE = "price: {input: 10, output: 50}"


@pytest.fixture
def crowd(folder):
    """Runs an agent that asks a hundred things at once."""
    with LoopbackServer(latency_s=0.02) as server:

        def run(*options: str, price: str = PRICE, command: tuple[str, ...] = ("crowd.yaml",)):
            text = CROWD.format(url=server.base_url, price=price)
            (folder / "crowd.yaml").write_text(text)
            environment = {**os.environ, "OPENAI_API_KEY": "sk-none-123456", "TERM": "dumb"}
            return subprocess.run(
                [AGENTKIT, "run", *command, *options],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        run.server = server
        yield run


def test_a_budget_ends_the_run_with_3_is_never_overshot_and_the_end_says_so(crowd, folder):
    done = crowd("--budget-usd", "0.06", "--out", "run")
    assert done.returncode == 3, done.stderr
    run = load_run(folder / "run")
    totals = run.about["totals"]
    assert 0.045 < totals["cost_usd"] <= 0.06
    assert totals["usage"]["calls"] == len(crowd.server.requests) < 100
    answered = [event for event in records(run, 0) if event["event"] == "node_finished"]
    assert len(answered) == totals["usage"]["calls"]
    assert (run.about["status"], run.about["limits"]["run"]["cost_usd"]) == ("limit", 0.06)
    assert done.stdout.startswith("crowd: limit reached: run.cost_usd 0.06\n")
    used = r"0\.0\d+ USD used, and the next call may take 0\.01\d+ USD"
    assert re.search(rf"\n  limit +the whole run may cost 0\.0600 USD: {used}\n", done.stdout)
    assert "  go on with  agentkit run --resume run --budget-usd MORE\n" in done.stdout


def test_a_run_goes_on_with_a_higher_limit_and_what_was_used_before_counts(crowd):
    done = crowd("--budget-calls", "30", "--out", "run")
    assert (done.returncode, len(crowd.server.requests)) == (3, 30)
    (more,) = re.findall(r"  go on with +agentkit run (.*) MORE\n", done.stdout)
    again = crowd("50", "--json", command=tuple(more.split()))
    assert (again.returncode, len(crowd.server.requests)) == (3, 50)
    summary = json.loads(again.stdout)
    assert summary["totals"]["usage"]["calls"] == 50
    assert summary["limit"] == {"name": "run.calls", "value": 50, "why": ""}


def test_an_unknown_price_refuses_a_budget_unless_it_is_allowed(crowd, folder):
    done = crowd("--budget-usd", "1", price="")
    assert done.returncode == 2
    assert "openai:tiny@127.0.0.1" in done.stderr
    assert "(asked by crowd)" in done.stderr
    assert "price: {input: 0.25, output: 2}" in done.stderr
    assert crowd.server.requests == []
    assert not list((folder / "runs").glob("*"))
    done = crowd("--budget-usd", "1", "--allow-unknown-price", "--json", price="")
    assert done.returncode == 0
    assert json.loads(done.stdout)["totals"]["cost_usd"] is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--budget-calls", "9"), "may take 9 calls: 9 calls used"),
        (("--budget-tokens", "150"), r"may take 150 tokens: 1\d\d tokens used, and the next"),
        (("--budget-seconds", "0"), r"may take 0\.0 s: 0\.\d s used"),
        (("--budget-steps", "3"), "may make 3 decisions: 3 decisions made"),
    ],
)
def test_every_limit_of_a_run_has_an_option(invoke, options, said):
    result = invoke("run", "walker.yaml", *options)
    assert result.exit_code == 3
    assert re.search(f"the whole run {said}", result.stdout)
    assert f" {options[0]} MORE\n" in result.stdout


def test_options_take_the_place_of_what_the_file_says_one_by_one(invoke, folder):
    walker = (folder / "walker.yaml").read_text()
    limits = "limits: {seconds: 50, run: {calls: 3, tokens: 9000}}"
    (folder / "walker.yaml").write_text(f"{walker}{limits}\n")
    assert invoke("run", "walker.yaml", "--budget-calls", "7", "--out", "run").exit_code == 3
    about = load_run(folder / "run").about
    assert about["totals"]["usage"]["calls"] == 7
    assert about["limits"]["episode"]["seconds"] == 50
    assert about["limits"]["run"]["tokens"] == 9000


def test_decisions_of_a_run_are_counted_over_its_episodes(invoke, folder):
    (folder / "no_world.yaml").write_text("model: echo\nnodes: [Hello]\n")
    options = ("--episodes", "9", "--parallel", "3", "--fresh")
    result = invoke("run", "walker.yaml", *options, "--budget-steps", "12")
    assert result.exit_code == 3
    assert "limit       the whole run may make 12 decisions: 12 decisions made\n" in result.stdout
    refused = invoke("run", "no_world.yaml", "--budget-steps", "12")
    assert refused.exit_code == 2
    assert "--budget-steps counts decisions in an environment" in refused.stderr


def test_steps_leave_the_other_limits_of_an_episode_as_they_are(invoke, folder):
    walker = (folder / "walker.yaml").read_text()
    (folder / "walker.yaml").write_text(walker + "limits: {calls: 3, steps: 1}\n")
    result = invoke("run", "walker.yaml", "--steps", "4", "--out", "run")
    assert result.exit_code == 3
    assert "walker: limit reached: calls 3\n" in result.stdout
    assert "an episode may take 3 calls: 3 calls used" in result.stdout
    assert "--resume" not in result.stdout, "no option raises this limit"
    assert load_run(Path("run")).about["limits"]["episode"]["steps"] == 4


def test_show_says_the_limits_of_agents_and_of_runs(invoke, folder):
    walker = (folder / "walker.yaml").read_text()
    (folder / "walker.yaml").write_text(walker + "limits: {steps: 3, run: {cost_usd: 2.5}}\n")
    said = "limits      an episode: 3 decisions; the whole run: 2.50 USD"
    assert said in invoke("show", "walker.yaml").stdout
    invoke("run", "walker.yaml", "--budget-seconds", "90", "--out", "run")
    shown = invoke("show", "run").stdout
    assert "limits    an episode: 3 decisions; the whole run: 2.50 USD, 1 min 30 s\n" in shown


@pytest.mark.parametrize(
    "option", [("--budget-usd", "-1"), ("--budget-calls", "0"), ("--budget-seconds", "nan")]
)
def test_a_budget_that_makes_no_sense_is_refused(invoke, option):
    result = invoke("run", "walker.yaml", *option)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
