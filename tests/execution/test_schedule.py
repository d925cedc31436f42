"""Nodes that functions add to a running step."""

import asyncio
import sys

import pytest

from agentkit import Graph, Node, Request, StepError


def number(request: Request) -> str:
    """Answer with the last word of the prompt and one more letter."""
    return request.prompt.split()[-1] + "+"


def bumping(**options) -> Node:
    """A node that changes memory.k from what the node before it wrote."""
    return Node("bump", "Now it is {{ memory.k }}", save={"k": "output"}, **options)


def test_added_nodes_in_a_chain_may_each_change_the_memory_of_the_one_before():
    """The third comes after the first only through the second."""

    def ask(step) -> None:
        first = step.add(bumping(), before=["end"])
        second = step.add(bumping(after=[first]), before=["end"])
        step.add(bumping(after=[second]), before=["end"])

    result = Graph(
        [Node("ask", function=ask), Node("end", "End {{ memory.k }}", after=["ask"])]
    ).run_sync(model=number, memory={"k": "0"})
    assert result.memory == {"k": "0+++"}
    assert result["end"] == "0++++"


def test_added_nodes_that_race_for_a_memory_key_are_refused():
    def ask(step) -> None:
        step.add(bumping())
        step.add(bumping())

    with pytest.raises(StepError, match=r"memory\.k"):
        Graph([Node("ask", function=ask)]).run_sync(model=number, memory={"k": "0"})


def test_a_node_that_waits_for_an_added_one_may_add_nodes_that_build_on_its_memory():
    """`act` was told that it comes after `ask.1`, so what it adds comes after `ask.1` too."""

    def ask(step) -> None:
        step.add(bumping(), before=["act"])

    def act(step) -> None:
        step.add(bumping())

    result = Graph([Node("ask", function=ask), Node("act", function=act, after=["ask"])]).run_sync(
        model=number, memory={"k": "0"}
    )
    assert list(result.status) == ["ask", "ask.1", "act", "act.1"]
    assert result.memory == {"k": "0++"}


def test_what_comes_after_a_waiting_node_comes_after_the_added_one_too():
    def ask(step) -> None:
        step.add(bumping(), before=["middle"])

    def late(step) -> None:
        step.add(bumping())

    nodes = [
        Node("ask", function=ask),
        Node("middle", function=lambda: None, after=["ask"]),
        Node("late", function=late, after=["middle"]),
    ]
    result = Graph(nodes).run_sync(model=number, memory={"k": "0"})
    assert result.memory == {"k": "0++"}


def test_an_added_node_recalls_in_graph_order_however_the_names_are_given():
    seen: list[Request] = []

    def model(request: Request) -> str:
        seen.append(request)
        return request.prompt.lower()

    def ask(step) -> None:
        one = step.add(Node("q", "THREE"))
        step.add(Node("q", "FOUR", recall=[one, "b", "a"]))

    nodes = [
        Node("a", "ONE"),
        Node("b", "TWO", after=["a"]),
        Node("ask", function=ask, after=["b"]),
    ]
    Graph(nodes).run_sync(model=model)
    contents = [message.content for message in seen[-1].messages]
    assert contents == ["ONE", "one", "TWO", "two", "THREE", "three", "FOUR"]


def test_nodes_after_a_failed_added_node_are_cancelled():
    def ask(step) -> None:
        step.add(Node("q", "{{ info.missing }}"), before=["act"])

    seen: list[object] = []
    with pytest.raises(StepError, match=r"ask\.1"):
        Graph([Node("ask", function=ask), Node("act", "Act", after=["ask"])]).run_sync(
            {"info": {}}, model=number, on_event=seen.append
        )
    cancelled = [(e.node, e.because) for e in seen if type(e).__name__ == "NodeCancelled"]
    assert cancelled == [("act", "ask.1")]


def steps_of_adding(count: int) -> int:
    """How many operations of Python `count` calls of `step.add` take."""
    operations = 0

    def trace(frame, event, argument):
        nonlocal operations
        frame.f_trace_opcodes = True
        operations += event == "opcode"
        return trace

    def add(step) -> None:
        sys.settrace(trace)
        for number in range(count):
            after = [f"add.{number}"] if number else []
            step.add(Node("x", "Q", after=after, save={"k": "output"}), before=["end"])
        sys.settrace(None)

    nodes = [Node("add", function=add), Node("end", "E {{ memory.k }}", after=["add"])]
    Graph(nodes).run_sync({}, model=lambda request: "a", memory={"k": ""})
    return operations


def test_adding_twice_as_many_nodes_takes_twice_as_long():
    """It took four times as long: every node looked at all others."""
    assert steps_of_adding(200) < 2.2 * steps_of_adding(100)


@pytest.mark.parametrize("slow", [0, 1])
def test_an_added_node_recalls_added_ones_by_item_whichever_was_added_first(slow):
    """Replays and reused requests depend on the order of the messages."""

    async def ask(item, step) -> int:
        await asyncio.sleep(0.02 if item == slow else 0)
        step.add(Node("x", f"Q{item}"), before=["gather"])
        return item

    def gather(step) -> None:
        first = step.add(Node("x", "X", recall=["ask.1.1", "ask.0.1"]))
        step.add(Node("y", "Y"), before=[first])

    nodes = [
        Node("ask", function=ask, each="[0, 1]", with_={"item": "item"}),
        Node("gather", function=gather, after=["ask"]),
    ]
    asked = {}
    Graph(nodes).run_sync(
        model=lambda request: asked.setdefault(request.call.node, request.messages) and "-"
    )
    assert [m.content for m in asked["gather.1"] if m.role == "user"] == ["Q0", "Q1", "Y", "X"]
