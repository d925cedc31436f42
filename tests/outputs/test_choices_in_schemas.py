"""Choices in the fields of a schema: asked for, sent, and read as freely as a choice alone."""

import json
from typing import Any

import pytest

from agentkit.agentfile.load import parse_agent
from agentkit.errors import OutputError, RenderError, SpecError
from agentkit.graph.graph import Graph
from agentkit.graph.node import Node
from agentkit.outputs.declaration import compile_output, fallback_error
from agentkit.outputs.problem import OutputProblem

ACTIONS = ["noop", "move_left 1", "move_left 3", "place_table 1"]
VALUES = {"actions": ACTIONS, "info": {"places": ["hill", "lake"]}}
WAYS = {"choice": "ways"}
DECLARED = {"why": "str", "action": {"choice": "actions"}}


def parse(declaration: Any, answer: Any, values: Any = VALUES) -> Any:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return compile_output(declaration).parse(text, values)


def complaint(declaration: Any, answer: Any) -> str:
    with pytest.raises(OutputError) as caught:
        parse(declaration, answer)
    return str(caught.value)


def test_the_form_and_the_schema_have_the_options_of_the_step() -> None:
    output = compile_output(DECLARED)
    assert output.instruction({"actions": ["a", "b"]}).endswith(
        '{"why": <text>, "action": "a" or "b"}'
    )
    for options in (["a", "b"], ACTIONS):
        schema = output.json_schema({"actions": options})
        assert schema is not None
        assert schema["properties"]["action"] == {"enum": options, "type": "string"}
        assert schema["required"] == ["why", "action"]
    assert output.describe() == "{why: str, action: {choice: actions}}"


@pytest.mark.parametrize(
    "said", ["move_left 3", "Move left 3.", "I will move left 3", "`move_left 3`"]
)
def test_a_field_is_read_as_freely_as_a_choice_alone(said: str) -> None:
    assert compile_output({"choice": "actions"}).parse(said, VALUES) == "move_left 3"
    assert parse(DECLARED, {"why": "x", "action": said}) == {"why": "x", "action": "move_left 3"}
    fixed = {"action": {"choice": ACTIONS}}
    assert parse(fixed, {"action": said}) == {"action": "move_left 3"}
    assert parse({"a": "one of [go left, 'move_left 3']"}, {"a": said}) == {"a": "move_left 3"}


@pytest.mark.parametrize("said", ["fly", "", "noop or move_left 1", "not noop", None, ["noop"], {}])
def test_what_names_no_option_or_several_is_refused(said: Any) -> None:
    text = complaint(DECLARED, {"why": "x", "action": said})
    assert 'action: expected one of "noop", "move_left 1"' in text


def test_an_answer_that_is_almost_an_option_gets_a_hint() -> None:
    text = complaint(DECLARED, {"why": "x", "action": "mov_left 3"})
    assert text.endswith("found \"mov_left 3\". Did you mean 'move_left 3'?")


def test_numbers_and_truth_may_stand_for_the_text_of_an_option() -> None:
    assert parse({"n": {"choice": ["1", "2"]}}, {"n": 2}) == {"n": "2"}
    assert parse({"n": {"choice": ["true", "false"]}}, {"n": True}) == {"n": "true"}


def test_choices_stand_in_lists_and_in_fields_of_fields() -> None:
    declared = [{"steps": [{"choice": "actions"}], "at": {"place": {"choice": "info.places"}}}]
    output = compile_output(declared)
    assert output.reads == {"actions": None, "info": frozenset({"places"})}
    assert [key for key, _ in output.expressions] == ["steps", "at"]
    value = [{"steps": ["noop", "MOVE LEFT 1"], "at": {"place": "the hill"}}]
    read = [{"steps": ["noop", "move_left 1"], "at": {"place": "hill"}}]
    assert parse(declared, value) == read
    assert "[0].steps[1]: expected one of" in complaint(
        declared, [{"steps": ["noop", "fly"], "at": {"place": "hill"}}]
    )
    bounded = {"steps": {"type": [{"choice": "actions"}], "max_items": 1}}
    assert "at most 1 item" in complaint(bounded, {"steps": ["noop", "noop"]})


