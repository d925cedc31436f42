"""Outputs: what they ask for, what they accept, what they tell the model when they do not."""

import json
import re
import subprocess
import sys
import time
import tracemalloc
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel, model_validator

from agentkit.errors import OutputError, RenderError
from agentkit.outputs.declaration import compile_output
from agentkit.outputs.problem import OutputProblem

SCHEMA = {
    "subgoal": "str",
    "steps": ["str"],
    "size": "int",
    "share": "float",
    "sure": "bool",
    "why": "str | null",
    "kind": "one of [tool, food]",
    "place": {"x": "int", "y": "int"},
    "others": [{"name": "str"}],
}
VALID = {
    "subgoal": "wood",
    "steps": ["go", "chop"],
    "size": 3,
    "share": 0.5,
    "sure": True,
    "why": None,
    "kind": "tool",
    "place": {"x": 1, "y": 2},
    "others": [{"name": "a"}],
}
ACTIONS = ["move_left", "move_right", "noop", "go", "go left", "place table"]
DECLARATIONS: list[Any] = [
    "text",
    "number",
    "integer",
    "yes_no",
    "code",
    "json",
    {"choice": "actions"},
    {"choice": ["a", "b"]},
    SCHEMA,
    ["str"],
]


class Plan(BaseModel):
    """A model that a program declares."""

    subgoal: str
    steps: list[str] = []


def parse(declaration: Any, text: str, **values: Any) -> Any:
    return compile_output(declaration).parse(text, values)


def complaint(declaration: Any, text: str, **values: Any) -> str:
    with pytest.raises(OutputError) as caught:
        parse(declaration, text, **values)
    return str(caught.value)


# Text, numbers, yes or no, code


def test_text_is_the_default_and_asks_for_nothing() -> None:
    output = compile_output()
    assert output.describe() == "text"
    assert output.instruction({}) == ""
    assert output.json_schema({}) is None
    assert output.parse("  a\nb \n", {}) == "a\nb"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        ("The answer is **1,234.5**.", 1234.5),
        ("About 50% of it", 50),
        ("\u22123", -3),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("I count 3 cows and 4 trees.\nSo: 7.", 7),
        ("```\n12\n```", 12),
        ("$5, that is all", 5),
        ("x2 has 3 parts", 3),
    ],
)
def test_the_only_number_is_read(text: str, number: float) -> None:
    value = parse("number", text)
    assert value == number
    assert type(value) is type(number)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("none at all", "none was found"),
        ("3 or 4", "these were found: 3, 4"),
        ("3-4", "these were found: 3, 4"),
        ("1e999", "too large"),
        ("NaN", "none was found"),
        ("inf", "none was found"),
        ("3,5", "not a clear number"),
        ("1.2.3", "not a clear number"),
        ("9" * 5000, "not a clear number"),
        ("the 3rd", "none was found"),
    ],
)
def test_an_unclear_number_is_refused(text: str, part: str) -> None:
    assert part in complaint("number", text)


def test_an_integer_must_be_whole() -> None:
    assert parse("integer", "It is 7.") == 7
    value = parse("integer", "7.0")
    assert value == 7
    assert type(value) is int
    assert "whole number, but it is 7.5" in complaint("integer", "7.5")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes.", True),
        ("**No**", False),
        ("yes, because there is no zombie", True),
        ("No - although yes would be nice", False),
        ("There is no food left.\n\nYes", True),
        ("Is it done? There is no sign.\nAnswer: **no**.", False),
        ("Yes.\nThere is no water nearby.", True),
        ("I would say yes", True),
        ("true", True),
        ('"no"', False),
        ("```\nyes\n```", True),
    ],
)
def test_yes_and_no_are_read_in_a_sentence(text: str, value: bool) -> None:
    assert parse("yes_no", text) is value


@pytest.mark.parametrize(
    "text", ["", "maybe", "Yes and no", "yes/no", "No.\nYes.", "no doubt: yes", "yesterday", "know"]
)
def test_both_or_neither_is_no_answer(text: str) -> None:
    assert complaint("yes_no", text).startswith("The answer must be yes or no, but it says")


