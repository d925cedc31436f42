"""What happens in a run, as frozen values: the live view, the trace and `stream` all see these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentkit.messages import Completion, Message, Sampling, Usage


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step of the graph begins."""

    step: int


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """A model is asked, or a function called."""

    step: int
    node: str
    item: int | None = None
    attempt: int = 1
    model: str = ""
    messages: tuple[Message, ...] = ()
    sampling: Sampling | None = None
    schema: Mapping[str, Any] | None = None
    function: str = ""
    arguments: Mapping[str, Any] | None = None
    request_key: str = ""
    """Digest of the request, for a node with `reuse`: a resumed episode knows it again."""


@dataclass(frozen=True, slots=True)
class NodeText:
    """A piece of text arrived from a model that streams. Not recorded."""

    step: int
    node: str
    item: int | None
    text: str


@dataclass(frozen=True, slots=True)
class NodeRetried:
    """An answer could not be used; the model is shown why and asked again."""

    step: int
    node: str
    item: int | None
    attempt: int
    error: str
    completion: Completion
    latency_s: float
    reused: bool
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallRetried:
    """A model's server could not answer; the same call is made again. Not part of the sameness
    of two runs."""

    step: int
    node: str
    item: int | None
    attempt: int
    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """A node, or one item of an `each` node, has its value."""

    step: int
    node: str
    item: int | None
    attempt: int
    status: str
    """`ok`, or `otherwise` when the attempts were spent and the node has a fallback."""
    value: Any
    completion: Completion | None = None
    """What the model answered; None for functions and for an `each` node as a whole."""
    latency_s: float = 0.0
    """How long the call took that gave the answer; of a function, its own time."""
    reused: bool = False
    waited_s: float = 0.0
    """How long the answer took beyond that: for a place, for the budget, for further tries."""


@dataclass(frozen=True, slots=True)
class NodeSkipped:
    """A node's `when` was false; it keeps its value."""

    step: int
    node: str
    value: Any


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """A node has no value in this step."""

    step: int
    node: str
    item: int | None
    attempt: int
    error: str
    completion: Completion | None = None
    """The last answer, which could not be used; None when there was none."""
    latency_s: float = 0.0
    reused: bool = False
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NodeCancelled:
    """A node did not run because one that it depends on failed."""

    step: int
    node: str
    because: str


@dataclass(frozen=True, slots=True)
class NodeAdded:
    """A function added a node to the current step."""

    step: int
    node: str
    by: str
    prompt: str
    before: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemoryWritten:
    """A node changed a memory key. It counts once the step is finished."""

    step: int
    node: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class StepFinished:
    """Every node is done; memory and values are committed."""

    step: int
    usage: Usage
    cost_usd: float | None
    latency_s: float
    action: str | None = None


@dataclass(frozen=True, slots=True)
class StepFailed:
    """Nodes failed, or the step was stopped; memory and values are as they were before it."""

    step: int
    failures: Mapping[str, str]
    usage: Usage
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class EpisodeStarted:
    """An episode begins: the environment was reset."""

    episode: int
    seed: int | None
    observation: str | None
    info: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EpisodeResumed:
    """An episode goes on after it was stopped, or in a fork of another run.

    What was recorded from `step` on before this event no longer counts: it comes again below.
    """

    episode: int
    step: int
    """The first step that comes below."""
    source: str | None
    """The run that was forked; None when this one goes on."""
    usage: Usage
    """What this run has paid for the episode and will not record again below."""
    cost_usd: float | None
    seconds: float
    """How long the episode had been played before."""


@dataclass(frozen=True, slots=True)
class EnvironmentStepped:
    """The environment answered an action."""

    step: int
    action: str
    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A limit ended the episode."""

    step: int
    limit: str
    """Its name, such as `tokens`; of a whole run, `run.tokens`."""
    value: float
    why: str = ""
    """What was used and what the next call might have taken, where that is not clear."""


@dataclass(frozen=True, slots=True)
class EpisodeFinished:
    """An episode is over."""

    episode: int
    status: str
    """`done`, `limit`, `failed` or `interrupted`."""
    reason: str
    steps: int
    reward: float
    usage: Usage
    cost_usd: float | None
    seconds: float


Event = (
    StepStarted
    | NodeStarted
    | NodeText
    | NodeRetried
    | CallRetried
    | NodeFinished
    | NodeSkipped
    | NodeFailed
    | NodeCancelled
    | NodeAdded
    | MemoryWritten
    | StepFinished
    | StepFailed
    | EpisodeStarted
    | EpisodeResumed
    | EnvironmentStepped
    | LimitReached
    | EpisodeFinished
)
"""Any of the events."""
