"""Answers that were cut off or cannot be read: when they are used, and what a model is shown."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from agentkit import (
    Agent,
    Completion,
    Graph,
    Node,
    Request,
    RunWriter,
    Sampling,
    StepError,
    load_run,
    rollout_sync,
)
from agentkit.errors import SpecError
from agentkit.events import NodeFinished, NodeStarted
from agentkit.graph.node import Check
from agentkit.rollouts.replay import replay

LONG = "".join(map(chr, range(200, 2000)))
"""A text in which nothing repeats."""


class Says:
    """A model that says one thing after the other: a text is cut off where it ends in `...`."""

    name = "says"
    reads_variables = False
    takes_temperature = True

    def __init__(self, *answers: str) -> None:
        self.answers = answers
        self.seen: list[Request] = []

    async def complete(self, request: Request) -> Completion:
        answer = self.answers[min(request.call.attempt, len(self.answers)) - 1]
        self.seen.append(request)
        if answer == "REFUSED":
            return Completion("No.", finish_reason="refusal")
        if answer == "THINKS":
            return Completion("", finish_reason="length", thoughts="Well")
        cut = answer.endswith("...")
        return Completion(answer.removesuffix("..."), finish_reason="length" if cut else "stop")

    @property
    def temperatures(self) -> list[float | None]:
        return [request.sampling.temperature for request in self.seen]


def ask(model: Says, **fields: Any) -> tuple[Any, NodeFinished]:
    """Return the value of a node and how it finished."""
    said: list[Any] = []
    result = Graph([Node("n", "Tell me.", **fields)]).run_sync(model=model, on_event=said.append)
    [finished] = [event for event in said if isinstance(event, NodeFinished)]
    assert result.status == {"n": finished.status}
    return result["n"], finished


def test_a_text_that_was_cut_off_is_used_after_the_last_attempt_and_marked():
    model = Says(" one...", " two...", " three...")
    value, finished = ask(model)
    assert (value, finished.status, finished.attempt) == ("three", "cut", 3)
    assert "cut off at the token limit" in finished.error


def test_a_text_that_may_be_cut_is_used_at_once():
    value, finished = ask(Says("one..."), cut="accept")
    assert (value, finished.status, finished.attempt) == ("one", "cut", 1)
    assert "cut off at the token limit" in finished.error


def test_a_whole_answer_comes_before_a_text_that_was_cut_off():
    assert ask(Says("one...", "two"))[1].status == "ok"


def test_the_last_text_that_was_cut_off_is_used_where_a_refusal_came_after_it():
    value, finished = ask(Says("one...", "two...", "REFUSED"))
    assert (value, finished.status) == ("two", "cut")
    assert "refusal" in finished.error


@pytest.mark.parametrize("answer", ["THINKS", " \n...", "REFUSED"])
@pytest.mark.parametrize("cut", ["last", "accept"])
def test_an_answer_without_text_is_no_text_that_was_cut_off(answer, cut):
    with pytest.raises(StepError, match="no usable answer in 3 attempts"):
        ask(Says(answer), cut=cut)


def test_otherwise_stands_before_a_text_that_was_cut_off_unless_that_is_accepted():
    value, finished = ask(Says("one..."), otherwise="nothing")
    assert (value, finished.status) == ("nothing", "otherwise")
    value, finished = ask(Says("one..."), otherwise="nothing", cut="accept")
    assert (value, finished.status) == ("one", "cut")


@pytest.mark.parametrize("cut", ["last", "accept"])
def test_checks_hold_for_a_text_that_was_cut_off(cut):
    check = Check("'sea' in output", "It must be about the sea.")
    with pytest.raises(StepError, match=r"be shorter\. It must be about the sea\."):
        ask(Says("about trees..."), check=check, cut=cut)
    model = Says("the sea...", "the trees...", "the hills")
    value, finished = ask(model, check=check, cut=cut)
    assert (value, finished.status) == ("the sea", "cut")
    assert len(model.seen) == (1 if cut == "accept" else 3)


def test_code_that_was_cut_off_is_never_used_but_a_closed_block_is():
    with pytest.raises(StepError, match="cut off"):
        ask(Says("```python\nfor i in...", "print(1)..."), output="code")
    text = "```python\nprint(1)\n```\nThis program prints and prints and..."
    value, finished = ask(Says(text), output="code")
    assert (value, finished.status, finished.attempt) == ("print(1)", "ok", 1)


@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        ("yes_no", "Yes, because the trees...", True),
        ({"choice": ["left", "right"]}, "left\nSince left is...", "left"),
        ("integer", "12\n\nThat is so since...", 12),
        ({"goal": "str"}, '{"goal": "wood"}\nI chose that since...', {"goal": "wood"}),
    ],
)
def test_an_answer_that_was_complete_before_it_was_cut_off_is_used_at_once(output, text, value):
    model = Says(text)
    given, finished = ask(model, output=output)
    assert (given, finished.status, finished.error, len(model.seen)) == (value, "ok", "", 1)
    with pytest.raises(StepError, match="cut off"):
        ask(model, output=output, cut="error")
    check = Check("output is none", "It must be nothing.")
    with pytest.raises(StepError, match="It must be nothing"):
        ask(model, output=output, check=check)


def test_only_a_text_can_be_accepted_when_it_is_cut_off():
    with pytest.raises(SpecError, match=r"cut: 'accept' takes a text .* this output is integer"):
        Graph([Node("n", "How many?", output="integer", cut="accept")])
    with pytest.raises(SpecError, match="cut: expected last or accept or error, found 'never'"):
        Graph([Node("n", "How many?", cut="never")])  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="'cut' needs a prompt"):
        Graph([Node("n", function=len, with_={"obj": "[]"}, cut="error")])


def test_a_text_that_was_cut_off_stands_as_it_was_sent_in_the_conversation_of_later_nodes():
    seen: dict[str, Request] = {}

    async def model(request: Request) -> Completion:
        seen[request.call.node] = request
        is_plan = request.call.node == "plan"
        return Completion(" A long plan ", finish_reason="length" if is_plan else "stop")

    Graph([Node("plan", "Plan."), Node("act", "Act.", recall=["plan"])]).run_sync(model=model)
    said = [(message.role, message.content) for message in seen["act"].messages]
    assert said == [("user", "Plan."), ("assistant", " A long plan "), ("user", "Act.")]


def test_a_node_of_many_items_is_marked_by_the_worst_of_them():
    async def model(request: Request) -> Completion:
        return Completion(request.prompt, finish_reason=request.prompt)

    def status(*items: str, **fields: Any) -> Mapping[str, str]:
        graph = Graph([Node("n", "{{ item }}", each="items", **fields)])
        return graph.run_sync({"items": list(items)}, model=model).status

    assert status("stop", "length") == {"n": "cut"}
    assert status("stop", "length", "refusal", otherwise="-") == {"n": "otherwise"}
    assert status("length", "refusal", otherwise="-", cut="accept") == {"n": "otherwise"}
    assert status("stop") == {"n": "ok"}


def test_texts_that_were_cut_off_are_counted_once_for_each_item():
    async def model(request: Request) -> Completion:
        return Completion(request.prompt, finish_reason=request.prompt)

    node = Node("n", "{{ item }}", each="topics", attempts=2)
    agent = Agent(Graph([node]), model=model, inputs={"topics": ["length", "stop", "length"]})
    summary = rollout_sync(agent)
    [episode] = summary.episodes
    assert (episode.retried, episode.otherwise, episode.cut) == (2, 0, 2)
    assert summary.totals()["cut"] == 2
    assert episode.as_dict()["cut"] == 2


def test_further_attempts_have_a_temperature_where_nobody_set_one():
    """At temperature 0 a small model repeated 11 of 12 endless answers; at 0.8 it ended 9."""
    model = Says("x")
    said: list[Any] = []
    graph = Graph([Node("n", "How many?", output="integer", attempts=4, otherwise=0)])
    graph.run_sync(model=model, on_event=said.append)
    assert model.temperatures == [None, 0.8, 1.0, 1.0]
    started = [event.sampling for event in said if isinstance(event, NodeStarted)]
    assert started == [Sampling(), *(Sampling(temperature=t) for t in (0.8, 1.0, 1.0))]


def test_a_temperature_that_was_set_is_left_alone():
    node = Node("n", "How many?", output="integer", otherwise=0)
    of_node = Says("x")
    Graph([Node("n", "How many?", output="integer", otherwise=0, temperature=0)]).run_sync(
        model=of_node
    )
    of_model = Says("x")
    Graph([node]).run_sync(model={"use": of_model, "temperature": 0.0})
    refusing = Says("x")
    refusing.takes_temperature = False
    Graph([node]).run_sync(model=refusing)
    assert of_node.temperatures == of_model.temperatures == [0, 0, 0]
    assert refusing.temperatures == [None] * 3


def test_a_model_without_a_temperature_is_given_none():
    seen: list[Sampling] = []

    async def model(request: Request) -> Completion:
        seen.append(request.sampling)
        return Completion("x")

    Graph([Node("n", "How many?", output="integer", otherwise=0)]).run_sync(model=model)
    assert seen == [Sampling()] * 3


def test_attempts_keep_their_own_entries_of_reuse():
    model = Says("x", "y", "3")
    graph = Graph(
        [
            Node("a", "How many?", output="integer", reuse=True),
            Node("b", "How many?", output="integer", reuse=True, after=["a"]),
        ]
    )
    result = graph.run_sync(model=model)
    assert (result["a"], result["b"]) == (3, 3)
    assert model.temperatures == [None, 0.8, 1.0]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("a short one...", "a short one"),
        ("x" * 7 + "The sea. " * 300 + "...", "x" * 7 + "The sea. \n[...]"),
        ("".join(f"{i}. Frogs\n" for i in range(10, 99)) + "...", "10. Frogs\n\n[...]"),
        (LONG + "...", LONG[:500] + "\n[...]"),
        ("no number " * 400, "no number " * 400),
        ("a" * 9000 + "b" * 9000, "a" * 2000 + "\n[...]\n" + "b" * 2000),
        (" ", "(nothing)"),
    ],
    ids=["short", "a loop", "a numbered loop", "long", "not cut off", "very long", "nothing"],
)
def test_a_model_is_shown_a_bounded_part_of_its_answer(answer, shown):
    model = Says(answer, "3")
    assert ask(model, output="integer")[0] == 3
    question, said, correction = model.seen[1].messages
    assert (question.content, said.role) == (model.seen[0].prompt, "assistant")
    assert said.content == shown
    assert correction.content.startswith("That answer cannot be used: ")


def test_a_model_is_not_told_of_settings_and_people_are():
    at_limit = "it was cut off at 20 tokens; be shorter."
    advice = "(That is the default of 'max_tokens' on this machine: set a higher one.)"
    seen: list[Request] = []

    async def model(request: Request) -> Completion:
        seen.append(request)
        return Completion("la la", finish_reason="length", detail=f"{at_limit} {advice}")

    with pytest.raises(StepError, match="max_tokens"):
        Graph([Node("n", "Sing.", cut="error", attempts=2)]).run_sync(model=model)
    shown = f"That answer cannot be used: {at_limit}\nAnswer again, in full."
    assert seen[1].messages[-1].content == shown


def test_a_replay_uses_the_same_texts_and_temperatures(tmp_path):
    graph = Graph([Node("n", "Tell me.")])
    model = Says("one...", "two...", "three...")
    with RunWriter(tmp_path / "run") as writer:
        summary = rollout_sync(Agent(graph, model=model), writer=writer)
    assert summary.episodes[0].cut == 1
    run = load_run(tmp_path / "run")
    compared = asyncio.run(
        replay(run, RunWriter(tmp_path / "again"), Agent(graph, model=Says("never")))
    )
    assert compared.difference is None
    assert compared.events > 5


def test_a_replay_of_a_node_that_failed_with_a_text_that_was_cut_off_fails_again(tmp_path):
    """Such texts were never used, in records of before."""
    model = Says("one...")
    strict = Agent(Graph([Node("n", "Tell me.", cut="error")]), model=model)
    with RunWriter(tmp_path / "run") as writer:
        assert rollout_sync(strict, writer=writer).status == "failed"
    today = Agent(Graph([Node("n", "Tell me.")]), model=model)
    compared = asyncio.run(replay(load_run(tmp_path / "run"), RunWriter(tmp_path / "again"), today))
    assert compared.difference is None


def test_a_run_is_replayed_and_resumed_that_showed_a_model_its_answer_in_another_way(tmp_path):
    """Answers were shown whole before, and there was no temperature."""
    model = Says(LONG + "...", "x", "3")
    model.takes_temperature = False
    agent = Agent(Graph([Node("n", "How many?", output="integer")]), model=model)
    with RunWriter(tmp_path / "run") as writer:
        rollout_sync(agent, writer=writer)
    file = tmp_path / "run" / "episodes" / "0000.jsonl"
    assert file.read_text().count("\\n[...]")
    file.write_text(file.read_text().replace("\\n[...]", LONG[500:]))
    model.takes_temperature = True
    compared = asyncio.run(replay(load_run(tmp_path / "run"), RunWriter(tmp_path / "again"), agent))
    assert compared.difference is None
    lines = file.read_text().splitlines(keepends=True)
    assert "node_finished" in lines[-3]
    file.write_text("".join(lines[:-3]))
    asked = len(model.seen)
    with RunWriter.resume(load_run(tmp_path / "run")) as writer:
        assert rollout_sync(agent, writer=writer).episodes[0].retried == 2
    assert len(model.seen) == asked + 1


def test_a_model_that_answers_wrongly_is_shown_an_answer_of_the_examples() -> None:
    shown = [
        {"user": "Is it dark?", "assistant": {"why": "no", "n": 1}},
        {"user": "?", "assistant": {"why": "yes", "n": 2}},
    ]
    model = Says("none", '{"why": "x", "n": 3}')
    ask(model, output={"why": "str", "n": "int"}, examples=shown)
    last = model.seen[1].prompt
    assert last.startswith("That answer cannot be used: The answer must be a JSON object")
    assert last.endswith('Answer again, in full. An answer looks like this:\n{"why": "no", "n": 1}')
    long = [{"user": "?", "assistant": "1" + " " * 500}]
    model = Says("none", "3")
    ask(model, output="integer", examples=long)
    assert model.seen[1].prompt.endswith("Answer again, in full.")
