"""The model server that other tests ask: it answers as OpenAI does, and fails as told."""

import asyncio
import json
import os
import signal
from collections import Counter
from contextlib import suppress

import httpx2
import jsonschema
import openai
import pytest
from loopback import (
    KINDS,
    Fault,
    LoopbackProcess,
    LoopbackServer,
    RandomFaults,
    answer,
    digest_of,
)
from loopback.forms import schema_of_form

from agentkit.errors import OutputError
from agentkit.outputs.declaration import compile_output
from agentkit.outputs.declared_shape import parse_shape
from agentkit.outputs.shape_words import form_of

SCHEMA = {
    "$defs": {"place": {"enum": ["north", "south"], "type": "string"}},
    "additionalProperties": False,
    "properties": {
        "where": {"$ref": "#/$defs/place"},
        "why": {"anyOf": [{"type": "string", "minLength": 5, "maxLength": 40}, {"type": "null"}]},
        "times": {"type": "integer", "minimum": 3, "exclusiveMaximum": 5},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "kind": {"const": "move"},
        "steps": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
        "sure": {"type": "boolean"},
    },
    "required": ["where", "why", "times", "share", "kind", "steps", "sure"],
    "type": "object",
}


def asked(text: str, schema: object = None, **fields: object) -> dict[str, object]:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
    if schema is not None:
        sent = {"name": "answer", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": sent}
    return body


def post(server: LoopbackServer, body: dict[str, object]) -> httpx2.Response:
    headers = {"authorization": "Bearer sk-loopback-1234567890"}
    place = f"{server.base_url}/chat/completions"
    # loading certificates would take most of the time
    return httpx2.post(place, json=body, headers=headers, timeout=5, verify=False)


def client(server: LoopbackServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="sk-loopback", max_retries=0)


def test_the_official_client_gets_an_answer_with_usage_and_cached_tokens():
    with LoopbackServer() as server, client(server) as ask:
        bodies = [asked("Look around. " * 200 + question) for question in ("One?", "Two?")]
        first, second = [ask.chat.completions.create(**body) for body in bodies]
        assert first.choices[0].message.content
        assert first.choices[0].finish_reason == "stop"
        assert first.usage.prompt_tokens == 653
        assert first.usage.prompt_tokens_details.cached_tokens == 0
        assert second.usage.prompt_tokens_details.cached_tokens == 640
        assert [model.id for model in ask.models.list()] == ["loopback"]
        assert [dict(request.body) for request in server.requests] == bodies
        assert "authorization" not in server.requests[0].headers


def test_a_stream_comes_in_pieces_and_ends_with_the_usage():
    with LoopbackServer() as server, client(server) as ask:
        body = asked("Look around.")
        whole = ask.chat.completions.create(**body).choices[0].message.content
        options = {"include_usage": True}
        chunks = list(ask.chat.completions.create(**body, stream=True, stream_options=options))
        pieces = [chunk.choices[0].delta.content or "" for chunk in chunks[:-1]]
        assert len(pieces) > 3
        assert "".join(pieces) == whole
        assert chunks[-1].choices == []
        assert chunks[-1].usage.completion_tokens == -(-len(whole) // 4)


def test_a_schema_is_followed_and_the_answer_depends_on_the_messages_alone():
    answers = [json.loads(answer(asked(f"Question {number}", SCHEMA))) for number in range(50)]
    for value in answers:
        jsonschema.validate(value, SCHEMA)
    assert {value["where"] for value in answers} == {"north", "south"}
    assert answers == [json.loads(answer(asked(f"Question {n}", SCHEMA))) for n in range(50)]


def test_without_a_schema_it_reads_what_the_prompt_asks_for():
    actions = "Answer with exactly one of these options and nothing else:\n- go west\n- dig"
    said = Counter(answer(asked(f"{n}\n\n{actions}")) for n in range(300))
    assert said["go west"] > 100
    assert said["dig"] > 100
    assert 5 < 300 - said["go west"] - said["dig"] < 40
    corrected = asked(f"0\n\n{actions}")
    corrected["messages"] += [
        {"role": "assistant", "content": "hm"},
        {"role": "user", "content": "That answer cannot be used: no.\nAnswer again, in full."},
    ]
    assert answer(corrected) in ("go west", "dig")
    shape = {"type": "object", "properties": {"action": {"type": "string"}}, "required": ["action"]}
    prompt = (
        f"Do one of these actions: dig, sleep. It must fit this JSON schema:\n{json.dumps(shape)}"
    )
    given = Counter(answer(asked(f"{n} {prompt}")) for n in range(100))
    assert given['{"action": "dig"}'] > 20


def test_a_form_to_fill_in_is_read_as_a_schema():
    declared = {
        "why": "str",
        "sure": "bool",
        "level": "one of [low, high] | null",
        "parts": [{"name": "str", "n": "int"}],
    }
    output = compile_output(declared)
    given = [answer(asked(f"{n}\n\n{output.instruction({})}")) for n in range(50)]
    fitting = 0
    for text in given:
        with suppress(OutputError):
            fitting += output.parse(text, {})["level"] in ("low", "high", None)
    assert fitting >= 40
    nullable = {"anyOf": [{"enum": ["low", "high"]}, {"type": "null"}]}
    assert schema_of_form(form_of(parse_shape(declared)))["properties"]["level"] == nullable


def test_formats_that_openai_refuses_are_refused_and_old_servers_take_none():
    opened = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    with LoopbackServer() as server:
        assert post(server, asked("Hi", SCHEMA)).status_code == 200
        for schema, reason in (({"type": "array"}, "object"), (opened, "additionalProperties")):
            refused = post(server, asked("Hi", schema))
            assert refused.status_code == 400
            assert reason in refused.json()["error"]["message"]
        assert "temprature" in post(server, asked("Hi", temprature=1)).json()["error"]["message"]
    with LoopbackServer(formats="any") as server:
        assert post(server, asked("Hi", {"type": "array"})).status_code == 200
    with LoopbackServer(formats="none") as server:
        assert post(server, asked("Hi", SCHEMA)).json()["error"]["param"] == "response_format"


STATUS = {
    "rate_limit": 429, "rate_limit_date": 429, "rate_limit_ms": 429, "server_error": 500,
    "unavailable": 503, "unauthorized": 401, "forbidden": 403, "no_model": 404, "too_long": 400,
    "no_quota": 429, "stream_error": 500,
}  # fmt: skip


NO_ANSWER = ("error_body", "html", "bad_utf8", "deep")


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_happens_to_the_request_it_is_planned_for(kind):
    with LoopbackServer(faults=[None, Fault(kind, 0.2)]) as server:
        assert post(server, asked("Hi")).status_code == 200
        if kind in ("drop_before", "drop_inside"):
            with pytest.raises(httpx2.RemoteProtocolError):
                post(server, asked("Hi"))
        else:
            answered = post(server, asked("Hi"))
            assert answered.status_code == STATUS.get(kind, 200)
            if kind not in ("slow", "rate_limit"):
                usual = answered.text.startswith('{"id": "chatcmpl-1"')
                assert usual == (answered.status_code == 200 and kind not in NO_ANSWER)
        assert post(server, asked("Hi")).status_code == 200


def test_rate_limits_say_when_to_come_back_in_three_ways():
    names = ("rate_limit", "rate_limit_date", "rate_limit_ms")
    with LoopbackServer(faults=[Fault(name, 2) for name in names]) as server:
        seconds, date, milliseconds = (post(server, asked("Hi")).headers for _ in names)
    assert seconds["retry-after"] == "2"
    assert date["retry-after"].endswith(" GMT")
    assert milliseconds["retry-after-ms"] == "2000"


@pytest.mark.parametrize("kind", ["drop_inside", "malformed", "stream_error"])
def test_a_stream_can_break_in_the_middle(kind):
    with LoopbackServer(faults=[Fault(kind)]) as server, client(server) as ask:
        stream = ask.chat.completions.create(**asked("Look around."), stream=True)
        with pytest.raises((httpx2.RemoteProtocolError, openai.APIError, json.JSONDecodeError)):
            list(stream)


def test_a_wrong_key_is_echoed_in_part_as_openai_does():
    with LoopbackServer(key="sk-right") as server:
        refused = post(server, asked("Hi"))
    assert refused.status_code == 401
    assert "sk-loopb" in refused.text


def test_random_faults_depend_on_the_request_and_its_try_alone():
    def kinds(seed: int) -> list[object]:
        faults = RandomFaults(0.05, ("server_error", "unavailable"), seed)
        with LoopbackServer(faults=faults) as server, httpx2.Client() as ask:
            place = f"{server.base_url}/chat/completions"
            return [ask.post(place, json=asked(f"{n // 2}")).status_code for n in range(80)]

    first = kinds(1)
    assert first == kinds(1)
    assert {500, 503} < set(first)
    assert first.count(200) > 60
    assert first != kinds(2)


def test_requests_at_once_are_counted_and_take_their_time():
    with LoopbackServer(latency_s=0.1) as server:

        async def many() -> list[httpx2.Response]:
            async with httpx2.AsyncClient(base_url=server.base_url) as ask:
                posts = (ask.post("/chat/completions", json=asked(f"{n}")) for n in range(8))
                return await asyncio.gather(*posts)

        answers = asyncio.run(many())
        assert {response.status_code for response in answers} == {200}
        assert server.most_at_once == 8
        assert [request.number for request in server.requests] == list(range(8))


def test_a_killed_process_leaves_every_call_in_its_log(tmp_path):
    log = tmp_path / "calls.jsonl"
    with LoopbackProcess(log) as server:
        assert post(server, asked("One")).status_code == 200
        port = server.port
        os.kill(server.pid, signal.SIGKILL)
    with LoopbackProcess(log, ["--share", "1", "--kinds", "server_error"], port) as server:
        assert server.port == port
        assert post(server, asked("Two")).status_code == 500
        assert [call["digest"] for call in server.calls] == [
            digest_of([("user", text)]) for text in ("One", "Two")
        ]
        assert [call["fault"] for call in server.calls] == [None, "server_error"]
