"""Scores: one of several whole numbers, each with its meaning or without."""

import json
from typing import Any

import pytest

from agentkit.agent import Agent
from agentkit.agentfile.dump import dump_agent
from agentkit.agentfile.load import parse_agent
from agentkit.errors import OutputError, SpecError
from agentkit.graph.graph import Graph
from agentkit.graph.node import Node
from agentkit.outputs.declaration import compile_output, fallback_error
from agentkit.outputs.problem import OutputProblem

NAMED = {"score": {1: "poor", 2: "fair", 3: "very good"}}
PLAIN = {"score": [1, 5]}


def parse(declaration: Any, text: str) -> Any:
    return compile_output(declaration).parse(text, {})


def complaint(declaration: Any, text: str) -> str:
    with pytest.raises(OutputError) as caught:
        parse(declaration, text)
    return str(caught.value)


def test_a_score_asks_for_its_numbers_with_what_they_mean() -> None:
    assert compile_output(NAMED).instruction({}) == (
        "Answer with exactly one of these numbers and nothing else:\n"
        "- 1: poor\n- 2: fair\n- 3: very good"
    )
    assert compile_output(PLAIN).instruction({}) == (
        "Answer with a whole number from 1 to 5 and nothing else."
    )
    assert compile_output(NAMED).json_schema({}) == {"enum": [1, 2, 3], "type": "integer"}
    assert compile_output(PLAIN).json_schema({}) == {"enum": [1, 2, 3, 4, 5], "type": "integer"}
    assert compile_output(NAMED).describe() == "score {1: poor, 2: fair, 3: very good}"


@pytest.mark.parametrize(
    "text",
    [
        "3",
        " 3.",
        "3.0",
        "**3**",
        "3: very good",
        "3 - Very good",
        "very good",
        "Very good (3)",
        "3/3",
        "3 out of 3",
        "I give it 3.",
        "It was nice.\n3",
        "I would call it very good.",
        "```\n3\n```",
        '"3"',
        '{"score": 3}',
    ],
)
def test_a_score_is_read_by_its_number_or_its_meaning(text: str) -> None:
    assert parse(NAMED, text) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4",
        "2.5",
        "-1",
        "1 or 2",
        "great",
        "not fair",
        "poor or fair",
        "- 1: poor\n- 2: fair",
        "1: poor\n2: fair",
        "2/10",
        "true",
    ],
)
def test_what_is_no_score_is_refused(text: str) -> None:
    assert "1 (poor), 2 (fair) or 3 (very good)" in complaint(NAMED, text)
    assert "a whole number from 1 to 5" in complaint(PLAIN, "six")


def test_scores_may_be_below_zero_and_come_in_any_order() -> None:
    declared = {"score": {1: "better", "-1": "worse", 0: "the same"}}
    assert compile_output(declared).json_schema({}) == {"enum": [-1, 0, 1], "type": "integer"}
    for text, value in (("-1", -1), ("worse", -1), ("1: better", 1), ("\u22121", -1)):
        assert parse(declared, text) == value


def test_a_cut_answer_is_a_score_only_where_its_first_line_is_one() -> None:
    read = compile_output(NAMED).parse_cut
    assert read("3: very good\nBecause it", {}) == 3
    for text in ("3", "very good", "I give it 3\nbecause", "3\nor rather 2"):
        with pytest.raises(OutputError):
            read(text, {})


def test_a_field_of_a_schema_may_be_a_score() -> None:
    declared = {"why": "str", "marks": [NAMED], "rank": PLAIN}
    output = compile_output(declared)
    assert output.instruction({}).endswith(
        '{"why": <text>, "marks": [<1 (poor), 2 (fair) or 3 (very good)>, ...], '
        '"rank": <a whole number from 1 to 5>}'
    )
    schema = output.json_schema({})
    assert schema is not None
    assert schema["properties"]["marks"]["items"] == {"enum": [1, 2, 3], "type": "integer"}
    said = {"why": "x", "marks": [1, 2.0, "very good", "2/3"], "rank": "4"}
    assert parse(declared, json.dumps(said)) == {"why": "x", "marks": [1, 2, 3, 2], "rank": 4}
    wrong = {"why": "x", "marks": [True, None], "rank": 9}
    assert complaint(declared, json.dumps(wrong)).splitlines()[1:] == [
        "- marks[0]: expected 1 (poor), 2 (fair) or 3 (very good), found true",
        "- marks[1]: expected 1 (poor), 2 (fair) or 3 (very good), found null",
        "- rank: expected a whole number from 1 to 5, found 9",
    ]


@pytest.mark.parametrize("declared", ["int", ["int"], {"home": "int"}])
def test_a_record_may_have_a_field_called_score(declared: Any) -> None:
    assert compile_output({"score": declared}).fields == frozenset({"score"})


@pytest.mark.parametrize(
    ("declared", "part"),
    [
        ([1], "found [1]"),
        ([5, 1], "the lowest and the highest number"),
        ([1, 2, 3], "found [1, 2, 3]"),
        ([0, 255], "one of 2 to 255 numbers, and these are 256"),
        ([0, 10**30], "the lowest and the highest number"),
        ({1: "poor"}, "one of 2 to 255 numbers"),
        ({1: "poor", "1": "fair"}, "given twice"),
        ({1: "poor", 2: "Poor"}, "given twice"),
        ({1: "poor", 2: None}, "says not in words what 2 means"),
        ({1: "poor", 2: "2"}, "says not in words"),
        ({1: "poor", "b": "fair"}, "'b' is not a whole number"),
    ],
)
def test_a_score_that_cannot_be_says_how_it_is_written(declared: Any, part: str) -> None:
    for declaration, key in (({"score": declared}, "score"), ({"a": {"score": declared}}, "a")):
        with pytest.raises(OutputProblem) as caught:
            compile_output(declaration)
        assert part in caught.value.message
        assert caught.value.key == key


def test_the_numbers_of_a_field_called_score_are_hinted_at() -> None:
    with pytest.raises(OutputProblem, match=r"are \{score: \[1, 5\]\}"):
        compile_output({"why": "str", "score": [1, 5]})
    with pytest.raises(OutputProblem, match=r"Did you mean '\{score: "):
        compile_output("score")


def test_a_fallback_is_one_of_the_numbers() -> None:
    output = compile_output(NAMED)
    assert fallback_error(output, 2) is None
    assert "is not one of the scores" in (fallback_error(output, 7) or "")


def test_a_file_with_scores_survives_the_round_trip() -> None:
    text = """version: 1
name: judge
model: echo
nodes:
  - quality:
      prompt: How good is it?
      output:
        score:
          1: poor
          2: fair
      check:
        that: output > 0
  - all:
      prompt: And all?
      output:
        why: str
        rank:
          score:
            - 1
            - 5
"""
    agent = parse_agent(text)
    assert dump_agent(agent) == text
    declared = {"score": {1: "poor", 2: "fair"}}
    made = Agent(Graph([Node("q", "x", output=declared)]), model="echo")
    assert parse_agent(dump_agent(made)).graph.nodes[0].output == {
        "score": {"1": "poor", "2": "fair"}
    }
    with pytest.raises(SpecError, match="'quality' is a number"):
        parse_agent(text.replace("How good is it", "x").replace("And all?", "'{{ quality.why }}'"))
