"""The player as one function: the same decisions as node by node, without an agent around them."""

from collections.abc import Mapping
from typing import Any

from agentkit_envs.crafter.explored_map import update_map
from agentkit_envs.crafter.observation_reader import read
from agentkit_envs.crafter.strategy.decision import act, choose, gate
from agentkit_envs.crafter.strategy.situation import Situation


def play(observation: str, memory: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """The action after an observation, and what to remember; `memory` is None at the start."""
    before = memory or {"map": None, "subgoal": None}
    chart = update_map(observation, before["map"])
    sit = Situation(read(observation), chart)
    subgoal = before["subgoal"]
    if gate(sit, subgoal):
        subgoal = choose(sit, subgoal)
    return act(sit, subgoal)[0], {"map": chart, "subgoal": subgoal}
