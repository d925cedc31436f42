"""The shipped agent for MiniWoB++: it plays like the expert by itself, and never in vain."""

import asyncio
import os
import subprocess
import sys

import pytest
from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.miniwob.env import MiniWoBEnv
from agentkit_envs.miniwob.expert import ANSWERS
from agentkit_envs.miniwob.strategy.table import decide
from envs.browser_pages import needs_chromium

from agentkit import load_agent
from agentkit.agentfile.load import find_agent, parse_agent

TASKS = ("email-inbox-forward-nl", "simon-says", "copy-paste", "login-user-popup")
"""Among them are some that cannot be played without a memory."""


def test_every_model_node_of_the_agent_has_a_rule():
    nodes = load_agent(find_agent("miniwob")).graph.nodes
    assert {node.name for node in nodes} == set(ANSWERS)


@pytest.fixture(scope="module")
def env():
    made = MiniWoBEnv(TASKS)
    yield made
    made.close()


@needs_chromium
@pytest.mark.parametrize("seed", range(len(TASKS)))
def test_the_agent_plays_exactly_like_the_expert_by_itself(env, seed):
    """And the answers of all its nodes fit their schemas and checks at once."""
    player, events = load_agent(find_agent("miniwob")).episode(), []
    observation, info = env.reset(seed=seed)
    tried, facts, over = [], [], False
    while not over:
        step = player.act(observation, actions=info["actions"], info=info, emit=events.append)
        decision = decide(info["task"], read(observation), tried, facts)
        assert asyncio.run(step) == decision.action
        tried.append(decision.action)
        facts += decision.facts
        observation, _, terminated, truncated, info = env.step(decision.action)
        over = terminated or truncated
    assert info["success"], info
    names = {type(event).__name__ for event in events}
    assert "NodeFinished" in names
    assert not names & {"NodeRetried", "NodeFailed"}


@needs_chromium
def test_a_model_that_names_no_action_only_waits(env):
    text = find_agent("miniwob").read_text(encoding="utf-8")
    mumbling = text.replace("\n  act:\n", "\n  act:\n    model: echo\n")
    assert mumbling != text
    agent = parse_agent(mumbling)
    observation, info = env.reset(seed=0)
    action = agent.act_sync(observation, actions=info["actions"], info=info)
    *_, info = env.step(action)
    assert action == "noop()"
    assert info["understood"]
    assert not info["error"]


@needs_chromium
def test_a_task_without_a_rule_is_given_up_and_counted(tmp_path):
    """The run ends well: to give up is an answer."""
    code = "from agentkit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "miniwob", "--input", "task=drag-cube"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "success rate" in done.stdout
    assert "given up" in done.stdout
    assert "drag-cube (" in done.stdout
