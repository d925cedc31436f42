"""What happens in a run, as frozen values: the live view, the trace and `stream` all see these."""

from collections.abc import Mapping
from typing import Any

import msgspec

from agentkit.messages import NOTHING_USED, Completion, Message, Sampling, Usage


def _name(kind: str) -> str:
    """Return the name of an event's class as records have it: `node_started` for `NodeStarted`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).lstrip("_")


class _Event(msgspec.Struct, frozen=True, tag_field="event", tag=_name):
    """What all events are: in a record each is a JSON object, and `event` is its kind."""


class StepStarted(_Event, frozen=True):
    """A step of the graph begins."""

    step: int


class NodeStarted(_Event, frozen=True):
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


class NodeText(_Event, frozen=True):
    """A piece of text arrived from a model that streams. Not recorded."""

    step: int
    node: str
    item: int | None
    text: str


class NodeRetried(_Event, frozen=True):
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


class CallRetried(_Event, frozen=True):
    """A model's server could not answer; the same call is made again. Not part of the sameness
    of two runs."""

    step: int
    node: str
    item: int | None
    attempt: int
    reason: str
    wait_s: float


class NodeFinished(_Event, frozen=True):
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
    error: str = ""
    """Why the last answer could not be used, where the status is `otherwise`."""


class NodeSkipped(_Event, frozen=True):
    """A node's `when` was false; it keeps its value."""

    step: int
    node: str
    value: Any


class NodeFailed(_Event, frozen=True):
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


class NodeCancelled(_Event, frozen=True):
    """A node did not run because one that it depends on failed."""

    step: int
    node: str
    because: str


class NodeAdded(_Event, frozen=True):
    """A function added a node to the current step."""

    step: int
    node: str
    by: str
    prompt: str
    before: tuple[str, ...]


class MemoryWritten(_Event, frozen=True):
    """A node changed a memory key. It counts once the step is finished."""

    step: int
    node: str
    key: str
    value: Any


class StepFinished(_Event, frozen=True):
    """Every node is done; memory and values are committed."""

    step: int
    usage: Usage
    latency_s: float
    action: str | None = None


class StepFailed(_Event, frozen=True):
    """Nodes failed, or the step was stopped; memory and values are as they were before it."""

    step: int
    failures: Mapping[str, str]
    usage: Usage


class EpisodeStarted(_Event, frozen=True):
    """An episode begins: the environment was reset."""

    episode: int
    seed: int | None
    observation: str | None
    info: Mapping[str, Any] = msgspec.field(default_factory=dict)
    memory: Mapping[str, Any] = msgspec.field(default_factory=dict)


class EpisodeResumed(_Event, frozen=True):
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
    seconds: float
    """How long the episode had been played before."""
    at_most: Usage = NOTHING_USED
    """The most tokens and cost of the calls that were in flight when the process was killed.
    Limits count it; `usage` has the calls, and of their cost only whether it is unknown."""


class EnvironmentStepped(_Event, frozen=True):
    """The environment answered an action."""

    step: int
    action: str
    observation: str
    reward: float | None
    """The reward; in a record None where it was no finite number."""
    terminated: bool
    truncated: bool
    info: Mapping[str, Any] = msgspec.field(default_factory=dict)


class LimitReached(_Event, frozen=True):
    """A limit ended the episode."""

    step: int
    limit: str
    """Its name, such as `tokens`; of a whole run, `run.tokens`."""
    value: float
    why: str = ""
    """What was used and what the next call might have taken, where that is not clear."""


class EpisodeFinished(_Event, frozen=True):
    """An episode is over."""

    episode: int
    status: str
    """`done`, `limit`, `failed` or `interrupted`."""
    reason: str
    steps: int
    reward: float
    usage: Usage
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
