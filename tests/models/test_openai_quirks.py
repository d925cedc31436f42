"""What servers send that they should not, and how OpenAIModel gets an answer all the same."""

import asyncio
import gzip
import json
import logging
import time
import tracemalloc
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from loopback.scripted import answer, piece, refusal, scripted

from agentkit import (
    AccessError,
    Completion,
    Graph,
    Message,
    ModelError,
    Node,
    OpenAIModel,
    Request,
    Sampling,
    StepError,
    get_model,
)
from agentkit.models.hosted import Settings

QUICK = Settings(timeout_s=5, retries=1)
DONE = b"data: [DONE]\n\n"


def ask(model: Any, *messages: Message, **fields: Any) -> Completion:
    return asyncio.run(model.complete(Request(messages or (Message("user", "Well?"),), **fields)))


def model_at(server, **settings) -> OpenAIModel:
    chosen = Settings(**{"timeout_s": 5, "retries": 1, **settings})
    return OpenAIModel("m", base_url=server.base_url, settings=chosen)


# Streams

KEPT_ALIVE = {
    "bare data": piece("Os") + b"data:\n\n" + piece("lo", "stop"),
    "retry": b"retry: 3000\n\n" + piece("Oslo", "stop"),
    "a named ping": b"event: ping\n\n" + piece("Oslo", "stop"),
    "a ping in JSON": b'event: ping\ndata: {"type": "ping"}\n\n' + piece("Oslo", "stop"),
    "ids and comments": b": ping\n\nid: 1\n\n" + piece("Oslo", "stop") + b": bye\n\n",
    "CRLF": (piece("Os") + piece("lo", "stop")).replace(b"\n", b"\r\n"),
    "a byte order mark": b"\xef\xbb\xbf" + piece("Oslo", "stop"),
    "no choices": b'data: {"choices": [], "x": 1}\n\n' + piece("Oslo", "stop"),
    "no end": piece("Oslo", "stop").rstrip(),
    "half a character": piece("Os") + b'data: {"choices": [{"delta": {"content": "lo"}, '
    b'"finish_reason": "stop", "logprob": NaN}]}\n\n',
}


@pytest.mark.parametrize("sent", KEPT_ALIVE.values(), ids=KEPT_ALIVE.keys())
def test_a_stream_with_more_than_answers_in_it_is_read(sent):
    heard: list[str] = []
    with scripted((200, sent)) as server:
        assert ask(model_at(server), on_text=heard.append).text == "Oslo"
    assert "".join(heard) == "Oslo"
    assert len(server.bodies) == 1


BROKEN_OFF = {
    "Groq": b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}], '
    b'"x_groq": {"error": "stopped early"}}\n\n',
    "Groq without a reason": b'data: {"choices": [{"delta": {}}], "x_groq": {"error": "no"}}\n\n',
    "llama.cpp of 2024": b'error: {"code": 500, "message": "boom"}\n\n',
    "a line of JSON": b'{"error": {"message": "boom"}}\n\n',
    "an exception of Bedrock": b'data: {"internalServerException": {"message": "boom"}}\n\n',
    "an event of another kind": b'event: exception\ndata: {"reason": "boom"}\n\n',
}


@pytest.mark.parametrize("sent", BROKEN_OFF.values(), ids=BROKEN_OFF.keys())
def test_a_stream_that_failed_is_no_answer_though_it_says_that_it_is_done(sent):
    """The half before the error was taken for the answer."""
    with scripted((200, piece("Os") + sent + DONE), answer("Oslo")) as server:
        assert ask(model_at(server), on_text=lambda text: None).text == "Oslo"
    assert len(server.bodies) == 2


def test_both_halves_of_a_character_may_come_in_two_pieces():
    heard: list[str] = []
    sent = piece("It is \ud83d") + piece("\ude00!", "stop")
    with scripted((200, sent)) as server:
        assert ask(model_at(server), on_text=heard.append).text == "It is 😀!"
    assert "".join(heard) == "It is 😀!"


