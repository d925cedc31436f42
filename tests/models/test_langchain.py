"""Chat models of LangChain as models: fakes, and ChatOpenAI against a real server."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import httpx2
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import (
    FakeListChatModel,
    GenericFakeChatModel,
)
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnableParallel
from langchain_openai import ChatOpenAI
from loopback import SURVIVED, Fault, LoopbackServer
from loopback.scripted import answer, piece, refusal, scripted
from pydantic import SecretStr

from agentkit import (
    AccessError,
    Graph,
    Image,
    InputError,
    Message,
    ModelError,
    Node,
    Request,
    Sampling,
    SpecError,
    StepError,
    Usage,
)
from agentkit.models.hosted import LOCAL_MAX_TOKENS, LONGEST_TEXT, Price, Settings
from agentkit.models.langchain.ids import PROVIDERS
from agentkit.models.langchain.model import LangChainModel
from agentkit.models.langchain.model_by_id import make_langchain_model
from agentkit.models.langchain.names import describe
from agentkit.models.langchain.wrappers import settled
from agentkit.models.prices import listed_cost
from agentkit.models.registry import get_model

KEY = "sk-do-not-show-this-key"
HELLO = Request((Message("user", "Hello."),))
MILLION = Usage(1_000_000, 0, calls=1)
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


@asynccontextmanager
async def chat_openai(server: LoopbackServer, **options) -> AsyncIterator[ChatOpenAI]:
    """A ChatOpenAI whose connections are closed at the end (and need no certificates)."""
    given = {"model": "gpt-4.1", "api_key": KEY, "max_retries": 0, **options}
    with httpx2.Client(verify=False) as unused:
        async with httpx2.AsyncClient(verify=False) as http:
            clients = {"http_client": unused, "http_async_client": http}
            yield ChatOpenAI(base_url=server.base_url, **clients, **given)


def ask(request: Request, settings: Settings | None = None, chat=None, **server) -> tuple:
    """The completion, and what the server was sent."""

    async def main():
        with LoopbackServer(**server) as loopback:
            async with chat_openai(loopback, **(chat or {})) as model:
                completion = await LangChainModel(model, settings or Settings()).complete(request)
            return completion, loopback.requests

    return asyncio.run(main())


def raised(request: Request, fault: Fault, **settings) -> tuple:
    """The error of a request, and how often the server was asked."""

    async def main():
        with LoopbackServer(faults=[fault] * 9) as server:
            async with chat_openai(server) as chat:
                model = LangChainModel(chat, Settings(**settings))
                with pytest.raises(Exception) as caught:  # noqa: PT011
                    await model.complete(request)
            return caught.value, len(server.requests)

    return asyncio.run(main())


# What is sent


def test_the_conversation_arrives_with_roles_and_pictures():
    request = Request(
        (
            Message("system", "Be brief."),
            Message("user", "Hi."),
            Message("assistant", "Hello."),
            Message("user", "What is this?", (Image(b"\x89PNG"),)),
        )
    )
    _, [sent] = ask(request)
    messages = sent.body["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    picture, text = messages[-1]["content"]
    assert picture["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    assert text["text"] == "What is this?"


def test_sampling_reaches_the_server_and_what_is_not_set_is_left_to_the_chat_model():
    sampling = Sampling(temperature=0.1, top_p=0.9, max_tokens=50, stop=("END",), seed=3)
    _, [sent] = ask(Request(HELLO.messages, sampling))
    settings = {key: sent.body[key] for key in ("temperature", "top_p", "stop", "seed")}
    assert settings == {"temperature": 0.1, "top_p": 0.9, "stop": ["END"], "seed": 3}
    assert sent.body["max_completion_tokens"] == 50
    _, [sent] = ask(HELLO, chat={"temperature": 0.7})
    assert sent.body["temperature"] == 0.7
    assert "top_p" not in sent.body


def test_the_chat_model_itself_is_never_changed():
    async def main():
        with LoopbackServer() as server:
            async with chat_openai(server, temperature=0.7) as chat:
                model = LangChainModel(chat)
                await model.complete(Request(HELLO.messages, Sampling(temperature=0.1)))
                await model.complete(HELLO)
            assert chat.temperature == 0.7
            return [sent.body["temperature"] for sent in server.requests]

    assert asyncio.run(main()) == [0.1, 0.7]


def test_a_schema_is_held_by_the_server_and_the_answer_is_text():
    completion, [sent] = ask(Request(HELLO.messages, schema=SCHEMA))
    form = sent.body["response_format"]["json_schema"]
    assert form["schema"] == SCHEMA
    assert form["strict"] is True
    assert json.loads(completion.text).keys() == {"name"}


def test_a_schema_of_a_plain_value_is_wrapped_on_the_way_and_unwrapped_again():
    completion, [sent] = ask(Request(HELLO.messages, schema={"type": "integer"}))
    assert sent.body["response_format"]["json_schema"]["schema"]["type"] == "object"
    int(completion.text)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_server_that_takes_no_schema_is_asked_plainly_from_then_on(streamed):
    async def main():
        with LoopbackServer(formats="none", answer=lambda body: '{"name": "Ada"}') as server:
            async with chat_openai(server) as chat:
                model = LangChainModel(chat)
                heard = [].append if streamed else None
                request = Request(HELLO.messages, schema=SCHEMA, on_text=heard)
                first, second = await model.complete(request), await model.complete(request)
            return first, second, ["response_format" in sent.body for sent in server.requests]

    first, second, constrained = asyncio.run(main())
    assert first.text == second.text == '{"name": "Ada"}'
    assert constrained == [True, False, False]
    assert (first.usage.calls, second.usage.calls) == (2, 1)


@pytest.mark.parametrize(
    ("structured", "sent"), [("off", [False]), ("on", [True, True]), ("auto", [True, False])]
)
def test_a_schema_is_sent_always_or_never_where_the_settings_say_so(structured, sent):
    async def main():
        with LoopbackServer(formats="none", answer=lambda body: '{"name": "Ada"}') as server:
            async with chat_openai(server) as chat:
                model = LangChainModel(chat, Settings(structured=structured))
                request = Request(HELLO.messages, schema=SCHEMA)
                for _ in range(len(sent) if structured == "on" else 1):
                    if structured == "on":
                        with pytest.raises(
                            ModelError, match=r"'structured: on'.*'structured: auto'"
                        ):
                            await model.complete(request)
                    else:
                        assert (await model.complete(request)).text == '{"name": "Ada"}'
            return ["response_format" in one.body for one in server.requests]

    assert asyncio.run(main()) == sent


def test_a_class_that_cannot_send_a_schema_says_so_where_it_is_always_wanted():
    model = LangChainModel(FakeListChatModel(responses=["Hi."]), Settings(structured="on"))
    with pytest.raises(ModelError, match=r"its package cannot send a schema.*'structured: on'"):
        asyncio.run(model.complete(Request(HELLO.messages, schema=SCHEMA)))
    assert asyncio.run(model.complete(HELLO)).text == "Hi."


def test_a_class_that_holds_a_schema_by_calling_a_tool_is_asked_plainly():
    """ChatDeepSeek takes `method="json_schema"` and then calls a tool: its answer has no text."""

    class ByTool(FakeChat):
        def with_structured_output(
            self,
            schema: dict,
            *,
            method: Literal["function_calling", "json_schema"] = "function_calling",
            include_raw: bool = False,
        ):
            raw = self.bind(tools=[schema], tool_choice="answer")
            return RunnableParallel(raw=raw) | RunnableLambda(lambda answer: answer)

        def _generate(self, messages, stop=None, run_manager=None, **options):
            text = "" if "tools" in options else '{"name": "Ada"}'
            return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    request = Request(HELLO.messages, schema=SCHEMA)
    assert asyncio.run(LangChainModel(ByTool()).complete(request)).text == '{"name": "Ada"}'


def test_a_setting_that_the_server_does_not_take_is_left_out_from_then_on(caplog):
    class Strict(FakeChat):
        temperature: float | None = None

        def reply(self, messages):
            if self.temperature is not None:
                raise Refused(400, "Unsupported value: 'temperature' does not support 0.0.")
            return AIMessage("Hi.")

    model = LangChainModel(Strict())
    request = Request(HELLO.messages, Sampling(temperature=0.0))
    assert [asyncio.run(model.complete(request)).usage.calls for _ in range(2)] == [2, 1]
    assert "does not take 'temperature': asking without it" in caplog.text


def test_a_setting_that_the_class_does_not_have_is_left_out_with_a_warning(caplog):
    model = LangChainModel(FakeListChatModel(responses=["Hi."]))
    assert asyncio.run(model.complete(Request(HELLO.messages, Sampling(seed=1)))).text == "Hi."
    assert "FakeListChatModel does not take 'seed': asking without it" in caplog.text


# What comes back


def test_usage_with_cached_tokens_model_and_text_come_back():
    text = "Describe what you see around you in the forest at night. " * 40
    request = Request((Message("user", text),))

    async def main():
        with LoopbackServer() as server:
            async with chat_openai(server) as chat:
                model = LangChainModel(chat)
                return [await model.complete(request) for _ in range(2)]

    first, second = asyncio.run(main())
    assert first.text == second.text
    assert first.model == "gpt-4.1"
    assert first.usage.input_tokens > 256
    assert first.usage.output_tokens > 0
    assert (first.usage.cached_tokens, first.usage.calls) == (0, 1)
    assert second.usage.cached_tokens >= 256


@pytest.mark.parametrize("schema", [None, SCHEMA])
def test_a_streamed_answer_is_the_same_and_its_pieces_add_up(schema):
    whole, _ = ask(Request(HELLO.messages, schema=schema))
    pieces: list[str] = []
    streamed, [sent] = ask(Request(HELLO.messages, schema=schema, on_text=pieces.append))
    assert sent.body["stream"] is True
    assert len(pieces) > 1
    assert "".join(pieces) == streamed.text
    assert streamed == whole


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "stop"),
        ({"finish_reason": "stop"}, "stop"),
        ({"finish_reason": "tool_calls"}, "tool_calls"),
        ({"finish_reason": "who_knows"}, "who_knows"),
        ({"finish_reason": "MAX_TOKENS"}, "length"),
        ({"stop_reason": "max_tokens"}, "length"),
        ({"stopReason": "guardrail_intervened"}, "refusal"),
        ({"stop_reason": "refusal"}, "refusal"),
        ({"finish_reason": "SAFETY"}, "refusal"),
        ({"done_reason": "length"}, "length"),
        ({"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
    ],
)
def test_the_reason_why_it_ended_is_read_in_each_providers_words(metadata, reason):
    answer = AIMessage("Hi.", response_metadata=metadata)
    model = LangChainModel(GenericFakeChatModel(messages=iter([answer])))
    assert asyncio.run(model.complete(HELLO)).finish_reason == reason


def test_content_in_blocks_gives_the_text_blocks():
    blocks = [
        {"type": "reasoning", "reasoning": "hmm"},
        {"type": "text", "text": "Yes"},
        {"type": "text", "text": "!"},
    ]

    class Blocks(FakeChat):
        def reply(self, messages):
            return AIMessage(blocks)

    assert asyncio.run(LangChainModel(Blocks()).complete(HELLO)).text == "Yes!"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("schema", [None, SCHEMA])
@pytest.mark.parametrize(("fault", "reason"), [("length", "length"), ("content_filter", "refusal")])
def test_an_answer_that_was_cut_says_so(fault, reason, schema, streamed):
    heard = [].append if streamed else None
    request = Request(HELLO.messages, schema=schema, on_text=heard)
    completion, sent = ask(request, faults=[Fault(fault)])
    assert completion.finish_reason == reason
    assert len(sent) == 1


@pytest.mark.parametrize("schema", [None, SCHEMA])
def test_a_refusal_is_one_and_its_words_are_kept(schema):
    completion, _ = ask(Request(HELLO.messages, schema=schema), faults=[Fault("refusal")])
    assert completion.finish_reason == "refusal"
    assert completion.text


def test_a_node_reads_its_value_and_asks_again_when_it_cannot():
    graph = Graph([Node("n", "How many?", output="integer")])
    fake = GenericFakeChatModel(messages=iter([AIMessage("Many."), AIMessage("7")]))
    result = graph.run_sync(model=LangChainModel(fake))
    assert (result["n"], result.usage.calls) == (7, 2)


# What goes wrong


@pytest.mark.parametrize("streamed", [False, True])
def test_every_fault_that_another_try_gets_over_is_survived(streamed):
    kinds = [kind for kind in SURVIVED if kind != "slow"]
    reasons = {}

    async def survive(kind):
        async def on_retry(reason, wait_s):
            reasons.setdefault(kind, []).append((reason, wait_s))

        heard = [].append if streamed else None
        request = Request(HELLO.messages, on_text=heard, on_retry=on_retry)
        with LoopbackServer(faults=[Fault(kind, 0.2)]) as server:
            async with chat_openai(server) as chat:
                completion = await LangChainModel(chat).complete(request)
            return completion, len(server.requests)

    async def main():
        return await asyncio.gather(*map(survive, kinds))

    for kind, (completion, asked) in zip(kinds, asyncio.run(main()), strict=True):
        assert completion.text, kind
        assert completion.usage.calls == asked == 2, kind
        assert len(reasons[kind]) == 1, kind
    for kind in ("rate_limit", "rate_limit_ms"):
        [(reason, wait_s)] = reasons[kind]
        assert "asked too often" in reason
        assert wait_s == pytest.approx(0.2)
    assert "could not answer (500)" in reasons["server_error"][0][0]
    assert "has not the form" in reasons["malformed"][0][0]


def test_an_answer_that_takes_too_long_is_given_up_and_asked_for_again():
    async def main():
        with LoopbackServer(faults=[None, Fault("slow", 20)]) as server:
            async with chat_openai(server) as chat:
                model = LangChainModel(chat, Settings(timeout_s=2))
                return [(await model.complete(HELLO)).usage.calls for _ in range(2)]

    assert asyncio.run(main()) == [1, 2]


@pytest.mark.parametrize("fault", ["unauthorized", "forbidden"])
def test_a_refused_key_is_named_by_its_variable_and_never_shown(fault):
    error, asked = raised(HELLO, Fault(fault))
    assert isinstance(error, AccessError)
    assert asked == 1
    assert "OPENAI_API_KEY" in str(error)
    assert "sk-" not in str(error)
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no_quota", "no money or quota left"),
        ("too_long", "longer than the model can read"),
        ("no_model", r"refused the request \(404\)"),
    ],
)
def test_an_error_that_no_other_try_mends_comes_at_once(fault, words):
    error, asked = raised(HELLO, Fault(fault))
    assert type(error) is ModelError
    assert asked == 1
    assert re.search(words, str(error))


def test_tries_end():
    error, asked = raised(HELLO, Fault("rate_limit", 0.0), retries=2)
    assert isinstance(error, ModelError)
    assert asked == 3
    assert "(3 tries)" in str(error)


class FakeChat(BaseChatModel):
    """A chat model in a few lines; tests say what it replies."""

    def reply(self, messages):
        raise NotImplementedError

    @property
    def _llm_type(self):
        return "fake"

    def _generate(self, messages, stop=None, run_manager=None, **options):
        return ChatResult(generations=[ChatGeneration(message=self.reply(messages))])


class Refused(Exception):
    """An error with a status, as the packages of many providers have one."""

    def __init__(self, status_code, message, headers=None):
        super().__init__(message)
        self.status_code = status_code
        self.headers = headers or {}


class ResourceExhausted(Exception):
    """As Google calls it."""


class ConnectTimeout(Exception):
    """As httpx calls it."""


class ClientError(Exception):
    """As botocore has it."""

    def __init__(self, status):
        super().__init__("An error occurred (ThrottlingException)")
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


class NoCredentialsError(Exception):
    """As botocore calls it."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused(529, "Overloaded"), "could not answer|asked too often"),
        (Refused(500, "Internal"), r"could not answer \(500\)"),
        (ResourceExhausted("Quota per minute"), "asked too often"),
        (ConnectTimeout(""), "could not be reached: ConnectTimeout"),
        (ClientError(429), "asked too often"),
        (IndexError("list index out of range"), "has not the form"),
    ],
)
def test_errors_of_other_packages_that_another_try_mends(error, words):
    reasons = []

    async def on_retry(reason, wait_s):
        reasons.append(reason)
        raise ModelError("enough")

    class Failing(FakeChat):
        def reply(self, messages):
            raise error

    request = Request(HELLO.messages, on_retry=on_retry)
    with pytest.raises(ModelError, match="enough"):
        asyncio.run(LangChainModel(Failing()).complete(request))
    [reason] = reasons
    assert re.search(words, reason)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (Refused(401, f"bad key {KEY}"), AccessError, "check the key"),
        (NoCredentialsError("Unable to locate credentials"), AccessError, "check the key"),
        (Refused(400, f"no, {KEY}"), ModelError, r"refused the request \(400\): no, \[key\]"),
        (Refused(402, "pay"), ModelError, "no money"),
        (ValueError(f"odd {KEY}"), ModelError, r"raised ValueError: odd \[key\]"),
    ],
)
def test_errors_of_other_packages_that_end_the_call_without_their_keys(error, kind, words):
    class Failing(FakeChat):
        def reply(self, messages):
            raise error

    with pytest.raises(kind, match=words) as caught:
        asyncio.run(LangChainModel(Failing()).complete(HELLO))
    assert "sk-" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_key_that_looks_like_any_word_is_not_shown_either():
    class Failing(FakeChat):
        my_key: SecretStr = SecretStr("plainword42")

        def reply(self, messages):
            raise Refused(400, "your key plainword42 is for another project")

    with pytest.raises(ModelError, match=r"your key \[key\] is for"):
        asyncio.run(LangChainModel(Failing()).complete(HELLO))


