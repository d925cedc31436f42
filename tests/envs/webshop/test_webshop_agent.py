"""The shipped shopping agents: they shop like the expert by itself, whatever their wording."""

import re

import pytest
from agentkit_envs.webshop.env import WebShopEnv
from agentkit_envs.webshop.expert import answer
from agentkit_envs.webshop.strategy.player import play
from envs.webshop_played import play_visit

from agentkit import load_agent
from agentkit.agentfile.load import find_agent, parse_agent

AGENTS = ["webshop", "webshop_decide"]


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """A shop of 300 generated products."""
    return WebShopEnv(products=300, cache=tmp_path_factory.mktemp("shop"))


def expected(observations):
    """What the expert by itself does after each of some observations."""
    known, actions = None, []
    for observation in observations:
        action, known = play(observation, known)
        actions.append(action)
    return actions


@pytest.mark.parametrize("seed", range(5))
def test_the_agent_shops_exactly_like_the_expert_by_itself(env, seed):
    """And the answers of all its nodes fit their schemas and checks at once."""
    played = play_visit(load_agent(find_agent("webshop")), env, seed)
    assert played.actions == expected(played.observations)
    assert played.info["purchase"] is not None
    assert played.retried == []


@pytest.mark.parametrize("seed", range(5))
def test_the_agent_that_decides_clicks_like_the_expert_and_searches_once(env, seed):
    """It cannot search in the expert's words, and leaves out what leads to nothing new."""
    played = play_visit(load_agent(find_agent("webshop_decide")), env, seed)
    assert played.actions[0] == f"search[{played.info['instruction']}]"
    for action, best in zip(played.actions, expected(played.observations), strict=True):
        assert action == best or best.startswith("search[")
    assert played.info["purchase"] is not None
    assert played.retried == []


def test_the_agent_that_decides_buys_the_right_things(env):
    rewards = [
        play_visit(load_agent(find_agent("webshop_decide")), env, seed).reward for seed in range(20)
    ]
    assert sum(rewards) / len(rewards) > 0.8


@pytest.mark.parametrize("name", AGENTS)
def test_the_expert_has_a_rule_for_every_model_node(name):
    nodes = load_agent(find_agent(name)).graph.nodes
    assert {node.name for node in nodes if not node.function} <= {*answer.nodes}


RENAMED = {
    "why": "reason", "promise": "mark", "fits": "grade", "choose": "values", "met": "good",
    "missing": "bad", "unsure": "open", "product": "thing", "search": "begin_with",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_the_rules_need_no_wording_of_a_prompt_no_context_and_no_names_of_fields(env, seed):
    text = find_agent("webshop").read_text(encoding="utf-8")
    bare = re.sub(r"    prompt: \|\n(      .*\n|\n)+", "    prompt: Go on.\n", text)
    bare = re.sub(r"(system|context): \|\n(  .*\n|\n)+", "", bare)
    for old, new in RENAMED.items():
        bare = re.sub(rf"^( +(?:- )?){old}:", rf"\1{new}:", bare, flags=re.MULTILINE)
        bare = bare.replace(f"output.{old}", f"output.{new}").replace(
            f"wanted.{old}", f"wanted.{new}"
        )
    marks = """previous.compared | map(attribute="thing") | list"""
    bare = bare.replace("marks: previous.compared", "marks: none").replace(marks, "none")
    assert bare.count("prompt: Go on.") == 4
    played = play_visit(parse_agent(bare), env, seed)
    assert played.actions == expected(played.observations)
    assert played.retried == []


def test_the_rules_do_not_need_the_prompts_to_stand_after_a_context(env):
    text = find_agent("webshop").read_text(encoding="utf-8")
    bare = text.replace("    output:\n", "    with_context: false\n    output:\n")
    played = play_visit(parse_agent(bare), env, 0)
    assert played.actions == expected(played.observations)


@pytest.mark.parametrize("name", AGENTS)
def test_a_model_that_names_no_action_still_does_something_that_is_understood(env, name):
    agent = load_agent(find_agent(name), model="echo")
    assert play_visit(agent, env, 0, most=4).actions