DOCUMENTED = 'def f():\n    """One.\n\n    ```\n    f()\n    ```\n    """'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\nx = 1\n```\nor\n~~~\n  y = 2\n\n~~~\nDone", "  y = 2"),
        ("x = 1", "x = 1"),
        ("````\n```\ninner\n```\n````", "```\ninner\n```"),
        ("Here:\n```\nnever closed", "never closed"),
        ('```python\ndef f():\n    """One.\n\n    ```\n    f()\n    ```\n    """\n```', DOCUMENTED),
        ("1. Run:\n\n   ```sh\n   ls\n     -l\n   ```", "ls\n  -l"),
        ("- Run:\n    ```\n    ls\n    ```\n- Look.", "ls"),
        ("```\nx = 1\n   ```\nThat is all.", "x = 1"),
        ("```\r\nx = 1\r\n```\r\nDone", "x = 1"),
        ("```\nx = '\u2028'\n```", "x = '\u2028'"),
        ("```\nx = 1\n```\nAnd then:\n```python\n", "x = 1"),
    ],
)
def test_code_is_the_last_block(text: str, code: str) -> None:
    assert parse("code", text) == code


# JSON

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
CONTAINERS = JSON.filter(lambda value: isinstance(value, (list, dict)))
PROSE = st.text().filter(lambda text: not set(text) & set("[]{}"))


@given(PROSE, CONTAINERS, PROSE, st.sampled_from([None, 2]), st.booleans())
def test_json_is_found_in_prose(
    before: str, value: Any, after: str, indent: int | None, ascii_only: bool
) -> None:
    written = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    in_prose = f"{before}{written}{after}"
    assume(not re.fullmatch(r'\s*".*"\s*', in_prose, re.S))  # a text of JSON as a whole
    assert parse("json", in_prose) == value
    assert parse("json", f"{before}\n```json\n{written}\n```\n{after}") == value


@given(JSON)
def test_json_that_is_the_whole_answer_is_found(value: Any) -> None:
    assert parse("json", f" {json.dumps(value)}\n") == value
    assert parse("json", f"```json\n{json.dumps(value)}\n```") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('First {"a": 1}, no: {"a": 2}.', {"a": 2}),
        ('[see the note] {"a": 1} (f[i])', {"a": 1}),
        ('{"a": "}{", "b": ["]"]}', {"a": "}{", "b": ["]"]}),
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ('{"a": 1,} is wrong, {"a": 2} is right', {"a": 2}),
        ('{"a": 1} and then {"a": ', {"a": 1}),
        ('"a [1] b"', "a [1] b"),
    ],
)
def test_the_last_complete_value_is_taken(text: str, value: Any) -> None:
    assert parse("json", text) == value


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no complete one was found"),
        ("It is 3", "no complete one was found"),
        ('{"a": 1, "a": 2}', "the key 'a' is given twice"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ("[1e999]", "1e999 is too large"),
        (f"[{'9' * 5000}]", "too large"),
        ('["\\ud800"]', "broken character"),
        ('{"a": [1, 2], oops}', "broken: "),
        ('{"a": oops, "b": {"c": 1}}', " at line 1, column 7"),
        ('{"a": [1, 2], "b": "x', " at line 1, column 20"),
    ],
)
def test_json_that_cannot_be_read_is_refused(text: str, part: str) -> None:
    assert part in complaint("json", text)


