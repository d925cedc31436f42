"""The spans of a step, as OpenTelemetry's own SDK keeps them."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from full_agent import cut, record, resume
from langchain_core.messages import HumanMessage
from loopback import Fault, LoopbackServer
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode

from agentkit import (
    Agent,
    Completion,
    CompletionFile,
    EnvSpec,
    Graph,
    Image,
    Limits,
    ModelError,
    Node,
    Plan,
    Request,
    StepError,
    Usage,
    rollout,
)
from agentkit.models.hosted import Price, Settings
from agentkit.models.openai.model import OpenAIModel
from agentkit.observability.telemetry import CONTENT_VARIABLE

SECRET = "the-secret-of-the-prompt"
KEY = "sk-live-0123456789abcdef"


class Switch(Sampler):
    """Keeps spans while it is on: a provider is set once in a process, for other tests too."""

    on = False

    def should_sample(self, *arguments, **options) -> SamplingResult:
        sampler = ALWAYS_ON if self.on else ALWAYS_OFF
        return sampler.should_sample(*arguments, **options)

    def get_description(self) -> str:
        return "switch"


@pytest.fixture(scope="module")
def provider() -> tuple[Switch, InMemorySpanExporter]:
    switch, exporter = Switch(), InMemorySpanExporter()
    tracers = TracerProvider(sampler=switch)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(tracers)
    return switch, exporter


@pytest.fixture
def spans(provider) -> Iterator["Spans"]:
    switch, exporter = provider
    switch.on = True
    exporter.clear()
    yield Spans(exporter)
    switch.on = False


class Spans:
    """The spans that were made since the test began."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> list[ReadableSpan]:
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        [span] = self.named(name)
        return span

    def parent(self, span: ReadableSpan) -> str | None:
        names = {other.context.span_id: other.name for other in self.all}
        return None if span.parent is None else names[span.parent.span_id]

    def tree(self) -> list[str]:
        return [f"{self.parent(span)} > {span.name}" for span in self.all]

    @property
    def text(self) -> str:
        """Everything in all spans."""
        return "\n".join(span.to_json() for span in self.all)


class Model:
    """Answers as a server would; waits a little, so that nodes run at once."""

    reads_variables = False
    name = "openai:gpt-9"

    async def complete(self, request: Request) -> Completion:
        with trace.get_tracer("http").start_as_current_span("POST"):
            await asyncio.sleep(0.01)
        usage = Usage(100, 20, 64, 1, 0.25)
        return Completion(f"answer to {request.prompt}", usage, model="gpt-9-2026-01-01")


def test_a_step_a_question_and_a_function_are_spans_with_the_names_of_the_conventions(spans):
    graph = Graph([
        Node("plan", "What now?", temperature=0.5, max_tokens=99, output={"goal": "str"},
             otherwise={"goal": "none"}, attempts=1),
        Node("area", function=lambda side: side * side, with_={"side": "plan.goal | length"}),
    ])  # fmt: skip
    agent = Agent(graph, model=Model(), name="walker", action="area")
    agent.act_sync()
    assert spans.tree() == [
        "None > invoke_agent walker",
        "invoke_agent walker > chat gpt-9",
        "chat gpt-9 > POST",
        "invoke_agent walker > execute_tool <lambda>",
    ]
    step, chat, tool = (spans.all[i] for i in (0, 1, 3))
    assert (step.kind, chat.kind, tool.kind) == (
        SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.INTERNAL,
    )  # fmt: skip
    [conversation] = {span.attributes["gen_ai.conversation.id"] for span in (step, chat, tool)}
    assert len(conversation) == 32
    assert dict(step.attributes) == {
        "gen_ai.conversation.id": conversation,
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "agentkit",
        "gen_ai.agent.name": "walker",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "agentkit.episode": 0,
        "agentkit.step": 0,
        "agentkit.cost_usd": 0.25,
    }
    assert dict(chat.attributes) == {
        "gen_ai.conversation.id": conversation,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-9",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "gpt-9-2026-01-01",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "server.address": "api.openai.com",
        "server.port": 443,
        "agentkit.episode": 0,
        "agentkit.step": 0,
        "agentkit.node": "plan",
        "agentkit.attempt": 1,
        "agentkit.tries": 1,
        "agentkit.cost_usd": 0.25,
        "agentkit.reused": False,
    }
    assert dict(tool.attributes) == {
        "gen_ai.conversation.id": conversation,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "<lambda>",
        "gen_ai.tool.type": "function",
        "agentkit.episode": 0,
        "agentkit.step": 0,
        "agentkit.node": "area",
        "agentkit.attempt": 1,
    }
    assert {span.status.status_code for span in spans.all} == {StatusCode.UNSET}