def test_a_chat_model_that_is_used_up_is_named():
    with pytest.raises(StepError, match=r"GenericFakeChatModel.*raised RuntimeError"):
        Graph([Node("n", "x")]).run_sync(
            model=LangChainModel(GenericFakeChatModel(messages=iter([])))
        )


def test_one_chat_model_serves_one_event_loop_after_another():
    """Its package keeps connections of a loop that is gone: "Event loop is closed"."""
    program = """
import asyncio
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_openai import ChatOpenAI
from loopback import LoopbackServer
from agentkit import Message, Request
from agentkit.models.hosted import Settings
from agentkit.models.langchain.model import LangChainModel
with LoopbackServer() as server:
    chat = ChatOpenAI(model="gpt-4.1", base_url=server.base_url, api_key="k", max_retries=0)
    model = LangChainModel(chat, Settings(retries=0))
    for _ in range(3):
        completion = asyncio.run(model.complete(Request((Message("user", "Hi."),))))
        print(completion.usage.calls)
"""
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        cwd=tests,
        check=False,
    )
    assert done.stdout.split() == ["1", "1", "1"], done.stderr


# Counts of tokens


class Counting(FakeChat):
    """Says of its tokens what a test wants."""

    counts: object = None

    def reply(self, messages):
        answer = AIMessage("Good afternoon.")
        answer.usage_metadata = self.counts
        return answer


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (None, (5, 3)),
        ({}, (5, 3)),
        ({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}, (5, 3)),
        ({"input_tokens": None, "output_tokens": None, "total_tokens": None}, (5, 3)),
        ({"input_tokens": 11}, (11, 3)),
        ({"input_tokens": None, "output_tokens": 7}, (5, 7)),
        ({"input_tokens": 11, "output_tokens": None, "total_tokens": 18}, (11, 7)),
        ({"total_tokens": 18, "output_tokens": 7}, (11, 7)),
        ({"input_tokens": 11.0, "output_tokens": 7.0}, (11, 7)),
        ({"input_tokens": -5, "output_tokens": 10**30}, (5, 3)),
        ({"input_tokens": "many", "output_tokens": True}, (5, 3)),
        ({"input_tokens": 11, "output_tokens": 7, "input_token_details": None}, (11, 7)),
        ("none", (5, 3)),
    ],
)
def test_tokens_that_are_not_counted_are_estimated(counts, expected, streamed):
    request = Request(HELLO.messages, on_text=[].append if streamed else None)
    usage = asyncio.run(LangChainModel(Counting(counts=counts)).complete(request)).usage
    assert (usage.input_tokens, usage.output_tokens, usage.calls) == (*expected, 1)


