"""Thoughts of a model stand apart from its answer: in the record, never in the value."""

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback.scripted import answer, piece, scripted

from agentkit import Completion, CompletionFile, Graph, Node, OpenAIModel, StepError
from agentkit.models.hosted import Settings
from agentkit.models.thoughts import AnswerText, split_thoughts

APART = {
    "a tag": ("<think>\nhm\n</think>\n\nOslo", "hm", "Oslo"),
    "on one line": ("<think>2 or 5?</think> 7", "2 or 5?", "7"),
    "space in front": ("\n <think>hm</think>Oslo", "hm", "Oslo"),
    "other names": ("<thinking>hm</thinking>Oslo", "hm", "Oslo"),
    "capitals": ("<REASONING>hm</REASONING>Oslo", "hm", "Oslo"),
    "Gemma": ("<thought>hm</thought>Oslo", "hm", "Oslo"),
    "Mistral": ("[THINK]hm[/THINK]Oslo", "hm", "Oslo"),
    "Kimi": ("◁think▷hm◁/think▷Oslo", "hm", "Oslo"),
    "Cohere": (
        "<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>Oslo<|END_RESPONSE|>", "hm", "Oslo"
    ),
    "Harmony": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Oslo"
        "<|return|>", "hm", "Oslo"
    ),
    "Harmony without thoughts": ("<|channel|>final<|message|>Oslo<|return|>", "", "Oslo"),
    "Harmony from its start": (
        "<|start|>assistant<|channel|>final<|message|>Oslo<|return|>", "", "Oslo"
    ),
    "Harmony held to a schema": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final "
        "<|constrain|>json<|message|>[7]<|return|>", "hm", "[7]"
    ),
    "Harmony's commentary": (
        "<|channel|>commentary<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>"
        "Oslo<|return|>", "hm", "Oslo"
    ),
    "a tool in Harmony": (
        "<|channel|>commentary to=functions.x <|constrain|>json<|message|>{}<|call|>",
        "to=functions.x <|constrain|>json<|message|>{}<|call|>", ""
    ),
    "Harmony without its tokens": ("analysisIs it 2?\nYes.assistantfinal2", "Is it 2?\nYes.", "2"),
    "JSON in Harmony without its tokens": ("analysishmassistantfinal json[7]", "hm", "[7]"),
    "Apertus": ("<|inner_prefix|>hm<|inner_suffix|>Oslo", "hm", "Oslo"),
    "two in a row": ("<think>a</think>\n<think>b</think>Oslo", "a\n\nb", "Oslo"),
    "one in the other": ("<think>a <think>b</think> c</think>Oslo", "a <think>b\n\nc", "Oslo"),
    "never closed": ("<think>hm, Oslo", "hm, Oslo", ""),
    "empty": ("<think>\n\n</think>\n\nOslo", "", "Oslo"),
    "begun in the prompt": ("hm\n</think>\n\nOslo", "hm", "Oslo"),
    "begun in the prompt, on one line": ("2 or 5?</think>7", "2 or 5?", "7"),
    "only the end": ("</think>\n\nOslo", "", "Oslo"),
}  # fmt: skip
KEPT = [
    "Oslo",
    "",
    "The tag is written <think>like this</think>.",
    "It ends with </think>.",
    "`</think>` ends it.",
    "Split it:\n```python\ntext.split('</think>')\nre.split(r'x</think>', text)\n```",
    "Write <think> first and </think> last.",
    "analysis: the assistant's final word",
    "Servers write assistantfinal after their analysis.",
    "It is written <|channel|>final<|message|> there.",
    "<thinker>no tag</thinker>",
    "<html><think>inside</think></html>",
]


@pytest.mark.parametrize(("text", "thoughts", "said"), APART.values(), ids=APART.keys())
def test_thoughts_at_the_beginning_are_no_part_of_the_answer(text, thoughts, said):
    assert split_thoughts(text) == (thoughts, said)
    assert split_thoughts(said) == ("", said)


@pytest.mark.parametrize("text", KEPT)
def test_tags_further_down_are_the_authors_text(text):
    assert split_thoughts(text) == ("", text)


TOO_LATE = (
    "begun in the prompt", "begun in the prompt, on one line", "only the end",
    "Cohere", "Harmony", "Harmony without thoughts", "Harmony from its start",
    "Harmony held to a schema", "Harmony's commentary", "Harmony without its tokens",
    "JSON in Harmony without its tokens",
)  # fmt: skip
"""What is known at the end only."""


@pytest.mark.parametrize(
    "text", [text for name, (text, *_) in APART.items() if name not in TOO_LATE] + KEPT
)
@given(cuts=st.lists(st.integers(0, 60), max_size=5))
def test_what_is_shown_while_it_arrives_has_no_thoughts(text, cuts):
    said: list[str] = []
    show = AnswerText(said.append)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for a, b in pairwise(places):
        show(text[a:b])
    assert split_thoughts("".join(said))[1].strip() == split_thoughts(text)[1].strip()
    show.start_again()
    show("Oslo")
    assert said[-1] == "Oslo"


