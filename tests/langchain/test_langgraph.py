"""A graph inside LangGraph: as a node of its graphs, with its streams, checkpoints, interrupts."""

import asyncio
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit import Completion, Graph, Node, Usage


class State(TypedDict, total=False):
    """What the LangGraph graphs here hold."""

    question: str
    answer: str


def answering(runnable, name="kit", state=State, **compiled):
    graph = StateGraph(state)
    graph.add_node(name, runnable)
    graph.add_edge(START, name)
    graph.add_edge(name, END)
    return graph.compile(**compiled)


ASK = Graph([Node("answer", "{{ question }}")])


def in_pieces(request):
    for piece in ("Forty", "-", "two"):
        if request.on_text:
            request.on_text(piece)
    return Completion("Forty-two", Usage(3, 2, calls=1, cost_usd=0.0))


# Streams


def messages_by_id(graph, given):
    """What the `messages` stream shows: the pieces of each message, by its id."""
    shown = {}
    for message, _ in graph.stream(given, stream_mode="messages"):
        shown.setdefault(message.id, []).append(message.content)
    return shown


def test_the_messages_stream_shows_the_pieces_of_an_answer_and_not_the_whole_of_it_again():
    graph = answering(ASK.as_runnable(model=in_pieces))
    assert [*messages_by_id(graph, {"question": "x"}).values()] == [["Forty", "-", "two"]]


def test_the_messages_stream_shows_an_answer_without_pieces_once():
    graph = answering(ASK.as_runnable(model=lambda request: "Forty-two"))
    assert [*messages_by_id(graph, {"question": "x"}).values()] == [["Forty-two"]]


def test_each_node_and_each_attempt_is_a_message_of_its_own():
    nodes = [Node("city", "A city?"), Node("people", "{{ city }}?", output="integer")]
    answers = iter(["Lyon", "many", "7"])
    runnable = Graph(nodes).as_runnable(model=lambda request: next(answers))
    shown = messages_by_id(answering(runnable, state=dict), {})
    assert [*shown.values()] == [["Lyon"], ["many"], ["7"]]


def test_pieces_of_a_stream_that_broke_are_no_part_of_the_answer():
    async def breaks_once(request):
        request.on_text("For")
        await request.on_retry("the connection broke", 0.0)
        return in_pieces(request)

    graph = answering(ASK.as_runnable(model=breaks_once))

    async def main():
        shown = {}
        async for message, _ in graph.astream({"question": "x"}, stream_mode="messages"):
            shown.setdefault(message.id, []).append(message.content)
        return shown

    assert [*asyncio.run(main()).values()] == [["For"], ["Forty", "-", "two"]]