@pytest.mark.parametrize("counts", [None, {"input_tokens": 9, "output_tokens": 2}])
def test_an_answer_of_langchains_cache_took_no_tokens(counts):
    class Once(Counting):
        def reply(self, messages):
            assert not seen
            seen.append(messages)
            return super().reply(messages)

    async def main():
        model = LangChainModel(Once(counts=counts), Settings(price=Price(1.0, 1.0)))
        return [await model.complete(HELLO) for _ in range(2)]

    seen = []
    set_llm_cache(InMemoryCache())
    try:
        first, second = asyncio.run(main())
    finally:
        set_llm_cache(None)
    assert first.text == second.text == "Good afternoon."
    assert first.usage.cost_usd > 0
    assert second.usage == Usage(0, 0, calls=1, cost_usd=0.0)


# Wrapped chat models


def chat(**options):
    return ChatOpenAI(**{"model": "gpt-4.1", "api_key": KEY, "max_retries": 0, **options})


def asked_of(wrap, request=HELLO, **server):
    """What a server is sent by a wrapped chat model, and the completion."""

    async def main():
        with LoopbackServer(**server) as loopback:
            async with chat_openai(loopback) as inside:
                completion = await LangChainModel(wrap(inside)).complete(request)
            return completion, [sent.body for sent in loopback.requests]

    return asyncio.run(main())