SPLIT = "<think>\nBergen?\n</think>\n\nOslo"
FIELDS = {
    "DeepSeek": {"content": "Oslo", "reasoning_content": "Bergen?"},
    "OpenRouter": {"content": "Oslo", "reasoning": "Bergen?"},
    "Mistral": {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Bergen?"}]},
            {"type": "text", "text": "Oslo"},
        ]
    },
    "in the text": {"content": SPLIT},
}


def finished(model, graph=None):
    async def listen():
        stream = (graph or Graph([Node("a", "A city?")])).stream(model=model)
        return [event async for event in stream]

    events = asyncio.run(listen())
    shown = "".join(event.text for event in events if type(event).__name__ == "NodeText")
    end = next(event for event in events if type(event).__name__ == "NodeFinished")
    return end.value, end.completion, shown.strip()


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("message", FIELDS.values(), ids=FIELDS.keys())
def test_thoughts_are_recorded_wherever_a_server_puts_them(message, streamed):
    whole = answer(choices=[{"message": message, "finish_reason": "stop"}])
    pieces = piece(**message) + piece("", "stop")
    settings = Settings(stream=streamed, timeout_s=5)
    with scripted((200, pieces) if streamed else whole) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=settings)
        value, completion, shown = finished(model)
    assert (value, completion.text.strip(), shown) == ("Oslo", "Oslo", "Oslo")
    assert completion.thoughts.strip() == "Bergen?"
    assert ("stream" in server.bodies[0]) == streamed


@pytest.mark.parametrize("wrong", [7, [7], {"x": 1}, [{"type": "reasoning.encrypted"}], True])
def test_thoughts_of_a_wrong_kind_do_not_spoil_an_answer(wrong):
    message = {"content": "Oslo", "reasoning": wrong}
    with scripted(answer(choices=[{"message": message, "finish_reason": "stop"}])) as server:
        graph = Graph([Node("a", "A city?")])
        assert graph.run_sync(model=OpenAIModel("m", base_url=server.base_url))["a"] == "Oslo"


def test_later_nodes_and_every_kind_of_output_are_without_them():
    graph = Graph([
        Node("city", "A city?"),
        Node("size", "How large is {{ city }}?", output="integer", recall=["city"]),
        Node("sure", "Sure?", output="yes_no"),
        Node("all", "All?", output={"a": "int"}),
    ])  # fmt: skip
    said = {"city": SPLIT, "size": "<think>2 and 5</think>7", "sure": "<think>no, no</think>yes",
            "all": '<think>{"a": 1}</think>{"a": 2}'}  # fmt: skip
    prompts = []

    def model(request):
        prompts.append(json.dumps([message.content for message in request.messages]))
        return said[request.call.node]

    result = graph.run_sync(model=model)
    assert [result[name] for name in said] == ["Oslo", 7, True, {"a": 2}]
    assert not any("Bergen" in prompt for prompt in prompts)


def test_an_answer_inside_a_schemas_object_is_found_behind_thoughts():
    with scripted(answer('<think>[3]</think>{"value": [1, 2]}')) as server:
        graph = Graph([Node("a", "Which?", output=["int"])])
        assert graph.run_sync(model=OpenAIModel("m", base_url=server.base_url))["a"] == [1, 2]


ONLY_THOUGHTS = [
    {"content": "", "reasoning": "Five, so five."},
    {"content": None, "reasoning_content": "Five, so five."},
    {"content": "<think>Five, so"},
]


@pytest.mark.parametrize("message", ONLY_THOUGHTS)
def test_an_answer_of_thoughts_alone_is_unusable_and_says_so(message):
    reply = answer(choices=[{"message": message, "finish_reason": "stop"}])
    with scripted(reply, answer("five"), reply) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=Settings(retries=0))
        assert Graph([Node("a", "How many?")]).run_sync(model=model)["a"] == "five"
        assert "only reasoning came" in server.bodies[1]["messages"][-1]["content"]
        with pytest.raises(StepError, match="only reasoning came"):
            Graph([Node("a", "How many?", attempts=1)]).run_sync(model=model)
        node = Node("a", "How many?", attempts=1, otherwise="none")
        assert Graph([node]).run_sync(model=model)["a"] == "none"


def test_thoughts_up_to_the_limit_of_tokens_are_told_as_that():
    message = {"content": "", "reasoning": "Five, so"}
    reply = answer(choices=[{"message": message, "finish_reason": "length"}])
    graph = Graph([Node("a", "How many?", attempts=1)])
    with scripted(reply) as server:
        model = OpenAIModel("m", base_url=server.base_url)
        with pytest.raises(StepError, match="the token limit was reached in the reasoning"):
            graph.run_sync(model=model)


def test_a_cache_keeps_them_too(tmp_path):
    class Thinker:
        name, reads_variables = "thinker", False

        async def complete(self, request):
            return Completion("Oslo", thoughts="Bergen?")

    async def ask(cache):
        stream = Graph([Node("a", "A city?")]).stream(model=Thinker(), cache=cache)
        events = [event async for event in stream]
        return next(e.completion for e in events if type(e).__name__ == "NodeFinished")

    with CompletionFile(tmp_path / "answers.db") as cache:
        first, second = asyncio.run(ask(cache)), asyncio.run(ask(cache))
    assert first.thoughts == second.thoughts == "Bergen?"
