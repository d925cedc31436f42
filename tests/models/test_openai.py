"""OpenAIModel on the wire: what it sends, what it learns, what it makes of odd answers."""

import asyncio
import gc
import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from loopback import LoopbackServer
from loopback.scripted import IDLE_S, Scripted, answer, piece, refusal, scripted

from agentkit import (
    AccessError,
    AgentKitError,
    Check,
    Completion,
    Graph,
    Message,
    ModelError,
    Node,
    Request,
    Sampling,
    get_model,
)
from agentkit.models.hosted import Settings
from agentkit.models.keys import get_server
from agentkit.models.langchain.ids import Provider
from agentkit.models.langchain.model_by_id import _ModelById
from agentkit.models.openai.dialect import Dialect
from agentkit.models.openai.errors import SentRequest
from agentkit.models.openai.model import OpenAIModel

QUICK = Settings(timeout_s=5, retries=1)


def ask(model: OpenAIModel, **fields: Any) -> Completion:
    return asyncio.run(model.complete(Request((Message("user", "Well?"),), **fields)))


def model_at(server: Scripted | LoopbackServer, **options: Any) -> OpenAIModel:
    return OpenAIModel("m", base_url=server.base_url, **{"settings": QUICK, **options})


UNSUPPORTED = [
    refusal(400, "Unsupported value: 'temperature' does not support 0.", param="temperature"),
    refusal(400, "Unrecognized request argument supplied: temperature"),
    (422, {"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]}),
]


@pytest.mark.parametrize("said", UNSUPPORTED)
def test_a_setting_that_the_model_does_not_take_is_left_out_from_then_on(said, caplog):
    with scripted(said, answer()) as server:
        model = model_at(server)
        sampling = Sampling(temperature=0.0, seed=3)
        assert ask(model, sampling=sampling).usage.calls == 2
        assert ask(model, sampling=sampling).usage.calls == 1
    assert [("temperature" in body, "seed" in body) for body in server.bodies] == [
        (True, True),
        (False, True),
        (False, True),
    ]
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["m does not take 'temperature': asking without it"]


def test_a_value_that_is_out_of_bounds_is_an_error_and_not_left_out():
    said = refusal(400, "Invalid 'temperature': expected a value <= 2.", param="temperature")
    with scripted(said) as server, pytest.raises(ModelError, match=r"\(400\): Invalid 'temp"):
        ask(model_at(server), sampling=Sampling(temperature=3.0))
    assert len(server.bodies) == 1


def test_the_limit_of_tokens_has_the_name_that_the_server_takes():
    said = refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
    with scripted(said, answer()) as server:
        model = model_at(server)
        for _ in range(2):
            ask(model, sampling=Sampling(max_tokens=7))
    old, new, again = server.bodies
    assert (old["max_tokens"], new["max_completion_tokens"]) == (7, 7)
    assert "max_tokens" not in new
    assert "max_tokens" not in again


def test_texts_that_end_an_answer_work_where_the_model_does_not_take_them():
    said = refusal(400, "Unsupported parameter: 'stop' is not supported with this model.")
    with scripted(said, answer("one\nEND two")) as server:
        assert ask(model_at(server), sampling=Sampling(stop=("END",))).text == "one\n"


OBJECT = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
INTEGER = {"type": "integer"}


def forms(server: Scripted) -> list[tuple[str, bool] | None]:
    found = []
    for body in server.bodies:
        form = body.get("response_format")
        strict = form and form.get("json_schema", {}).get("strict", False)
        found.append(form and (form["type"], strict))
    return found


def test_a_server_without_schemas_is_asked_in_looser_forms_until_it_takes_one():
    said = refusal(400, "'response_format' of type 'json_schema' is not supported")
    with scripted(said, said, answer('{"a": 1}')) as server:
        model = model_at(server)
        assert ask(model, schema=OBJECT).text == '{"a": 1}'
        assert ask(model, schema=INTEGER).text == '{"a": 1}'
    assert forms(server) == [
        ("json_schema", True),
        ("json_schema", False),
        ("json_object", False),
        None,  # a number cannot be asked for as an object without a schema
    ]


def test_one_schema_that_is_refused_does_not_take_the_form_from_the_others():
    said = refusal(400, "Invalid schema for response_format 'answer'", param="response_format")
    with scripted(answer('{"a": 1}'), said, answer('{"value": 1}')) as server:
        model = model_at(server)
        assert ask(model, schema=OBJECT).text == '{"a": 1}'
        assert ask(model, schema=INTEGER).text == "1"
        assert ask(model, schema=INTEGER).text == "1"
        ask(model, schema=OBJECT)
    strict, loose = ("json_schema", True), ("json_schema", False)
    assert forms(server) == [strict, strict, loose, loose, strict]


BOUNDED = {**OBJECT, "properties": {"a": {"type": "string", "maxLength": 9, "title": "maxLength"}}}
ITEMS = {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 3}


def schemas(server: Scripted) -> list[str]:
    return [json.dumps(body["response_format"]["json_schema"]["schema"]) for body in server.bodies]


def test_a_bound_that_the_server_names_in_a_refusal_is_left_out_from_then_on():
    said = refusal(400, "Invalid schema for response_format 'answer': 'maxLength' not permitted")
    with scripted(said, answer('{"a": "x"}')) as server:
        model = model_at(server)
        assert ask(model, schema=BOUNDED).text == '{"a": "x"}'
        assert ask(model, schema=ITEMS).usage.calls == 1
    assert forms(server) == [("json_schema", True)] * 3
    bound = '"maxLength": 9'
    assert [bound in schema for schema in schemas(server)] == [True, False, False]
    assert '"maxItems": 3' in schemas(server)[2]
    assert '"title": "maxLength"' in schemas(server)[1]


def test_a_schema_that_is_refused_without_a_reason_is_sent_without_its_bounds_first():
    said = refusal(400, "failed to parse grammar: too many repetitions")
    with scripted(said, answer('{"a": "x"}'), answer('{"value": ["x"]}')) as server:
        model = model_at(server)
        assert ask(model, schema=BOUNDED).usage.calls == 2
        assert ask(model, schema=ITEMS).text == '["x"]'
        ask(model, schema=BOUNDED)
    assert forms(server) == [("json_schema", True)] * 4
    assert ['Length": 9' in schema for schema in schemas(server)] == [True, False, True, False]


def test_a_form_that_is_refused_with_and_without_bounds_is_asked_for_less_strictly():
    said = refusal(400, "response_format: 'strict' is not supported")
    with scripted(said, said, answer('{"a": "x"}')) as server:
        ask(model_at(server), schema=BOUNDED)
    assert forms(server) == [("json_schema", True)] * 2 + [("json_schema", False)]
    assert '"maxLength": 9' in schemas(server)[2]


def test_openai_gets_no_bounds_that_it_refuses_or_that_nobody_set():
    strict = Dialect("m", get_server(None), True).body(
        Request((Message("user", "x"),), schema=ITEMS)
    )["response_format"]["json_schema"]["schema"]
    assert strict["properties"]["value"] == {
        "type": "array",
        "items": {"type": "string"},
        "maxItems": 3,
    }
    limited = Sampling(max_tokens=100)
    assert OpenAIModel("m").schema_tokens(limited) is None
    assert OpenAIModel("m", base_url="http://127.0.0.1:1/v1").schema_tokens(limited) == 100


def test_structured_output_can_be_turned_off():
    with scripted(answer("4")) as server:
        model = model_at(server, settings=replace(QUICK, structured="off"))
        assert ask(model, schema=INTEGER).text == "4"
    assert forms(server) == [None]


def test_structured_output_that_is_always_wanted_is_never_asked_for_without_a_schema():
    said = refusal(400, "'response_format' of type 'json_schema' is not supported")
    with scripted(said) as server:
        model = model_at(server, settings=replace(QUICK, structured="on"))
        for _ in range(2):
            with pytest.raises(ModelError, match=r"'structured: on'.*'response_format'.*auto"):
                ask(model, schema=OBJECT)
        with pytest.raises(ModelError, match=r"not supported$"):
            ask(model)
    strict, loose = ("json_schema", True), ("json_schema", False)
    assert forms(server) == [strict, loose, loose, None]


ODD = {
    "no choices": {"choices": []},
    "choices of another kind": {"choices": "none"},
    "a choice of another kind": {"choices": ["text"]},
    "no message": {"choices": [{}]},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD.keys())
def test_an_answer_of_another_form_is_asked_for_again(changes):
    with scripted(answer(**changes), answer("at last")) as server:
        assert ask(model_at(server)).text == "at last"


ERRORS = {
    "words": ({"message": "overloaded"}, "the server answered with an error: overloaded"),
    "a text": ("overloaded", "the server answered with an error: overloaded"),
    "a status": ({"message": "wait", "code": 429}, "the server is asked too often: wait"),
    "a status as text": ({"message": "gone", "code": "502"}, r"could not answer \(502\): gone"),
}
OK = b'data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n'


@pytest.mark.parametrize("streamed", ["no", "as a piece", "as a whole"])
@pytest.mark.parametrize(("error", "words"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_with_status_200_is_told_in_its_own_words_and_survived(error, words, streamed):
    reply: Any = {"error": error}
    if streamed == "as a piece":
        reply = b"data: " + json.dumps(reply).encode() + b"\n\n"
    reasons: list[str] = []

    async def on_retry(reason: str, wait_s: float) -> None:
        reasons.append(reason)

    heard = None if streamed == "no" else [].append
    good = answer("ok") if streamed == "no" else (200, OK)
    with scripted((200, reply), good) as server:
        assert ask(model_at(server), on_text=heard, on_retry=on_retry).text == "ok"
    [reason] = reasons
    assert re.search(words, reason)
    assert "stream" in server.bodies[-1] or streamed == "no"


def test_an_error_with_status_200_that_no_try_mends_is_said_at_once():
    error = {"message": "Wrong key", "code": 401}
    with scripted((200, {"error": error})) as server, pytest.raises(AccessError):
        ask(model_at(server))
    assert len(server.bodies) == 1


PARTS = [
    {"type": "thinking", "thinking": []},
    {"type": "text", "text": "in "},
    {"type": "text", "text": "parts"},
]


def test_content_in_parts_is_text():
    piece = {"choices": [{"delta": {"content": PARTS}, "finish_reason": "stop"}]}
    stream = b"data: " + json.dumps(piece).encode() + b"\n\n"
    with scripted(answer(PARTS), (200, stream)) as server:
        model = model_at(server)
        assert ask(model).text == "in parts"
        assert ask(model, on_text=lambda text: None).text == "in parts"
    assert len(server.bodies) == 2


def test_a_server_that_ignores_stream_is_read_as_it_answers_and_asked_whole_from_then_on():
    with scripted(answer("fine")) as server:
        model, heard = model_at(server), []
        assert [ask(model, on_text=heard.append).usage.calls for _ in range(2)] == [1, 1]
    assert heard == ["fine", "fine"]
    assert ["stream" in body for body in server.bodies] == [True, False]


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"null", b"<html>hello</html>"])
def test_an_answer_that_is_no_object_is_asked_for_again(body):
    with scripted((200, body), answer("at last")) as server:
        assert ask(model_at(server)).text == "at last"


@pytest.mark.parametrize(
    "piece",
    [
        b'data: {"choices": [{"delta": 3}]}\n\n',
        b'data: {"choices": 5}\n\n',
        b"data: 7\n\n",
        b'data: {"choices": [{"delta": {"content": ["x"]}}]}\n\n',
    ],
)
def test_an_odd_piece_of_a_stream_is_asked_for_again(piece):
    good = b'data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n'
    with scripted((200, piece), (200, good + b"data: [DONE]\n\n")) as server:
        heard: list[str] = []
        assert ask(model_at(server), on_text=heard.append).text == "ok"
        assert heard == ["ok"]


def test_a_server_without_stream_options_is_asked_without_them():
    good = b'data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n'
    said = refusal(400, "Unknown parameter: 'stream_options'")
    with scripted(said, (200, good)) as server:
        assert ask(model_at(server), on_text=lambda text: None).text == "ok"
    assert ["stream_options" in body for body in server.bodies] == [True, False]


@pytest.mark.parametrize("kind", [ValueError, TimeoutError, AttributeError])
def test_an_error_of_the_listener_arrives_as_itself(kind):
    def listen(text: str) -> None:
        raise kind("the screen is gone")

    with LoopbackServer() as server, pytest.raises(kind, match="the screen is gone"):
        ask(model_at(server), on_text=listen)


def test_tokens_are_read_as_different_servers_write_them():
    usages = [
        {
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
        {"prompt_tokens": 10, "completion_tokens": 2, "prompt_cache_hit_tokens": 4},
        {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": None},
    ]
    with scripted(*(answer(usage=usage) for usage in usages)) as server:
        model = model_at(server)
        found = [ask(model).usage for _ in usages]
    assert [usage.cached_tokens for usage in found] == [4, 4, 0]
    assert {(usage.input_tokens, usage.output_tokens) for usage in found} == {(10, 2)}


@pytest.mark.parametrize("status", [402, 429])
def test_an_account_without_money_is_said_at_once(status):
    said = refusal(status, "You exceeded your current quota", code="insufficient_quota")
    with scripted(said) as server, pytest.raises(ModelError, match="no money or quota left"):
        ask(model_at(server))
    assert len(server.bodies) == 1


def test_an_address_without_an_api_is_said_to_be_wrong():
    words = r"is not the address of its API.*\(404\)"
    with scripted((404, b"404 page")) as server, pytest.raises(ModelError, match=words):
        ask(model_at(server))


def test_no_error_carries_the_request_with_its_key():
    """The SDK's exceptions hold the request, and with it the key in its headers."""
    key = "private-key-000"
    for reply in (refusal(401, key), refusal(400, f"bad {key}"), (404, key.encode())):
        with scripted(reply) as server, pytest.raises(AgentKitError) as caught:
            ask(model_at(server, api_key=key))
        error: BaseException | None = caught.value
        while error is not None:
            assert type(error).__module__.startswith("agentkit.")
            assert key not in str(error)
            error = error.__cause__ or error.__context__


def test_another_server_gets_no_header_that_is_not_meant_for_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: custom-secret\nAuthorization: secret")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with scripted(answer()) as server:
        ask(model_at(server))
        ask(model_at(server, api_key="own"))
        monkeypatch.setenv("AGENTKIT_KEY_127_0_0_1", "of-this-host")
        ask(model_at(server))
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        ask(model_at(server))
    bare, given, named, trusted = server.headers
    for headers in (bare, given, named):
        assert "secret" not in str(headers)
    assert "authorization" not in bare
    assert given["authorization"] == "Bearer own"
    assert named["authorization"] == "Bearer of-this-host"
    assert trusted["authorization"] == "Bearer sk-openai-secret"
    assert trusted["openai-organization"] == "org-secret"


def test_a_redirection_takes_no_key_elsewhere_and_is_told():
    with scripted(answer()) as other, scripted((307, b"")) as server:
        server.location = f"{other.base_url}/chat/completions?to=me"
        place = re.escape(
            f"(307): the address of the server has moved: it points to "
            f"{other.base_url}/chat/completions. "
        )
        with pytest.raises(ModelError, match=place):
            ask(model_at(server, api_key="own"))
    assert (len(server.headers), len(other.headers)) == (1, 0)


def test_a_model_of_langchain_takes_no_header_elsewhere_either(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: custom-secret")
    with scripted(answer()) as other, scripted((307, b"")) as server:
        server.location = f"{other.base_url}/chat/completions"
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        model = get_model("langchain:openai:m", settings=QUICK)
        with pytest.raises(ModelError, match=f"it points to {other.base_url}"):
            ask(model)
    assert "custom-secret" in str(server.headers)
    assert (len(server.headers), len(other.headers)) == (1, 0)


def test_headers_for_openai_do_not_go_to_another_provider_of_langchain(monkeypatch):
    """The packages of several providers use OpenAI's SDK, which adds them on its own."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: secret\nAuthorization: secret")
    monkeypatch.setenv("OTHER_API_KEY", "of-the-other")
    with scripted(answer()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        provider = Provider("langchain-openai", "ChatOpenAI", ("OTHER_API_KEY",))
        monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret")
        ask(_ModelById("other", provider, "m", QUICK))
    [headers] = server.headers
    assert "secret" not in str(headers)
    assert headers["authorization"] == "Bearer of-the-other"


def test_a_model_refused_by_openai_names_its_variable(monkeypatch):
    with scripted(refusal(401, "Incorrect API key provided: sk-abc")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-abc")
        with pytest.raises(AccessError, match="check the environment variable OPENAI_API_KEY"):
            ask(OpenAIModel("m"))


def test_nothing_shows_the_key():
    assert repr(OpenAIModel("m", api_key="own-key")) == "<OpenAIModel openai:m>"
    asked = SentRequest("openai:m", get_server(None), "own-key", "own-key")
    assert "own-key" not in repr(asked)


def test_a_model_that_is_dropped_while_its_loop_runs_closes_its_connections():
    """A ResourceWarning, which fails a test here, would tell of a socket left open."""
    with LoopbackServer() as server:

        async def main() -> None:
            for _ in range(3):
                model = model_at(server)
                await model.complete(Request((Message("user", "Well?"),)))
                del model
                gc.collect()
            assert await asyncio.to_thread(server.connections_left) == 0

        asyncio.run(main())


def test_a_connection_that_the_server_closed_meanwhile_costs_no_try():
    with scripted(answer()) as server:
        model = model_at(server)

        async def main() -> list[int]:
            request = Request((Message("user", "Well?"),))
            first = await model.complete(request)
            await asyncio.sleep(IDLE_S * 3)
            second = await model.complete(request)
            return [first.usage.calls, second.usage.calls]

        assert asyncio.run(main()) == [1, 1]


def test_a_server_that_closes_its_connection_after_a_stream_costs_no_try():
    """llama.cpp does so, with `keep-alive: timeout=5` in its answer: every third call was lost."""
    with scripted((200, piece("fine", "stop") + b"data: [DONE]\n\n")) as server:
        server.one_stream_each = True
        model = model_at(server)

        async def main() -> list[int]:
            request = Request((Message("user", "Well?"),), on_text=lambda text: None)
            return [(await model.complete(request)).usage.calls for _ in range(3)]

        assert asyncio.run(main()) == [1, 1, 1]
        assert len(server.bodies) == 3


def test_a_graph_with_one_model_runs_again_and_again_and_closes_its_connections():
    graph = Graph([Node("a", "One."), Node("b", "Two. {{ a }}", output="integer")])
    with LoopbackServer() as server:
        model = OpenAIModel("m", base_url=server.base_url)
        for _ in range(3):
            assert isinstance(asyncio.run(graph.run(model=model))["b"], int)
        assert server.connections_left() == 0


def test_calls_without_await_use_one_connection_again_and_again():
    graph = Graph([Node("a", "One."), Node("b", "Two. {{ a }}", output="integer")])
    with LoopbackServer() as server:
        model = OpenAIModel("m", base_url=server.base_url)
        for _ in range(3):
            assert isinstance(graph.run_sync(model=model)["b"], int)
        assert server.connections == 1
        model.circle = model  # type: ignore[attr-defined]
        del model, graph  # the loop runs on, and closes what nobody can use any more
        gc.collect()
        assert server.connections_left(patience_s=10) == 0


def test_no_more_connections_are_open_than_calls_may_run():
    with LoopbackServer(latency_s=0.02) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=Settings(max_concurrency=3))

        async def many() -> int:
            request = Request((Message("user", "Well?"),))
            await asyncio.gather(*(model.complete(request) for _ in range(12)))
            return server.connections

        assert asyncio.run(many()) <= 3
        assert server.most_at_once == 3


LOAD = """
import sys
from agentkit import get_model

model = get_model("openai:gpt-5-mini")
assert "openai" not in sys.modules
model.load()

assert {"openai.resources.chat.completions", "genai_prices.data"} <= set(sys.modules)
"""


def test_what_the_first_call_needs_can_be_loaded_before():
    subprocess.run([sys.executable, "-c", LOAD], check=True)


OURS_REFUSED = [
    *UNSUPPORTED,
    refusal(400, "Invalid 'temperature': expected a value < 1.", param="temperature"),
    refusal(400, "invalid temperature: only 0.6 is allowed for this model"),
]


@pytest.mark.parametrize("said", OURS_REFUSED)
def test_a_temperature_that_only_further_attempts_have_is_left_out_once_it_is_refused(said):
    """Nobody set it, so no node may fail for it."""
    node = Node("n", "How many?", output="text", check=Check("output == '3'"))
    texts = [answer("x"), said, answer("y"), answer("3"), answer("x"), answer("3")]
    with scripted(*texts) as server:
        model = model_at(server)
        for _ in range(2):
            assert Graph([node]).run_sync(model=model)["n"] == "3"
    temperatures = [body.get("temperature") for body in server.bodies]
    assert temperatures == [None, 0.8, None, None, None, None]


def test_further_attempts_are_sent_with_a_temperature():
    node = Node("n", "How many?", check=Check("output == '3'"))
    with scripted(answer("x"), answer("y"), answer("3")) as server:
        assert Graph([node]).run_sync(model=model_at(server))["n"] == "3"
    assert [body.get("temperature") for body in server.bodies] == [None, 0.8, 1.0]


def test_an_address_with_https_of_a_server_without_it_fails_at_once_and_says_what_to_write():
    with scripted(answer("Oslo")) as server:
        model = OpenAIModel("m", base_url=server.base_url.replace("http:", "https:"))
        waits: list[str] = []

        async def on_retry(reason: str, wait_s: float) -> None:
            waits.append(reason)

        with pytest.raises(ModelError, match=r"does not speak https.*'base_url' with http://"):
            asyncio.run(model.complete(Request((Message("user", "?"),), on_retry=on_retry)))
    assert waits == []
