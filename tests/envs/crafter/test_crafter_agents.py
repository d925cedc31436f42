"""The shipped Crafter agents: as the rule-based player plays them, and as models would."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import yaml
from envs.crafter.crafter_walk import Walk
from envs.deviations import DEVIATIONS, Deviant
from loopback import Decides, LoopbackServer

from agentkit import (
    Agent,
    Completion,
    OpenAIModel,
    Price,
    Request,
    Settings,
    Usage,
    load_agent,
    load_run,
)
from agentkit.agentfile.load import find_agent, parse_agent
from agentkit.events import NodeFinished
from agentkit.plugins import get_expert

CRAFTER = "agentkit/Crafter-v1"
AGENTS = ("crafter", "crafter_list", "crafter_decide")


def source(agent: str) -> str:
    return find_agent(agent).read_text(encoding="utf-8")


def model_nodes(agent: Agent) -> list[str]:
    return [node.name for node in agent.graph.nodes if not node.function]


# ---- with the rule-based player ----


@pytest.mark.parametrize(
    ("agent", "seed", "decisions"),
    [("crafter", 5, 120), ("crafter", 8, 60), ("crafter_list", 5, 120), ("crafter_list", 8, 60)],
)
def test_an_agent_plays_exactly_like_the_player_by_itself(agent, seed, decisions):
    walk = Walk(load_agent(agent), seed).take(decisions)
    assert walk.actions == walk.wanted
    assert {status for _, status in walk.ended} == {"ok"}
    assert walk.retried == 0


def test_the_agent_that_decides_plays_the_same_actions_one_at_a_time():
    walk = Walk(load_agent("crafter_decide"), 5).take(150)
    assert walk.actions == [action.split()[0] for action in walk.wanted]
    assert {status for _, status in walk.ended} == {"ok"}
    assert max(walk.calls) == 1


def test_the_full_agent_learns_amounts_and_skills_as_it_plays():
    memory = Walk(load_agent("crafter"), 5).take(120).memory
    assert any(fact.startswith("place_table takes") for fact in memory["facts"])
    assert {"collect tree", "make wood_pickaxe"} <= {skill["name"] for skill in memory["skills"]}
    assert len(memory["diary"]) == 25


def test_an_episode_asks_at_most_six_times_a_decision():
    """The agent of November 2026 asked 11.1 times."""
    agent = load_agent("crafter")
    walk = Walk(agent, 0).take(1000)
    assert walk.over
    assert sum(walk.calls) / len(walk.calls) <= 6
    # Asleep the player only sleeps: nobody is asked for an action.
    assert any(action == "sleep 20" for action in walk.actions)
    assert walk.ended["act", "ok"] < len(walk.actions)


def test_at_most_three_calls_follow_one_another_where_the_subgoal_holds():
    agent = load_agent("crafter")
    replanning = {"feedback", "subgoal", "questions", "skill", "plan"}
    graph = agent.graph.digraph.copy()
    assert longest(graph, set(model_nodes(agent))) == 5
    graph.remove_nodes_from(replanning)
    assert longest(graph, set(model_nodes(agent))) == 2
    assert longest(load_agent("crafter_list").graph.digraph, {"seen", "subgoal", "act"}) == 3


def longest(graph: "nx.DiGraph[str]", asked: set[str]) -> int:
    """The most model calls that wait for one another."""
    most: dict[str, int] = {}
    for node in nx.topological_sort(graph):
        before = max((most[one] for one in graph.predecessors(node)), default=0)
        most[node] = before + (node in asked)
    return max(most.values())


# ---- in other words ----


def reworded(agent: str) -> Agent:
    """The agent with empty prompts and other names of the fields of `act`."""
    text = source(agent)
    for old, new in {
        "act: action": "move: action", "act: noop": "move: noop", "act.act": "act.move",
        "why: str\n      move": "reason: str\n      move",
        "why: str\n        move": "reason: str\n        move",
        "why: no action was named": "reason: none", 'why: ""\n': 'reason: ""\n',
        "act.why": "act.reason",
    }.items():  # fmt: skip
        text = text.replace(old, new)
    said = yaml.safe_load(text)
    nodes = said["nodes"]
    if isinstance(nodes, list):
        nodes = {name: fields for node in nodes for name, fields in node.items()}
        said["nodes"] = [{name: fields} for name, fields in nodes.items()]
    before: list[str] = []
    for i, (name, fields) in enumerate(nodes.items()):
        fields = fields if isinstance(fields, dict) else {}
        if "function" not in fields:
            fields["prompt"] = "?"
            fields.pop("examples", None)
        if isinstance(said["nodes"], list):
            said["nodes"][i] = {name: fields}
        else:  # what a prompt read, the node no longer waits for
            fields["after"] = list(before)
        before.append(name)
    said["system"] = said["context"] = "?"
    return parse_agent(yaml.safe_dump(said, sort_keys=False), agent)


@pytest.mark.parametrize("agent", AGENTS)
def test_words_and_fields_may_change_without_breaking_the_player(agent):
    changed = reworded(agent)
    walk = Walk(changed, 5).take(40)
    wanted = walk.wanted if agent != "crafter_decide" else [a.split()[0] for a in walk.wanted]
    assert walk.actions == wanted
    assert {status for _, status in walk.ended} == {"ok"}


# ---- as models answer ----


def can_be_read(agent: str, node: str, deviation: str) -> bool:
    """Whether the node takes such an answer; else it takes its `otherwise`."""
    is_text = (agent, node) == ("crafter_list", "seen")
    return is_text or deviation not in ("nothing of use", "wrong fields")


def often(agent: str) -> str:
    """The agent's file, with the tidying of facts every third decision instead of every 50th."""
    text = source(agent)
    return text.replace("step % 50 == 49 and memory.facts", "step % 3 == 2")


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize(
    ("agent", "node"),
    [(agent, node) for agent in AGENTS for node in model_nodes(load_agent(agent))],
)
def test_an_episode_goes_on_sensibly_however_a_node_answers(agent, node, deviation):
    model = Deviant(CRAFTER, deviation, node)
    walk = Walk(parse_agent(often(agent), agent, model=model), 1).take(6)
    assert model.asked[node]
    assert walk.understood
    statuses = {status for name, status in walk.ended if name == node}
    readable = can_be_read(agent, node, deviation)
    assert statuses == {"ok"} if readable else statuses <= {"ok", "otherwise"}
    if node != "act" or readable:
        assert [a.split()[0] for a in walk.actions] == [a.split()[0] for a in walk.wanted]
    elif deviation == "nothing of use":
        assert set(walk.actions) == {"noop"}


