"""Tools and Runnables of LangChain as the functions of nodes."""

import asyncio
import threading
from typing import Annotated, Literal

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langchain_core.tools import (
    BaseTool,
    InjectedToolArg,
    StructuredTool,
    Tool,
    ToolException,
    tool,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from test_runnable import Recorder

from agentkit import Graph, Node, SpecError, StepError
from agentkit.events import NodeStarted


@tool
def weather(city: str, days: int = 1, user: Annotated[str, InjectedToolArg] = "-") -> str:
    """Say what the weather will be."""
    return f"{city} {days} {user}"


@tool
async def later(city: str, config: RunnableConfig) -> str:
    """Say the tags of the call."""
    await asyncio.sleep(0)
    return f"{city} {config['tags']}"


class Shout(BaseTool):
    """A tool as a class."""

    name: str = "shout"
    description: str = "Shout."

    def _run(self, text: str) -> str:
        return text.upper()


class Plan(BaseModel):
    """What a chain answers."""

    goal: str


class Search(BaseRetriever):
    """Finds one document."""

    def _get_relevant_documents(self, query, *, run_manager):
        return [Document(f"About {query}", metadata={"source": "a.txt"})]


def called(function, arguments, given, **options):
    graph = Graph([Node("n", function=function, with_=arguments)])
    return graph.run_sync(given, **options)["n"]


# Tools


@pytest.mark.parametrize(
    ("function", "arguments", "result"),
    [
        (weather, {"city": "q"}, "Lyon 1 -"),
        (weather, {"city": "q", "days": "1 + 2", "user": "'me'"}, "Lyon 3 me"),
        (later, {"city": "q"}, "Lyon []"),
        (Shout(), {"text": "q"}, "LYON"),
        (StructuredTool.from_function(lambda a, step: a + step, name="add", description="Add."),
         {"a": "q", "step": "'!'"}, "Lyon!"),
        (Tool("old", str.upper, "Shout."), {"tool_input": "q"}, "LYON"),
        (
            StructuredTool(
                name="served",
                description="As of an MCP server.",
                args_schema={"type": "object", "properties": {"q": {"type": "string"}}},
                coroutine=None,
                func=lambda q: [{"type": "text", "text": q}],
            ),
            {"q": "q"},
            [{"type": "text", "text": "Lyon"}],
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)  # fmt: skip
def test_a_tool_is_called_with_the_arguments_of_the_node(function, arguments, result):
    assert called(function, arguments, {"q": "Lyon"}) == result


def test_a_tool_can_be_named_and_asked_for_each_item():
    graph = Graph([Node("n", function="weather", with_={"city": "item"}, each="cities")])
    result = graph.run_sync({"cities": ["Lyon", "Nice"]}, functions={"weather": weather})
    assert result["n"] == ["Lyon 1 -", "Nice 1 -"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "missing argument 'city'. weather takes: city, days"),
        ({"city": "q", "dys": "1"}, "unknown argument 'dys'. Did you mean 'days'"),
    ],
)
def test_wrong_arguments_of_a_tool_are_found_before_the_first_call(arguments, words):
    with pytest.raises(SpecError, match=words):
        called(weather, arguments, {"q": "x"} if arguments else {})


def test_a_tool_never_gets_the_running_step_and_its_error_is_that_of_a_function():
    @tool
    def walk(step: int = 0) -> str:
        """Walk."""
        raise ToolException(f"cannot walk {step} steps")

    with pytest.raises(StepError, match="function walk raised ToolException: cannot walk 0 steps"):
        called(walk, {}, {})


def test_values_of_a_wrong_kind_are_an_error_of_the_tool():
    with pytest.raises(StepError, match="function weather raised ValidationError"):
        called(weather, {"city": "q", "days": "'many'"}, {"q": "x"})


def test_the_arguments_and_the_result_are_recorded():
    told = []
    graph = Graph([Node("n", function=weather, with_={"city": "q"})])
    asyncio.run(graph.run({"q": "Lyon"}, on_event=told.append))
    [started] = [event for event in told if isinstance(event, NodeStarted)]
    assert (started.function, started.arguments) == ("weather", {"city": "Lyon"})


# Other Runnables


@pytest.mark.parametrize(
    ("function", "arguments", "result"),
    [
        (RunnableLambda(len), {"input": "q"}, 4),
        (RunnableLambda(lambda given: given["a"] * given["b"]), {"a": "q", "b": "2"}, "LyonLyon"),
        (RunnablePassthrough(), {"a": "q"}, {"a": "Lyon"}),
        (RunnablePassthrough(), {"input": "{'a': q}"}, {"a": "Lyon"}),
        (RunnableParallel(size=RunnableLambda(len)), {"input": "q"}, {"size": 4}),
        (PromptTemplate.from_template("{a} {b}"), {"a": "q", "b": "1"}, "user: Lyon 1"),
        (Search(), {"input": "q"},
         [{"page_content": "About Lyon", "metadata": {"source": "a.txt"}}]),
        (FakeListChatModel(responses=["Yes."]), {"input": "q"}, "Yes."),
        (
            ChatPromptTemplate.from_template("{input}?") | FakeListChatModel(responses=["Yes."]),
            {"input": "q"},
            "Yes.",
        ),
        (RunnableLambda(lambda given: Plan(goal=given)), {"input": "q"}, {"goal": "Lyon"}),
        (RunnableLambda(lambda given: AIMessage(given)).with_retry(), {"input": "q"}, "Lyon"),
        (RunnableLambda(lambda given: [AIMessage(given)]), {"input": "q"},
         [{"role": "assistant", "content": "Lyon"}]),
        (Graph([Node("a", "{{ b }}")]).as_runnable(model="echo"), {"b": "q"}, {"a": "Lyon"}),
    ],
)  # fmt: skip
def test_a_runnable_gets_a_mapping_of_the_arguments_or_the_one_called_input(
    function, arguments, result
):
    assert called(function, arguments, {"q": "Lyon"}) == result


def test_a_prompt_with_the_variable_input_gets_a_mapping():
    seen = []
    prompt = ChatPromptTemplate.from_template("<{input}>")
    chain = prompt | RunnableLambda(lambda value: seen.append(value.to_string()) or "ok")
    assert called(chain, {"input": "q"}, {"q": "Lyon"}) == "ok"
    assert seen == ["Human: <Lyon>"]


def test_a_compiled_langgraph_is_a_function_that_takes_and_gives_messages():
    graph = StateGraph(MessagesState)
    graph.add_node("n", lambda state: {"messages": [AIMessage(state["messages"][-1].content * 2)]})
    graph.add_edge(START, "n")
    result = called(graph.compile(), {"messages": "[{'role': 'user', 'content': q}]"}, {"q": "ha"})
    assert [message["content"] for message in result["messages"]] == ["ha", "haha"]


def test_what_is_no_json_value_is_an_error_that_says_so():
    with pytest.raises(StepError, match="function RunnableLambda: the result is a set"):
        called(RunnableLambda(lambda given: {given}), {"input": "q"}, {"q": "x"})


def test_a_runnable_that_blocks_does_not_hold_up_the_nodes_beside_it():
    all_there = threading.Barrier(4)

    def wait(given):
        all_there.wait(30)
        return given

    nodes = [Node(f"n{i}", function=RunnableLambda(wait), with_={"input": "q"}) for i in range(4)]
    result = Graph(nodes).run_sync({"q": "x"})
    assert [result[node.name] for node in nodes] == ["x"] * 4


# Callbacks and interrupts


def test_a_tool_and_a_chain_are_runs_inside_their_node():
    class Tools(Recorder):
        def on_tool_start(self, serialized, input_str, *, run_id, parent_run_id=None, **details):
            self.start("start", serialized["name"], run_id, parent_run_id)

        def on_tool_end(self, output, *, run_id, **details):
            self.end("end", run_id)

    chain = (
        ChatPromptTemplate.from_template("{q}")
        | FakeListChatModel(responses=["Yes."])
        | StrOutputParser()
    ).with_config(run_name="chain")
    graph = Graph(
        [
            Node("sky", function=weather, with_={"city": "q"}),
            Node("tags", function=later, with_={"city": "sky"}),
            Node("said", function=chain, with_={"q": "tags"}),
        ]
    )
    recorder = Tools()
    config = {"callbacks": [recorder], "tags": ["blue"]}
    values = graph.as_runnable(name="g").invoke({"q": "Lyon"}, config)
    assert values["tags"].startswith("Lyon 1 - ['blue'")
    assert recorder.parents["weather"] == "sky"
    assert recorder.parents["later"] == "tags"
    assert recorder.parents["chain"] == "said"
    assert recorder.parents["ChatPromptTemplate"] == "chain"
    assert recorder.told.count("start model of chain") == 1
    assert not recorder.open


def test_a_tool_can_interrupt_langgraph():
    @tool
    def approve(text: str) -> str:
        """Ask a human."""
        return interrupt(text)

    class State(BaseModel):
        question: str
        answer: Literal["yes", "no", ""] = ""

    kit = Graph([Node("answer", function=approve, with_={"text": "question"})])
    graph = StateGraph(State)
    graph.add_node("kit", kit.as_runnable(extra="ignore"))
    graph.add_edge(START, "kit")
    app = graph.compile(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    assert app.invoke({"question": "Go?"}, thread)["__interrupt__"][0].value == "Go?"
    assert app.invoke(Command(resume="yes"), thread)["answer"] == "yes"


def test_a_tool_may_be_given_by_name_as_any_function():
    @tool
    def double(number: int) -> int:
        """Twice the number."""
        return 2 * number

    graph = Graph([Node("a", function="double", with_={"number": "x"})])
    assert graph.run_sync({"x": 4}, functions={"double": double})["a"] == 8
