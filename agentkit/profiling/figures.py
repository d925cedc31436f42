"""What a profile says, as frozen values: the command line shows them, machines get them as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agentkit.messages import Usage


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of a call."""

    p50_s: float
    p95_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class PrefixFigures:
    """How much of the requests extends the beginning of an earlier request."""

    requests: int
    input_tokens: int
    """Estimated from the text."""
    repeated_tokens: int
    """Those in whole blocks that stood at the beginning of an earlier request."""
    from_floor: Mapping[int, int]
    """Those of them in beginnings of so many tokens or more: servers keep no shorter ones."""
    answered_tokens: int
    """Estimated from the text of the answers."""
    share: float | None
    """Of the input tokens; None without requests."""
    reported_share: float | None
    """The share that the servers say they had in their caches; None without tokens."""
    differs_in: Mapping[str, int]
    """Requests by the message in which they first differ from the earlier request that goes
    along furthest."""


@dataclass(frozen=True, slots=True)
class CostFigures:
    """What the requests of a run would cost with some model, and a server that keeps beginnings."""

    keeps: str
    """Which beginnings the server keeps."""
    cached_tokens: int
    cost_usd: float
    step_usd: float
    """Of one step, on average."""


@dataclass(frozen=True, slots=True)
class CriticalFigures:
    """What a node has to do with the length of the steps."""

    steps: int
    """Steps in which it was on the critical path."""
    step_share: float
    """Of all steps."""
    seconds: float
    """What it took there."""
    share: float
    """Of the time of all steps."""
    saves_s: float | None
    """What the steps would be shorter without it; None where the graph is not known."""
    slack_s: float | None
    """How much longer it could take in a step in which it runs, on average, without making the
    step longer."""


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """Where one node spent time and money."""

    node: str
    """Nodes that a function added while it ran count together, as `name.*`."""
    function: str | None
    """The function that it calls, if it does."""
    models: Sequence[str]
    steps: int
    skipped: int
    otherwise: int
    cut: int
    """Texts that were cut off at the token limit and are used all the same."""
    failed: int
    cancelled: int
    calls: int
    """Calls to models, further tries included; for a function, how often it was called."""
    again: int
    """Answers that could not be used, so that the model was asked again."""
    decided: int
    """Answers that were decisions, with probabilities."""
    entropy_bits: float | None
    """Of their probabilities, on average: 0 where the model is always sure; None without any."""
    unsure: int
    """Decisions that were not sure enough, so that another model was asked."""
    reused: int
    """Answers that were taken again without a call."""
    unanswered: int
    retries: int
    """Further tries of calls that a server could not answer."""
    retry_wait_s: float
    """The pauses before these."""
    waited_s: float
    """How long answers took beyond the calls that gave them: waiting for a place or for the
    budget, failed tries and the pauses after them."""
    usage: Usage
    cost_usd: float | None
    """None when a price is unknown."""
    cost_share: float | None
    """Of the run's cost; None when that is unknown or 0."""
    seconds: float
    """All its calls added up, also those that ran at the same time."""
    share: float | None
    """Of the seconds of all nodes."""
    latency: Latency | None
    prefix: PrefixFigures | None
    critical: CriticalFigures | None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What one model was asked."""

    model: str
    calls: int
    usage: Usage
    cost_usd: float | None
    seconds: float
    latency: Latency | None


@dataclass(frozen=True, slots=True)
class TimeFigures:
    """Who was at work: the time of all episodes, split so that every moment counts once.

    A moment counts for the models while a model is asked; for functions, while one runs and no
    model is asked; for the environment, from the end of a step to its answer, and while it is made,
    reset or brought back before a step; else for the engine.
    """

    models_s: float
    functions_s: float
    environment_s: float
    engine_s: float

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.models_s + self.functions_s + self.environment_s + self.engine_s


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a run."""

    episodes: int
    unfinished_episodes: int
    steps: int
    """Steps that were finished."""
    failed_steps: int
    unfinished_steps: int
    calls: int
    functions: int
    """Calls of functions."""
    again: int
    otherwise: int
    """Answers that could not be used, in whose place a node's `otherwise` stands."""
    cut: int
    """Texts that were cut off at the token limit and are used all the same."""
    retries: int
    retry_wait_s: float
    waited_s: float
    reused: int
    unanswered: int
    usage: Usage
    lost: Usage | None
    """Used, and in no answer that counts: calls that failed, and what a stopped run had been
    answered and could not use any more; None when nothing was lost."""
    lost_usd: float | None
    """What that cost; None when it is not known."""
    cost_usd: float | None
    """Of the answers that count; None too where there are none, and what was lost is unknown."""
    unpriced: Sequence[str]
    """The models whose price is not known."""
    wall_s: float
    """While an episode was played, from its beginning to its last event; less than the time of all
    episodes when several were played at once. Of an episode that did not end, it is not known how
    long it took to make and reset the environment; there it begins with the first event."""


@dataclass(frozen=True, slots=True)
class PathFigures:
    """The critical paths of all finished steps."""

    steps: int
    seconds: float
    """From the start of the steps to their end."""
    mean_s: float | None
    """Of one step."""
    known: bool
    """Whether the graph was known; without it, the path is found from the times alone."""
    nodes: Sequence[str]
    """The nodes that were on it, the one that took most first."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that would help, and what it would gain in a run like this."""

    kind: str
    nodes: Sequence[str]
    text: str
    saves_s: float | None = None
    """Of the time of the steps."""
    saves_usd: float | None = None
    saves_calls: int | None = None
    saves_tokens: int | None = None
    """Input tokens that a server could take from its cache."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Where time and money of a recorded run went."""

    folder: str
    agent: str
    status: str
    totals: Totals
    time: TimeFigures
    nodes: Sequence[NodeFigures]
    """In the order of the graph; functions too."""
    models: Sequence[ModelFigures]
    path: PathFigures
    prefix: PrefixFigures
    advice: Sequence[Advice]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        said = asdict(self)
        said["time"]["total_s"] = self.time.total_s
        return said


def duration(value: float) -> str:
    """`15 µs`, `3.2 ms`, `150 ms`, `2.5 s`, `40 s`, `1,200 s`."""
    if value >= 1:
        return f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"
    if value >= 0.001:
        return f"{value * 1000:.1f} ms" if value < 0.01 else f"{value * 1000:.0f} ms"
    return f"{value * 1e6:.0f} µs"
