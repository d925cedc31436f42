"""Answers that were cut off: which of them were complete before that, for each kind of output."""

from typing import Any

import pytest

from agentkit.errors import OutputError
from agentkit.outputs.declaration import compile_output

CHOICE = {"choice": ["go", "go left", "right", "+", "++"]}
COMPLETE: list[tuple[Any, str, Any]] = [
    (CHOICE, "go left", "go left"),
    (CHOICE, '"right"', "right"),
    (CHOICE, "go\n", "go"),
    (CHOICE, "**Right**\nFor right is", "right"),
    (CHOICE, "++", "++"),
    ("yes_no", "yes", True),
    ("yes_no", "no", False),
    ("yes_no", "true", True),
    ("yes_no", "Yes because the", True),
    ("yes_no", "No, since the", False),
    ("yes_no", "No \u2013 the", False),
    ("yes_no", "**No**\r\n\r\nThe trees", False),
    ("number", "12\n", 12),
    ("number", "-1.5\n\nThat is since", -1.5),
    ("integer", "**12**.\nSo", 12),
    (float, "3\n", 3.0),
    ({"type": "integer", "maximum": 9}, "3\n", 3),
    ("json", '{"a": 1} is what I', {"a": 1}),
    ("json", "```json\n[1, 2]\n```\nThis [list", [1, 2]),
    ("json", '"a text"', "a text"),
    ("json", "true", True),
    ({"a": "int"}, '{"a": 1}\n{"a": 1}\n{"a"', {"a": 1}),
    ({"a": "int"}, '{"a": 1}\n{', {"a": 1}),
    ({"a": "int"}, '{"b": {"c"} {"a": 1} is', {"a": 1}),
    (["str"], '["a"]\n\n\n', ["a"]),
    (list[int], "[1] and", [1]),
    (str | None, '"a"', "a"),
    ("code", "Here:\n```python\nprint(1)\n```\nThis", "print(1)"),
]
NOT_COMPLETE: list[tuple[Any, str]] = [
    (CHOICE, "go"),
    (CHOICE, "+"),
    (CHOICE, "righ"),
    (CHOICE, "right, since"),
    (CHOICE, "The right\nSo I"),
    (CHOICE, "- go\n- go left\n- right\n- go"),
    (CHOICE, "right\nBut I go left"),
    ("yes_no", "No trees are left, so the answer is"),
    ("yes_no", "No-one"),
    ("yes_no", "Yes or"),
    ("yes_no", "Yes.\nBut no"),
    ("yes_no", "The answer is yes if"),
    ("number", "12"),
    ("number", "12."),
    ("number", "12 "),
    ("number", "12 apples, less"),
    ("number", "There are 12 apples.\nOf these"),
    ("number", "1\n2\n3"),
    ("integer", "1.5\n"),
    ({"type": "integer"}, "12"),
    ("json", "12"),
    ("json", '"a te'),
    ("json", '{"a": {"b": 1}, "c'),
    ({"a": "int"}, '{"a": 1'),
    ({"a": "int"}, '{"a": "x"} is'),
    ({"a": "int"}, 'Not {"a": 1} but {"a": 2'),
    ({"a": "int"}, '{"a": 1}\n['),
    (["str"], '["a", "b'),
    (["str"], '{"value": ["a"'),
    (str | None, "a tex"),
    ({"type": "string", "maxLength": 9}, "a tex"),
    ("code", "```python\nprint(1)\n"),
    ("code", "print(1)"),
    ("code", "```\npip install x\n```\nThen\n```python\nprint("),
    ("code", "```\none\n```\nor\n```\ntwo\n```\nor"),
    ("text", "The whole of a text is never"),
]


@pytest.mark.parametrize(("output", "text", "value"), COMPLETE)
def test_an_answer_that_nothing_can_change_any_more_is_complete(output, text, value):
    read = compile_output(output).parse_cut(text, {})
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(("output", "text"), NOT_COMPLETE)
def test_an_answer_that_the_rest_could_change_is_not_complete(output, text):
    with pytest.raises(OutputError):
        compile_output(output).parse_cut(text, {})
