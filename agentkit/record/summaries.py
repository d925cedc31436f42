"""How episodes and runs went."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from agentkit import events
from agentkit.errors import LimitExceeded
from agentkit.messages import NOTHING_USED, Usage
from agentkit.program.display import dollars

COUNTED: Final = ("retried", "otherwise", "cut", "unsure")
"""Counts of answers that were not taken as they came."""


@dataclass(slots=True)
class EpisodeSummary:
    """How an episode went."""

    episode: int
    """Number of the episode in its run, from 0."""
    seed: int | None
    """The seed of the environment; None where there is none."""
    status: str = "done"
    """`done`, `limit`, `failed` or `interrupted`."""
    reason: str = ""
    """Why it ended."""
    steps: int = 0
    """Decisions."""
    reward: float = 0.0
    """Sum of the rewards (the return)."""
    usage: Usage = NOTHING_USED
    """Tokens, calls and cost."""
    seconds: float = 0.0
    """How long it took."""
    info: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the environment said last."""
    action: str | None = None
    """The last action; for an agent without an environment, its answer."""
    retried: int = 0
    """Answers that could not be used, after which the model was asked again."""
    otherwise: int = 0
    """Answers that could not be used, in whose place the node's `otherwise` stands."""
    cut: int = 0
    """Texts that were cut off at the token limit and are used all the same."""
    unsure: int = 0
    """Decisions that were not sure enough, so that another model was asked."""
    open_step: tuple[events.Event, ...] = field(default=(), repr=False, compare=False)
    """What was counted so in the step that the environment has not answered: it may come again."""

    @property
    def cost_usd(self) -> float | None:
        """What it cost in US dollars; None when a price is unknown."""
        return self.usage.cost_usd

    def take_counts(self, other: "EpisodeSummary | None") -> None:
        """Count on from another summary; None: from nothing."""
        for name in COUNTED:
            setattr(self, name, getattr(other, name) if other else 0)

    def take(self, event: events.Event) -> None:
        """Take in an event of the episode."""
        match event:
            case events.EpisodeStarted():
                self.seed, self.info = event.seed, event.info
                self.take_counts(None)
                self.open_step = ()
            case events.StepStarted():
                for counted in self.open_step:
                    self._count(counted, -1)
                self.open_step = ()
            case events.NodeRetried() | events.NodeFinished(status="otherwise" | "cut"):
                if not self._is_of_items(event):
                    self._count(event, 1)
                    self.open_step += (event,)
            case events.StepFinished():
                self.usage += event.usage
                self.action = event.action
            case events.StepFailed():
                self.usage += event.usage
            case events.EnvironmentStepped():
                self.steps = event.step + 1
                self.reward += event.reward or 0.0
                self.action, self.info = event.action, event.info
                self.open_step = ()
            case events.EpisodeFinished():
                self.status, self.reason = event.status, event.reason
                self.steps, self.reward = event.steps, event.reward
                self.usage, self.seconds = event.usage, event.seconds

    def _count(self, event: events.Event, times: int) -> None:
        if isinstance(event, events.NodeRetried):
            if event.completion.decisions:
                self.unsure += times
            else:
                self.retried += times
        elif isinstance(event, events.NodeFinished) and event.status == "cut":
            self.cut += times
        else:
            self.otherwise += times

    def _is_of_items(self, event: events.NodeRetried | events.NodeFinished) -> bool:
        """Whether it is an `each` node as a whole, whose items were counted before."""
        return event.item is None and any(
            isinstance(counted, events.NodeFinished) and counted.node == event.node
            for counted in self.open_step
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what it says, by the names of the fields."""
        names = (one.name for one in fields(self) if one.name != "open_step")
        return {name: getattr(self, name) for name in names} | {"usage": asdict(self.usage)}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run went: its episodes and their sums."""

    episodes: Sequence[EpisodeSummary]
    """One an episode that was begun, in order."""
    limit: LimitExceeded | None = None
    """The limit of the run that kept further episodes from being begun."""
    stopped: bool = False
    """Whether the user kept further episodes from being begun."""

    def __repr__(self) -> str:
        steps = sum(summary.steps for summary in self.episodes)
        count = f"{len(self.episodes)} episodes, {steps} steps"
        return f"<RunSummary: {self.status}, {count}, {dollars(self.cost_usd)}>"

    @property
    def status(self) -> str:
        """The worst that happened: `failed`, `interrupted`, `limit`, else `done`."""
        statuses = {summary.status for summary in self.episodes}
        if self.limit is not None:
            statuses.add("limit")
        if self.stopped:
            statuses.add("interrupted")
        ranked = ("failed", "interrupted", "limit")
        return next((status for status in ranked if status in statuses), "done")

    @property
    def usage(self) -> Usage:
        """Tokens, calls and cost of all episodes."""
        return sum((summary.usage for summary in self.episodes), NOTHING_USED)

    @property
    def cost_usd(self) -> float | None:
        """What all episodes cost in US dollars; None when a price is unknown."""
        return self.usage.cost_usd

    def totals(self) -> dict[str, Any]:
        """The sums as `run.json` keeps them."""
        return {
            "episodes": len(self.episodes),
            "steps": sum(summary.steps for summary in self.episodes),
            "reward": sum(summary.reward for summary in self.episodes),
            "usage": self.usage,
            "cost_usd": self.cost_usd,
            **{name: sum(getattr(one, name) for one in self.episodes) for name in COUNTED},
        }