LARGE = 1_000_000
HOSTILE = [
    "[" * LARGE,
    "{" * LARGE,
    '{"a":' * (LARGE // 5),
    '["' * (LARGE // 2),
    "[1," * (LARGE // 3),
    "[ x " * (LARGE // 4),
    "[1] " * (LARGE // 4),
    '{"" ' * (LARGE // 4),
    "[" * 90 + "1," * (LARGE // 2),
    '{"a":' * 90 + '"' + '[\\"' * (LARGE // 3),
    '"' * LARGE,
    "[" * 50_000 + "]" * 50_000,
    "`" * LARGE,
    "```\n" * (LARGE // 4),
    "1," * (LARGE // 2),
    "1" * LARGE,
    "1.1" * (LARGE // 3),
    "yes no " * (LARGE // 7),
    "\\" * LARGE,
    " " * LARGE,
    "\n" * LARGE,
    "go " * (LARGE // 3),
]


@pytest.mark.parametrize("declaration", DECLARATIONS, ids=str)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_a_huge_answer_is_judged_soon(declaration: Any, text: str) -> None:
    output = compile_output(declaration)
    began = time.process_time()
    message = ""
    try:
        output.parse(text, {"actions": ACTIONS})
    except OutputError as error:
        message = str(error)
    assert len(message) < 2_000
    assert time.process_time() - began < 2


@given(st.sampled_from(DECLARATIONS), st.text() | st.text('{}[]",:\\0123456789eE+-.truefalsn `\n'))
def test_any_text_is_either_read_or_refused_with_an_output_error(
    declaration: Any, text: str
) -> None:
    try:
        value = parse(declaration, text, actions=ACTIONS)
    except OutputError:
        return
    assert json.loads(json.dumps(value)) == value


# Choice


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("move_left", "move_left"),
        ('"Move left."', "move_left"),
        ("**NOOP**", "noop"),
        ("I think the best is place_table.", "place table"),
        ("There is a cow to the left.\nAction: noop", "noop"),
        ("go", "go"),
        ("I will go left now", "go left"),
        ("```\nnoop\n```", "noop"),
        ("go\nBecause the way to move_left is blocked.", "go"),
        ("**go**\n\nReason: there is nothing to do left.", "go"),
        ("Sure:\nmove_left\nI hope this helps.", "move_left"),
        ("I would not go left.\nnoop", "noop"),
    ],
)
def test_an_option_is_recognised(text: str, option: str) -> None:
    assert parse({"choice": "actions"}, text, actions=ACTIONS) == option
    assert parse({"choice": ACTIONS}, text) == option


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, unique=True), st.data())
def test_every_option_is_recognised_as_it_is_written(options: list[str], data: Any) -> None:
    option = data.draw(st.sampled_from([text for text in options if text == text.strip()] or [""]))
    if option and not option.startswith(("```", "~~~")):
        assert parse({"choice": "xs"}, option, xs=options) == option
        assert parse({"choice": "xs"}, json.dumps(option), xs=options) in options


@pytest.mark.parametrize(
    "text",
    ["", "fly", "noop or go", "I will not noop", "go and go left", "nooped", "x\ngo\ny",
     "go\nNo, noop.", "go\nnoop is better.", "go\nnoop\nBoth would work."],
)  # fmt: skip
def test_what_is_not_one_option_is_refused(text: str) -> None:
    message = complaint({"choice": "actions"}, text, actions=ACTIONS)
    assert "Answer with exactly one of: move_left, move_right, noop" in message


def test_a_refusal_suggests_the_nearest_option_and_lists_only_some() -> None:
    message = complaint({"choice": "xs"}, "option_7x", xs=[f"option_{n}" for n in range(100)])
    assert "Did you mean 'option_7" in message
    assert "(and 70 more)" in message


def test_options_that_differ_only_in_case_need_the_exact_text() -> None:
    assert parse({"choice": ["a", "A"]}, "A") == "A"
    assert parse({"choice": ["+", "-"]}, "-") == "-"
    assert "exactly one of" in complaint({"choice": ["ab", "AB"]}, "Ab")


@pytest.mark.parametrize(
    ("actions", "part"),
    [(None, "it is null"), ([], "an empty list"), ("abc", "'abc'"), ([1], "it has 1")],
)
def test_a_choice_without_options_says_so(actions: Any, part: str) -> None:
    output = compile_output({"choice": "actions"})
    for use in (output.instruction, output.json_schema, lambda values: output.parse("a", values)):
        with pytest.raises(RenderError, match="choice: 'actions' must be a list") as caught:
            use({"actions": actions})
        assert part in str(caught.value)


def test_a_choice_lists_its_options_and_reads_its_names() -> None:
    output = compile_output({"choice": "info.actions"})
    values = {"info": {"actions": ["b", "a", "b"]}}
    assert output.reads == {"info": frozenset({"actions"})}
    assert output.instruction(values).endswith("nothing else:\n- b\n- a")
    assert output.json_schema(values) == {"enum": ["b", "a"], "type": "string"}
    assert output.describe() == "choice of info.actions"
    assert compile_output({"choice": ["a"]}).reads == {}


# Schemas


def test_a_value_that_fits_the_schema_is_returned() -> None:
    text = f"Here it is:\n```json\n{json.dumps(VALID, indent=2)}\n```"
    assert parse(SCHEMA, text) == VALID


def test_the_json_schema_accepts_what_the_parser_accepts() -> None:
    schema = compile_output(SCHEMA).json_schema({})
    assert schema is not None
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(VALID, schema)
    for broken in ({**VALID, "more": 1}, {**VALID, "size": "3"}, {"subgoal": "x"}):
        assert not jsonschema.Draft202012Validator(schema).is_valid(broken)
        with pytest.raises(OutputError):
            parse(SCHEMA, json.dumps(broken))


def test_every_object_of_a_schema_is_closed_and_needs_all_fields() -> None:
    schema = compile_output(SCHEMA).json_schema({})
    assert schema is not None
    objects = [schema, schema["properties"]["place"], schema["properties"]["others"]["items"]]
    for part in objects:
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])


def test_a_schema_asks_with_a_form_to_fill_in_in_declared_order() -> None:
    declared = {
        "why": "str",
        "answer": "bool",
        "level": "one of [low, high]",
        "times": "int | null",
        "parts": [{"name": "str", "share": "float"}],
    }
    assert compile_output(declared).instruction({}) == (
        "Answer with one JSON object and nothing else, in this form:\n"
        '{"why": <text>, "answer": true or false, "level": "low" or "high", '
        '"times": <whole number> or null, "parts": [{"name": <text>, "share": <number>}, ...]}'
    )
    assert compile_output(["str"]).instruction({}) == (
        "Answer with one JSON list and nothing else, in this form:\n[<text>, ...]"
    )


@pytest.mark.parametrize("declaration", [*DECLARATIONS[1:], {"why": "str"}, ["int"], Plan])
def test_what_an_output_asks_for_is_no_answer_when_it_comes_back(declaration: Any) -> None:
    """A small model gave back `{"why": "..."}`, which was the form, and it was taken."""
    output = compile_output(declaration)
    asked = output.instruction({"actions": ACTIONS})
    form = asked if output.describe().startswith("choice") else asked.rpartition("\n")[2]
    for copy in (asked, form, f"Here it is:\n{asked}"):
        with pytest.raises(OutputError):
            output.parse(copy, {"actions": ACTIONS})


@pytest.mark.parametrize(
    ("declaration", "text"),
    [
        ({"why": "str"}, '{"why": "<text>"}'),
        ({"why": "str", "n": "int"}, '{"why": "<text>", "n": 3}'),
        (
            {"why": "str | null", "parts": [{"a": "str"}]},
            '{"why": null, "parts": [{"a": "<text>"}]}',
        ),
        (["str"], '["<text>"]'),
        (["str"], '["<text>", "..."]'),
        (
            [{"type": "str", "max_length": 80}],
            '["<text of at most 80 characters>"]',
        ),
        ({"type": "object"}, '{"type": "object"}'),
        (dict[str, str], json.dumps(compile_output(dict[str, str]).schema)),
    ],
)
def test_a_form_whose_blanks_got_quotes_is_no_answer(declaration: Any, text: str) -> None:
    assert "only repeats the form" in complaint(declaration, text)


def test_an_answer_about_blanks_is_an_answer() -> None:
    assert parse(["str"], '["<rect>", "<text>"]') == ["<rect>", "<text>"]
    assert parse({"why": "str"}, '{"why": "..."}') == {"why": "..."}
    assert parse({"n": "int"}, '{"n": 3}') == {"n": 3}
    assert parse("code", "print('Put the code into one block')")


def test_bounds_of_texts_and_lists_are_asked_for_sent_and_held_to() -> None:
    declared = {
        "goal": {"type": "str", "max_length": 5},
        "why": {"type": "str | null", "max_length": 5},
        "steps": {"type": [{"type": "str", "max_length": 5}], "max_items": 1},
    }
    output = compile_output(declared)
    assert output.describe() == (
        "{goal: {type: str, max_length: 5}, why: {type: str | null, max_length: 5}, "
        "steps: {type: [{type: str, max_length: 5}], max_items: 1}}"
    )
    assert output.instruction({}).endswith(
        '{"goal": <text of at most 5 characters>, "why": <text of at most 5 characters> or null, '
        '"steps": [<text of at most 5 characters>, ... <at most 1 item>]}'
    )
    fits = {"goal": "five!", "why": None, "steps": ["abc"]}
    assert output.parse(json.dumps(fits), {}) == fits
    long = {"goal": "sixsix", "why": "x" * 2000, "steps": ["a", "sixsix"]}
    long_step = {**fits, "steps": ["sixsix"]}
    assert complaint(declared, json.dumps(long)).splitlines()[1:] == [
        "- goal: expected text of at most 5 characters, found 6 characters",
        "- why: expected text of at most 5 characters or null, found 2,000 characters",
        "- steps: expected a list of at most 1 item, found 2",
    ]
    assert "- steps[0]: expected text of at most 5" in complaint(declared, json.dumps(long_step))
    schema = output.json_schema({})
    assert schema is not None
    assert jsonschema.Draft202012Validator(schema).is_valid(fits)
    assert not jsonschema.Draft202012Validator(schema).is_valid({**fits, "goal": "sixsix"})
    assert not jsonschema.Draft202012Validator(schema).is_valid({**fits, "steps": ["a", "b"]})


@pytest.mark.parametrize(("most", "size", "found"), [(3, 7, "7"), (3, 9000, "100 or more")])
def test_a_list_that_is_too_long_is_refused_at_any_size(most: int, size: int, found: str) -> None:
    for declared in ({"type": ["int"], "max_items": most}, {"type": "[int]", "max_items": most}):
        text = complaint(declared, json.dumps([1] * size))
        assert f"the answer: expected a list of at most {most} items, found {found}" in text
    assert "at most 5000 items" in complaint(
        {"type": ["int"], "max_items": 5000}, json.dumps([1] * 9000)
    )


@pytest.mark.parametrize(
    ("declaration", "part"),
    [
        ({"a": {"type": "int", "max_length": 3}}, "this type has no max_length"),
        ({"a": {"type": "str", "max_items": 3}}, "{type: str, max_length: 200}"),
        ({"a": {"type": ["str"], "max_length": 3}}, "{type: [str], max_items: 5}"),
        ({"a": {"type": ["str"], "maxItems": 3}}, "Did you mean 'max_items'?"),
        ({"a": {"type": "str", "max": 3}}, "'max' is no bound of a type"),
        ({"a": {"type": "str", "max_length": 0}}, "must be a whole number of 1 or more"),
        ({"a": {"type": "str", "max_length": 1.5}}, "but it is 1.5"),
        ({"a": {"type": "str", "max_length": True}}, "but it is True"),
        ({"a": {"list": "str", "max_items": 5}}, "{type: [str], max_items: 5}"),
        ({"type": "str", "max_length": 5}, "'max_tokens' of its node"),
        ({"a": {"type": "strr", "max_length": 5}}, "Did you mean 'str'?"),
    ],
)
def test_a_bound_that_cannot_be_says_how_it_is_written(declaration: Any, part: str) -> None:
    with pytest.raises(OutputProblem) as caught:
        compile_output(declaration)
    assert part in str(caught.value)


def test_a_field_may_still_be_called_type() -> None:
    declared = {"type": "str", "max_length": "int"}
    assert parse(declared, '{"type": "x", "max_length": 3}') == {"type": "x", "max_length": 3}


def test_all_faults_are_told_at_once_in_words() -> None:
    broken = {
        "subgoal": 1,
        "steps": ["a", 2],
        "size": 1.5,
        "share": "x",
        "sure": 1,
        "why": [],
        "kind": "weapon",
        "place": {"x": 1},
        "others": [{"name": "a"}, {"nam": "b"}],
        "extra": 1,
    }
    assert complaint(SCHEMA, json.dumps(broken)).splitlines() == [
        "The JSON does not fit the schema:",
        "- subgoal: expected text, found 1",
        "- steps[1]: expected text, found 2",
        "- size: expected a whole number, found 1.5",
        '- share: expected a number, found "x"',
        "- sure: expected true or false, found 1",
        "- why: expected text or null, found []",
        '- kind: expected one of "tool", "food", found "weapon"',
        "- place.y: it is missing; expected a whole number",
        "- others[1].name: it is missing; expected text",
        "- others[1].nam: there is no such field; the fields are: name",
        "- extra: there is no such field; the fields are: "
        "subgoal, steps, size, share, sure, why, kind, place, others",
    ]


def test_numbers_are_strict_but_a_whole_float_is_an_integer() -> None:
    value = parse({"n": "int", "x": "float"}, '{"n": 3.0, "x": 2}')
    assert value == {"n": 3, "x": 2.0}
    assert type(value["n"]) is int
    assert 'n: expected a whole number, found "3"' in complaint({"n": "int"}, '{"n": "3"}')
    assert "n: expected a whole number, found true" in complaint({"n": "int"}, '{"n": true}')


def test_names_that_pydantic_uses_itself_are_ordinary_fields() -> None:
    names = "schema json copy dict model_config model_dump validate fields field_0 class_ self"
    declaration = dict.fromkeys(names.split(), "int")
    value = {name: number for number, name in enumerate(declaration)}
    assert parse(declaration, json.dumps(value)) == value


@pytest.mark.parametrize(
    ("declaration", "described", "text", "value"),
    [
        (["str"], "[str]", '["a", "b"]', ["a", "b"]),
        ("[str]", "[str]", "[]", []),
        (["int | null"], "[int | null]", "[1, null]", [1, None]),
        ([["int"]], "[[int]]", "[[1], []]", [[1], []]),
        ([{"a": "str"}], "[{a: str}]", 'So: [{"a": "x"}]', [{"a": "x"}]),
        ({"a": "[str]"}, "{a: [str]}", '{"a": ["x"]}', {"a": ["x"]}),
        ({"a": "null | int"}, "{a: int | null}", '{"a": null}', {"a": None}),
        ({"a": "[int] | null"}, "{a: [int] | null}", '{"a": [1]}', {"a": [1]}),
        ({"a": "one of [x, 'y, z']"}, "{a: one of [x, y, z]}", '{"a": "y, z"}', {"a": "y, z"}),
        ({"a": {"b": {"c": "int"}}}, "{a: {b: {c: int}}}", '{"a":{"b":{"c":1}}}', None),
        ({"choice": "str", "b": "int"}, "{choice: str, b: int}", '{"choice":"x","b":1}', None),
    ],
)
def test_the_forms_of_a_schema(declaration: Any, described: str, text: str, value: Any) -> None:
    output = compile_output(declaration)
    assert output.describe() == described
    assert output.parse(text, {}) == (json.loads(text) if value is None else value)


def test_the_wrong_kind_of_json_is_named() -> None:
    assert "must be a JSON object ({...}), but it is a JSON list" in complaint(SCHEMA, "[1]")
    assert "must be a JSON list ([...]), but it is a JSON object" in complaint(["str"], '{"a": 1}')


def test_a_pydantic_model_is_a_schema() -> None:
    output = compile_output(Plan)
    assert output.describe() == "Plan"
    assert output.parse('{"subgoal": "wood"}', {}) == {"subgoal": "wood", "steps": []}
    assert "- subgoal: it is missing" in complaint(Plan, '{"steps": []}')
    assert "https://" not in complaint(Plan, '{"subgoal": 3}')
    schema = output.json_schema({})
    assert schema is not None
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("declaration", "key", "part"),
    [
        ("string", None, "Did you mean 'text'?"),
        ("boolean", None, "Did you mean 'yes_no'?"),
        ("jsn", None, "Did you mean 'json'?"),
        ("one of [a, b]", None, "write {choice: [a, b]}"),
        (3, None, "not 3"),
        (None, None, "not None"),
        (object, None, "object says nothing about its JSON"),
        ({}, None, "no fields"),
        ([], None, "one type in it"),
        (["str", "int"], None, "one type in it"),
        ({"a": "string"}, "a", "unknown type 'string'. Did you mean 'str'?"),
        ({"a": "boolean"}, "a", "Did you mean 'bool'?"),
        ({"a": "strr"}, "a", "Did you mean 'str'?"),
        ({"a": {"b": "strr"}}, "a", "unknown type 'strr'"),
        ({"a": ["x", "y"]}, "a", '"one of [a, b]"'),
        ({"a": None}, "a", "it has no type"),
        ({"a": 3}, "a", "3 is not a type"),
        ({"a": {}}, "a", "no fields"),
        ({"a": "one of []"}, "a", "at least one value"),
        ({"a": "one of [x, x]"}, "a", "a value twice"),
        ({"a": "one of [x y', z]"}, "a", "cannot be read"),
        ({"a": {"choice": ["x", 2]}}, "a", "2 is not a text; put quotes around it"),
        ({"a": {"choice": []}}, "a", "needs a list of texts"),
        ({"a": [{"b": {"choice": "a b"}}]}, "a", "'b' was not expected here"),
        ({"a": {"choice": "left", "right": None}}, "a", "{choice: [left, right]}"),
        ({"_a": "str"}, "_a", "cannot be the name of a field"),
        ({"two words": "str"}, "two words", "cannot be the name of a field"),
        ({True: "str"}, "True", "cannot be the name of a field"),
        ({"choice": []}, "choice", "needs a list of texts"),
        ({"choice": None}, "choice", "needs a list of texts"),
        ({"choice": [1, 2]}, "choice", "1 is not a text; put quotes around it"),
        ({"choice": ["a", "a"]}, "choice", "given twice"),
        ({"choice": "a b"}, "choice", "'b' was not expected here"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(
    declaration: Any, key: str | None, part: str
) -> None:
    with pytest.raises(OutputProblem) as caught:
        compile_output(declaration)
    assert part in caught.value.message
    assert caught.value.key == key


def test_a_schema_that_contains_itself_is_refused() -> None:
    declaration: dict[str, Any] = {}
    declaration["a"] = declaration
    with pytest.raises(OutputProblem, match="nested more than"):
        compile_output(declaration)


def test_importing_outputs_does_not_import_pydantic() -> None:
    code = "import sys, agentkit.outputs.declaration; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Count(BaseModel):
    """A model that reads numbers from texts."""

    n: int


@pytest.mark.parametrize(
    ("declaration", "answer"),
    [
        ("integer", "NUMBER"),
        ("number", "NUMBER"),
        ("integer", "1e30"),
        ("json", "NUMBER"),
        ("json", '{"a": [NUMBER]}'),
        ("json", "9" * 5000),
        ({"n": "int"}, '{"n": NUMBER}'),
        ({"n": "int"}, '{"n": 1e30}'),
        (["int"], "[1, NUMBER]"),
        (Count, '{"n": "NUMBER"}'),
    ],
)
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_whole_number_beyond_64_bits_is_too_large(
    declaration: Any, answer: str, number: int
) -> None:
    with pytest.raises(OutputError, match="is too large"):
        compile_output(declaration).parse(answer.replace("NUMBER", str(number)), {})


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_the_largest_whole_numbers_of_64_bits_are_read(number: int) -> None:
    assert compile_output("integer").parse(str(number), {}) == number
    assert compile_output({"n": "int"}).parse(f'{{"n": {number}}}', {}) == {"n": number}


class Tree(BaseModel):
    """A model with itself inside, whose schema begins with a reference."""

    parts: list["Tree"]


@pytest.mark.parametrize(
    ("model", "kind", "text", "value"),
    [
        (RootModel[list[int]], "list", "So: [1, 2]", [1, 2]),
        (RootModel[dict[str, int]], "object", 'So: {"a": 1}', {"a": 1}),
        (RootModel[int], "value", "3", 3),
        (RootModel[int | list[int]], "value", "So: [4]", [4]),
        (Tree, "object", 'So: {"parts": []}', {"parts": []}),
    ],
)
def test_a_pydantic_model_of_any_kind_of_value_can_be_answered(model, kind, text, value):
    output = compile_output(model)
    assert f"one JSON {kind} " in output.instruction({})
    assert output.parse(text, {}) == value


@pytest.mark.parametrize(
    "answer",
    [
        "- left\n- right",
        "left\nright",
        "1. left\n2. right",
        "- left\n\n- right\n",
        "* left: west\n* right: east",
        "a) left\nb) right",
        "Answer with exactly one of these options and nothing else:\n- left\n- right",
        "```\n- left\n- right\n```",
    ],
)
def test_an_answer_that_lists_the_options_has_chosen_none(answer):
    """The last one was taken, so a model that repeats its question always took the last option."""
    with pytest.raises(OutputError):
        compile_output({"choice": ["left", "right"]}).parse(answer, {})


@pytest.mark.parametrize(
    "answer",
    [
        "I think left is bad.\nright",
        "Options:\n- left\n- right\n\nAnswer: right",
        "- left\n- right\nright",
        "- I see a tree at the left\n- So: right",
        "- right",
    ],
)
def test_an_option_after_a_list_or_a_thought_is_the_choice(answer):
    assert compile_output({"choice": ["left", "right"]}).parse(answer, {}) == "right"


@pytest.mark.parametrize("declared", ["int | null", "null | int", "[str] | null"])
def test_a_field_that_may_be_null_may_be_missing(declared):
    """It was refused, although the documentation calls it a type that may be missing."""
    output = compile_output({"title": "str", "extra": declared, "inner": {"x": "str | null"}})
    value = output.parse('{"title": "Fire", "inner": {}}', {})
    assert value == {"title": "Fire", "extra": None, "inner": {"x": None}}
    with pytest.raises(OutputError, match="title: it is missing"):
        output.parse('{"extra": null, "inner": {}}', {})


# Large answers

MANY = 100_000


@pytest.mark.parametrize(
    ("declaration", "value", "said"),
    [
        (["str"], [1] * MANY, r"\[0\]: expected text, found 1"),
        (["str"], ["a"] * 500 + [1] * MANY, r"\[500\]: expected text, found 1$"),
        ([{"a": "str"}], [{"b": 1}] * MANY, r"\[0\].a: it is missing"),
        ({"a": "str"}, {f"k{i}": i for i in range(MANY)}, "a: it is missing"),
        ({"a": "str"}, {"a": ["x"] * MANY}, "a: expected text, found "),
        ({"a": "[int] | null"}, {"a": ["x"] * MANY}, r"a\[0\]: expected a whole number"),
    ],
)
def test_a_large_answer_of_the_wrong_kind_is_told_of_at_once(declaration, value, said):
    """A million wrong items once took 500 bytes for each byte of the answer."""
    text = json.dumps(value)
    tracemalloc.start()
    said_of_it = complaint(declaration, text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert re.search(said, said_of_it, re.MULTILINE)
    assert len(said_of_it) < 4000
    assert peak < 50 * len(text) + 2**21


def test_a_large_answer_of_the_right_kind_is_read_whole():
    value = [{"a": i, "b": None} for i in range(5000)]
    assert parse([{"a": "int", "b": "str | null"}], json.dumps(value)) == value


def test_the_errors_of_a_models_own_class_are_not_all_written_out():
    class Numbers(BaseModel):
        numbers: list[int]

    wrong = json.dumps({"numbers": ["x"] * MANY})
    assert "numbers[0]" in complaint(Numbers, wrong).replace(".0", "[0]")
    late = json.dumps({"numbers": [1] * 500 + ["x"] * MANY})
    assert complaint(Numbers, late).endswith("100,000 places in it are wrong.")


def test_a_length_is_asked_of_the_whole_list_of_a_large_answer():
    class Long(BaseModel):
        numbers: list[int] = Field(min_length=3000)

        @model_validator(mode="after")
        def ends_with_a_seven(self):
            assert self.numbers[-1] == 7
            return self

    value = {"numbers": [*range(4000), 7]}
    assert parse(Long, json.dumps(value)) == value
    assert "at least 3000" in complaint(Long, json.dumps({"numbers": [1] * 2500}))
