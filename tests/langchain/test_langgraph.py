"""A graph inside LangGraph: as a node of its graphs, with its streams, checkpoints, interrupts."""

import asyncio
from dataclasses import dataclass
from operator import add
from typing import Annotated, TypedDict

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from test_runnable import Recorder

from agentkit import Agent, Completion, Graph, InputError, Node, Usage
from agentkit.events import NodeFailed, NodeRetried, StepFailed


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


@pytest.mark.parametrize(
    "wrap",
    [
        lambda chat: chat,
        lambda chat: chat.with_retry(),
        lambda chat: chat.with_fallbacks([chat]),
        lambda chat: chat.bind(user="me").with_config(tags=["mine"]),
    ],
)
def test_the_messages_stream_shows_a_model_of_langchain_once_however_it_is_wrapped(wrap):
    chat = GenericFakeChatModel(messages=iter([AIMessage("Forty two")]))
    graph = answering(ASK.as_runnable(model=wrap(chat)))
    [pieces] = messages_by_id(graph, {"question": "x"}).values()
    assert "".join(pieces) == "Forty two"
    assert len([piece for piece in pieces if piece]) == 3


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


# Interrupts


def ask_human(text):
    return interrupt({"question": text})


async def ask_human_later(text):
    await asyncio.sleep(0)
    return interrupt({"question": text})


THREAD = {"configurable": {"thread_id": "1"}}


@pytest.mark.parametrize("function", [ask_human, ask_human_later])
def test_an_interrupt_of_a_function_node_waits_for_a_human_and_the_node_gets_the_answer(function):
    asked = []

    def model(request):
        asked.append(request.prompt)
        return request.prompt

    kit = Graph(
        [
            Node("draft", "Draft of {{ question }}"),
            Node("beside", "Beside."),
            Node("verdict", function=function, with_={"text": "draft"}),
            Node("answer", "{{ draft }} is {{ verdict }}"),
        ]
    ).as_runnable(model=model, extra="ignore")
    graph = answering(kit, checkpointer=InMemorySaver())
    for number in (1, 2, 3):
        state = graph.invoke({"question": f"x{number}"}, THREAD)
        [waiting] = state["__interrupt__"]
        assert waiting.value == {"question": f"Draft of x{number}"}
        assert graph.get_state(THREAD).tasks[0].error is None
        state = graph.invoke(Command(resume="good"), THREAD)
        assert state["answer"] == f"Draft of x{number} is good"
    assert asked.count("Draft of x1 is good") == 1


def test_several_interrupts_of_one_graph_are_answered_one_after_the_other():
    kit = Graph(
        [
            Node("names", function=ask_human, with_={"text": "item"}, each="question.split()"),
            Node("answer", "{{ names | join(' and ') }}"),
        ]
    ).as_runnable(model="echo", extra="ignore")
    graph = answering(kit, checkpointer=InMemorySaver())
    first = graph.invoke({"question": "who whom"}, THREAD)
    assert first["__interrupt__"][0].value == {"question": "who"}
    second = graph.invoke(Command(resume="Ann"), THREAD)
    assert second["__interrupt__"][0].value == {"question": "whom"}
    assert graph.invoke(Command(resume="Bob"), THREAD)["answer"] == "Ann and Bob"


def test_a_human_can_be_the_model():
    kit = ASK.as_runnable(model=lambda request: ask_human(request.prompt), extra="ignore")
    graph = answering(kit, checkpointer=InMemorySaver())
    assert graph.invoke({"question": "Well?"}, THREAD)["__interrupt__"]
    assert graph.invoke(Command(resume="Yes."), THREAD)["answer"] == "Yes."


def test_an_interrupt_is_no_failure_and_no_retry():
    told = []

    def node(state):
        kit = Graph([Node("answer", function=ask_human, with_={"text": "q"}, otherwise="none")])
        return dict(asyncio.run(kit.run({"q": state["question"]}, on_event=told.append)).values)

    graph = answering(node, checkpointer=InMemorySaver())
    assert graph.invoke({"question": "Well?"}, THREAD)["__interrupt__"]
    assert not [event for event in told if isinstance(event, (NodeFailed, NodeRetried))]
    assert [event.failures for event in told if isinstance(event, StepFailed)] == [{}]
    assert graph.invoke(Command(resume="Yes."), THREAD)["answer"] == "Yes."


def test_an_interrupt_ends_every_run_that_callbacks_were_told_of():
    kit = Graph(
        [
            Node("draft", "{{ question }}"),
            Node("slow", "Slow."),
            Node("answer", function=ask_human, with_={"text": "draft"}),
        ]
    )

    async def model(request):
        await asyncio.sleep(5 if request.call.node == "slow" else 0)
        return request.prompt

    graph = answering(kit.as_runnable(model=model, extra="ignore"), checkpointer=InMemorySaver())
    recorder = Recorder()

    async def main():
        config = {**THREAD, "callbacks": [recorder]}
        modes = ["messages", "updates"]
        return [part async for part in graph.astream({"question": "x"}, config, stream_mode=modes)]

    *_, (mode, last) = asyncio.run(asyncio.wait_for(main(), 4))
    assert mode == "updates"
    assert last["__interrupt__"][0].value == {"question": "x"}
    assert not recorder.open
    assert isinstance(recorder.details["answer"]["error"], GraphInterrupt)


def test_an_agent_that_was_interrupted_takes_the_same_step_again():
    agent = Agent(
        Graph(
            [
                Node("seen", "{{ memory.seen }}", save={"seen": "memory.seen + 1"}),
                Node("act", function=ask_human, with_={"text": "seen"}),
            ]
        ),
        model="echo",
        memory={"seen": 1},
        action="act",
    )
    graph = answering(lambda state: {"answer": agent.act_sync()}, checkpointer=InMemorySaver())
    waiting = graph.invoke({"question": ""}, THREAD)["__interrupt__"]
    assert waiting[0].value == {"question": "1"}
    assert graph.invoke(Command(resume="go"), THREAD)["answer"] == "go"
    assert agent.result.memory == {"seen": 2}


def test_a_command_to_the_parent_graph_passes_through():
    def leave(question):
        inner = StateGraph(State)
        inner.add_node("n", lambda state: Command(graph=Command.PARENT, update={"answer": "left"}))
        inner.add_edge(START, "n")
        return inner.compile().invoke({"question": question})

    kit = Graph([Node("answer", function=leave, with_={"question": "question"})])
    graph = answering(kit.as_runnable(extra="ignore"))
    assert graph.invoke({"question": "x"})["answer"] == "left"


def test_a_langgraph_that_is_cancelled_cancels_the_function_and_is_no_failure():
    ended = []

    async def wait():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    graph = answering(Graph([Node("answer", function=wait)]).as_runnable(extra="ignore"))

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await graph.ainvoke({"question": "x"})

    asyncio.run(main())
    assert ended == ["cancelled"]