def test_a_stream_that_cannot_be_read_is_asked_for_whole_told_once_and_remembered(caplog):
    broken = (200, piece("Os") + b"data: {oh no\n\n" + DONE)
    reasons: list[str] = []

    async def on_retry(reason: str, wait_s: float) -> None:
        reasons.append(f"{reason} {wait_s}")

    with scripted(broken, answer("Oslo")) as server:
        model = model_at(server, retries=0)
        for _ in range(3):
            said = ask(model, on_text=lambda text: None, on_retry=on_retry)
            assert said.text == "Oslo"
    assert ["stream" in body for body in server.bodies] == [True, False, False, False]
    [reason] = reasons
    assert reason.startswith("its stream cannot be read (the server's answer is no JSON)")
    assert reason.endswith(" 0.0")
    assert [r.levelname for r in caplog.records if "whole answers" in r.message] == ["WARNING"]


def test_streams_that_end_too_early_again_and_again_are_asked_for_whole():
    with scripted((200, piece("Os")), (200, piece("Os")), answer("Oslo")) as server:
        assert ask(model_at(server, retries=3), on_text=lambda text: None).text == "Oslo"
    assert ["stream" in body for body in server.bodies] == [True, True, False]


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [{"message": {"content": "Oslo"}, "finish_reason": "stop"}]},
        {"choices": [{"text": "Oslo", "finish_reason": "stop"}]},
    ],
)
def test_streams_that_are_empty_again_and_again_are_asked_for_whole(chunk):
    empty = (200, b"data: " + json.dumps(chunk).encode() + b"\n\n" + DONE)
    with scripted(empty, empty, answer("Oslo")) as server:
        assert ask(model_at(server, retries=3), on_text=lambda text: None).text == "Oslo"
    assert ["stream" in body for body in server.bodies] == [True, True, False]


def test_a_server_that_does_not_let_this_model_stream_is_asked_for_whole_answers():
    said = refusal(400, "Your organization must be verified to stream this model.", param="stream")
    with scripted(said, answer("Oslo")) as server:
        assert ask(model_at(server), on_text=lambda text: None).text == "Oslo"
    assert ["stream" in body for body in server.bodies] == [True, False]


def test_a_server_that_streams_unasked_is_read():
    with scripted((200, piece("Oslo", "stop") + DONE)) as server:
        assert ask(model_at(server)).text == "Oslo"
    assert "stream" not in server.bodies[0]


