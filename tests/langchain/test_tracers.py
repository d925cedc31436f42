"""What LangChain's own tracers see of a graph: each node and each call of a model, once."""

import asyncio

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_core.tracers import LangChainTracer
from langchain_core.tracers.context import collect_runs
from langgraph.graph import START, StateGraph
from test_runnable import Recorder

from agentkit import Completion, Graph, Node, Usage


@tool
def shout(text: str) -> str:
    """Shout."""
    return text.upper()


def quiet(text):
    return RunnableLambda(str.lower).with_config(run_name="lower").invoke(text)


def answering(request):
    return Completion("Yes.", Usage(3, 2, calls=1, cost_usd=0.0), model="m-1")


GRAPH = Graph(
    [
        Node("own", "{{ q }}"),
        Node("theirs", "{{ own }}", model="chat"),
        Node("all", "{{ item }}", each="[own, theirs]"),
        Node("loud", function=shout, with_={"text": "theirs"}),
        Node("low", function=quiet, with_={"text": "loud"}),
    ]
)
PATHS = [
    ("kit", "chain", None),
    ("own", "chain", "kit"),
    ("function:answering", "llm", "own"),
    ("theirs", "chain", "kit"),
    ("FakeListChatModel", "llm", "theirs"),
    ("all", "chain", "kit"),
    ("all[0]", "chain", "all"),
    ("function:answering", "llm", "all[0]"),
    ("all[1]", "chain", "all"),
    ("function:answering", "llm", "all[1]"),
    ("loud", "chain", "kit"),
    ("shout", "tool", "loud"),
    ("low", "chain", "kit"),
    ("lower", "chain", "low"),
]


def runnable():
    chat = FakeListChatModel(responses=["Yes."])
    return GRAPH.as_runnable(model=answering, models={"chat": chat}, name="kit")


def tree(root):
    """Every run below a run, with its kind and the name of its parent."""
    found = []

    def walk(run, parent):
        found.append((run.name, run.run_type, parent))
        for child in run.child_runs:
            assert child.parent_run_id == run.id
            walk(child, run.name)

    walk(root, None)
    return found


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "batch", "bare ainvoke"])
def test_collect_runs_has_the_nodes_and_the_calls_of_models(way):
    given = {"q": "x"}
    with collect_runs() as collected:
        if way == "invoke":
            runnable().invoke(given)
        elif way == "stream":
            list(runnable().stream(given))
        elif way == "batch":
            runnable().batch([given])
        else:
            asyncio.run(runnable().ainvoke(given))
    [root] = collected.traced_runs
    assert sorted(tree(root), key=str) == sorted(PATHS, key=str)


def test_the_run_of_a_model_has_messages_answer_and_tokens():
    with collect_runs() as collected:
        runnable().invoke({"q": "x"})
    [own] = [run for run in collected.traced_runs[0].child_runs if run.name == "own"]
    [call] = own.child_runs
    assert call.inputs == {"prompts": ["Human: x"]}
    message = call.outputs["generations"][0][0]["message"]["kwargs"]
    assert message["content"] == "Yes."
    assert message["usage_metadata"]["total_tokens"] == 5
    assert call.extra["metadata"]["ls_model_name"] == "answering"


def test_a_graph_inside_langgraph_is_seen_as_any_runnable_there():
    """LangGraph does not hand such handlers down, so that its nodes are roots of their own."""
    state_graph = StateGraph(dict)
    state_graph.add_node("step", runnable())
    state_graph.add_edge(START, "step")
    with collect_runs() as collected:
        state_graph.compile().invoke({"q": "x"})
    kit, whole = collected.traced_runs
    assert sorted(tree(kit), key=str) == sorted(PATHS, key=str)
    assert whole.name == "LangGraph"


class Client:
    """Takes what is sent to LangSmith."""

    def __init__(self):
        self.created = {}
        self.ended = []
        self.tracing_queue = None

    def create_run(self, **run):
        assert run["id"] not in self.created
        self.created[run["id"]] = run

    def update_run(self, run_id, **run):
        self.ended.append(run_id)

    def flush(self):
        """Nothing waits."""


def test_langsmith_gets_each_run_once_with_its_parent():
    client = Client()
    tracer = LangChainTracer(client=client)
    runnable().invoke({"q": "x"}, {"callbacks": [tracer]})
    tracer.wait_for_futures()
    names = {run_id: run["name"] for run_id, run in client.created.items()}
    found = [
        (run["name"], run["run_type"], names.get(run.get("parent_run_id")))
        for run in client.created.values()
    ]
    assert sorted(found, key=str) == sorted(PATHS, key=str)
    assert sorted(client.ended, key=str) == sorted(client.created, key=str)
    assert len({run["trace_id"] for run in client.created.values()}) == 1


def test_a_handler_of_the_call_and_collect_runs_see_the_same_without_twos():
    recorder = Recorder()
    with collect_runs() as collected:
        runnable().invoke({"q": "x"}, {"callbacks": [recorder]})
    assert len(recorder.names) == len(PATHS) - 1  # the recorder has no word for tools
    assert len(tree(collected.traced_runs[0])) == len(PATHS)


def test_an_answer_of_a_message_kind_is_kept_out_of_the_values():
    chain = RunnableLambda(lambda text: AIMessage(text))
    graph = Graph([Node("n", function=chain, with_={"input": "q"})])
    with collect_runs() as collected:
        assert graph.as_runnable().invoke({"q": "x"}) == {"n": "x"}
    assert collected.traced_runs[0].outputs == {"n": "x"}