@pytest.mark.parametrize("deviation", ["other words", "another sentence", "a fence", "thoughts"])
def test_the_action_in_other_words_is_carried_out_with_its_number(deviation):
    model = Deviant(CRAFTER, deviation, "act")
    walk = Walk(load_agent("crafter", model=model), 1).take(40)
    assert walk.actions == walk.wanted
    assert any(action.startswith("move_") and action[-1].isdigit() for action in walk.actions)
    assert walk.retried == 0


def test_a_gate_that_cannot_be_read_keeps_the_subgoal_until_it_is_old():
    model = Deviant(CRAFTER, "nothing of use", "reached", "drop")
    walk = Walk(load_agent("crafter", model=model), 8).take(60)
    asked = walk.ended["subgoal", "ok"]
    assert 2 <= asked <= 12
    assert walk.ended["reached", "otherwise"] == 59


class Flooder:
    """The rule-based player, that fills every list and text of its answers with new words."""

    name = "rules"
    reads_variables = True

    def __init__(self) -> None:
        self._expert = get_expert(CRAFTER)
        self._said = 0

    async def complete(self, request: Request) -> Completion:
        """The player's answer, its lists all the longer."""
        text = self._expert(request)
        if request.call.node not in ("act", "reached", "drop"):
            text = json.dumps(self._flooded(json.loads(text)))
        return Completion(text, Usage(calls=1, cost_usd=0.0))

    def cost_usd(self, usage: Usage) -> float:
        """Nothing."""
        return 0.0

    def _flooded(self, value: Any) -> Any:
        self._said += 1
        if isinstance(value, Mapping):
            return {key: self._flooded(item) for key, item in value.items()}
        if isinstance(value, list):
            new = [f"new {self._said}-{i}" for i in range(7)] if not value or value[0] == str(
                value[0]) else [self._flooded(value[0])]  # fmt: skip
            return [*value, *value, *new]
        if isinstance(value, str) and value not in ("none", "low", "high"):
            return f"{value} {self._said}"
        return value


