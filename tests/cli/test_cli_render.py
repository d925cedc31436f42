"""`agentkit render` and `agentkit run --node`: one node, shown or asked."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def recorded(invoke) -> None:
    """A recorded run in `run`."""
    assert invoke("run", "walker.yaml", "--out", "run").exit_code == 0


def test_messages_are_exactly_those_that_a_run_sends(invoke, recorded):
    shown = invoke("render", "walker.yaml", "--node", "act", "--from", "run:0:3").stdout
    sent = invoke("show", "run", "--step", "3", "--node", "act", "--full").stdout
    asked = sent[sent.index("--- system") : sent.index("--- answer of act")]
    assert shown.startswith(asked)
    assert "You are at 3 of 5." in shown
    assert "You have been at 4 places" in shown


def test_unknown_values_stand_as_their_names(invoke):
    result = invoke("render", "walker.yaml", "--node", "act")
    assert "You are at 0 of 5." in result.stdout
    assert "You said ⟨look⟩." in result.stdout
    assert "--- assistant\n⟨look⟩\n" in result.stdout
    assert "- east\n- west" in result.stdout
    assert "nothing was asked" in result.stderr
    assert "not known without asking a model: ⟨look⟩" in result.stderr


def test_given_values_take_their_place(invoke, folder):
    (folder / "seen.txt").write_text("You are in a hall.")
    result = invoke(
        "render", "walker.yaml", "--node", "act", "--input", "look=a door",
        "--observation", "seen.txt",
    )  # fmt: skip
    assert "You said a door." in result.stdout
    assert "--- assistant\na door\n" in result.stdout
    assert "You are in a hall." in result.stdout
    assert "not known" not in result.stderr


def test_one_node_is_asked_with_the_values_of_a_recorded_step(invoke, recorded):
    result = invoke("run", "walker.yaml", "--node", "act", "--from", "run:0:3", "--json")
    answer = json.loads(result.stdout)
    assert answer["value"] == "east"
    assert answer["usage"]["calls"] == 1


def test_asking_a_node_whose_values_are_unknown_says_how_to_give_them(invoke):
    result = invoke("run", "walker.yaml", "--node", "act")
    assert result.exit_code == 2
    assert "node 'act' reads look, which no model was asked for" in result.stderr
    assert "--input look=..." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--node", "atc"], "has no node 'atc'. Did you mean 'act'?"),
        (["--node", "act", "--from", "run:0:99"], "has no step 99: it has steps 0 to 4"),
        (["--node", "act", "--from", "run:4:0"], "run has no episode 4; it has: 0"),
        (["--node", "act", "--from", "run"], "write RUN:EPISODE:STEP"),
        (["--node", "act", "--input", "lok=1"], "nothing has this name. Did you mean 'look'?"),
        (["--node", "act", "--observation", "no.txt"], "cannot read no.txt: No such file"),
    ],
)
def test_what_is_not_there_is_said(invoke, recorded, arguments, message):
    result = invoke("render", "walker.yaml", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr


MANY = """
name: many
model: echo
inputs: {words: [a, b, c, d]}
limits: {calls: 3}
nodes:
  each_word:
    each: words
    prompt: "{{ item }}"
"""


def test_asking_a_node_keeps_to_the_limits_of_the_agent_and_of_the_command(invoke):
    Path("many.yaml").write_text(MANY)
    result = invoke("run", "many.yaml", "--node", "each_word")
    assert result.exit_code == 3
    assert "the limit calls of 3 is reached" in result.stderr
    Path("many.yaml").write_text(MANY.replace("calls: 3", "calls: 4"))
    assert invoke("run", "many.yaml", "--node", "each_word").exit_code == 0
    result = invoke("run", "many.yaml", "--node", "each_word", "--budget-calls", "2")
    assert result.exit_code == 3
    assert "the limit run.calls of 2 is reached" in result.stderr


def test_asking_a_node_of_unknown_price_under_a_limit_on_cost_is_refused_unless_it_is_allowed(
    processes,
):
    command = ["run", "slow_walker.yaml", "--node", "look", "--model", "slow:0"]
    refused = processes.start(*command, "--budget-usd", "1")
    _, error = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "a limit on cost needs the price of every model" in error
    allowed = processes.start(*command, "--budget-usd", "1", "--allow-unknown-price")
    _, error = allowed.communicate(timeout=60)
    assert allowed.returncode == 0, error


@pytest.mark.parametrize(
    "option",
    [
        ["--episodes", "2"], ["--parallel", "2"], ["--steps", "5"], ["--budget-steps", "5"],
        ["--fresh"], ["--out", "run"], ["--memory", "kept.json"],
    ],
)  # fmt: skip
def test_options_of_a_whole_run_are_refused_where_one_node_is_asked(invoke, option):
    result = invoke("run", "walker.yaml", "--node", "look", *option)
    assert result.exit_code == 2
    assert f"{option[0]} goes with a whole run, not with --node" in result.stderr
