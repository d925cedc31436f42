"""Bounds that schemas get: the longest answer fits, and what an author said stays."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agentkit import Graph, Node, Request
from agentkit.outputs.declaration import compile_output
from agentkit.outputs.default_bounds import with_default_bounds

TOKENS = 256
FIELDS = st.recursive(
    st.sampled_from(["str", "int", "float", "bool", "str | null", "one of [a, b]"]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=1)
        | st.dictionaries(st.sampled_from(["why", "steps", "n"]), inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
).filter(lambda declared: not isinstance(declared, str))


def schema_of(declaration: Any) -> dict[str, Any]:
    schema = compile_output(declaration).json_schema({})
    assert schema is not None
    return dict(schema)


def bounded(declaration: Any, tokens: int | None = TOKENS) -> dict[str, Any]:
    return dict(with_default_bounds(schema_of(declaration), tokens))


def longest(schema: Any, root: Any) -> Any:
    """The longest value that a schema allows; KeyError where it has no end."""
    if "$ref" in schema:
        return longest(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "enum" in schema:
        return max(schema["enum"], key=len)
    if "anyOf" in schema:
        return max((longest(part, root) for part in schema["anyOf"]), key=lambda v: len(str(v)))
    match schema["type"]:
        case "string":
            return "x" * schema["maxLength"]
        case "array":
            return [longest(schema["items"], root)] * schema["maxItems"]
        case "object":
            return {name: longest(part, root) for name, part in schema["properties"].items()}
        case "integer":
            return schema["minimum"]
        case "number":
            return schema["minimum"] + schema["multipleOf"]
    return {"boolean": False, "null": None}[schema["type"]]


def tokens_of(schema: dict[str, Any]) -> float:
    """Tokens of the longest answer: three characters each, digits by themselves."""
    text = json.dumps(longest(schema, schema))
    return (len(text) + 2 * sum(map(str.isdigit, text))) / 3


@given(FIELDS, st.integers(50, 4000))
def test_the_longest_answer_under_a_schema_fits_the_tokens(declared: Any, tokens: int) -> None:
    assume(tokens_of(bounded(declared, 0)) <= tokens)
    assert tokens_of(bounded(declared, tokens)) <= tokens


def test_the_room_is_used_and_not_only_kept() -> None:
    for declared in ({"why": "str"}, ["str"], {"goal": "str", "steps": ["str"]}):
        assert tokens_of(bounded(declared)) >= 0.75 * TOKENS


def test_no_limit_on_tokens_is_no_bound() -> None:
    assert bounded({"why": "str", "steps": ["str"]}, None) == schema_of(
        {"why": "str", "steps": ["str"]}
    )


def test_bounds_that_an_author_set_stay_and_the_rest_shares_the_room() -> None:
    schema = bounded({"steps": {"type": ["str"], "max_items": 30}, "why": "str"})
    steps = schema["properties"]["steps"]
    assert steps["maxItems"] == 30
    assert 16 <= steps["items"]["maxLength"] < 20
    named = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9000}}}
    assert with_default_bounds(named, TOKENS) == named
    ages = with_default_bounds({"type": "integer", "minimum": 0, "exclusiveMaximum": 150}, TOKENS)
    assert ages == {"type": "integer", "minimum": 0, "exclusiveMaximum": 150}
    above = with_default_bounds({"type": "integer", "minimum": 10**15}, TOKENS)
    assert above == {"type": "integer", "minimum": 10**15}


def test_numbers_have_digits_with_an_end() -> None:
    schema = bounded({"n": "int", "x": "float"})["properties"]
    for value in (-3, 0, 7.25, 123_456.789):
        jsonschema.validate(value, schema["x"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(10**20, schema["n"])


class Part(BaseModel):
    """A part of a whole."""

    name: str
    tags: list[str]


class Whole(BaseModel):
    """Refers to a part twice."""

    main: Part
    others: list[Part]
    prices: dict[str, int] = Field(default_factory=dict)
    pair: tuple[str, int] = ("", 0)


class Tree(BaseModel):
    """Refers to itself."""

    name: str
    children: list["Tree"]


def test_shared_schemas_of_classes_have_the_bounds_of_their_narrowest_place() -> None:
    schema = bounded(Whole, 2000)
    jsonschema.Draft202012Validator.check_schema(schema)
    wide = bounded(Part, 2000)
    shared = schema["$defs"]["Part"]["properties"]
    assert 16 <= shared["name"]["maxLength"] < wide["properties"]["name"]["maxLength"]
    assert shared["tags"]["maxItems"] < wide["properties"]["tags"]["maxItems"]
    assert schema["properties"]["others"]["maxItems"] > 1
    assert schema["properties"]["prices"]["maxProperties"] > 1
    assert schema["properties"]["pair"]["prefixItems"][0]["maxLength"] > 16
    assert schema["properties"]["pair"]["maxItems"] == 2


@pytest.mark.parametrize(
    "schema",
    [
        schema_of(Tree),
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/properties/b"}, "b": {"type": "array"}}},
        {"enum": ["a", "b"], "type": "string"},
        {"type": "string", "pattern": "^a+$"},
        {"type": "object", "properties": {"day": {"type": "string", "format": "date"}}},
        {"type": "object"},
        {"type": "object", "properties": {"a": True}, "additionalProperties": {}},
    ],
)
def test_schemas_without_an_end_of_their_own_and_those_with_one_stay(schema: Any) -> None:
    assert with_default_bounds(schema, TOKENS) == schema


SEEN: list[Request] = []


def answer(request: Request) -> str:
    SEEN.append(request)
    return json.dumps({"steps": ["walk a long way to the river"] * 40})


def test_a_longer_answer_than_a_bound_that_nobody_set_is_read_all_the_same() -> None:
    graph = Graph([Node("plan", "Plan.", output={"steps": ["str"]}, max_tokens=100)])
    SEEN.clear()
    result = graph.run_sync(model=answer)
    assert len(result["plan"]["steps"]) == 40
    (request,) = SEEN
    assert request.schema == bounded({"steps": ["str"]}, 100)
    (started,) = [event for event in result.trace if type(event).__name__ == "NodeStarted"]
    assert started.schema == request.schema


def test_a_bound_that_the_author_set_is_sent_told_and_held_to() -> None:
    declared = {"steps": {"type": ["str"], "max_items": 3}}
    SEEN.clear()
    node = Node("plan", "Plan.", output=declared, otherwise={"steps": []}, attempts=2)
    result = Graph([node]).run_sync(model=answer)
    assert result["plan"] == {"steps": []}
    first, second = SEEN
    assert first.schema is not None
    assert first.schema["properties"]["steps"]["maxItems"] == 3
    assert "[<text>, ... <at most 3 items>]" in first.prompt
    assert "- steps: expected a list of at most 3 items, found 40" in second.prompt