def test_memory_stays_bounded_whatever_is_said():
    walk = Walk(load_agent("crafter", model=Flooder()), 8)
    sizes = []
    for _ in range(3):
        walk.take(100)
        sizes.append(len(json.dumps(walk.memory)))
    assert {status for _, status in walk.ended} == {"ok"}
    lengths = {key: len(value) for key, value in walk.memory.items() if isinstance(value, list)}
    assert lengths.pop("facts") <= 60
    assert lengths == {"lessons": 10, "skills": 20, "feedback": 20, "diary": 25}
    assert sizes[2] < 1.1 * sizes[1]


@pytest.mark.parametrize("agent", ["crafter", "crafter_list"])
def test_memory_stays_bounded_when_every_list_is_said_twice(agent):
    loaded = load_agent(agent)
    model = Deviant(CRAFTER, "all twice", *model_nodes(loaded))
    walk = Walk(load_agent(agent, model=model), 8).take(300)
    memory = walk.memory
    assert len(json.dumps(memory)) < 20_000
    if agent == "crafter":
        for key in ("facts", "lessons"):
            assert len(memory[key]) == len(set(memory[key]))
        names = Counter(skill["name"] for skill in memory["skills"])
        assert set(names.values()) == {1}


def test_an_empty_answer_does_not_wipe_the_facts():
    model = Deviant(CRAFTER, "empty lists", "refined")
    walk = Walk(load_agent("crafter", model=model), 5).take(50)
    assert walk.ended["refined", "ok"] == 1
    assert any(fact.startswith("place_table takes") for fact in walk.memory["facts"])


# ---- decided by a server ----


def test_a_decision_server_gets_one_request_for_all_gate_questions_of_a_step():
    def no(question, options):
        return {"yes": 0.1, "no": 0.9}

    decides = Decides(no)
    with LoopbackServer(decides=decides) as server:
        settings = Settings(timeout_s=20, price=Price(1, 1))
        model = OpenAIModel("m", base_url=server.base_url, settings=settings)
        walk = Walk(load_agent("crafter", model=model), 1).take(4)
    asked = [body["questions"] for _, body in decides.asked]
    assert [len(questions) for questions in asked] == [2, 2, 2]
    first = " ".join(json.dumps(one) for one in asked[0])
    assert "Is your subgoal reached?" in first
    assert "Must you give up your subgoal" in first
    assert "What you see now:" in decides.asked[0][1]["input"]
    assert walk.ended["reached", "ok"] == walk.ended["drop", "ok"] == 3


# ---- written down ----


def test_a_script_of_answers_and_of_probabilities_plays_the_agent_that_decides(tmp_path):
    said = ["move_left", json.dumps({"do": 0.75, "noop": 0.25}), "move_up"]
    (tmp_path / "said.json").write_text(json.dumps({"act": said}))
    command = [Path(sys.executable).with_name("agentkit"), "run", "crafter_decide", "--json"]
    done = subprocess.run(
        [*command, "--model", "script:said.json", "--steps", "3", "--out", "run"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["episodes"][0]["steps"] == 3
    run = load_run(tmp_path / "run")
    decided = [e for e in run.events(0) if isinstance(e, NodeFinished) and e.completion]
    assert [event.value for event in decided] == ["move_left", "do", "move_up"]
    assert [event.probabilities[event.value] for event in decided] == [1.0, 0.75, 1.0]