@pytest.mark.parametrize("prefix", ["openai", "langchain:openai"])
def test_a_setting_turns_streaming_off(prefix, monkeypatch):
    heard: list[str] = []
    with scripted(answer("Oslo")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        model = get_model(f"{prefix}:m", settings=Settings(stream=False))
        assert ask(model, on_text=heard.append).text == "Oslo"
    assert not server.bodies[0].get("stream")
    assert heard == ["Oslo"]


@pytest.mark.parametrize(
    "event",
    [
        b'event: error\ndata: {"message": "GPU 3 is gone"}\n\n',
        b"event: error\ndata: GPU 3 is gone\n\n",
    ],
)
def test_an_event_that_is_called_an_error_is_one(event):
    reasons: list[str] = []

    async def on_retry(reason: str, wait_s: float) -> None:
        reasons.append(reason)

    with scripted((200, piece("Os") + event), (200, piece("Oslo", "stop"))) as server:
        assert ask(model_at(server), on_text=lambda t: None, on_retry=on_retry).text == "Oslo"
    assert reasons == ["the server answered with an error: GPU 3 is gone"]


@pytest.mark.parametrize("closes", [True, False], ids=["is lost", "stays open"])
def test_an_answer_whose_end_was_said_is_taken_when_the_connection(closes):
    """It was asked for again, and paid again, until the tries were spent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = piece("Os") + piece("lo", "stop")
        head = (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999\r\n\r\n"
        )
        writer.write(head + body)
        with suppress(OSError):  # the client had enough
            while not closes and not reader.at_eof():
                writer.write(b": ping\n\n")
                await writer.drain()
                await asyncio.sleep(0.1)
            writer.close()
            await writer.wait_closed()
        ended.set()

    async def main() -> Completion:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            settings = replace(QUICK, max_concurrency=1)  # the server knows no other page
            model = OpenAIModel("m", base_url=f"http://{host}:{port}/v1", settings=settings)
            request = Request((Message("user", "Well?"),), on_text=lambda text: None)
            completion = await model.complete(request)
            await ended.wait()
            return completion

    ended = asyncio.Event()
    asked: list[bytes] = []
    assert asyncio.run(main()).text == "Oslo"
    assert len(asked) == 1


def heard_from(sent: bytes, **settings) -> Completion:
    with scripted((200, sent)) as server:
        return ask(model_at(server, **settings), on_text=lambda text: None)


def test_a_stop_at_the_end_of_every_stream_does_not_hide_that_the_answer_was_cut_off():
    """Gateways add it after the reason of the provider; half an answer counted as whole."""
    assert heard_from(piece("Oslo i") + piece("", "length") + piece("", "stop") + DONE) == (
        heard_from(piece("Oslo i") + piece("", "length") + DONE)
    )


@pytest.mark.parametrize("prefix", ["openai", "langchain:openai"])
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (("stop", "stop", "stop"), "stop"),
        (("normal", "normal", "normal"), "stop"),
        (("length", "length", "length"), "length"),
        ((None, "length", "stop"), "length"),
        ((None, "stop", "length"), "length"),
        (("going", "going", "stop"), "stop"),
    ],
)
def test_a_reason_may_stand_in_several_pieces(said, reason, prefix, monkeypatch):
    """LangChain makes one word of them, such as `stopstop`, and every answer was refused."""
    first, second, third = said
    sent = piece("Os", first) + piece("lo", second) + piece("", third) + DONE
    with scripted((200, sent)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        said = ask(get_model(f"{prefix}:m", settings=QUICK), on_text=lambda text: None)
    assert (said.text, said.finish_reason) == ("Oslo", reason)


@pytest.mark.parametrize("prefix", ["openai", "langchain:openai"])
def test_counts_that_every_piece_gives_so_far_are_not_summed(prefix, monkeypatch):
    """A budget was used up by one answer, since LangChain sums what every piece says."""
    pieces = [json.loads(piece(text, end)[5:]) for text, end in (("Os", None), ("lo", "stop"))]
    for written, one in enumerate(pieces, 1):
        one["usage"] = {"prompt_tokens": 10, "completion_tokens": written, "total_tokens": 11}
    sent = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in pieces) + DONE
    with scripted((200, sent)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        usage = ask(get_model(f"{prefix}:m", settings=QUICK), on_text=lambda text: None).usage
    assert (usage.input_tokens, usage.output_tokens) == (10, 2)


def test_a_pause_after_a_reason_on_every_piece_does_not_end_the_answer():
    """What came more than three seconds later was lost, silently."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        for sent in (piece("", "stop", reasoning_content="Hm"), piece("Os", "stop")):
            writer.write(sent)
            await writer.drain()
        await asyncio.sleep(3.5)
        writer.write(piece("lo", "stop") + DONE)
        writer.close()

    async def main() -> Completion:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            settings = Settings(timeout_s=20, retries=0)
            model = OpenAIModel("m", base_url=f"http://{host}:{port}/v1", settings=settings)
            return await model.complete(
                Request((Message("user", "Well?"),), on_text=lambda text: None)
            )

    assert asyncio.run(main()).text == "Oslo"


def test_more_of_an_answer_after_its_reason_needs_an_end_of_its_own():
    """The connection was lost, and half an answer counted as whole."""
    with scripted((200, piece("Os", "stop") + piece("l")), answer("Oslo")) as server:
        assert ask(model_at(server, retries=2), on_text=lambda text: None).text == "Oslo"
    assert heard_from(piece("Os", "stop") + piece("lo") + DONE).text == "Oslo"


WITHOUT_ERROR = {
    "vLLM before 0.10": {"object": "error", "message": "GPU 3 is gone", "type": "ServerError"},
    "FastAPI": {"detail": "GPU 3 is gone"},
    "a gateway": {"code": "400", "msg": "GPU 3 is gone"},
}


@pytest.mark.parametrize("said", WITHOUT_ERROR.values(), ids=WITHOUT_ERROR.keys())
@pytest.mark.parametrize("begun", [b"", piece("Os")])
def test_an_error_in_a_stream_ends_it_also_where_nothing_is_called_error(said, begun):
    """Half an answer counted as whole, since `[DONE]` came after the error."""
    sent = begun + b"data: " + json.dumps(said).encode() + b"\n\n" + DONE
    with (
        scripted((200, sent), (200, sent)) as server,
        pytest.raises(ModelError, match="GPU 3 is gone"),
    ):
        ask(model_at(server), on_text=lambda text: None)


@pytest.mark.parametrize("said", [*WITHOUT_ERROR.values(), {"message": "GPU 3 is gone"}])
def test_the_words_of_an_error_with_status_200_are_told(said):
    with scripted((200, said), (200, said)) as server, pytest.raises(ModelError, match="GPU 3"):
        ask(model_at(server))


def test_words_in_a_stream_that_are_no_error_are_skipped():
    waiting = b'data: {"type": "queue", "message": "2 requests are before yours"}\n\n'
    with scripted((200, waiting + piece("Oslo", "stop") + DONE)) as server:
        assert ask(model_at(server), on_text=lambda text: None).text == "Oslo"


# Odd answers

ODD_JSON = {
    "half a character": (b'"a\\ud800b"', "a�b"),
    "a character in two halves": (b'"\\ud83d\\ude00"', "😀"),
    "a line break": (b'"a\nb"', "a\nb"),
    "zero": (b'"a\\u0000b"', "a\0b"),
    "bytes that are no UTF-8": (b'"a\xffb"', "a�b"),
}


@pytest.mark.parametrize(("written", "text"), ODD_JSON.values(), ids=ODD_JSON.keys())
def test_one_odd_character_does_not_spoil_a_whole_answer(written, text):
    choice = b'{"message": {"content": %b}, "finish_reason": "stop", "logprob": NaN}' % written
    with scripted((200, b'{"choices": [%b]}' % choice)) as server:
        graph = Graph([Node("a", "Well?"), Node("b", "And {{ a }}?")])
        assert graph.run_sync(model=model_at(server))["a"] == text


@pytest.mark.parametrize("prefix", ["openai", "langchain:openai"])
def test_half_a_character_in_a_prompt_is_sent_as_the_sign_for_it(prefix, monkeypatch):
    """A word of a command line that is no UTF-8 holds some: no request could be written."""
    with scripted(answer("Oslo")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        model = get_model(f"{prefix}:m", settings=Settings(retries=0))
        halves = Message("user", "a \udcff, a \ud83d and a \ud83d\ude00")
        assert ask(model, halves).text == "Oslo"
    [sent] = server.bodies
    assert sent["messages"][0]["content"] == "a \ufffd, a \ufffd and a \U0001f600"


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 2**63, "completion_tokens": 2},
        {"prompt_tokens": 5, "completion_tokens": 10**30},
        {"prompt_tokens": "5", "completion_tokens": None},
        {"prompt_tokens": -5, "completion_tokens": 4},
        {"prompt_tokens": 5, "completion_tokens": 2.7},
        {"prompt_tokens": -5, "completion_tokens": -1, "prompt_tokens_details": [7]},
        {"prompt_tokens": 1e300, "completion_tokens": float("nan")},
        [1],
        "many",
    ],
)
def test_counts_without_sense_are_as_good_as_none(usage):
    with scripted(answer("Oslo is a city", usage=usage)) as server:
        model = model_at(server, tokens_per_minute=1_000_000)
        for _ in range(2):
            used = ask(model).usage
            assert 0 < used.input_tokens < 100
            assert used.output_tokens > 0
            assert 1 < used.output_tokens < 100


