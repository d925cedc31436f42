"""Runs with decisions: recorded, resumed, replayed, forked, cached, limited."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from full_agent import CORRIDOR, ONE, answered, cut, in_flight, line_ends, record, resume, same
from records import records

from agentkit import (
    Agent,
    Completion,
    CompletionFile,
    Decision,
    Graph,
    Limits,
    Node,
    Plan,
    Request,
    RunWriter,
    Unsure,
    Usage,
    load_run,
    profile_run,
    replay,
    rollout_sync,
)
from agentkit.rollouts.metadata import node_models

YES_NO = {"yes": 0.8, "no": 0.2}


class Decider:
    """Decides by the step, and counts what it is asked; in odd steps it is unsure of the way."""

    name = "decider"
    reads_variables = False
    decides = True

    def __init__(self, name: str = "decider", most_questions: int = 1) -> None:
        self.name = name
        self.most_questions = most_questions
        self.calls: Counter[object] = Counter()

    async def complete(self, request: Request) -> Completion:
        self.calls[request.call.step, request.prompt] += 1
        return Completion(f"[{request.prompt}]", Usage(20, 5, calls=1, cost_usd=0.01))

    async def decide(self, request: Request) -> Completion:
        for question in request.questions:
            self.calls[request.call.step, question.text] += 1
        await asyncio.sleep(0)
        found = tuple(
            Decision(YES_NO if one.kind == "predicate" else self._way(one.options, request))
            for one in request.questions
        )
        return Completion("", Usage(10, 0, calls=1, cost_usd=0.001), decisions=found)

    def _way(self, options: tuple[str, ...], request: Request) -> dict[str, float]:
        first = 0.9 if request.call.step % 2 == 0 or self.name == "strong" else 0.55
        rest = (1 - first) / (len(options) - 1)
        return {one: first if one == "east" else rest for one in options}


class PricedDecider(Decider):
    def cost_usd(self, usage: Usage) -> float:
        return 0.01


def deciding_agent(models=None, **options) -> Agent:
    nodes = [
        Node("danger", "Is there danger?", output="yes_no", decide="auto"),
        Node("hungry", "Are you hungry?", output="yes_no", decide="auto", reuse=True),
        Node("near", "{{ item }}?", each="['a', 'b']", output="yes_no", decide="auto"),
        Node(
            "act", "Where? {{ danger }} {{ probability('danger') }} {{ probability('near') }}",
            output={"choice": "actions"}, decide="auto", unsure=Unsure(0.6, "strong"),
        ),
        Node("why", "Why {{ act }} with {{ probability('act') }}?", recall=["act"]),
        Node("last", "{{ previous.danger }}", when="step > 0", initial=None),
    ]  # fmt: skip
    graph = Graph(nodes, system="You walk.", context="{{ observation }}")
    models = models or {"fast": Decider(), "strong": Decider("strong")}
    return Agent(graph, model="fast", models=models, env=CORRIDOR, action="act", **options)


def asked_of(agent: Agent) -> int:
    return sum(
        sum(model.calls.values()) for model in {id(m): m for _, m in agent.binding.asked}.values()
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert record(deciding_agent(), folder).status == "done"
    return folder


def finished(folder: Path, node: str) -> list[dict]:
    events = records(load_run(folder), 0)
    return [e for e in events if e["event"] == "node_finished" and e["node"] == node]


def test_the_record_has_the_probabilities_of_all_options_in_every_step(whole):
    decided = [event["completion"]["decisions"][0] for event in finished(whole, "act")]
    assert len(decided) >= 3
    for decision in decided:
        assert decision["probabilities"]["east"] == pytest.approx(0.9)
        assert sum(decision["probabilities"].values()) == pytest.approx(1)
        assert decision["other"] is None
    (one, *_) = finished(whole, "danger")
    assert one["completion"]["decisions"] == [{"probabilities": YES_NO, "other": None}]


def test_the_record_says_where_another_model_was_asked(whole):
    events = records(load_run(whole), 0)
    retried = [e for e in events if e["event"] == "node_retried"]
    assert retried
    assert all(e["step"] % 2 == 1 and "it is unsure: 'east'" in e["error"] for e in retried)
    assert {e["completion"]["decisions"][0]["probabilities"]["east"] for e in retried} == {0.55}
    totals = load_run(whole).about["totals"]
    assert (totals["unsure"], totals["retried"]) == (len(retried), 0), "it could be used"


def test_it_is_resumed_after_any_event_as_if_nothing_had_happened(whole, tmp_path):
    total = answered(whole)
    ends = line_ends(whole / "episodes" / "0000.jsonl")
    for end in ends[:: max(1, len(ends) // 25)]:
        folder = cut(whole, tmp_path / "run", end)
        known, lost = answered(folder), in_flight(folder)
        agent = deciding_agent()
        summary = resume(agent, folder)
        assert summary.status == "done"
        assert same(whole, folder)
        assert asked_of(agent) == total - known, end
        assert summary.episodes[0].usage.calls == total + lost


def test_a_run_says_the_model_that_each_node_asks_first(whole):
    assert node_models(deciding_agent())["act"] == "decider"


def test_it_is_replayed_without_a_model(whole, tmp_path):
    agent = deciding_agent()
    replayed = asyncio.run(replay(load_run(whole), RunWriter(tmp_path / "again", {}), agent))
    assert replayed.difference is None, replayed
    assert asked_of(agent) == 0
    assert same(whole, tmp_path / "again")


def test_a_decision_that_was_recorded_is_kept_when_the_node_is_to_write_now(whole, tmp_path):
    nodes = [
        replace(node, decide=None) if node.name == "danger" else node
        for node in deciding_agent().graph.nodes
    ]
    graph = Graph(nodes, system="You walk.", context="{{ observation }}")
    models = {"fast": Decider(), "strong": Decider("strong")}
    agent = Agent(graph, model="fast", models=models, env=CORRIDOR, action="act")
    replayed = asyncio.run(replay(load_run(whole), RunWriter(tmp_path / "again", {}), agent))
    assert replayed.difference is None, replayed


def test_a_file_of_completions_keeps_decisions(tmp_path):
    first, second = deciding_agent(), deciding_agent()
    for agent in (first, second):
        with CompletionFile(tmp_path / "answers.db") as cache:
            rollout_sync(agent, ONE, cache=cache)
    assert asked_of(first) > 0
    assert asked_of(second) == 0
    assert second.result is None or first.result == second.result


def test_questions_that_are_asked_together_count_once(tmp_path):
    models = {"fast": Decider(most_questions=400), "strong": Decider("strong")}
    folder = tmp_path / "run"
    summary = record(deciding_agent(models), folder, Plan(limits=Limits(steps=1)))
    # one request for four questions, one for `act`, and the text of `why`
    assert summary.episodes[0].usage.calls == 3
    assert summary.episodes[0].usage.cost_usd == pytest.approx(0.001 + 0.001 + 0.01)
    costs = [finished(folder, node)[0]["completion"]["usage"] for node in ("danger", "hungry")]
    assert sorted(usage["calls"] for usage in costs) == [0, 1]
    assert same(folder, folder)
    agent = deciding_agent()
    again = asyncio.run(replay(load_run(folder), RunWriter(tmp_path / "again", {}), agent))
    assert again.difference is None, again


def test_a_limit_on_calls_counts_decisions():
    summary = rollout_sync(deciding_agent(limits=Limits(calls=9)))
    assert summary.episodes[0].status == "limit"
    assert summary.episodes[0].usage.calls == 9


def test_a_limit_that_leaves_room_for_one_call_at_a_time_does_not_stop_shared_requests():
    models = {"fast": PricedDecider(most_questions=400), "strong": PricedDecider("strong")}
    agent = deciding_agent(models, limits=Limits(cost_usd=0.025))
    summary = rollout_sync(agent, Plan(limits=Limits(steps=1)))
    assert summary.episodes[0].usage.calls >= 1


def test_a_profile_says_how_sure_the_nodes_were(whole):
    profile = profile_run(load_run(whole))
    nodes = {node.node: node for node in profile.nodes}
    steps = nodes["danger"].steps
    assert nodes["danger"].decided == steps
    assert nodes["danger"].entropy_bits == pytest.approx(0.7219, abs=1e-3)
    assert nodes["act"].unsure == steps // 2
    assert nodes["act"].decided == steps + steps // 2
    assert nodes["act"].again == 0
    assert (nodes["why"].decided, nodes["why"].entropy_bits) == (0, None)
    assert not [one for one in profile.advice if "could not be used" in one.text]
