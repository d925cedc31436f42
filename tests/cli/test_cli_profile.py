"""`agentkit profile`: where time and money of a run went."""

import json
import re

import orjson
import pytest
from loopback import Fault, LoopbackServer


@pytest.fixture
def run(invoke, folder):
    """A recorded run of two episodes."""
    assert invoke("run", "walker.yaml", "--out", "run", "--episodes", "2").exit_code == 0
    return folder / "run"


def test_a_run_is_profiled_with_its_calls_path_and_beginnings(invoke, run):
    text = invoke("profile", "run").stdout
    expected = [
        "walker: done",
        "episodes  2 episodes",
        "steps     10, ",
        "calls     20",
        "Calls and their time",
        "Critical path: what a step of ",
        "Tokens and money",
        "Beginnings: how much of the input extends an earlier request",
    ]
    places = [text.index(part) for part in expected]
    assert places == sorted(places)
    assert "the graph is not known" not in text


def test_it_says_what_a_step_would_cost_with_a_model_and_sends_nothing(invoke, run):
    """Without a key: the texts of a run with any model are counted."""
    text = invoke("profile", "run", "--model", "openai:gpt-5-mini").stdout
    assert re.search(r"With openai:gpt-5-mini: \d+ tokens in and \d+ out a step, estimated", text)
    assert "USD a step" in text
    said = json.loads(invoke("profile", "run", "--model", "openai:gpt-5-mini", "--json").stdout)
    assert said["estimate"]["model"] == "openai:gpt-5-mini"
    assert len(said["estimate"]["costs"]) == 5
    refused = invoke("profile", "run", "--model", "echo:nothing")
    assert refused.exit_code == 2
    assert "unknown model" in refused.stderr


def test_columns_that_say_nothing_are_left_out(invoke, run):
    text = invoke("profile", "run").stdout
    assert "skipped" not in text
    assert "reused" not in text
    assert "What would help" not in text


def test_json_is_one_object_with_every_figure(invoke, run):
    said = json.loads(invoke("profile", "run", "--json").stdout)
    assert said["agent"] == "walker"
    assert said["totals"]["steps"] == 10
    assert said["totals"]["usage"]["calls"] == 20
    assert [node["node"] for node in said["nodes"]] == ["look", "act"]
    assert said["nodes"][1]["prefix"]["differs_in"]
    assert said["path"]["known"] is True
    assert said["time"]["total_s"] == pytest.approx(
        sum(seconds for name, seconds in said["time"].items() if name != "total_s")
    )


def test_the_time_is_the_one_that_the_run_said(invoke, folder):
    """A run of 1.9 s had a profile of 0.2 s: the environment had been made in the others."""
    ran = json.loads(invoke("run", "walker.yaml", "--out", "run", "--json").stdout)
    said = json.loads(invoke("profile", "run", "--json").stdout)
    seconds = ran["episodes"][0]["seconds"]
    assert said["totals"]["wall_s"] == pytest.approx(seconds, abs=0.01)
    assert said["time"]["total_s"] == pytest.approx(seconds, abs=0.01)


def test_one_episode_can_be_chosen(invoke, run):
    said = json.loads(invoke("profile", "run", "--episode", "1", "--json").stdout)
    assert said["totals"]["episodes"] == 1
    assert said["totals"]["usage"]["calls"] == 10
    result = invoke("profile", "run", "--episode", "7")
    assert result.exit_code == 2
    assert "has no episode 7" in result.stderr


def test_top_shows_the_nodes_that_took_most_time(invoke, run):
    path = run / "episodes" / "0000.jsonl"
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        if line["event"] == "node_finished" and line["node"] == "act":
            line["latency_s"] = 60.0
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    text = invoke("profile", "run", "--top", "1").stdout
    assert "act" in text
    assert "look" not in text


def test_advice_is_numbered_with_what_it_saves(invoke, folder):
    answers = [{"node": "look", "text": "A corridor."}]
    answers += [{"node": "act", "attempt": 1, "text": "fly"}, {"node": "act", "text": "east"}]
    (folder / "answers.json").write_text(json.dumps(answers))
    assert invoke("run", "walker.yaml", "--out", "run").exit_code == 0
    text = invoke("profile", "run").stdout
    assert "What would help\n  1. " in text
    assert "5 answers of `act` could not be used (100% of its questions)" in text
    assert ", 5 calls]" in text
    assert "5 because an answer could not be used" in text


def test_an_unfinished_run_is_shown_as_one(invoke, run):
    episode = run / "episodes" / "0001.jsonl"
    lines = episode.read_bytes().splitlines(keepends=True)
    episode.write_bytes(b"".join(lines[: len(lines) // 2])[:-30])
    about = orjson.loads((run / "run.json").read_bytes())
    (run / "run.json").write_bytes(orjson.dumps(about | {"status": "running"}))
    text = invoke("profile", "run").stdout
    assert text.startswith("walker: unfinished\n")
    assert "2 episodes, 1 unfinished" in text


def test_an_agent_without_an_environment_has_a_profile_too(invoke, folder):
    (folder / "two.yaml").write_text("model: echo\nnodes:\n  - One.\n  - Two.\n")
    assert invoke("run", "two.yaml", "--out", "run").exit_code == 0
    text = invoke("profile", "run").stdout
    assert "prompt_2" in text
    assert "environment" not in text


def test_a_folder_that_is_no_run_is_refused(invoke, folder):
    result = invoke("profile", ".")
    assert result.exit_code == 2
    assert "is not a run folder" in result.stderr


def test_a_terminal_of_80_columns_shows_every_cell_whole(invoke, run):
    shown = invoke("profile", "run").stdout
    for cell in ("between nodes", "differs first in", "of the time", "recalled"):
        assert cell in shown, cell
    assert max(map(len, shown.splitlines())) <= 80


def test_calls_that_never_got_an_answer_are_not_called_answers(invoke, folder):
    """It said both `0 calls` and `lost 2 calls: answers that do not count`."""
    with LoopbackServer(faults=[Fault("server_error")] * 9) as server:
        (folder / "lost.yaml").write_text(
            "version: 1\nname: lost\nmodel: m\nmodels: {m: {use: 'openai:loopback', retries: 1, "
            f"base_url: '{server.base_url}'}}}}\nnodes: {{a: Hello}}\n"
        )
        said = invoke("run", "lost.yaml", "--out", "lost")
        assert said.exit_code == 1, said.output
        assert re.search(r"cost +unknown", said.stdout)
    said = invoke("profile", "lost").stdout
    assert re.search(r"calls +0, 1 because a server could not answer .*, 1 without an answer", said)
    assert re.search(r"tokens +none\n", said)
    assert re.search(r"lost +2 calls, cost unknown: no answer came\n", said)
    assert re.search(r"cost +unknown\n", said)