# What servers do not take


def limits(server):
    return [
        {name: body[name] for name in ("max_tokens", "max_completion_tokens") if name in body}
        for body in server.bodies
    ]


def test_advice_after_a_servers_words_begins_a_sentence():
    """llama.cpp ends its words without a full stop."""
    said = "request (20035 tokens) exceeds the available context size (4096 tokens), try again"
    with scripted(refusal(400, said)) as server, pytest.raises(ModelError) as raised:
        ask(model_at(server))
    assert "try again. Shorten what" in str(raised.value)


TOO_LARGE = [
    "max_tokens is too large: 9000. This model supports at most 4096 completion tokens.",
    "max_tokens: 9000 > 4096, which is the maximum allowed number of output tokens",
    "Unsupported value: 'max_tokens' must be less than or equal to 4096",
    "Invalid max_tokens value, the valid range of max_tokens is between 1 and 4096, not allowed",
]


@pytest.mark.parametrize("words", TOO_LARGE)
def test_a_limit_that_is_too_high_is_an_error_with_the_servers_maximum(words):
    with scripted(refusal(400, words, param="max_tokens"), answer()) as server:
        model = model_at(server)
        with pytest.raises(ModelError, match=r"4096.* Lower 'max_tokens'"):
            ask(model, sampling=Sampling(max_tokens=9000))
        ask(model, sampling=Sampling(max_tokens=100))
    assert limits(server) == [{"max_tokens": 9000}, {"max_tokens": 100}]


