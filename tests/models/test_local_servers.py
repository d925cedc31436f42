"""Servers on this machine: a default limit, as many calls as slots, fields of their own."""

import asyncio
from typing import Any

import pytest
from loopback.scripted import Scripted, answer, refusal, scripted

from agentkit import (
    Agent,
    Completion,
    CompletionFile,
    Graph,
    InputError,
    Limits,
    Message,
    ModelError,
    Node,
    OpenAIModel,
    Request,
    Sampling,
    SpecError,
    get_model,
    load_agent,
)
from agentkit.events import Event, NodeStarted
from agentkit.execution.request_cache import request_key
from agentkit.models.hosted import Settings
from agentkit.models.token_estimates import most_usage

QUESTION = (Message("user", "Well?"),)


def model_at(server: Scripted, **settings: Any) -> OpenAIModel:
    chosen = Settings(**{"timeout_s": 5, "retries": 1, **settings})
    return OpenAIModel("m", base_url=server.base_url, settings=chosen)


def ask(model: Any, **fields: Any) -> Completion:
    return asyncio.run(model.complete(Request(QUESTION, **fields)))


def started(agent: Agent) -> list[NodeStarted]:
    events: list[Event] = []
    asyncio.run(agent.episode().act(emit=events.append))
    return [event for event in events if isinstance(event, NodeStarted)]


# The default limit on tokens


def test_a_server_on_this_machine_gets_a_default_limit_and_one_that_was_set_comes_first():
    with scripted(answer()) as server:
        ask(model_at(server))
        ask(model_at(server), sampling=Sampling(max_tokens=7))
    assert [body["max_tokens"] for body in server.bodies] == [1024, 7]


