"""The shipped shopping agent: it shops like the expert by itself, and never acts in vain."""

import asyncio

import pytest
from agentkit_envs.webshop.env import WebShopEnv
from agentkit_envs.webshop.expert import answer
from agentkit_envs.webshop.strategy.player import play

from agentkit import load_agent
from agentkit.agentfile.load import find_agent, parse_agent


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """A shop of 300 generated products."""
    return WebShopEnv(products=300, cache=tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_agent_shops_exactly_like_the_expert_by_itself(env, seed):
    """And the answers of all its nodes fit their schemas and checks at once."""
    shopper, events = load_agent(find_agent("webshop")).episode(), []
    observation, info = env.reset(seed=seed)
    memory, over = None, False
    while not over:
        step = shopper.act(
            observation,
            actions=info["actions"],
            info=info,
            emit=events.append,
            parse_action=env.parse_action,
        )
        action, memory = play(observation, memory)
        assert asyncio.run(step) == action
        observation, _, ended, cut, info = env.step(action)
        over = ended or cut
    assert info["purchase"] is not None
    names = {type(event).__name__ for event in events}
    assert "NodeFinished" in names
    assert not names & {"NodeRetried", "NodeFailed"}


def test_every_model_node_of_the_agent_has_a_rule():
    nodes = load_agent(find_agent("webshop")).graph.nodes
    assert {node.name for node in nodes if not node.function} == set(answer.nodes)


def test_a_model_that_names_no_action_still_does_something_that_is_understood(env):
    text = find_agent("webshop").read_text(encoding="utf-8")
    mumbling = text.replace("\n  act:\n", "\n  act:\n    model: echo\n")
    assert mumbling != text
    agent = parse_agent(mumbling)
    observation, info = env.reset(seed=0)
    for _ in range(3):
        action = agent.act_sync(
            observation, actions=info["actions"], info=info, parse_action=env.parse_action
        )
        observation, *_, info = env.step(action)
        assert info["understood"], action