WRAPS = {
    "with_retry": lambda inside: inside.with_retry(stop_after_attempt=2),
    "with_fallbacks": lambda inside: inside.with_fallbacks([inside]),
    "bind": lambda inside: inside.bind(user="me"),
    "with_config": lambda inside: inside.with_config(tags=["mine"]),
    "with_listeners": lambda inside: inside.with_listeners(on_end=lambda run: None),
    "configurable_fields": lambda inside: inside.configurable_fields(
        temperature=ConfigurableField(id="heat")
    ),
    "configurable_alternatives": lambda inside: inside.configurable_alternatives(
        ConfigurableField(id="which"), other=inside
    ),
    "all of them": lambda inside: (
        inside.bind(user="me").with_retry().with_fallbacks([inside]).with_config(tags=["mine"])
    ),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_a_wrapped_chat_model_answers_with_the_settings_and_the_schema_of_the_node(wrap, streamed):
    heard = []
    sampling = Sampling(temperature=0.1, max_tokens=50, stop=("END",))
    on_text = heard.append if streamed else None
    request = Request(HELLO.messages, sampling, SCHEMA, on_text=on_text)
    completion, [sent] = asked_of(wrap, request)
    assert (sent["temperature"], sent["max_completion_tokens"], sent["stop"]) == (0.1, 50, ["END"])
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert json.loads(completion.text).keys() == {"name"}
    assert completion.usage.input_tokens > 0
    assert completion.usage.calls == 1
    assert bool(heard) == streamed


def test_what_is_bound_is_sent_unless_the_node_says_something_else():
    def wrap(inside):
        return inside.bind(temperature=0.9, user="me", stop=["."], max_completion_tokens=9)

    _, [sent] = asked_of(wrap)
    settings = ("temperature", "user", "stop", "max_completion_tokens")
    assert [sent[name] for name in settings] == [0.9, "me", ["."], 9]
    sampling = Sampling(temperature=0.1, max_tokens=50, stop=("END",))
    _, [sent] = asked_of(wrap, Request(HELLO.messages, sampling))
    assert [sent[name] for name in settings] == [0.1, "me", ["END"], 50]


def test_configurable_fields_have_the_values_that_with_config_gave_them():
    def wrap(inside):
        fields = inside.configurable_fields(temperature=ConfigurableField(id="heat"))
        return fields.with_retry().with_config(configurable={"heat": 0.3})

    _, [sent] = asked_of(wrap)
    assert sent["temperature"] == 0.3


def test_a_fallback_answers_where_the_first_cannot_and_its_price_counts():
    class Down(FakeChat):
        model_name: str = "gpt-4.1"

        def reply(self, messages):
            raise Refused(503, "down")

    class Answers(FakeChat):
        model_name: str = "gpt-4.1-mini"

        def reply(self, messages):
            counts = {"input_tokens": 10**6, "output_tokens": 0, "total_tokens": 10**6}
            said = {"model_name": "gpt-4.1-mini-2025-04-14"}
            return AIMessage("Yes.", usage_metadata=counts, response_metadata=said)

    model = LangChainModel(Down().with_fallbacks([Answers()]))
    completion = asyncio.run(model.complete(HELLO))
    assert (completion.text, completion.model) == ("Yes.", "gpt-4.1-mini-2025-04-14")
    assert completion.usage.input_tokens == 10**6
    assert completion.usage.cost_usd is None  # of neither class the provider is known


def test_the_price_of_a_call_with_fallbacks_is_that_of_who_answered():
    usage = Usage(1_000_000, 0, calls=1)
    dear, cheap = chat(), chat(model="gpt-4.1-nano")
    model = LangChainModel(cheap.with_fallbacks([dear]))
    assert model.cost_usd(usage) == listed_cost(usage, "gpt-4.1", "openai")
    about = describe(settled(cheap.with_fallbacks([dear])))
    assert about.answered_by("gpt-4.1-nano-2025-04-14").model == "gpt-4.1-nano"
    assert about.answered_by("gpt-4.1-2025-04-14").model == "gpt-4.1"
    assert about.answered_by("") is None
    assert about.answered_by("claude") is None
    other = chat(base_url="http://127.0.0.1:8000/v1")
    assert LangChainModel(cheap.with_fallbacks([other])).cost_usd(usage) is None


def test_a_wrapped_chat_model_is_called_as_its_chat_model_unless_it_answers_differently():
    def name(wrapped):
        return LangChainModel(wrapped).name

    plain = name(chat())
    heat = ConfigurableField(id="heat")
    assert name(chat().with_retry()) == name(chat().with_config(tags=["mine"])) == plain
    assert name(chat().configurable_fields(temperature=heat)) == plain
    hot = chat().configurable_fields(temperature=heat).with_config(configurable={"heat": 0.9})
    assert name(hot) == name(chat(temperature=0.9)) != plain
    assert name(chat().bind(model="gpt-4.1-mini")).startswith("langchain:ChatOpenAI:gpt-4.1-mini")
    others = [
        name(chat().bind(user="me")),
        name(chat().bind(user="you")),
        name(chat().with_fallbacks([chat(model="gpt-4.1-mini")])),
        name(chat().with_fallbacks([chat(model="gpt-4.1-nano")])),
    ]
    assert len({plain, *others}) == 5
    assert all(other.startswith(f"{plain}#") for other in others)
    assert name(chat().bind(api_key="one")) == name(chat().bind(api_key="two"))


def test_a_wrapped_chat_model_can_have_settings_of_a_server():
    model = get_model(chat().with_retry(), settings=Settings(timeout_s=9))
    assert model.settings.timeout_s == 9


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (lambda inside: inside.with_structured_output(SCHEMA | {"title": "a"}), "'output'"),
        (
            lambda inside: inside.with_structured_output(SCHEMA | {"title": "a"}, include_raw=True),
            "give the chat model without with_structured_output",
        ),
        (lambda inside: inside | StrOutputParser(), "parser after it"),
        (lambda inside: inside.with_retry() | StrOutputParser(), "parser after it"),
        (lambda inside: (inside | StrOutputParser()).with_retry(), "parser after it"),
        (lambda inside: RunnableLambda(len) | inside, "expected a chat model, or one wrapped"),
        (lambda inside: RunnableLambda(len), "RunnableLambda of LangChain is no model"),
        (lambda inside: RunnableLambda(len).with_retry(), "can be the 'function' of a node"),
        (lambda inside: inside.with_fallbacks([RunnableLambda(len)]), "RunnableLambda"),
        (
            lambda inside: inside.with_fallbacks([inside], exception_key="error"),
            "leave exception_key out",
        ),
        (lambda inside: Graph([Node("n", "x")]).as_runnable(model="echo"), "GraphRunnable"),
    ],
)
def test_a_runnable_that_is_no_chat_model_is_refused_with_the_reason(wrap, words):
    with pytest.raises(SpecError, match=words):
        Graph([Node("n", "x")]).run_sync(model=wrap(chat()))


