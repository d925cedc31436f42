"""`agentkit moe profile` for people, for machines, and as a page."""

import asyncio
import json

import pytest

from agentkit import Agent, Completion, FunctionModel, Graph, Node, Plan, RunWriter, Usage, rollout

COUNTS = {"look": ((6, 2, 0, 0), (2, 2, 2, 2)), "act": ((0, 0, 4, 4), (2, 2, 2, 2))}


@pytest.fixture
def run(folder):
    def answer(request) -> Completion:
        experts = COUNTS[request.call.node]
        return Completion("yes", Usage(3, 2, cost_usd=0.0), model="mixture", experts=experts)

    graph = Graph([Node("look", "Look."), Node("act", "Act on {{ look }}.")])
    agent = Agent(graph, model=FunctionModel(answer))
    asyncio.run(rollout(agent, Plan(), writer=RunWriter(folder / "run", {"agent": "a"})))
    return folder / "run"


def test_it_shows_the_use_of_each_node_their_overlap_and_heat_maps(invoke, run):
    shown = invoke("moe", "profile", run).stdout
    assert "2 layers of 4; a token takes 2" in shown
    assert "agree with the tokens of 2 of 2 calls" in shown
    assert "\n  look      1       4  1.41 bits" in shown
    assert "\n  act   0.500 (" in shown
    assert "\n     0 █▒\n     1 ▒▒▒▒\n" in shown


def test_json_has_the_counts(invoke, run):
    told = json.loads(invoke("moe", "profile", run, "--json").stdout)
    nodes = {node["node"]: node for node in told["models"][0]["nodes"]}
    assert [layer["counts"] for layer in nodes["act"]["layers"]] == [[0, 0, 4, 4], [2, 2, 2, 2]]


def test_a_page_is_written_too(invoke, run, folder):
    assert "heat maps: page.html" in invoke("moe", "profile", run, "--html", "page.html").stdout
    assert "<svg" in (folder / "page.html").read_text()


def test_mistakes_are_told_and_end_with_2(invoke, folder):
    assert "is not a run folder" in invoke("moe", "profile", "walker.yaml").stderr
    invoke("run", "walker.yaml", "--out", "plain")
    result = invoke("moe", "profile", "plain")
    assert result.exit_code == 2
    assert "telemetry: experts" in result.stderr


def test_a_page_that_cannot_be_written_and_a_missing_episode_are_mistakes(invoke, run, folder):
    (folder / "taken").mkdir()
    result = invoke("moe", "profile", run, "--html", "taken")
    assert (result.exit_code, "taken" in result.stderr) == (2, True)
    result = invoke("moe", "profile", run, "--episode", 7)
    assert (result.exit_code, "has no episode 7" in result.stderr) == (2, True)