@pytest.mark.parametrize("base_url", [None, "https://llm.example.org/v1", "http://10.0.0.7:80/v1"])
def test_other_servers_have_no_default(base_url, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert OpenAIModel("m", base_url=base_url).default_max_tokens is None
    agent = Agent(Graph([Node("a", "x")]), model=OpenAIModel("m", base_url=base_url))
    assert agent.binding.nodes[0].sampling == Sampling()


def test_the_budget_knows_the_default_and_requests_are_recorded_as_they_were():
    with scripted(answer("Oslo")) as server:
        models = {"m": {"use": "openai:m", "base_url": server.base_url, "temperature": 0.5}}
        graph = Graph([Node("a", "x"), Node("b", "y", max_tokens=9)])
        agent = Agent(
            graph, model="m", models=models, limits=Limits(tokens=20_000), action="{{ a }} {{ b }}"
        )
        assert [event.sampling for event in started(agent)] == [
            Sampling(0.5),
            Sampling(0.5, max_tokens=9),
        ]
        request = Request(QUESTION, agent.binding.nodes[0].sampling)
        assert most_usage(agent.binding.nodes[0].model, request).output_tokens == 1024
        assert sorted(body["max_tokens"] for body in server.bodies) == [9, 1024]


def test_an_answer_that_is_cut_off_at_its_limit_says_which_setting_to_change():
    """Models that think at length need more than it."""
    thinking = {"role": "assistant", "content": "", "reasoning_content": "hm"}
    said: Any = answer("la la")
    said[1]["choices"][0]["finish_reason"] = "length"
    said[1]["usage"]["completion_tokens"] = 1024
    with scripted(said) as server:
        detail = ask(model_at(server)).detail
        assert detail.startswith("it was cut off at 1,024 tokens; be shorter.")
        assert "the default of 'max_tokens' on this machine: set a higher one" in detail
        detail = ask(model_at(server), sampling=Sampling(max_tokens=7)).detail
        assert detail == (
            "it was cut off at 7 tokens; be shorter. (That is 'max_tokens': set a higher one.)"
        )
        said[1]["choices"][0]["message"] = thinking
        assert "in its reasoning at 1,024 tokens; think less" in ask(model_at(server)).detail
        said[1]["usage"]["completion_tokens"] = 700  # at the end of what the model can read
        assert ask(model_at(server)).detail == ""


NO_ROOM = [
    "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context "
    "length is 2048 tokens and your request has 1500 input tokens (1024 > 2048 - 1500).",
    "This model's maximum context length is 2048 tokens. However, you requested 2524 tokens (1500 "
    "in the messages, 1024 in the completion). Please reduce the length of the messages.",
]


@pytest.mark.parametrize("words", NO_ROOM)
def test_a_limit_that_nobody_asked_for_is_left_out_after_a_prompt_that_leaves_no_room(words):
    with scripted(refusal(400, words), answer("Oslo")) as server:
        model = model_at(server, retries=0)
        assert ask(model).text == "Oslo"
        ask(model)
        asyncio.run(model.complete(Request((Message("user", "Short."),))))
    assert [body.get("max_tokens") for body in server.bodies] == [1024, None, None, 1024]


@pytest.mark.parametrize("words", NO_ROOM)
def test_a_limit_that_was_asked_for_is_never_left_out(words):
    with (
        scripted(refusal(400, words)) as server,
        pytest.raises(ModelError, match="ower 'max_tokens'"),
    ):
        ask(model_at(server), sampling=Sampling(max_tokens=1000))
    assert len(server.bodies) == 1


# As many calls as there are slots


async def many(model: OpenAIModel, count: int = 12) -> None:
    await asyncio.gather(*(model.complete(Request(QUESTION)) for _ in range(count)))


@pytest.mark.parametrize(
    ("props", "places"),
    [
        ((200, {"total_slots": 3, "model_path": "m.gguf"}), 3),
        ((404, {"detail": "Not Found"}), 16),
        ((200, {"total_slots": 0}), 16),
        ((200, {"total_slots": 10**9}), 16),
        ((200, {"total_slots": True}), 16),
        ((200, {"total_slots": "3"}), 16),
        ((200, {"slots": 3}), 16),
        ((200, [3]), 16),
        ((200, b"<html>"), 16),
        ((307, {"total_slots": 3}), 16),
        ((500, {"error": {"message": "no"}}), 16),
    ],
)
def test_as_many_calls_run_at_once_as_a_server_of_llama_cpp_has_slots(props, places):
    with scripted((200, answer("Oslo")[1])) as server:
        server.props = props
        model = model_at(server)
        for _ in range(2):
            asyncio.run(many(model))
        assert server.props_asked == 1
        assert model._throttle.places == places
        assert len(server.bodies) == 24


def test_a_server_that_is_still_loading_is_asked_for_its_slots_again():
    with scripted(answer("Oslo")) as server:
        server.props = (503, {"error": {"message": "Loading model", "code": 503}})
        model = model_at(server)
        ask(model)
        server.props = (200, {"total_slots": 2})
        asyncio.run(many(model))
        assert (server.props_asked, model._throttle.places) == (2, 2)


def test_a_server_that_never_says_its_slots_gets_the_usual_number_in_the_end():
    with scripted(answer("Oslo")) as server:
        server.props = (503, {"error": {"message": "Loading model", "code": 503}})
        model = model_at(server)
        asyncio.run(many(model))
        assert (server.props_asked, model._throttle.places) == (5, 16)


def test_a_number_that_was_set_comes_first_and_nothing_is_asked():
    with scripted(answer("Oslo")) as server:
        server.props = (200, {"total_slots": 3})
        for number in (5, None):
            model = model_at(server, max_concurrency=number)
            asyncio.run(many(model))
            assert model._throttle.places == number
        assert server.props_asked == 0


# A server's own fields


def test_fields_of_a_servers_own_are_sent_as_they_are():
    extra = {"min_p": 0.05, "grammar": 'root ::= "a"', "lora": [{"id": 0, "scale": 0.5}]}
    with scripted(answer("Oslo")) as server:
        ask(model_at(server, extra=extra))
        ask(model_at(server, extra=extra), extra={"min_p": 0.1, "timeout": 3})
        ask(model_at(server))
    sent = [
        {name: body[name] for name in (*extra, "timeout") if name in body} for body in server.bodies
    ]
    assert sent == [extra, {**extra, "min_p": 0.1, "timeout": 3}, {}]


SMALL = """
name: small
action: "{{{{ a }}}} {{{{ b }}}}"
model: sharp
models:
  sharp: {{use: openai:m, base_url: "{0}", extra: {{min_p: 0.05, grammar: "root ::= x"}}}}
  plain: {{use: openai:m, base_url: "{0}"}}
nodes:
  a: Same?
  b: {{prompt: Same?, model: plain}}
"""


def test_entries_of_one_model_may_differ_in_extra_and_the_record_shows_it(tmp_path):
    file = tmp_path / "small.yaml"
    with scripted(answer("Oslo")) as server:
        file.write_text(SMALL.format(server.base_url))
        events = {event.node: event for event in started(load_agent(file))}
    fields = {"min_p": 0.05, "grammar": "root ::= x"}
    assert events["a"].extra == fields
    assert events["b"].extra is None
    assert sorted(body.get("min_p", 0) for body in server.bodies) == [0, 0.05]


def test_a_request_with_other_extra_fields_is_another_request(tmp_path):
    with scripted(answer("one"), answer("two"), answer("three")) as server:
        graph = Graph([Node("a", "Same?", reuse=True, temperature=0)])

        def value(extra: dict[str, Any]) -> Any:
            model = model_at(server, extra=extra)
            with CompletionFile(tmp_path / "cache.db") as cache:
                return graph.run_sync(model=model, cache=cache)["a"]

        seen = [value(extra) for extra in ({}, {"min_p": 0.1}, {"min_p": 0.2}, {"min_p": 0.1}, {})]
    assert seen == ["one", "two", "three", "two", "one"]


def test_the_key_of_a_request_without_extra_fields_is_what_it_was():
    model = OpenAIModel("m", base_url="https://llm.example.org/v1")
    key = request_key(model, Request(QUESTION, Sampling(temperature=0.5)))
    assert key.hex() == "fbc03591133744a2bee793f455d3b8e9dba8edd65944182dafc17f8afb8ea33d"


REFUSED = {
    "model": "the name after 'openai:'",
    "messages": "the prompts of the nodes",
    "stream": "the setting 'stream'",
    "response_format": "the setting 'structured'",
    "max_tokens": "the setting 'max_tokens'",
    "n_predict": "the setting 'max_tokens'",
    "temperature": "the setting 'temperature'",
    "stop": "the setting 'stop'",
}


@pytest.mark.parametrize(("name", "instead"), REFUSED.items(), ids=REFUSED)
def test_fields_that_agentkit_sends_are_refused_with_what_to_use_instead(name, instead):
    with pytest.raises(InputError, match=f"AgentKit sends '{name}' itself: use .*{instead}"):
        OpenAIModel("m", settings=Settings(extra={name: 1}))
    with pytest.raises(SpecError, match=f"AgentKit sends '{name}' itself"):
        Agent(
            Graph([Node("a", "x")]),
            model="m",
            models={"m": {"use": "openai:m", "extra": {name: 1}}},
        )


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (3, "expected a mapping such as {min_p: 0.05}, found 3"),
        ({"a": {1, 2}}, "extra.a is a set, not a JSON value"),
        ({"a": [float("nan")]}, r"extra.a\[0\] is nan"),
        ({"a": "x" * 100_001}, "has 100,010 bytes, and at most 100,000 are sent"),
        ({"a": "\ud800"}, "half a character"),
        ({"n": 2}, "'n' asks for several answers, and a node takes one"),
        ({"": 1}, "expected the name of a field, found ''"),
        ({1: 1}, "expected the name of a field, found 1"),
        (None, "expected a mapping"),
    ],
)
def test_fields_that_cannot_be_sent_are_refused(extra, words):
    with pytest.raises(InputError, match=words):
        OpenAIModel("m", settings=Settings(extra=extra))


