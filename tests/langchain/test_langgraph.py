"""A graph inside LangGraph: as a node of its graphs, with its streams, checkpoints, interrupts."""

import asyncio
from dataclasses import dataclass
from operator import add
from typing import Annotated, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel

from agentkit import Completion, Graph, InputError, Node, Usage


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


# States


class Chat(TypedDict, total=False):
    """A state that grows from turn to turn."""

    question: str
    answer: str
    asked: Annotated[list[str], add]


def test_a_thread_with_a_checkpointer_goes_on_for_three_turns():
    runnable = Graph(
        [Node("answer", "{{ question }}"), Node("asked", function="ask", with_={"q": "question"})]
    ).as_runnable(model="echo", functions={"ask": lambda q: [q]}, extra="ignore")
    graph = answering(runnable, state=Chat, checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    for word in ("one", "two", "three"):
        state = graph.invoke({"question": word}, thread)
    assert state == {"question": "three", "answer": "three", "asked": ["one", "two", "three"]}


class Model(BaseModel):
    """A state as a model of pydantic."""

    question: str
    answer: str = ""


@dataclass
class Data:
    """A state as a dataclass."""

    question: str
    answer: str = ""


@pytest.mark.parametrize("state", [State, Model, Data])
def test_every_kind_of_state_gives_the_inputs_by_name(state):
    graph = answering(ASK.as_runnable(model="echo", extra="ignore"), state=state)
    assert graph.invoke({"question": "x", "answer": "old"})["answer"] == "x"


def test_keys_that_only_steps_of_agents_know_are_ignored_too():
    runnable = ASK.as_runnable(model="echo", extra="ignore")
    assert runnable.invoke({"question": "x", "step": 7, "memory": 1}) == {"answer": "x"}


def test_a_missing_input_is_an_error_when_others_are_ignored():
    with pytest.raises(InputError, match="missing input 'question'"):
        ASK.as_runnable(model="echo", extra="ignore").invoke({"q": "x"})


def test_other_keys_are_refused_by_default_and_the_error_names_the_option():
    with pytest.raises(InputError, match=r"unknown input 'answer'.*\n.*\n.*extra='ignore'"):
        ASK.as_runnable(model="echo").invoke({"question": "x", "answer": "old"})


def test_another_word_for_extra_is_refused():
    with pytest.raises(InputError, match="extra: expected 'forbid' or 'ignore', found 'allow'"):
        ASK.as_runnable(model="echo", extra="allow")
