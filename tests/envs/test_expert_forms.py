"""A rule-based player gives its answers the form that a node asks for."""

import pytest
from agentkit_envs.experts import fitted


def fields(**properties):
    return {"type": "object", "properties": properties}


TEXT, TRUTH, TEXTS = {"type": "string"}, {"type": "boolean"}, {"type": "array", "items": {}}
ANSWER = {"why": "so", "action": "go"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (fields(why=TEXT, action=TEXT), ANSWER),
        (fields(action=TEXT), {"action": "go"}),
        (fields(reason=TEXT, act=TEXT), {"reason": "so", "act": "go"}),
        (fields(why=TEXT, act=TEXT), {"why": "so", "act": "go"}),
        (fields(why=TEXT, action=TEXT, more=TEXT), ANSWER | {"more": ""}),
        (fields(why=TEXT, sure=TRUTH), {"why": "so", "sure": False}),
        (fields(why=TEXT, act=TEXTS), {"why": "so", "act": []}),
    ],
)
def test_fields_are_left_out_renamed_or_empty(schema, value):
    assert fitted(ANSWER, schema) == value


@pytest.mark.parametrize(
    ("options", "option"),
    [
        (["stay", "go"], "go"),
        (["stay", "go 3"], "go 3"),
        (["stay", "goes"], "goes"),
        (["left", "up"], "left"),
    ],
)
def test_of_options_it_takes_its_own_or_the_one_most_like_it(options, option):
    assert fitted(ANSWER, {"type": "string", "enum": options}) == option
