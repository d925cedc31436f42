"""A game of Crafter that an agent plays beside the rule-based player."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.crafter.strategy.player import play

from agentkit import Agent, events


@dataclass
class Walk:
    """What an agent did in a game, and what the rule-based player would have done."""

    agent: Agent
    seed: int = 0
    actions: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    """What the player by itself does after the same observations."""
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each model node ended in each way: ("act", "ok")."""
    retried: int = 0
    calls: list[int] = field(default_factory=list)
    """Model calls of each decision."""
    understood: bool = True
    """Whether the environment understood every action."""
    reward: float = 0.0
    over: bool = False

    def __post_init__(self) -> None:
        arguments = dict(self.agent.env.arguments) if self.agent.env else {}
        self.env = CrafterEnv(**arguments)
        self._seen, self._info = self.env.reset(seed=self.seed)
        self._player: Any = None

    def take(self, decisions: int) -> "Walk":
        """Let the agent decide so often, or until the game is over."""
        for _ in range(decisions):
            if self.over:
                break
            wanted, self._player = play(self._seen, self._player)
            self.wanted.append(wanted)
            self.actions.append(
                self.agent.act_sync(
                    self._seen,
                    actions=self._info["actions"],
                    info=self._info,
                    parse_action=self.env.parse_action,
                    on_event=self._listen,
                )
            )
            self.calls.append(self.agent.result.usage.calls)
            self._seen, reward, died, ended, self._info = self.env.step(self.actions[-1])
            self.reward += reward
            self.over = died or ended
            self.understood = self.understood and self._info["understood"]
        return self

    @property
    def memory(self) -> dict[str, Any]:
        """What the agent remembers."""
        return dict(self.agent.result.memory)

    def _listen(self, event: events.Event) -> None:
        if isinstance(event, events.NodeFinished) and event.completion is not None:
            self.ended[event.node, event.status] += 1
        self.retried += isinstance(event, events.NodeRetried)