def test_a_request_that_cannot_be_written_is_not_tried_again_as_if_an_answer_were_broken():
    schema = {"enum": ["a\ud800", "b"]}
    with scripted(answer()) as server:
        with pytest.raises(ModelError, match="the request cannot be sent: a lone surrogate"):
            ask(model_at(server), schema=schema)
        assert not server.bodies


def test_a_model_that_cannot_send_extra_fields_says_so():
    for use in ("echo", "langchain:openai:m"):
        models = {"m": {"use": use, "extra": {"a": 1}}}
        with pytest.raises(SpecError, match="takes no 'extra': only openai:, local: models do"):
            Agent(Graph([Node("a", "x")]), model="m", models=models)
    with pytest.raises(InputError, match=r"takes no 'extra'.*bind"):
        get_model("langchain:openai:m", settings=Settings(extra={"a": 1}))


@pytest.mark.parametrize(
    "said",
    [
        refusal(400, "Unrecognized request argument supplied: min_p"),
        refusal(422, "Extra inputs are not permitted", param="min_p"),
        refusal(400, "min_p must be in [0, 1]"),
    ],
)
def test_a_field_that_the_server_refuses_is_named_and_nothing_is_left_out(said):
    words = r"'min_p' stands under 'extra' of the model: change or remove it"
    with scripted(said) as server, pytest.raises(ModelError, match=words):
        ask(model_at(server, extra={"min_p": 7}), sampling=Sampling(temperature=0.5))
    assert len(server.bodies) == 1


def test_a_grammar_and_a_schema_that_contradict_do_not_take_the_schema_from_other_nodes():
    said = refusal(400, 'Either "json_schema" or "grammar" can be specified, but not both')
    schema = {"type": "integer"}
    with scripted(said, answer('{"value": 4}')) as server:
        model = model_at(server)
        with pytest.raises(ModelError, match=r"'grammar' stands under 'extra'.*'structured: off'"):
            ask(model, schema=schema, extra={"grammar": 'root ::= "4"'})
        assert ask(model, schema=schema).text == "4"
    assert all("response_format" in body for body in server.bodies)


@pytest.mark.parametrize("given", [True, "yes", None, "On"])
def test_structured_is_one_of_three_words(given):
    with pytest.raises(InputError, match="structured: expected auto or on or off, found"):
        OpenAIModel("m", settings=Settings(structured=given))