def test_large_answers_are_read_in_the_same_way() -> None:
    steps = ["Noop"] * 5000
    assert parse([{"choice": "actions"}], steps) == ["noop"] * 5000
    assert "expected one of" in complaint([{"choice": "actions"}], [*steps, "fly"])


def test_without_options_a_schema_says_so_before_the_model_is_asked() -> None:
    output = compile_output(DECLARED)
    for options in ([], None, "noop", [1]):
        with pytest.raises(RenderError, match="'actions' must be a list of"):
            output.instruction({"actions": options})
        with pytest.raises(RenderError, match="'actions' must be a list of"):
            output.json_schema({"actions": options})


def test_a_fallback_is_held_to_all_that_is_known_of_it() -> None:
    output = compile_output(DECLARED)
    assert fallback_error(output, {"why": "none", "action": "noop"}) is None
    assert "why: it is missing" in (fallback_error(output, {"action": "noop"}) or "")
    assert "expected text" in (fallback_error(output, {"why": "x", "action": 3}) or "")
    fixed = compile_output({"a": {"choice": ["left", "right"]}})
    assert "expected one of" in (fallback_error(fixed, {"a": "up"}) or "")


@pytest.mark.parametrize(("said", "read"), [("yes", True), ("No.", False), ("True", True)])
def test_a_field_of_true_or_false_takes_the_words_for_it(said: str, read: bool) -> None:
    """A prompt that asks for yes or no got it, and an episode ended: the field was a bool."""
    assert parse({"sure": "bool"}, {"sure": said}) == {"sure": read}


@pytest.mark.parametrize("said", ["maybe", "yes, but no", "", 1, None])
def test_a_field_of_true_or_false_takes_nothing_else(said: Any) -> None:
    assert "sure: expected true or false" in complaint({"sure": "bool"}, {"sure": said})


def test_what_gives_the_options_is_a_dependency_and_checked_at_load() -> None:
    nodes = [Node("ways", "Where?", output=["str"]), Node("act", "x", output={"w": WAYS})]
    graph = Graph(nodes)
    assert graph.digraph.has_edge("ways", "act")
    answers = {"ways": '["hill", "lake"]', "act": '{"w": "The hill."}'}
    result = graph.run_sync(model=lambda request: answers[request.call.node])
    assert result["act"] == {"w": "hill"}
    with pytest.raises(SpecError, match="unknown name 'ways'"):
        Graph(nodes[1:], inputs=[])


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("{choice: wayz}", "unknown name 'wayz'. Did you mean 'ways'?"),
        ("{choice: ways}", "'ways' is text, and 'choice' needs a list of options"),
    ],
)
def test_a_file_says_where_a_choice_in_a_schema_is_wrong(field: str, message: str) -> None:
    text = f"""model: echo
nodes:
  - ways: x
  - act:
      prompt: y
      output:
        why: str
        go: {field}
"""
    with pytest.raises(SpecError) as caught:
        parse_agent(text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.node) == (8, 22, "act")
    assert problem.message.startswith(message)


@pytest.mark.parametrize("declared", [{"chioce": ["a", "b"]}, {"choise": "report.can"}])
@pytest.mark.parametrize("nested", [False, True])
def test_a_choice_with_a_wrong_letter_is_told_the_right_word(declared, nested):
    with pytest.raises(OutputProblem, match="Did you mean 'choice'"):
        compile_output({"why": "str", "act": declared} if nested else declared)


def test_a_field_may_be_called_nearly_like_a_choice():
    assert compile_output({"choices": ["str"], "why": "str"}).fields == {"choices", "why"}
    assert compile_output({"choices": ["str"]}).fields == {"choices"}