def test_keys_of_every_chat_model_inside_stay_out_of_errors():
    class Failing(FakeChat):
        key: SecretStr = SecretStr("hidden-0123456789")

        def reply(self, messages):
            raise Refused(400, "no, your key hidden-0123456789 is wrong here")

    model = LangChainModel(Failing().with_fallbacks([Failing()]).with_retry(stop_after_attempt=1))
    with pytest.raises(ModelError, match=r"your key \[key\] is"):
        asyncio.run(model.complete(HELLO))


# Names and prices


def test_names_tell_chat_models_apart_and_hold_no_key():
    def name(kind=ChatOpenAI, **options):
        return LangChainModel(kind(**options)).name

    plain = name(model="gpt-4.1", api_key=KEY)
    assert plain == "langchain:ChatOpenAI:gpt-4.1"
    assert name(model="gpt-4.1", api_key="another", max_retries=7, timeout=3) == plain
    assert name(model="gpt-4.1", api_key=KEY, temperature=0.5).startswith(f"{plain}#")
    others = [
        name(model="gpt-4.1", api_key=KEY, temperature=0.5),
        name(model="gpt-4.1", api_key=KEY, temperature=0.6),
        name(model="gpt-4.1-mini", api_key=KEY),
        name(model="gpt-4.1", api_key=KEY, model_kwargs={"user": "me"}),
        name(model="gpt-4.1", api_key=KEY, base_url="http://127.0.0.1:8000/v1"),
        name(FakeListChatModel, responses=["a"]),
        name(FakeListChatModel, responses=["b"]),
    ]
    assert len({plain, *others}) == 8
    assert "langchain:ChatOpenAI:gpt-4.1@127.0.0.1:8000" in others
    assert name(FakeListChatModel, responses=["a"]) == others[-2]


