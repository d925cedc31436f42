"""Counts of experts in a record: written where there are some, and read back whatever happens."""

import asyncio
import json
from dataclasses import replace

import pytest

from agentkit import (
    Agent,
    Completion,
    CompletionFile,
    FunctionModel,
    Graph,
    Node,
    Plan,
    RunWriter,
    StepError,
    TraceError,
    Usage,
    comparable,
    load_run,
    rollout,
)
from agentkit.events import NodeFailed, NodeFinished, NodeRetried
from agentkit.models.expert_counts import add_experts, count_experts
from agentkit.rollouts.replay import replay

EXPERTS = ((3, 0, 5), (4, 4, 0))


class Telling:
    """A model that tells how often it took each expert."""

    name = "mixture:1"
    reads_variables = False

    def __init__(self, experts=EXPERTS, text: str = "yes") -> None:
        self.answer = Completion(text, Usage(10, 3, 5, cost_usd=0.0), experts=experts)
        self.asked = 0

    async def complete(self, request):
        self.asked += 1
        return self.answer


def agent(model, *nodes: Node, **fields) -> Agent:
    return Agent(Graph(list(nodes) or [Node("a", "Well?")]), model=model, name="mixed", **fields)


def record(folder, one: Agent, **options):
    asyncio.run(rollout(one, Plan(), writer=RunWriter(folder, {"agent": one.name}), **options))
    return [*load_run(folder).events(0)]


def completions(events):
    kinds = (NodeRetried, NodeFinished, NodeFailed)
    return [e.completion for e in events if isinstance(e, kinds) and e.completion]


def test_they_are_read_back_as_they_were_told(tmp_path):
    events = record(tmp_path / "run", agent(Telling()))
    assert [one.experts for one in completions(events)] == [EXPERTS]


def test_a_record_without_them_does_not_name_them(tmp_path):
    events = record(tmp_path / "run", agent(Telling(())))
    assert "experts" not in (tmp_path / "run" / "episodes" / "0000.jsonl").read_text()
    assert [one.experts for one in completions(events)] == [()]
    assert "experts" not in json.dumps(comparable(events))


def test_answers_that_were_asked_again_or_failed_have_them_too(tmp_path):
    node = Node("a", "How many?", output="integer", attempts=2)
    events = record(tmp_path / "run", agent(Telling(text="many"), node))
    assert [one.experts for one in completions(events)] == [EXPERTS, EXPERTS]


def test_a_replay_has_them_without_asking(tmp_path):
    model = Telling()
    one = agent(model)
    record(tmp_path / "run", one)
    run = load_run(tmp_path / "run")
    found = asyncio.run(replay(run, RunWriter(tmp_path / "again", {}), one))
    assert found.difference is None
    assert model.asked == 1
    assert completions(load_run(tmp_path / "again").events(0))[0].experts == EXPERTS


def test_a_cache_file_keeps_them(tmp_path):
    model = Telling()
    for folder in ("one", "two"):
        with CompletionFile(tmp_path / "cache.db") as cache:
            events = record(tmp_path / folder, agent(model), cache=cache)
        assert completions(events)[0].experts == EXPERTS
    assert model.asked == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[[1,-1]]", "a count of its experts is -1, expected a whole number from 0 on"),
        ("[[1.5]]", "a count of its experts is 1.5"),
        ("[[true]]", "a count of its experts is True"),
        ("[[99999999999999999]]", "a count of its experts is 99999999999999999"),
        ("[7]", "a layer of its experts is 7, expected up to 4,096 counts"),
        ('"many"', "its experts are 'many', expected up to 1,024 layers"),
        (json.dumps([[]] * 1025), "expected up to 1,024 layers"),
        (json.dumps([[0] * 4097]), "expected up to 4,096 counts"),
    ],
)
def test_a_line_with_counts_that_cannot_be_is_damaged(tmp_path, wrong, said):
    record(tmp_path / "run", agent(Telling()))
    file = tmp_path / "run" / "episodes" / "0000.jsonl"
    text = file.read_text()
    told = '"experts":[[3,0,5],[4,4,0]]'
    assert text.count(told) == 1
    file.write_text(text.replace(told, f'"experts":{wrong}'))
    with pytest.raises(
        TraceError, match=r"is damaged: node_finished: .*" + said.replace("[", r"\[")
    ):
        list(load_run(tmp_path / "run").events(0))


@pytest.mark.parametrize("wrong", [((1, -1),), (7,), "many", ((1.5,),)])
def test_a_model_that_tells_something_else_has_failed(wrong):
    model = FunctionModel(lambda request: replace(Telling().answer, experts=wrong))
    with pytest.raises(StepError, match=r"returned a Completion: .*experts"):
        Graph([Node("a", "Well?")]).run_sync({}, model=model)


def test_questions_that_were_decided_in_one_request_count_its_experts_once(tmp_path):
    class Deciding(Telling):
        decides = True
        most_questions = 9

        async def decide(self, request):
            from agentkit.messages import Decision

            chosen = Decision({"yes": 0.75, "no": 0.25})
            return replace(self.answer, text="", decisions=(chosen,) * len(request.questions))

    nodes = [Node(name, f"Is it {name}?", output="yes_no", decide=True) for name in ("big", "red")]
    one = Agent(Graph(nodes, context="A ball."), model=Deciding(), name="asked", action="red")
    told = [one.experts for one in completions(record(tmp_path / "run", one))]
    assert sorted(told) == [(), EXPERTS]


def test_runs_are_the_same_whatever_was_in_the_cache_and_took_no_experts(tmp_path):
    one = record(tmp_path / "one", agent(Telling()))
    other = record(tmp_path / "other", agent(Telling(((1, 0, 1), (1, 1, 0)))))
    assert comparable(one) == comparable(other)


def test_counts_are_made_of_choices_and_add_up():
    assert count_experts([[0, 2, 2], [1, 1, 1]]) == ((1, 0, 2), (0, 3, 0))
    assert count_experts([[], []]) == ((), ())
    assert add_experts([(1, 2)], [(1, 1, 1), (4,)]) == ((2, 3, 1), (4,))
    assert add_experts((), EXPERTS) == EXPERTS
