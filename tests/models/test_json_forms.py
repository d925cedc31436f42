"""Every schema is asked for in a form that servers take, and its answer is read back."""

import pytest
from pydantic import BaseModel

from agentkit.models.json_forms import in_object, is_wrapped, strict, unwrapped
from agentkit.outputs.declaration import compile_output


class Part(BaseModel):
    name: str
    weight: float = 1.0


class Machine(BaseModel):
    parts: list[Part]
    spare: Part | None = None
    labels: list[str] = []


class Tree(BaseModel):
    children: list["Tree"] = []


class Loose(BaseModel):
    counts: dict[str, int]


def schema_of(declaration):
    schema = compile_output(declaration).json_schema({})
    assert schema is not None
    return schema


@pytest.mark.parametrize(
    ("declaration", "text", "sent"),
    [
        ("number", "4.5", '{"value": 4.5}'),
        ("integer", "4", '{"value":4}'),
        ("yes_no", "yes", '{"value": "yes"}'),
        ({"choice": ["go left", "42"]}, "42", '{"value": "42"}'),
        (["str"], '["a", "ü"]', '{"value": ["a", "\\u00fc"]}'),
    ],
)
def test_a_value_that_is_no_object_is_put_into_one_and_taken_out(declaration, text, sent):
    schema = schema_of(declaration)
    form = in_object(schema)
    assert is_wrapped(schema)
    assert form["type"] == "object"
    assert form["properties"]["value"] == schema
    assert strict(form) == form
    assert unwrapped(sent) == text
    output = compile_output(declaration)
    assert output.parse(unwrapped(sent), {}) == output.parse(text, {})


@pytest.mark.parametrize("text", ["plain words", '{"value": 1, "b": 2}', "[1]", "", "3", "{"])
def test_an_answer_that_was_not_put_into_an_object_stays(text):
    assert unwrapped(text) == text


@pytest.mark.parametrize("declaration", [{"a": "str", "b": ["int | null"]}, Machine, Part])
def test_an_object_needs_no_other_and_has_a_strict_form(declaration):
    schema = schema_of(declaration)
    assert not is_wrapped(schema)
    assert in_object(schema) == schema
    form = strict(schema)
    assert form is not None
    assert form["required"] == list(form["properties"])


def test_the_strict_form_requires_every_field_and_has_no_defaults():
    form = strict(schema_of(Machine))
    assert form is not None
    assert form["required"] == ["parts", "spare", "labels"]
    part = form["$defs"]["Part"]
    assert part["required"] == ["name", "weight"]
    assert "default" not in str(form)


def test_definitions_stay_at_the_root_of_a_schema_that_refers_to_itself():
    form = in_object(schema_of(Tree))
    assert "Tree" in form["$defs"]
    assert form["properties"]["value"]["$ref"] == "#/$defs/Tree"
    assert strict(form) is not None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
        {"type": "object", "properties": {"a": {"type": "integer"}}},
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        {"type": "array", "items": {"oneOf": [{"type": "integer"}]}},
        {"anyOf": [{"type": "integer"}, {"not": {"type": "string"}}]},
    ],
)
def test_what_strict_mode_does_not_take_has_no_strict_form(schema):
    assert strict(schema) is None
    assert strict(schema_of(Loose)) is None