def test_every_attempt_is_a_span_and_all_sampling_settings_are_told(spans):
    sampling = {"top_p": 0.9, "stop": ("END",), "seed": 7}
    node = Node("a", "?", output="number", attempts=2, otherwise=0, **sampling)
    Graph([node]).run_sync(model=Model())
    first, second = spans.named("chat gpt-9")
    assert [span.attributes["agentkit.attempt"] for span in (first, second)] == [1, 2]
    told = {key: second.attributes[f"gen_ai.request.{key}"] for key in ("top_p", "seed")}
    assert told == {"top_p": 0.9, "seed": 7}
    assert second.attributes["gen_ai.request.stop_sequences"] == ("END",)


def test_a_graph_without_an_agent_is_a_workflow(spans):
    Graph([Node("a", "?")]).run_sync(model="echo")
    assert spans.tree() == ["None > invoke_workflow", "invoke_workflow > chat echo"]
    workflow, chat = spans.one("invoke_workflow"), spans.one("chat echo")
    assert workflow.attributes["gen_ai.operation.name"] == "invoke_workflow"
    assert workflow.attributes["openinference.span.kind"] == "CHAIN"
    assert "gen_ai.conversation.id" not in workflow.attributes
    assert chat.kind is SpanKind.INTERNAL
    assert chat.attributes["gen_ai.provider.name"] == "agentkit"
    assert "server.address" not in chat.attributes


def test_nodes_that_run_at_once_and_items_have_the_step_as_their_parent(spans):
    graph = Graph([
        Node("a", "A?"),
        Node("b", "B?"),
        Node("c", "C? {{ item }}", each="[1, 2, 3]"),
        Node("d", "D?", recall=["a", "b"]),
        Node("e", function=lambda: 1, after=["a"]),
    ])  # fmt: skip
    Agent(graph, model=Model(), name="w", action="d").act_sync()
    chats = spans.named("chat gpt-9")
    places = {(c.attributes["agentkit.node"], c.attributes.get("agentkit.item")) for c in chats}
    assert places == {("a", None), ("b", None), ("c", 0), ("c", 1), ("c", 2), ("d", None)}
    assert {spans.parent(span) for span in chats} == {"invoke_agent w"}
    assert spans.parent(spans.one("execute_tool <lambda>")) == "invoke_agent w"
    by_id = {chat.context.span_id for chat in chats}
    posts = spans.named("POST")
    assert {post.parent.span_id for post in posts} == by_id
    overlapping = [c for c in chats if c.start_time < min(o.end_time for o in chats)]
    assert len(overlapping) == 5


def test_an_episode_is_a_span_around_its_steps(spans, corridor):
    agent = Agent(
        Graph([Node("act", "Go", output={"choice": "actions"})]),
        model=lambda request: "east", name="walker", env=EnvSpec(corridor),
        limits=Limits(steps=3),
    )  # fmt: skip
    asyncio.run(rollout(agent, Plan(episodes=2, parallel=2, seed=40)))
    first, second = spans.named("episode walker")
    assert first.context.trace_id != second.context.trace_id
    steps = spans.named("invoke_agent walker")
    assert {spans.parent(step) for step in steps} == {"episode walker"}
    for number, episode in ((0, first), (1, second)):
        inside = [s for s in steps if s.parent.span_id == episode.context.span_id]
        assert [s.attributes["agentkit.step"] for s in inside] == [0, 1, 2]
        assert {s.attributes["agentkit.episode"] for s in inside} == {number}
        [conversation] = {s.attributes["gen_ai.conversation.id"] for s in (episode, *inside)}
        assert dict(episode.attributes) == {
            "gen_ai.conversation.id": conversation,
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.provider.name": "agentkit",
            "gen_ai.agent.name": "walker",
            "openinference.span.kind": "CHAIN",
            "agentkit.episode": number,
            "agentkit.seed": 40 + number,
            "agentkit.status": "done",
            "agentkit.steps": 3,
            "agentkit.reward": 0.0,
            "agentkit.cost_usd": 0.0,
        }