def test_a_server_that_takes_no_limit_under_any_name_is_not_asked_without_one():
    said = [
        refusal(400, f"unknown field {name}") for name in ("max_tokens", "max_completion_tokens")
    ]
    with (
        scripted(*said) as server,
        pytest.raises(ModelError, match=r"no limit on tokens.*Remove 'max_tokens'"),
    ):
        ask(model_at(server), sampling=Sampling(max_tokens=7))
    assert limits(server) == [{"max_tokens": 7}, {"max_completion_tokens": 7}]


def test_a_temperature_out_of_bounds_is_an_error_too():
    said = refusal(400, "'temperature' supports at most 2", param="temperature")
    with scripted(said) as server, pytest.raises(ModelError, match="at most 2"):
        ask(model_at(server), sampling=Sampling(temperature=3.0))


NO_SYSTEM = [
    refusal(400, "System role not supported"),
    refusal(
        400, "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        param="messages[0].role",
    ),
    refusal(400, "Only user and assistant roles are supported!"),
    refusal(400, "Conversation roles must alternate user/assistant/user/assistant/..."),
    refusal(400, "Developer instruction is not enabled for models/gemma-3-1b-it"),
    refusal(400, 'messages: Unexpected role "system". The Messages API accepts a top-level field'),
    refusal(500, "Jinja Exception: System role not supported"),
    refusal(422, "body.messages.0.role: Input should be 'user' or 'assistant'"),
]  # fmt: skip


@pytest.mark.parametrize("said", NO_SYSTEM)
def test_a_model_without_a_system_role_reads_its_text_in_the_users_first_turn(said, caplog):
    turns = (
        Message("system", "Speak plainly."),
        Message("user", "Hello"),
        Message("assistant", "Hi"),
        Message("user", "Well?"),
    )
    with scripted(said, answer()) as server:
        model = model_at(server)
        for _ in range(2):
            ask(model, *turns)
    assert [body["messages"][0]["role"] for body in server.bodies] == ["system", "user", "user"]
    assert server.bodies[1]["messages"][0]["content"] == "Speak plainly.\n\nHello"
    assert [turn["role"] for turn in server.bodies[1]["messages"]] == ["user", "assistant", "user"]
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert [line for line in told if "system" in line] == [
        "m knows no system role: 'system' stands in the user's first turn"
    ]


@pytest.mark.parametrize(
    "words",
    ["The system is overloaded", "Unknown error in the system, no message", "Invalid request"],
)
def test_other_words_about_a_system_change_nothing(words):
    with scripted(refusal(400, words)) as server, pytest.raises(ModelError):
        ask(model_at(server), Message("system", "Hm."), Message("user", "Well?"))
    assert len(server.bodies) == 1


def test_a_conversation_of_the_system_alone_is_not_folded_for_ever():
    with scripted(NO_SYSTEM[0]) as server, pytest.raises(ModelError, match="System role"):
        ask(model_at(server), Message("system", "Speak plainly."))
    assert len(server.bodies) == 1


def test_the_words_in_a_list_of_errors_are_read():
    said = [{"error": {"code": 400, "message": "The input token count (9) exceeds the maximum"}}]
    words = r"longer than the model can read: The input token count \(9\) exceeds the maximum"
    with scripted((400, said)) as server, pytest.raises(ModelError, match=words):
        ask(model_at(server))


# What the server blames its model for

