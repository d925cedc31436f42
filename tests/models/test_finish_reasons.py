"""Why an answer ended: the words of servers, and what AgentKit makes of them."""

import asyncio

import pytest
from loopback.scripted import answer, piece, scripted

from agentkit import Completion, Graph, Node, OpenAIModel, Request, StepError
from agentkit.models.finish_reasons import finish_reason
from agentkit.models.hosted import Settings

WORDS = {
    "stop": ["stop", "STOP", "FinishReason.STOP", "end_turn", "stop_sequence", "eos", "COMPLETE",
             None, "", "null", {"type": "stop", "matched": 2}],
    "length": ["length", "MAX_TOKENS", "model_length", "max_output_tokens", "repetition",
               {"type": "length"}],
    "refusal": ["content_filter", "content-filter", "SAFETY", "FINISH_REASON_RECITATION", "refusal",
                "guardrail_intervened", "PROHIBITED_CONTENT"],
    "tool_calls": ["tool_calls", "function_call", "tool_use", "MALFORMED_FUNCTION_CALL"],
    "error": ["error", "abort", "insufficient_system_resource", "unload", "network_error"],
    "other": ["OTHER"],
    "unspecified": ["FINISH_REASON_UNSPECIFIED"],
    "7": [7],
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "ours"), [(said, ours) for ours, words in WORDS.items() for said in words]
)
def test_the_words_of_the_common_servers_are_known(said, ours):
    assert finish_reason(said) == ours


def test_a_word_that_is_not_known_is_short_and_cannot_steer_a_terminal():
    assert len(finish_reason("x" * 10_000)) < 100
    assert finish_reason("\x1b[2Jgone") == "?[2jgone"


def ended(text, reason, streamed):
    """A reply with a text that ended for a reason."""
    if streamed:
        return 200, piece(text) + piece("", reason) + b"data: [DONE]\n\n"
    message = {"role": "assistant", "content": text}
    return answer(choices=[{"message": message, "finish_reason": reason}])


async def ask(server, streamed, node):
    model = OpenAIModel("m", base_url=server.base_url, settings=Settings(retries=1, timeout_s=5))
    graph = Graph([node])
    if not streamed:
        return (await graph.run(model=model))["a"]
    events = [event async for event in graph.stream(model=model)]
    return next(event.value for event in events if type(event).__name__ == "NodeFinished")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reason", ["error", "SAFETY", "length", "tool_calls", "who_knows"])
def test_half_an_answer_is_never_the_value(reason, streamed):
    half, whole = ended("The kettle", reason, streamed), ended("It boils.", "stop", streamed)
    with scripted(half, whole) as server:
        assert asyncio.run(ask(server, streamed, Node("a", "Well?"))) == "It boils."
    assert len(server.bodies) == 2
    told = len(server.bodies[1]["messages"])
    assert told == (1 if reason == "error" else 3), "the model is told what it did"


LITELLM = {"provider_specific_fields": {"native_finish_reason": "who_knows"}}
OPENROUTER = {"native_finish_reason": "MAX_TOKENS"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (LITELLM, "'who_knows'"),
        (OPENROUTER, "cut off at the token limit"),
        ({"native_finish_reason": "error"}, "broke its answer off: error"),
        ({"native_finish_reason": "eos_of_a_new_model"}, None),
        ({"native_finish_reason": "end_turn", "provider_specific_fields": None}, None),
    ],
)
def test_the_providers_word_counts_where_a_router_says_stop(fields, reason):
    choice = {"message": {"content": "Half"}, "finish_reason": "stop", **fields}
    with scripted(answer(choices=[choice])) as server:
        node = Node("a", "Well?", attempts=1, cut="error")
        if reason is None:
            assert asyncio.run(ask(server, False, node)) == "Half"
            return
        with pytest.raises(StepError, match=reason):
            asyncio.run(ask(server, False, node))


def test_an_unknown_reason_is_told_and_counts_as_an_attempt():
    with scripted(ended("Half", "who_knows", False)) as server:
        with pytest.raises(StepError, match="it ended with 'who_knows' as the reason"):
            asyncio.run(ask(server, False, Node("a", "Well?", attempts=2)))
        otherwise = Node("a", "Well?", attempts=1, otherwise="nothing")
        assert asyncio.run(ask(server, False, otherwise)) == "nothing"
    assert len(server.bodies) == 3


def test_a_server_that_breaks_off_again_and_again_is_named_with_its_words():
    choice = {"message": {"content": "Ha"}, "finish_reason": "error", "error": {"message": "GPU 3"}}
    with (
        scripted(answer(choices=[choice])) as server,
        pytest.raises(StepError, match="broke its answer off: error: GPU 3"),
    ):
        asyncio.run(ask(server, False, Node("a", "Well?")))


@pytest.mark.parametrize("word", ["end_turn", "STOP"])
def test_a_model_of_ones_own_may_use_the_words_of_its_provider(word):
    def model(request: Request) -> Completion:
        return Completion("fine", finish_reason=word)

    assert Graph([Node("a", "Well?")]).run_sync(model=model)["a"] == "fine"


def test_a_stream_is_whole_where_its_end_is_said_in_one_way_or_the_other():
    only_done = piece("It ") + piece("boils.") + b"data: [DONE]\n\n"
    only_reason = piece("It boils.", "stop")
    with scripted((200, only_done), (200, only_reason)) as server:
        for _ in range(2):
            assert asyncio.run(ask(server, True, Node("a", "Well?"))) == "It boils."
    assert len(server.bodies) == 2


def test_a_call_of_a_tool_is_no_answer_and_the_model_is_told():
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    called = answer(
        choices=[{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "stop"}]
    )
    streamed = (200, piece(tool_calls=[call]) + piece("", "stop"))
    for reply, is_stream in ((called, False), (streamed, True)):
        with scripted(reply, ended("fine", "stop", is_stream)) as server:
            assert asyncio.run(ask(server, is_stream, Node("a", "Well?"))) == "fine"
        *_, empty, correction = server.bodies[1]["messages"]
        assert empty["content"], "some servers refuse an empty turn"
        assert "there are no tools here" in correction["content"]
