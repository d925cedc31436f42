"""An answer that still comes when its time is over is cut off, and not asked for again."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from loopback.scripted import Scripted, Trickle, answer, piece, scripted

from agentkit import (
    Agent,
    Completion,
    Graph,
    Message,
    ModelError,
    Node,
    OpenAIModel,
    Request,
    StepError,
    get_model,
)
from agentkit.events import CallRetried, Event, NodeFinished, NodeRetried
from agentkit.models.arrival import Try
from agentkit.models.hosted import HostedModel, Settings

TIME_S = 0.8
ENDLESS = (200, Trickle([piece("la ")] * 1000, every_s=0.05))


def openai_at(server: Scripted, **settings: Any) -> HostedModel:
    chosen = Settings(**{"timeout_s": TIME_S, "retries": 1, **settings})
    return OpenAIModel("m", base_url=server.base_url, settings=chosen)


def langchain_at(server: Scripted, **settings: Any) -> HostedModel:
    chat = ChatOpenAI(model="m", base_url=server.base_url, api_key="none", max_retries=0)
    chosen = Settings(**{"timeout_s": TIME_S, "retries": 1, **settings})
    model = get_model(chat, settings=chosen)
    assert isinstance(model, HostedModel)
    return model


MAKERS = {"openai": openai_at, "langchain": langchain_at}
both = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def ask(model: HostedModel, *, watched: bool = True, **fields: Any) -> Completion:
    on_text = (lambda text: None) if watched else None
    request = Request((Message("user", "Sing."),), on_text=on_text, **fields)
    model.load()
    return asyncio.run(model.complete(request))


@both
def test_a_stream_that_is_alive_when_its_time_is_over_is_a_cut_off_answer(make, caplog):
    """It was asked for again from the start, five times two minutes, and nothing was said."""
    with scripted(ENDLESS) as server:
        said = ask(make(server))
        assert len(server.bodies) == 1
    assert said.finish_reason == "length"
    assert said.text.startswith("la la la")
    pieces = said.text.count("la")
    assert said.usage.output_tokens == pieces > 3
    assert said.usage.input_tokens > 0
    assert said.usage.calls == 1
    assert f"cut off after 0.8 s, when {pieces} pieces of it had come" in said.detail
    assert "'timeout_s'" in said.detail
    assert "'max_tokens'" in said.detail
    [warning] = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert said.detail in warning


@both
def test_a_stream_that_fell_silent_is_asked_again(make):
    stalled = (200, Trickle([piece("la "), piece("la ")], silent_s=5))
    reasons: list[str] = []

    async def on_retry(reason: str, wait_s: float) -> None:
        reasons.append(reason)

    whole = (200, piece("Oslo") + piece("", "stop") + b"data: [DONE]\n\n")
    with scripted(stalled, whole) as server:
        assert ask(make(server), on_retry=on_retry).text == "Oslo"
    [reason] = reasons
    assert reason.startswith("no complete answer within 0.8 s: nothing came for 0.")
    assert reason.endswith("s, after piece 2")


def test_a_library_that_swallows_the_end_of_a_call_does_not_lengthen_its_time():
    """LangChain read a stream of 50 s to its end where the time was over while it connected."""

    class Deaf(HostedModel):
        async def _ask(self, request: Try) -> Completion:
            for number in range(1, 100):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.05)
                request.arrived.tell(number, lambda: Completion("la"))
            return Completion("la")

    assert ask(Deaf("deaf", Settings(timeout_s=0.3))).finish_reason == "length"


def test_a_stream_without_any_piece_is_asked_again_and_names_the_settings():
    empty = Trickle([piece("", role="assistant"), b": ping\n\n"] * 100, every_s=0.05)
    with scripted((200, empty)) as server, pytest.raises(ModelError) as raised:
        ask(openai_at(server))
    assert len(server.bodies) == 2
    assert "no complete answer within 0.8 s (2 tries)" in str(raised.value)
    assert str(raised.value).endswith("Raise 'timeout_s', or lower 'max_tokens', of the model.")


def test_thoughts_alone_are_cut_off_too():
    thinking = Trickle([piece(reasoning_content="hm ")] * 100, every_s=0.05)
    with scripted((200, thinking)) as server:
        said = ask(openai_at(server))
    assert (said.text, said.finish_reason) == ("", "length")
    assert said.thoughts.startswith("hm hm")
    assert "cut off in its reasoning after 0.8 s" in said.detail
    assert "think less" in said.detail


def test_thoughts_in_a_tag_are_no_text_of_a_cut_off_answer():
    thinking = Trickle([piece("<think>"), *[piece("hm ")] * 100], every_s=0.05)
    with scripted((200, thinking)) as server:
        said = ask(openai_at(server))
    assert said.text == ""
    assert "hm hm" in said.thoughts
    assert "in its reasoning" in said.detail


def test_a_call_of_a_tool_that_takes_too_long_is_one():
    part = piece(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": "1"}}])
    with scripted((200, Trickle([part] * 100, every_s=0.05))) as server:
        assert ask(openai_at(server)).finish_reason == "tool_calls"
        assert len(server.bodies) == 1


@both
def test_a_whole_answer_that_is_late_is_asked_for_in_pieces_which_are_not_lost(make):
    late = (200, Trickle([b" "], silent_s=5))
    with scripted(late, ENDLESS) as server:
        said = ask(make(server), watched=False)
    assert [bool(body.get("stream")) for body in server.bodies] == [False, True]
    assert said.finish_reason == "length"
    assert said.usage.calls == 2


def test_a_model_that_may_not_stream_is_asked_for_whole_answers_again():
    with scripted((200, Trickle([b" "], silent_s=5))) as server:
        with pytest.raises(ModelError, match=r"within 0.8 s \(2 tries\)\. Raise 'timeout_s'"):
            ask(openai_at(server, stream=False))
        assert [body.get("stream") for body in server.bodies] == [None, None]


def test_a_node_is_told_that_it_was_the_time_and_so_is_who_reads_the_record():
    events: list[Event] = []
    whole = (200, piece("Oslo", "stop") + b"data: [DONE]\n\n")
    with scripted(ENDLESS, whole) as server:
        agent = Agent(Graph([Node("song", "Sing.")]), model=openai_at(server))
        asyncio.run(agent.episode().act(emit=events.append, streaming=True))
    [retried] = [event for event in events if isinstance(event, NodeRetried)]
    assert retried.completion.detail == retried.error
    assert "cut off after 0.8 s" in server.bodies[1]["messages"][-1]["content"]
    assert not [event for event in events if isinstance(event, CallRetried)]
    [finished] = [event for event in events if isinstance(event, NodeFinished)]
    assert finished.value == "Oslo"


def test_a_node_that_is_cut_off_in_all_attempts_and_may_not_be_fails_with_the_settings_to_change():
    with scripted(ENDLESS) as server:
        graph = Graph([Node("song", "Sing.", attempts=1, cut="error")])
        with pytest.raises(StepError, match=r"pieces of it had come.*'timeout_s'.*'max_tokens'"):
            asyncio.run(
                Agent(graph, model=openai_at(server)).episode().act(emit=print, streaming=True)
            )


def test_waiting_for_a_place_takes_nothing_from_the_time_of_a_call():
    slow = (200, Trickle([piece("Oslo", "stop"), b"data: [DONE]\n\n"], every_s=0.2))
    with scripted(slow) as server:
        model = openai_at(server, max_concurrency=1, timeout_s=1.0, retries=0)
        model.load()

        async def many() -> list[Completion]:
            request = Request((Message("user", "Well?"),), on_text=lambda text: None)
            return await asyncio.gather(*(model.complete(request) for _ in range(6)))

        started = time.monotonic()
        answers = asyncio.run(many())
    assert time.monotonic() - started > 1.0
    assert [one.finish_reason for one in answers] == ["stop"] * 6


def test_a_quick_answer_says_nothing_more():
    with scripted(answer("Oslo")) as server:
        assert ask(openai_at(server), watched=False).detail == ""
