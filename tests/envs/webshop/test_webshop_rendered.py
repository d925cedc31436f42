"""The prompts of real steps, to be read by a person where they change."""

import asyncio
from pathlib import Path

import pytest
from envs.prompt_snapshots import check_prompt

from agentkit import EnvSpec, Plan, RunWriter, load_agent, load_run, rollout
from agentkit.agentfile.load import find_agent
from agentkit.preview.preview import render
from agentkit.preview.snapshot import recorded_snapshot

FOLDER = Path(__file__).parent / "prompts"
STEPS = {
    "webshop": [("wanted", 0), ("compared", 1), ("act", 1), ("judged", 2), ("act", 2),
                ("judged", 3), ("act", 3), ("compared", 4), ("act", 4), ("act", 10)],
    "webshop_decide": [("click", 1), ("click", 2), ("click", 4), ("click", 7)],
}  # fmt: skip
"""Pages of results, a product, its features, the results of a second search, the last choices."""


@pytest.fixture(scope="module", params=STEPS)
def played(request, tmp_path_factory):
    """An agent and a recorded visit of it, to a shop of 300 products."""
    agent = load_agent(find_agent(request.param))
    folder = tmp_path_factory.mktemp("visits")
    env = EnvSpec("agentkit/WebShop-v1", {"products": 300, "cache": str(folder / "cache")})
    agent = agent.replace(env=env)
    writer = RunWriter(folder / "run", {})
    asyncio.run(rollout(agent, Plan(seed=0), writer=writer))
    writer.finish("done", {})
    return agent, load_run(folder / "run")


def test_prompts_of_real_steps_are_those_that_were_read(played):
    agent, run = played
    for node, step in STEPS[agent.name]:
        rendered = render(agent, node, recorded_snapshot(agent, run, 0, step, node))
        assert rendered.wanted
        assert not rendered.unknown
        [messages] = rendered.messages
        check_prompt(FOLDER / f"{agent.name}-{step}-{node}.txt", messages)
