"""A visit that a shipped agent makes in a shop of generated products."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from agentkit_envs.webshop.env import WebShopEnv

from agentkit import Agent
from agentkit.events import Event, NodeFailed, NodeRetried


@dataclass
class Played:
    """What became of it."""

    actions: list[str] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    """Characters of the memory after each step."""
    memory: Any = None
    info: dict[str, Any] = field(default_factory=dict)
    reward: float = 0.0

    @property
    def retried(self) -> list[str]:
        """The nodes whose answers were asked for again."""
        return [event.node for event in self.events if isinstance(event, NodeRetried | NodeFailed)]


def play_visit(agent: Agent, env: WebShopEnv, seed: int, most: int = 40) -> Played:
    """Let an agent shop until it bought something, or for so many steps."""
    shopper, played = agent.episode(), Played()
    observation, played.info = env.reset(seed=seed)
    over = False
    while not over and len(played.actions) < most:
        step = shopper.act(
            observation, actions=played.info["actions"], info=played.info,
            emit=played.events.append, parse_action=env.parse_action,
        )  # fmt: skip
        action = asyncio.run(step)
        played.observations.append(observation)
        played.actions.append(action)
        played.memory = shopper.state.memory
        played.sizes.append(len(str(played.memory)))
        observation, reward, ended, cut, played.info = env.step(action)
        assert played.info["understood"], action
        played.reward += float(reward)
        over = ended or cut
    return played
