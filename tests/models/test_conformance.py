"""One suite over every model: what an agent may count on, whoever answers."""

import asyncio
import base64
import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from langchain_core.language_models import FakeListChatModel
from loopback import Decides, Fault, LoopbackServer

from agentkit import (
    Completion,
    EchoModel,
    FunctionModel,
    Graph,
    Image,
    Message,
    Model,
    Node,
    Request,
    RulesModel,
    Sampling,
    ScriptedModel,
    get_model,
)
from agentkit.models.hosted import Settings
from agentkit.outputs.declaration import compile_output
from agentkit.testing import MODEL_CHECKS

KEY = "sk-conformance-0123456789"


MAKERS: dict[str, Callable[[], Model]] = {
    "echo": EchoModel,
    "script": lambda: ScriptedModel({"n": "fixed", "then": "fixed", "": "fixed"}),
    "rules": lambda: RulesModel(lambda request: "fixed"),
    "function": lambda: FunctionModel(lambda request: "fixed"),
    "openai": lambda: get_model("openai:loopback"),
    "langchain openai": lambda: get_model("langchain:openai:loopback"),
    "langchain fake": lambda: get_model(FakeListChatModel(responses=["fixed"])),
}
HOSTED = ("openai", "langchain openai")
every_model = pytest.mark.parametrize("name", MAKERS)
hosted_models = pytest.mark.parametrize("name", HOSTED)
Start = Callable[..., LoopbackServer]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a server that the environment names, as a user would."""
    with ExitStack() as stack:

        def started(**options: object) -> LoopbackServer:
            server = stack.enter_context(LoopbackServer(**options))
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            return server

        yield started


@pytest.fixture
def server(start: Start) -> LoopbackServer:
    return start()


def request(text: str = "What do you see?", **fields: object) -> Request:
    return Request((Message("system", "You look around."), Message("user", text)), **fields)


def ask(model: Model, *args: str, **fields: object) -> Completion:
    return asyncio.run(model.complete(request(*args, **fields)))


DECIDING = [check for check in MODEL_CHECKS if "decisions" in check.__name__]
WIRES = ("/decisions", "/systemone", "logprobs")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("check", DECIDING, ids=lambda check: check.__name__)
def test_every_wire_of_decisions_keeps_what_agents_count_on(wire, check, start):
    even = Decides(lambda question, options: dict.fromkeys(options, 1 / len(options)))
    even.paths = frozenset({wire})
    start(decides=even)
    model = get_model("openai:loopback")
    check(lambda: model)
    assert model.decides


@every_model
@pytest.mark.parametrize("check", MODEL_CHECKS, ids=lambda check: check.__name__)
def test_every_model_keeps_what_agents_count_on(name, check, server):
    model = MAKERS[name]()
    check(lambda: model)
    if name in HOSTED:
        assert_closed(server, model)


@every_model
def test_an_answer_says_which_model_gave_it(name, server):
    assert ask(MAKERS[name]()).model or name == "langchain fake"


@hosted_models
def test_the_tokens_are_those_that_the_server_counted(name, server):
    model = MAKERS[name]()
    text = "Look around. " * 200
    first, second = (ask(model, text + question).usage for question in ("One?", "Two?"))
    assert first.input_tokens > 600
    assert first.output_tokens > 0
    assert first.cached_tokens == 0
    assert second.cached_tokens == 640


@hosted_models
def test_an_unknown_price_is_none_and_never_zero(name, server):
    assert ask(MAKERS[name]()).usage.cost_usd is None


@every_model
def test_a_streamed_answer_is_the_whole_one(name, server):
    heard: list[str] = []
    model = MAKERS[name]()
    streamed = ask(model, on_text=heard.append)
    whole = ask(model)
    assert streamed.text == whole.text
    if name not in ("rules", "function"):  # these answer at once
        assert "".join(heard) == whole.text
    if name in HOSTED:
        assert len(heard) > 1
        assert [sent.body.get("stream", False) for sent in server.requests] == [True, False]
        assert streamed.usage.output_tokens == whole.usage.output_tokens > 0
        assert streamed.usage.input_tokens == whole.usage.input_tokens > 0


@hosted_models
def test_messages_and_sampling_reach_the_wire(name, server):
    sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=99, stop=("END",), seed=7)
    ask(MAKERS[name](), sampling=sampling)
    body = server.requests[0].body
    assert body["model"] == "loopback"
    assert body["messages"] == [
        {"role": "system", "content": "You look around."},
        {"role": "user", "content": "What do you see?"},
    ]
    assert body["temperature"] == 0.5
    assert body["top_p"] == 0.9
    assert body.get("max_tokens", body.get("max_completion_tokens")) == 99
    assert body["stop"] == ["END"]
    assert body["seed"] == 7


@hosted_models
def test_settings_that_are_left_open_are_not_sent(name, server):
    ask(MAKERS[name]())
    sent = {key for key, value in server.requests[0].body.items() if value not in (None, False)}
    limits = {"openai": {"max_tokens"}, "langchain openai": {"max_completion_tokens"}}
    own = limits.get(name, set())  # the default of a server on this machine
    assert sent == {"model", "messages"} | own


@hosted_models
def test_pictures_reach_the_wire_before_the_text(name, server):
    picture = Image(b"\x89PNG not really", "image/png")
    message = Message("user", "What is this?", (picture,))
    asyncio.run(MAKERS[name]().complete(Request((message,))))
    shown, said = server.requests[0].body["messages"][0]["content"]
    assert said == {"type": "text", "text": "What is this?"}
    url = shown["image_url"]["url"]
    assert url.startswith("data:image/png;base64,")
    assert base64.b64decode(url.partition(",")[2]) == picture.data


OUTPUTS = {
    "yes_no": "yes_no",
    "integer": "integer",
    "number": "number",
    "choice": {"choice": ["go west", "go east"]},
    "list": ["str"],
    "object": {"why": "str", "times": "int", "sure": "bool", "mood": "one of [good, bad]"},
    "nested": {"plan": [{"step": "str", "place": "str | null"}], "cost": "float"},
    "json": "json",
}


@pytest.mark.parametrize("formats", ["openai", "any", "none"])
@pytest.mark.parametrize("kind", OUTPUTS)
@hosted_models
def test_an_answer_with_a_schema_can_be_read_whatever_the_server_takes(name, kind, formats, start):
    """Old servers refuse `response_format`; then the prompt alone says what is wanted."""
    server = start(formats=formats)
    output = compile_output(OUTPUTS[kind])
    schema = output.json_schema({})
    model = MAKERS[name]()
    prompts = [f"Question {number}.\n\n{output.instruction({})}" for number in range(3)]
    texts = [ask(model, prompt, schema=schema).text for prompt in prompts]
    sent = [received.body.get("response_format") for received in server.requests]
    if schema is None:
        assert sent == [None] * 3
    elif formats == "none":
        assert sent[0] is not None
        assert sent[-3:] == [None] * 3
    else:
        assert [format_["type"] for format_ in sent] == ["json_schema"] * 3
        assert all(output.parse(text, {}) is not None for text in texts)


@hosted_models
def test_of_fifty_calls_at_once_each_gets_its_own_answer(name, server):
    model = MAKERS[name]()

    async def many() -> list[Completion]:
        calls = (model.complete(request(f"Question {number}")) for number in range(50))
        return await asyncio.gather(*calls)

    answers = asyncio.run(many())
    assert len({answer.text for answer in answers}) > 40
    assert answers[7].text == ask(model, "Question 7").text


@hosted_models
def test_no_more_calls_run_at_once_than_the_model_allows(name, start):
    server = start(latency_s=0.02)
    model = get_model(MAKERS[name]().name.partition("@")[0], settings=Settings(max_concurrency=5))

    async def many() -> None:
        await asyncio.gather(*(model.complete(request(f"{number}")) for number in range(20)))

    asyncio.run(many())
    assert server.most_at_once == 5


@hosted_models
@pytest.mark.parametrize("streaming", [False, True])
def test_a_cancelled_call_leaves_no_task_no_socket_and_no_place_taken(name, streaming, start):
    server = start(faults=[Fault("slow", 30), Fault("slow", 30)])
    model = MAKERS[name]()

    async def cancelled() -> set[object]:
        heard: list[str] = []
        fields = {"on_text": heard.append} if streaming else {}
        calls = [asyncio.create_task(model.complete(request(**fields))) for _ in range(2)]
        while len(server.requests) < 2:
            await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert all(call.cancelled() for call in calls)
        assert (await model.complete(request("And now?"))).text
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(cancelled()) == set()
    assert_closed(server, model)


@every_model
def test_a_model_works_in_one_event_loop_after_another(name, server):
    model = MAKERS[name]()
    graph = Graph([Node("n", "What do you see?"), Node("then", "And then? {{ n }}")])
    for _ in range(2):
        assert asyncio.run(graph.run({}, model=model))["then"]
    assert ask(model).text
    if name in HOSTED:
        assert len(server.requests) == 5
        assert_closed(server, model)


def assert_closed(server: LoopbackServer, model: Model) -> None:
    """No connection stays open once the loops have ended; the model itself may live on."""
    gc.collect()
    assert server.connections_left() == 0, model.name


@hosted_models
def test_a_model_never_shows_its_key(name, server):
    model = MAKERS[name]()
    ask(model)
    assert KEY not in f"{model!r} {model} {model.name}"