def test_failures_mark_their_own_span_and_those_around_it(spans):
    def model(request: Request) -> str:
        if request.call.node == "a":
            raise ModelError(f"the server is on fire, said '{SECRET}' and {KEY}")
        return "fine"

    def tool() -> int:
        raise ValueError(f"cannot read '{SECRET}'")

    graph = Graph([Node("a", "A?"), Node("b", "B?"), Node("c", function=tool)])
    agent = Agent(graph, model=model, name="w", action="b")
    with pytest.raises(StepError):
        agent.act_sync()
    chats = {span.attributes["agentkit.node"]: span for span in spans.named("chat function:model")}
    tool_span, step = spans.one("execute_tool tool"), spans.one("invoke_agent w")
    failed, fine = chats["a"], chats["b"]
    assert fine.status.status_code is StatusCode.UNSET
    assert "error.type" not in fine.attributes
    for span, kind in ((failed, "ModelError"), (tool_span, "FunctionError"), (step, "StepError")):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == kind
        assert span.events == ()
    assert failed.status.description is tool_span.status.description is None
    assert step.attributes["agentkit.failed_nodes"] == ("a", "c")
    assert SECRET not in spans.text
    assert KEY not in spans.text


def test_a_failed_episode_is_an_error(spans):
    def model(request: Request) -> str:
        raise ModelError("no")

    agent = Agent(Graph([Node("a", "A?")]), model=model, name="w")
    asyncio.run(rollout(agent))
    episode = spans.one("episode w")
    assert episode.status.status_code is StatusCode.ERROR
    assert episode.attributes["agentkit.status"] == "failed"


def test_further_tries_are_events_of_the_question(spans):
    with LoopbackServer(faults=[Fault("server_error"), Fault("unavailable")], key=KEY) as server:
        settings = Settings(timeout_s=5, price=Price(1.0, 2.0))
        model = OpenAIModel("m1", base_url=server.base_url, api_key=KEY, settings=settings)
        result = Graph([Node("a", f"{SECRET}?")]).run_sync(model=model)
        address, port = "127.0.0.1", server.port
    chat = spans.one("chat m1")
    assert [event.name for event in chat.events] == ["agentkit.retry"] * 2
    reasons = [event.attributes["agentkit.reason"] for event in chat.events]
    assert "(500)" in reasons[0]
    assert "(503)" in reasons[1]
    assert all(event.attributes["agentkit.wait_s"] > 0 for event in chat.events)
    assert chat.attributes["agentkit.tries"] == 3
    assert chat.attributes["server.address"] == address
    assert chat.attributes["server.port"] == port
    assert chat.attributes["gen_ai.usage.input_tokens"] == result.usage.input_tokens > 0
    assert chat.attributes["agentkit.cost_usd"] == result.cost_usd > 0
    assert chat.status.status_code is StatusCode.UNSET
    assert KEY not in spans.text
    assert SECRET not in spans.text


def test_no_key_is_in_a_span_when_the_server_refuses_it(spans):
    with LoopbackServer(key="sk-another-key-entirely") as server:
        model = OpenAIModel("m1", base_url=server.base_url, api_key=KEY)
        with pytest.raises(StepError):
            Graph([Node("a", "?")]).run_sync(model=model)
    assert spans.one("chat m1").attributes["error.type"] == "AccessError"
    assert KEY not in spans.text


def test_a_decision_says_how_sure_it_is_and_none_of_its_options(spans):
    def decide(request: Request) -> dict[str, float]:
        return {"left": 0.75, "right": 0.25}

    node = Node("act", "Where?", output={"choice": ["left", "right"]}, decide=True)
    Graph([node]).run_sync(model=decide)
    (span,) = [one for one in spans.all if one.name.startswith("chat ")]
    attributes = dict(span.attributes)
    assert attributes["agentkit.decision.probability"] == 0.75
    assert attributes["agentkit.decision.options"] == 2
    assert "left" not in str(attributes)


def test_an_answer_that_was_there_already_took_no_tokens(spans, tmp_path):
    graph = Graph([Node("a", "Same?", reuse=True), Node("b", "Same?", reuse=True, after=["a"])])
    with CompletionFile(tmp_path / "a.db") as cache:
        for _ in range(2):
            graph.run_sync(model=Model(), cache=cache)
    chats = spans.named("chat gpt-9")
    assert [span.attributes["agentkit.reused"] for span in chats] == [False, True, True, True]
    assert ["gen_ai.usage.input_tokens" in span.attributes for span in chats] == [
        True, False, False, False,
    ]  # fmt: skip
    assert "agentkit.cost_usd" not in chats[1].attributes
    steps = spans.named("invoke_workflow")
    assert [step.attributes["agentkit.cost_usd"] for step in steps] == [0.25, 0.0]


def secretive() -> Graph:
    """A graph with something secret in its system text, prompts, arguments, values and answers."""
    return Graph(
        [
            Node("a", f"{SECRET} in a prompt", images="picture"),
            Node("b", function=lambda text: [text, "a result"], with_={"text": "a"}),
            Node("c", "{{ b }}", output="number", attempts=1, otherwise=1),
        ],
        system=f"{SECRET} in the system",
    )


