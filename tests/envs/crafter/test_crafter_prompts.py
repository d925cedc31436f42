"""What the shipped Crafter agents ask, in real steps, as files to be read beside this test."""

from pathlib import Path

import pytest
from envs.prompt_snapshots import check_prompt

from agentkit import Agent, Limits, Message, RunWriter, load_agent, load_run, rollout_sync
from agentkit.preview.preview import render
from agentkit.preview.snapshot import recorded_snapshot
from agentkit.record.reader import Run

PROMPTS = Path(__file__).parent / "prompts"
STEPS = 51


@pytest.fixture(scope="module", params=["crafter", "crafter_list", "crafter_decide"])
def played(request, tmp_path_factory) -> tuple[Agent, Run]:
    """An agent, and a run of it: the rule-based player plays the seed 0."""
    agent = load_agent(request.param)
    agent.limits = Limits(steps=STEPS, cost_usd=agent.limits.cost_usd)
    folder = tmp_path_factory.mktemp("runs") / "run"
    rollout_sync(agent, writer=RunWriter(folder))
    return agent, load_run(folder)


# The first step; a failure and a new subgoal; facts that are tidied; the subgoal holds.
@pytest.mark.parametrize("step", [0, 37, 49, 50])
def test_what_is_asked_is_what_was_read_and_found_good(played, step):
    agent, run = played
    told: set[tuple[str, str]] = set()
    asked: list[Message] = []
    for node in agent.graph.nodes:
        if node.function:
            continue
        rendered = render(agent, node.name, recorded_snapshot(agent, run, 0, step, node.name))
        assert not rendered.unknown
        if not rendered.wanted:
            continue
        (messages,) = rendered.messages
        for one in (messages[0], messages[-1]) if node.examples else messages:
            if (one.role, one.content) not in told:  # what all nodes are told stands there once
                told.add((one.role, one.content))
                asked.append(Message(f"{one.role}, {node.name}", one.content))
    check_prompt(PROMPTS / f"{agent.name}_{step}.txt", tuple(asked))