BAD = "Failed to generate JSON. Please adjust your prompt. See 'failed_generation'."


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"code": "json_validate_failed", "failed_generation": '{"a": '}, "JSON"),
        ({"code": "json_validate_failed"}, "has not the form"),
        ({"code": "tool_use_failed", "failed_generation": "<function=x>"}, "no tools here"),
        ({"code": "content_filter", "message": "Filtered."}, "a refusal"),
        ({"code": "content_policy_violation", "message": "Against our policy."}, "a refusal"),
        ({"code": "data_inspection_failed", "message": "Inappropriate."}, "a refusal"),
    ],
)
def test_an_answer_that_the_server_could_not_read_is_the_models_and_it_is_told(
    fields, words, streamed
):
    status, body = refusal(400, **{"message": BAD, **fields})
    if streamed:
        status, body = 200, b"data: " + json.dumps(body).encode() + b"\n\n"
    good = (200, piece('{"a": 1}', "stop")) if streamed else answer('{"a": 1}')

    async def value(model, **options):
        graph = Graph([Node("a", "Well?", output={"a": "int"}, **options)])
        return [event async for event in graph.stream(model=model)]

    with scripted((status, body), good, (status, body)) as server:
        model = model_at(server, stream=streamed, retries=0)
        events = asyncio.run(value(model))
        assert [e.value for e in events if type(e).__name__ == "NodeFinished"] == [{"a": 1}]
        assert words in server.bodies[1]["messages"][-1]["content"]
        assert server.bodies[1]["response_format"] == server.bodies[0]["response_format"]
        events = asyncio.run(value(model, attempts=1, otherwise={"a": 0}))
        assert [e.status for e in events if type(e).__name__ == "NodeFinished"] == ["otherwise"]


def test_an_answer_that_only_the_server_could_not_read_is_taken():
    said = refusal(400, BAD, code="json_validate_failed", failed_generation='{"a": 1}')
    with scripted(said) as server:
        graph = Graph([Node("a", "Well?", output={"a": "int"})])
        assert graph.run_sync(model=model_at(server))["a"] == {"a": 1}
    assert len(server.bodies) == 1


# Access

REGION = "Country, region, or territory not supported"
WORDS = {
    "as OpenAI writes it": ({"error": {"message": REGION, "code": "unsupported"}}, REGION),
    "as FastAPI writes it": ({"detail": "Not in your organisation"}, "Not in your organisation"),
    "behind a router": (
        {"error": {"message": "Provider returned error", "metadata": {"raw": "Key disabled"}}},
        "Provider returned error: Key disabled",
    ),
    "a page": (b"<html><title>You have been &quot;blocked&quot;</title></html>", '"blocked"'),
    "plain": (b"no access from here", "no access from here"),
    "nothing": (b"", "Forbidden"),
}


@pytest.mark.parametrize(("body", "words"), WORDS.values(), ids=WORDS.keys())
def test_the_servers_words_are_in_an_error_about_access(body, words):
    with scripted((403, body)) as server, pytest.raises(AccessError) as caught:
        ask(model_at(server))
    assert words in str(caught.value)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_words_about_access_are_short_and_have_no_part_of_the_key(status):
    key = "sk-Zq4wX9vB2nM7kL5jH8gF-abc"
    told = f"Bad key {key} (begins with {key[:8]}, ends with {key[-10:]}) " + "x" * 5000
    with scripted(refusal(status, told)) as server:
        model = OpenAIModel("m", base_url=server.base_url, api_key=key, settings=QUICK)
        with pytest.raises((AccessError, ModelError)) as caught:
            ask(model)
    said = str(caught.value)
    assert "Bad key [key]" in said
    assert len(said) < 700
    assert not any(key[i : i + 8] in said for i in range(len(key) - 7))


def test_words_about_a_broken_off_answer_have_no_part_of_the_key():
    """A router tells in a choice what the provider behind it said."""
    key = "Zq4wX9vB2nM7kL5jH8gFabc"
    choice = {"delta": {}, "finish_reason": "error", "error": {"message": f"Bad key {key}"}}
    sent = b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"
    with scripted((200, sent)) as server:
        model = OpenAIModel("m", base_url=server.base_url, api_key=key, settings=QUICK)
        with pytest.raises(ModelError, match=r"broke its answer off: error: Bad key \[key\]"):
            ask(model, on_text=lambda text: None)


def test_a_model_that_is_not_there_is_told_with_the_servers_words_and_its_models():
    listed = {"data": [{"id": "mm"}, {"id": "n" * 9000}]}
    with (
        scripted(refusal(400, "Invalid model name passed in model=m"), (200, listed)) as server,
        pytest.raises(ModelError) as caught,
    ):
        ask(model_at(server))
    assert "(400): Invalid model name passed in model=m" in str(caught.value)
    assert "It has: mm, nnn" in str(caught.value)
    assert len(str(caught.value)) < 900