PICTURE = Image(b"\x89PNG\r\n\x1a\n" + SECRET.encode())


def test_no_prompt_answer_argument_or_result_is_in_a_span(spans):
    secretive().run_sync({"picture": PICTURE}, model=Model())
    assert len(spans.all) == 6
    assert SECRET not in spans.text
    assert "answer to" not in spans.text
    assert "a result" not in spans.text


@pytest.mark.parametrize("wish", ["true", "SPAN_ONLY", "span_and_event"])
def test_contents_are_in_spans_for_those_who_ask_for_them(spans, monkeypatch, wish):
    monkeypatch.setenv(CONTENT_VARIABLE, wish)
    secretive().run_sync({"picture": PICTURE}, model=Model())
    chat, _ = spans.named("chat gpt-9")
    read = json.loads(chat.attributes["gen_ai.input.messages"])
    assert read[0] == {
        "role": "system",
        "parts": [{"type": "text", "content": f"{SECRET} in the system"}],
    }
    [picture, text] = read[1]["parts"]
    assert text == {"type": "text", "content": f"{SECRET} in a prompt"}
    assert (picture["type"], picture["mime_type"], len(picture["sha256"])) == (
        "image", "image/png", 64,
    )  # fmt: skip
    answer = f"answer to {SECRET} in a prompt"
    assert json.loads(chat.attributes["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": answer}],
            "finish_reason": "stop",
        }
    ]
    tool = spans.one("execute_tool <lambda>")
    assert json.loads(tool.attributes["gen_ai.tool.call.arguments"]) == {"text": answer}
    assert json.loads(tool.attributes["gen_ai.tool.call.result"]) == [answer, "a result"]


def content(span: ReadableSpan) -> dict[str, str]:
    """The text that went into a span and that came out of it."""
    found = {}
    for way, role in (("input", "user"), ("output", "assistant")):
        if (written := span.attributes.get(f"gen_ai.{way}.messages")) is not None:
            [message] = json.loads(written)
            assert message["role"] == role
            assert message.get("finish_reason") == ("stop" if way == "output" else None)
            [part] = message["parts"]
            found[way] = part["content"]
    return found


def test_a_step_says_what_it_saw_and_did_and_an_episode_what_came_of_it(
    spans, monkeypatch, corridor
):
    monkeypatch.setenv(CONTENT_VARIABLE, "true")
    agent = Agent(
        Graph([Node("act", "Go {{ manner }}", output={"choice": "actions"})]),
        model=lambda request: "east", name="w", env=EnvSpec(corridor), inputs={"manner": "müde"},
        limits=Limits(steps=2),
    )  # fmt: skip
    asyncio.run(rollout(agent, Plan(episodes=1)))
    first, second = (content(step) for step in spans.named("invoke_agent w"))
    assert first["output"] == second["output"] == "east"
    assert first["input"] != second["input"]
    assert content(spans.one("episode w")) == {"input": '{"manner": "müde"}', "output": "east"}


def test_a_workflow_says_its_inputs_and_the_values_that_nothing_else_reads(spans, monkeypatch):
    monkeypatch.setenv(CONTENT_VARIABLE, "true")
    Graph([Node("a", "{{ q }}?"), Node("b", "{{ a }}!")]).run_sync({"q": "Why"}, model="echo")
    Graph([Node("a", "1", output="integer"), Node("b", "B")]).run_sync(model="echo")
    messages = {"messages": [HumanMessage("Hi")], "thing": object()}
    graph = Graph([Node("a", "{{ messages }} {{ thing is none }}")])
    graph.run_sync(messages, model="echo")
    one, two, three = (content(span) for span in spans.named("invoke_workflow"))
    assert one == {"input": '{"q": "Why"}', "output": "Why?!"}
    assert two == {"output": '{"a": 1, "b": "B"}'}
    given = '{"messages": [{"role": "user", "content": "Hi"}], "thing": "<object>"}'
    assert three["input"] == given


def test_a_step_that_failed_has_an_input_and_no_output(spans, monkeypatch):
    monkeypatch.setenv(CONTENT_VARIABLE, "true")
    with pytest.raises(StepError):
        Graph([Node("a", "{{ q }}", output="integer", attempts=1)]).run_sync(
            {"q": "many"}, model="echo"
        )
    assert content(spans.one("invoke_workflow")) == {"input": '{"q": "many"}'}


# Conversations


def conversations(spans: Spans) -> set[str]:
    return {span.attributes.get("gen_ai.conversation.id") for span in spans.all}


