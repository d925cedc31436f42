"""Values of other packages in templates: as text, as JSON, or refused; never as a repr."""

from dataclasses import dataclass
from datetime import date

import pytest
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, SecretStr

from agentkit.errors import RenderError
from agentkit.templates.template import compile_expression, compile_template
from agentkit.values import json_copy

CALL = {"name": "look", "args": {"at": "sky"}, "id": "7", "type": "tool_call"}
CALLS = AIMessage("", tool_calls=[CALL])
PICTURE = HumanMessage([{"type": "text", "text": "See"}, {"type": "image_url", "image_url": "x"}])
DOCUMENT = Document("The sky is blue.", metadata={"source": "sky.txt"})
CHAT = [
    SystemMessage("Be brief."),
    HumanMessage("Why?"),
    CALLS,
    ToolMessage("Blue.", tool_call_id="7"),
]


def filled(text, value):
    return compile_template(text).render({"v": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (HumanMessage("Why?"), "Why?"),
        (AIMessageChunk("Because."), "Because."),
        (HumanMessage([{"type": "text", "text": "Why "}, "so?"]), "Why so?"),
        (
            AIMessage([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So."}]),
            "So.",
        ),
        (DOCUMENT, "The sky is blue."),
        (
            ChatPromptTemplate.from_messages([("system", "Be {how}."), ("human", "Why?")]).invoke(
                {"how": "brief"}
            ),
            "system: Be brief.\nuser: Why?",
        ),
    ],
)
def test_a_message_a_document_or_a_prompt_is_its_text(value, text):
    assert filled("{{ v }}", value) == filled("{{ v | string }}", value) == text
    assert json_copy(value) == text


def test_messages_in_a_list_say_who_speaks_and_what_they_call():
    text = (
        '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}, '
        '{"role": "assistant", "content": "", "tool_calls": [{"name": "look", '
        '"args": {"at": "sky"}, "id": "7", "type": "tool_call"}]}, '
        '{"role": "tool", "content": "Blue.", "tool_call_id": "7"}]'
    )
    assert filled("{{ v }}", CHAT) == filled("{{ v | tojson }}", CHAT) == text
    assert filled("{{ v }}", {"chat": CHAT}) == f'{{"chat": {text}}}'
    assert json_copy(CHAT)[1] == {"role": "user", "content": "Why?"}


def test_documents_in_a_list_say_where_they_come_from():
    text = '[{"page_content": "The sky is blue.", "metadata": {"source": "sky.txt"}}]'
    assert filled("{{ v }}", [DOCUMENT]) == text
    assert json_copy((DOCUMENT,))[0]["metadata"] == {"source": "sky.txt"}


def test_their_fields_can_be_read_and_gone_through():
    text = "{% for m in v %}{{ m.type }}: {{ m.content }} {% endfor %}"
    assert filled(text, CHAT[:2]) == "system: Be brief. human: Why? "
    assert filled("{{ v | join(' ') }}", CHAT[:2]) == "Be brief. Why?"
    assert filled("{{ v.page_content }} {{ v.metadata.source }}", DOCUMENT).endswith("sky.txt")
    assert compile_expression("v.text").evaluate({"v": CHAT[1]}) == "Why?"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (PICTURE, "HumanMessage holds a part of the type 'image_url', and only text fits"),
        ([PICTURE], "HumanMessage holds a part of the type 'image_url'"),
        (CALLS, "AIMessage calls tools and has no text"),
        (object(), "a 'object' cannot be written into a text"),
        ([{"deep": object()}], "a 'object' cannot be written into a text"),
    ],
)
def test_what_no_text_can_say_is_refused(value, words):
    with pytest.raises(RenderError, match=words):
        filled("{{ v }}", value)
    with pytest.raises(TypeError):
        json_copy(value)


def test_a_document_whose_metadata_is_not_json_is_shown_but_not_kept():
    dated = Document("x", metadata={"on": date(2026, 1, 2)})
    assert filled("{{ v }}", [dated]).endswith('"metadata": {"on": "2026-01-02"}}]')
    with pytest.raises(TypeError, match=r"docs\[0\].metadata.on is a date, not a JSON value"):
        json_copy([dated], "docs")


@dataclass
class Point:
    """A dataclass."""

    x: int
    said: HumanMessage


class Plan(BaseModel):
    """A model of pydantic."""

    goal: str
    key: SecretStr = SecretStr("hidden")


def test_a_dataclass_and_a_model_of_pydantic_are_shown_as_their_fields():
    point = Point(1, HumanMessage("Why?"))
    assert filled("{{ v }}", point) == '{"x": 1, "said": {"role": "user", "content": "Why?"}}'
    assert filled("{{ v }}", [Plan(goal="rest")]) == '[{"goal": "rest", "key": "**********"}]'


def test_an_object_that_holds_long_texts_counts_with_their_length():
    long = HumanMessage("x" * 1_000_000)
    with pytest.raises(RenderError, match=r"too much work|writes more than"):
        filled("{{ v | tojson | length }}", [long] * 1000)
