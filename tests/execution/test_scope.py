"""What the names in prompts mean during a step, and what stands in front of every prompt."""

import asyncio

import pytest

from agentkit import (
    Agent,
    Completion,
    Graph,
    Memory,
    Node,
    Plan,
    Request,
    StepError,
    rollout,
)
from agentkit.execution.scope import Scope, State


class Listening:
    """A model that keeps its requests and answers with the prompt in capitals."""

    name = "listening"
    reads_variables = True

    def __init__(self) -> None:
        self.seen: dict[str, Request] = {}

    async def complete(self, request: Request) -> Completion:
        self.seen[request.call.node] = request
        return Completion(request.prompt.upper())

    def contents(self, node: str) -> list[str]:
        return [message.content for message in self.seen[node].messages]


def test_recalled_turns_stand_in_graph_order_however_the_names_are_given():
    model = Listening()
    nodes = [
        Node("a", "one"),
        Node("b", "two", after=["a"]),
        Node("c", "three", after=["b"]),
        Node("d", "four", recall=["c", "a", "b"]),
    ]
    Graph(nodes).run_sync(model=model)
    assert model.contents("d") == ["one", "ONE", "two", "TWO", "three", "THREE", "four"]


def test_a_node_after_a_writer_reads_the_new_memory_behind_a_context_with_the_old():
    model = Listening()
    nodes = [
        Node("write", "new", save={"k": "output"}),
        Node("read", "It is {{ memory.k }}", after=["write"]),
    ]
    graph = Graph(nodes, context="It was {{ memory.k }}; {{ memory.other }}")
    result = graph.run_sync(model=model, memory={"k": "old", "other": "kept"})
    assert model.contents("read") == ["It was old; kept", "It is NEW"]
    assert model.seen["read"].variables["memory"] == {"k": "NEW", "other": "kept"}
    assert result.memory == {"k": "NEW", "other": "kept"}


def test_a_node_without_the_context_does_not_get_what_the_context_read():
    model = Listening()
    nodes = [
        Node("behind", "{{ memory.k }}"),
        Node("bare", "{{ memory.k }}", with_context=False),
    ]
    graph = Graph(nodes, context="{{ memory.other }} {{ topic }}")
    graph.run_sync({"topic": "rain"}, model=model, memory={"k": 1, "other": 2})
    assert model.seen["behind"].variables == {"memory": {"k": 1, "other": 2}, "topic": "rain"}
    assert model.seen["bare"].variables == {"memory": {"k": 1}}


def test_what_a_node_read_itself_counts_before_what_the_context_read():
    model = Listening()
    nodes = [Node("a", "{{ previous.a }}", initial="A0"), Node("b", "two", initial="B0")]
    Graph(nodes, context="{{ previous.b }}").run_sync(model=model)
    assert model.contents("a") == ["B0", "A0"]
    assert model.seen["a"].variables["previous"]["a"] == "A0"
    assert model.seen["b"].variables == {"previous": {"b": "B0"}}


def test_a_scope_changes_nothing_of_the_state_it_began_with():
    graph = Graph([Node("a", "{{ memory.k }}", initial="first")])
    state = State(memory={"k": 1})
    scope = Scope(graph, {}, state)
    scope.memory["k"] = 2
    scope.values["a"] = "second"
    scope.turns["a"] = ()
    assert state == State(memory={"k": 1})
    assert scope.state == State(memory={"k": 2}, values={"a": "second"}, turns={"a": ()})


def test_starting_values_of_memory_are_copied_for_every_episode():
    memory = Memory({"facts": ["wood"], "map": {"x": [0]}}, {"map": "run"})
    first = memory.begin()
    first["facts"].append("stone")
    first["map"]["x"].append(1)
    assert memory.begin() == memory.start == {"facts": ["wood"], "map": {"x": [0]}}


def test_a_model_that_spoils_what_it_was_given_does_not_spoil_the_next_episode():
    shown: list[str] = []

    def rude(request: Request) -> str:
        shown.append(request.prompt)
        request.variables["memory"]["facts"].append("lie")
        return "x"

    agent = Agent(
        Graph([Node("a", "{{ memory.facts | join(', ') }}")]),
        model=rude,
        memory={"facts": ["wood"]},
    )
    asyncio.run(rollout(agent, Plan(episodes=3)))
    assert shown == ["wood"] * 3


def test_an_answer_that_was_cut_off_is_asked_again_and_the_model_is_told():
    """Half a number is a number too: 12 of 1250 must not pass for the answer."""
    seen: list[Request] = []

    def model(request: Request) -> Completion:
        seen.append(request)
        return Completion("12", finish_reason="length") if len(seen) == 1 else Completion("1250")

    result = Graph([Node("n", "How many?", output="integer")]).run_sync(model=model)
    assert result["n"] == 1250
    assert [message.role for message in seen[1].messages] == ["user", "assistant", "user"]
    assert seen[1].messages[1].content == "12"
    assert "cut off" in seen[1].prompt


def test_an_answer_that_is_always_cut_off_fails_its_node_if_it_may_not_be_cut():
    def model(request: Request) -> Completion:
        return Completion("a long text that", finish_reason="length")

    with pytest.raises(StepError, match="cut off at the token limit"):
        Graph([Node("n", "Tell me.", attempts=2, cut="error")]).run_sync(model=model)


def test_a_refusal_is_no_answer_even_where_any_text_would_do():
    def model(request: Request) -> Completion:
        text = "I cannot help with that."
        return Completion(text, finish_reason="refusal" if request.call.attempt == 1 else "stop")

    graph = Graph([Node("n", "Tell me.", attempts=2)])
    result = graph.run_sync(model=model)
    assert result.usage.calls == 2
    with pytest.raises(StepError, match="it is a refusal"):
        Graph([Node("n", "Tell me.", attempts=1)]).run_sync(model=model)