# Nothing is unbounded


def packed(kind: str, body: bytes) -> bytes:
    bits = {"gzip": 31, "deflate": 15, "raw deflate": -15}[kind]
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return packer.compress(body) + packer.flush()


BODY = json.dumps(answer("Oslo " * 1000)[1]).encode()


@pytest.mark.parametrize("kind", ["gzip", "deflate", "raw deflate"])
def test_a_packed_answer_is_read(kind):
    headers = {"content-encoding": kind.removeprefix("raw ")}
    with scripted((200, packed(kind, BODY), headers)) as server:
        assert ask(model_at(server)).text.startswith("Oslo Oslo")
    assert server.headers[0]["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("kind", ["br", "zstd", "gzip, gzip"])
def test_a_packing_that_nobody_asked_for_is_named(kind):
    with (
        scripted((200, BODY, {"content-encoding": kind})) as server,
        pytest.raises(ModelError, match=f"packed with {kind}, which nobody asked for"),
    ):
        ask(model_at(server, retries=0))


def test_a_broken_packing_is_named():
    with (
        scripted((200, b"no gzip", {"content-encoding": "gzip"})) as server,
        pytest.raises(ModelError, match="its packed answer is broken"),
    ):
        ask(model_at(server, retries=0))


@pytest.fixture(scope="module")
def bombs() -> dict[str, tuple[int, bytes, dict[str, str]]]:
    """Small bodies of 200 MB, as an answer, a stream and an error."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(b'data: {"x": "')
    body += b"".join(packer.compress(b"a" * 2**20) for _ in range(200)) + packer.flush()
    head = {"content-encoding": "gzip", "content-type": "application/json"}
    stream = {**head, "content-type": "text/event-stream"}
    return {"answer": (200, body, head), "stream": (200, body, stream), "error": (500, body, head)}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", ["answer", "stream", "error"])
def test_a_body_that_unpacks_to_more_than_any_answer_ends_in_words(kind, streamed, bombs):
    with scripted(bombs[kind]) as server:
        model = model_at(server, retries=0, timeout_s=30)
        model.load()
        tracemalloc.start()
        started = time.monotonic()
        with pytest.raises(ModelError, match=r"larger than (8|64) MB|\(500\): data: ") as caught:
            ask(model, on_text=(lambda text: None) if streamed else None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(str(caught.value)) < 600
    assert peak < 180e6
    assert time.monotonic() - started < 25


def test_a_package_of_langchain_is_given_no_more_either(bombs, monkeypatch):
    with scripted(bombs["answer"]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        model = get_model("langchain:openai:m", settings=Settings(retries=0))
        with pytest.raises(ModelError, match="larger than 8 MB"):
            ask(model)


def test_unpacking_does_not_hold_up_the_timeout():
    with scripted((200, gzip.compress(b" " * 2**27), {"content-encoding": "gzip"})) as server:
        started = time.monotonic()
        with pytest.raises(ModelError):
            ask(model_at(server, retries=0, timeout_s=0.5))
    assert time.monotonic() - started < 5


def test_headers_without_end_are_named():
    many = {f"x-{number}": "y" * 1000 for number in range(90)}
    with (
        scripted((200, BODY, {**many, **{f"z-{n}": "y" * 1000 for n in range(90)}})) as server,
        pytest.raises(ModelError, match=r"the connection to .* was lost"),
    ):
        ask(model_at(server, retries=0))


def test_a_text_without_end_is_given_up_while_it_streams():
    sent = piece("x" * 2**20) * 9 + piece("", "stop")
    with (
        scripted((200, sent)) as server,
        pytest.raises(ModelError, match=r"9,.* characters or more"),
    ):
        ask(model_at(server, retries=0), on_text=lambda text: None)


def test_a_thousand_odd_choices_and_errors_are_told_in_few_words():
    deep = {"error": {"message": {"a": ["b" * 100] * 1000}, "code": "x" * 10_000}}
    with scripted((400, deep)) as server, pytest.raises(ModelError) as caught:
        ask(model_at(server))
    assert len(str(caught.value)) < 600
    assert isinstance(caught.value, ModelError)
    assert not isinstance(caught.value, StepError)