def test_every_episode_of_an_agent_is_a_conversation(spans):
    agent = Agent(Graph([Node("a", "?")]), model="echo", name="w")
    agent.act_sync()
    agent.act_sync()
    assert len(conversations(spans)) == 1
    agent.reset()
    agent.act_sync()
    assert len(conversations(spans)) == 2


def test_a_recorded_episode_is_the_same_conversation_after_it_was_resumed(spans, tmp_path):
    agent = Agent(Graph([Node("a", "?")]), model="echo", name="w")
    whole = tmp_path / "whole"
    record(agent, whole, Plan(episodes=2))
    assert conversations(spans) == {"whole/0", "whole/1"}
    size = (whole / "episodes" / "0000.jsonl").read_bytes().index(b'{"event":"node_finished"')
    resume(agent, cut(whole, tmp_path / "torn" / "whole", size), Plan(episodes=2))
    assert conversations(spans) == {"whole/0", "whole/1"}
    assert len(spans.named("episode w")) > 2


def test_the_thread_of_langgraph_is_the_conversation(spans):
    runnable = Graph([Node("a", "?")]).as_runnable(model="echo")
    runnable.invoke({}, {"configurable": {"thread_id": 7}})
    assert conversations(spans) == {"7"}


@pytest.mark.parametrize("wish", ["", "false", "no_content", "event_only"])
def test_every_other_wish_keeps_contents_out(spans, monkeypatch, wish):
    monkeypatch.setenv(CONTENT_VARIABLE, wish)
    secretive().run_sync({"picture": PICTURE}, model=Model())
    assert SECRET not in spans.text


def test_half_a_surrogate_pair_does_not_stop_a_step(spans, monkeypatch):
    monkeypatch.setenv(CONTENT_VARIABLE, "true")
    Graph([Node("a", "{{ x }}")]).run_sync({"x": "\ud83d"}, model=Model())
    assert json.loads(spans.one("chat gpt-9").attributes["gen_ai.input.messages"])


def test_a_span_of_the_calling_program_is_the_parent_of_everything(spans):
    async def program() -> None:
        with trace.get_tracer("program").start_as_current_span("handle request"):
            async for _ in Graph([Node("a", "?")]).stream(model="echo"):
                pass

    asyncio.run(program())
    assert spans.tree()[1:] == [
        "handle request > invoke_workflow", "invoke_workflow > chat echo",
    ]  # fmt: skip
    assert spans.one("chat echo").context.trace_id == spans.one("handle request").context.trace_id


def test_streaming_is_told_of_models_that_are_elsewhere(spans):
    for model in (Model(), "echo"):
        Graph([Node("a", "?")]).run_sync(model=model, on_event=lambda event: None)
    assert spans.one("chat gpt-9").attributes["gen_ai.request.stream"] is True
    assert "gen_ai.request.stream" not in spans.one("chat echo").attributes


def test_a_question_that_is_given_up_is_told(spans):
    async def given_up() -> None:
        run = asyncio.create_task(Graph([Node("a", "?")]).run(model=Model()))
        await asyncio.sleep(0.005)
        run.cancel()
        await asyncio.wait([run])

    asyncio.run(given_up())
    assert spans.one("chat gpt-9").attributes["error.type"] == "CancelledError"


UNTOUCHED = """
import sys
from agentkit import Graph, Node
{first}
Graph([Node("a", "?"), Node("b", function=lambda: 1)]).run_sync(model="echo")
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""


def test_a_program_without_opentelemetry_loads_nothing_of_it():
    done = subprocess.run(
        [sys.executable, "-c", UNTOUCHED.format(first="")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_a_program_that_loads_the_api_and_sets_nothing_up_makes_no_spans():
    first = (
        "from opentelemetry import trace; "
        "from agentkit.observability.telemetry import get_tracing; "
        "assert get_tracing() is None"
    )
    done = subprocess.run(
        [sys.executable, "-c", UNTOUCHED.format(first=first)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "opentelemetry.sdk" not in done.stdout


def test_sampling_settings_that_are_not_set_are_not_told(spans):
    Graph([Node("a", "?")]).run_sync(model=Model())
    told = [key for key in spans.one("chat gpt-9").attributes if key.startswith("gen_ai.request.")]
    assert told == ["gen_ai.request.model"]


def test_the_program_on_the_page_makes_the_spans_that_the_page_shows():
    page = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()
    [program] = re.findall(r"```python\n(from opentelemetry.+?)```", page, re.DOTALL)
    shown = page.split(program)[1].split("```text\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == shown
