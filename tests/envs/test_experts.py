"""Rule-based players: guests that go by what the environment shows."""

import json

import pytest
from agentkit_envs.experts import Expert, Sight, fitted

from agentkit import Agent, Graph, Node, RulesModel, StepError
from agentkit.errors import SpecError

SEEN: list[Sight] = []


def follow(before: list[str] | None, sight: Sight) -> list[str]:
    SEEN.append(sight)
    return [*(before or []), f"{sight.action}>{sight.observation}"]


EXPERT = Expert("corridor", follow, {"act": lambda seen: seen[-1], "all": lambda seen: list(seen)})
GRAPH = Graph([Node("all", "What was seen?", output=["str"]), Node("act", "What now? {{ all }}")])


@pytest.fixture(autouse=True)
def _nothing_seen():
    SEEN.clear()


def test_its_state_follows_every_observation_once_with_the_action_before_it():
    agent = Agent(GRAPH, model=RulesModel(EXPERT), action="{{ act }}!")
    said = [agent.act_sync(one) for one in ("a", "b", "c")]
    assert said == ["None>a!", "None>a!>b!", "None>a!>b!>c!"]
    assert [one.observation for one in SEEN] == ["a", "b", "c"]
    agent.reset()
    assert agent.act_sync("z") == "None>z!", "an episode begins with nothing"


def test_it_needs_nothing_of_prompts_context_or_memory():
    nodes = [Node("act", "?", with_context=False, system="")]
    agent = Agent(
        Graph(nodes, context="{{ observation }}"), model=RulesModel(EXPERT), action="{{ act }}"
    )
    assert agent.act_sync("a") == "None>a"


def test_nodes_without_a_rule_are_refused_before_anything_is_asked():
    graph = Graph([Node("act", "?"), Node("actt", "?"), Node("why", "?")])
    with pytest.raises(SpecError) as refused:
        Agent(graph, model=RulesModel(EXPERT), action="act")
    assert {problem.node for problem in refused.value.problems} == {"actt", "why"}
    assert "Did you mean 'act'?" in str(refused.value)
    Agent(graph, model=RulesModel(lambda request: "it says so only when asked"), action="act")


def test_without_an_environment_it_says_what_it_misses():
    with pytest.raises(StepError, match="sees no observation of the game"):
        Graph([Node("act", "?")]).run_sync(model=RulesModel(EXPERT))


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ({"a": 1, "b": [True]},
         {"type": "object", "properties": {"b": {"type": "array", "items": {"type": "boolean"}},
                                           "c": {"type": "string"}, "d": {"type": "integer"}}},
         {"b": [True], "c": "", "d": 1}),
        ({"why": "x", "action": "left"}, {"enum": ["right", "left"]}, "left"),
        ("left 3", {"enum": ["right", "left"]}, "left"),
        ("click e1", {"enum": ["noop", "click e1, the button"]}, "click e1, the button"),
        ("click e1,", {"enum": ["noop", "click e1, the button"]}, "click e1, the button"),
        (True, {"enum": ["yes", "no"]}, "yes"),
        (False, {"enum": ["yes", "no"]}, "no"),
        (None, {"anyOf": [{"type": "number"}, {"type": "null"}]}, None),
        (2, {"anyOf": [{"type": "number"}, {"type": "null"}]}, 2),
        ("x", {"type": "array", "items": {"type": "string"}}, []),
        ({"a": 1, "b": "x"}, {"type": "string"}, "x"),
        ("many", {"type": "integer", "minimum": 1}, 1),
    ],
)  # fmt: skip
def test_answers_get_the_form_that_a_node_asks_for(value, schema, expected):
    assert fitted(value, schema) == expected
    json.dumps(fitted(value, schema))