def test_prices_are_those_of_the_provider_and_unknown_elsewhere():
    own = LangChainModel(ChatOpenAI(model="gpt-4.1", api_key=KEY))
    assert own.cost_usd(MILLION) == listed_cost(MILLION, "gpt-4.1", "openai") > 0
    elsewhere = ChatOpenAI(model="gpt-4.1", api_key=KEY, base_url="http://127.0.0.1:8000/v1")
    assert LangChainModel(elsewhere).cost_usd(MILLION) is None
    priced = LangChainModel(elsewhere, Settings(price=Price(3.0, 4.0)))
    assert priced.cost_usd(MILLION) == pytest.approx(3.0)
    assert LangChainModel(FakeListChatModel(responses=["a"])).cost_usd(MILLION) is None


# Ids


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("anthropic:claude", "pip install langchain-anthropic"),
        ("anthropc:claude", "unknown provider 'anthropc'. Did you mean 'anthropic'"),
        ("gpt-4.1", "which model"),
        ("openai:", "which model.*langchain:openai:NAME"),
    ],
)
def test_an_id_that_cannot_work_says_what_to_do(rest, words):
    with pytest.raises(InputError, match=words):
        make_langchain_model(rest)


def test_further_attempts_leave_the_temperature_of_a_chat_model_alone_but_not_of_an_id():
    assert make_langchain_model("openai:gpt-4.1").takes_temperature
    assert not LangChainModel(FakeChat()).takes_temperature


def test_an_id_without_a_key_names_the_variable_when_it_is_asked(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    model = make_langchain_model("openai:gpt-4.1")
    assert model.name == "langchain:openai:gpt-4.1"
    assert model.cost_usd(MILLION) == listed_cost(MILLION, "gpt-4.1", "openai") > 0
    with pytest.raises(AccessError, match="set the environment variable OPENAI_API_KEY"):
        asyncio.run(model.complete(HELLO))


def test_an_id_takes_nothing_from_langchains_own_cache(monkeypatch):
    with LoopbackServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        model = make_langchain_model("openai:gpt-4.1")

        async def main():
            return [await model.complete(HELLO) for _ in range(2)]

        set_llm_cache(InMemoryCache())
        try:
            asyncio.run(main())
        finally:
            set_llm_cache(None)
        assert len(server.requests) == 2


def test_an_id_whose_address_is_the_providers_own_has_its_prices(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1")
    model = make_langchain_model("openai:gpt-4.1")
    assert model.name == "langchain:openai:gpt-4.1"
    assert model.cost_usd(MILLION) == listed_cost(MILLION, "gpt-4.1", "openai") > 0


def test_an_id_asks_the_server_of_the_environment_in_one_loop_after_another(monkeypatch):
    with LoopbackServer(key=KEY, faults=[Fault("server_error")]) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        model = make_langchain_model("openai:gpt-4.1")
        assert model.name == f"langchain:openai:gpt-4.1@127.0.0.1:{server.port}"
        assert model.cost_usd(Usage(1_000_000)) is None
        calls = [asyncio.run(model.complete(HELLO)).usage.calls for _ in range(3)]
        assert calls == [2, 1, 1]
        assert len(server.requests) == 4


# Thoughts, and answers that are none


class Says(FakeListChatModel):
    """Gives messages of any kind, one after the other."""

    messages: list[AIMessage]

    def _generate(self, *arguments, **options):
        return ChatResult(generations=[ChatGeneration(message=self.messages.pop(0))])


def said(*messages: AIMessage, retries: int = 1):
    model = LangChainModel(Says(responses=[""], messages=[*messages]), Settings(retries=retries))
    return asyncio.run(model.complete(HELLO))


@pytest.mark.parametrize(
    "message",
    [
        AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Oslo"}]),
        AIMessage("Oslo", additional_kwargs={"reasoning_content": "hm"}),
        AIMessage("<think>hm</think>Oslo"),
    ],
)
def test_thoughts_stand_apart_wherever_a_package_puts_them(message):
    completion = said(message)
    assert (completion.text, completion.thoughts) == ("Oslo", "hm")


def test_an_answer_of_thoughts_alone_is_not_asked_for_again_here():
    completion = said(AIMessage([{"type": "reasoning", "reasoning": "hm"}]))
    assert (completion.text, completion.thoughts, completion.usage.calls) == ("", "hm", 1)


def test_a_call_of_a_tool_says_so_and_an_answer_that_was_broken_off_is_asked_for_again():
    call = {"name": "look", "args": {}, "id": "1"}
    assert said(AIMessage("", tool_calls=[call])).finish_reason == "tool_calls"
    half = AIMessage("Os", response_metadata={"finish_reason": "error"})
    whole = said(half, AIMessage("Oslo"))
    assert (whole.text, whole.usage.calls) == ("Oslo", 2)


def streamed_from(*replies, **settings):
    """The answer to a streamed request, or the error, and which requests were for a stream."""

    async def main():
        async with chat_openai(server) as chat:
            model = LangChainModel(chat, Settings(retries=1, **settings))
            return await model.complete(Request(HELLO.messages, on_text=lambda text: None))

    with scripted(*replies) as server:
        try:
            found = asyncio.run(main())
        except ModelError as error:
            found = error
    return found, [bool(body.get("stream")) for body in server.bodies]


@pytest.mark.parametrize(
    "end",
    [
        b"",
        b'data: {"object": "error", "message": "GPU 3 is gone"}\n\ndata: [DONE]\n\n',
        b'data: {"detail": "GPU 3 is gone"}\n\ndata: [DONE]\n\n',
    ],
    ids=["lost", "an error of vLLM", "an error of FastAPI"],
)
def test_half_a_stream_is_no_answer_though_the_package_takes_it_for_one(end):
    half = (200, piece("Os") + end)
    whole = (200, piece("Oslo") + piece(None, "stop") + b"data: [DONE]\n\n")
    completion, streams = streamed_from(half, whole)
    assert (completion.text, completion.usage.calls, streams) == ("Oslo", 2, [True, True])


def test_streams_whose_end_is_never_said_are_asked_for_whole():
    endless = (200, piece("Oslo") + b"data: [DONE]\n\n")
    completion, streams = streamed_from(endless, endless, answer("Oslo"))
    assert (completion.text, streams) == ("Oslo", [True, True, False])


def test_a_text_longer_than_any_answer_is_given_up():
    with pytest.raises(ModelError, match="characters or more"):
        said(AIMessage("x" * (LONGEST_TEXT + 1)), retries=0)


def test_what_the_server_could_not_validate_is_an_answer_here_too():
    """Groq says 400 and shows what its model wrote."""
    error = {"code": "json_validate_failed", "failed_generation": '{"name": ', "message": "Bad."}
    with scripted((400, {"error": error})) as server:

        async def main():
            async with chat_openai(server) as chat:
                return await LangChainModel(chat).complete(Request(HELLO.messages, schema=SCHEMA))

        completion = asyncio.run(main())
    assert (completion.text, len(server.bodies)) == ('{"name": ', 1)


def test_the_words_about_access_come_through_a_package_too():
    reply = refusal(403, "Country, region, or territory not supported")
    with scripted(reply) as server:

        async def main():
            async with chat_openai(server) as chat:
                await LangChainModel(chat).complete(HELLO)

        with pytest.raises(AccessError, match="Country, region, or territory not supported"):
            asyncio.run(main())


def test_a_limit_on_tokens_reaches_a_class_that_has_no_field_for_it():
    given = []

    class Plain(FakeListChatModel):
        def _call(self, messages, stop=None, run_manager=None, **options):
            given.append(options.get("max_tokens"))
            return "fine"

    model = LangChainModel(Plain(responses=["fine"]))
    asyncio.run(model.complete(Request(HELLO.messages, Sampling(max_tokens=7))))
    asyncio.run(model.complete(HELLO))
    assert given == [7, None]


@pytest.mark.parametrize(
    ("chat", "limit"),
    [({}, LOCAL_MAX_TOKENS), ({"max_tokens": 50}, 50)],
    ids=["nobody set one", "the program set one"],
)
def test_answers_of_a_model_on_this_machine_have_a_limit(chat, limit):
    _, sent = ask(HELLO, chat=chat)
    body = sent[0].body
    assert (body.get("max_tokens") or body.get("max_completion_tokens")) == limit


@pytest.mark.parametrize(
    ("address", "limit"),
    [("http://127.0.0.1:8000/v1", LOCAL_MAX_TOKENS), ("https://llm.example/v1", None), ("", None)],
)
def test_an_id_whose_server_is_on_this_machine_has_a_limit_too(address, limit, monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, address)
    assert get_model("langchain:openai:m").default_max_tokens == limit


def test_ollama_is_on_this_machine_unless_it_is_said_to_be_elsewhere():
    ollama = PROVIDERS["ollama"]
    assert ollama.runs_here("")
    assert ollama.runs_here("localhost:11434")
    assert not ollama.runs_here("gpu.example:11434")
    assert not PROVIDERS["openai"].runs_here("")
