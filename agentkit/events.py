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


class _StepEvent(_Event, frozen=True):
    step: int
    """Number of the step in its episode, from 0."""


class _NodeEvent(_StepEvent, frozen=True):
    node: str
    """Name of the node."""


class _ItemEvent(_NodeEvent, frozen=True):
    item: int | None
    """Of an `each` node: the position of the item; None for the node as a whole."""


class _AttemptEvent(_ItemEvent, frozen=True):
    attempt: int
    """Which time the model is asked, from 1."""


class _EpisodeEvent(_Event, frozen=True):
    episode: int
    """Number of the episode in its run, from 0."""


class StepStarted(_StepEvent, frozen=True):
    """A step of the graph begins."""


class NodeStarted(_NodeEvent, frozen=True):
    """A model is asked, or a function called."""

    item: int | None = None
    """Of an `each` node: the position of the item; None for other nodes."""
    attempt: int = 1
    """Which time the model is asked, from 1."""
    model: str = ""
    """Name of the model; empty for a function."""
    messages: tuple[Message, ...] = ()
    """What the model is asked."""
    sampling: Sampling | None = None
    """How the model picks tokens; None for a function."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema that the answer is asked to have."""
    function: str = ""
    """Name of the function; empty for a model."""
    arguments: Mapping[str, Any] | None = None
    """What the function is called with."""
    request_key: str = ""
    """Digest of the request, for a node with `reuse`: a resumed episode knows it again."""
    extra: Mapping[str, Any] | None = None
    """The server's own fields of the request, from `extra` of the model; None: there are none."""
    turns: int = 1
    """How many of the messages, at their end, are the prompt; further attempts have more."""


class NodeText(_ItemEvent, frozen=True):
    """A piece of text arrived from a model that streams. Not recorded."""

    text: str
    """The piece."""


class NodeRetried(_AttemptEvent, frozen=True):
    """An answer could not be used; the model is shown why and asked again."""

    error: str
    """Why it could not be used."""
    completion: Completion
    """The answer."""
    latency_s: float
    """How long the call took."""
    reused: bool
    """Whether the answer was there already, and no call was made."""
    waited_s: float = 0.0
    """How long the answer took beyond that."""


class CallRetried(_AttemptEvent, frozen=True):
    """A model's server could not answer; the same call is made again. Not part of the sameness
    of two runs."""

    reason: str
    """What the server said."""
    wait_s: float
    """How long the next try waits."""


class NodeFinished(_AttemptEvent, frozen=True):
    """A node, or one item of an `each` node, has its value."""

    status: str
    """`ok`; `cut` when the value is a text that was cut off; `otherwise` when the attempts were
    spent and the node's fallback is the value."""
    value: Any
    """The value."""
    completion: Completion | None = None
    """What the model answered; None for functions and for an `each` node as a whole."""
    latency_s: float = 0.0
    """How long the call took that gave the answer; of a function, its own time."""
    reused: bool = False
    """Whether the answer was there already, and no call was made."""
    waited_s: float = 0.0
    """How long the answer took beyond that: for a place, for the budget, for further tries."""
    error: str = ""
    """What is wrong with the last answer, where the status is `cut` or `otherwise`."""

    @property
    def probabilities(self) -> Mapping[str, float] | None:
        """The probability of every option, where the value is a decision."""
        if self.status != "ok" or self.completion is None or self.completion.decision is None:
            return None
        return self.completion.decision.probabilities


class NodeSkipped(_NodeEvent, frozen=True):
    """A node's `when` was false; it keeps its value."""

    value: Any
    """The value it keeps."""


class NodeFailed(_AttemptEvent, frozen=True):
    """A node has no value in this step."""

    error: str
    """Why."""
    completion: Completion | None = None
    """The last answer, which could not be used; None when there was none."""
    latency_s: float = 0.0
    """How long the last call took."""
    reused: bool = False
    """Whether the last answer was there already, and no call was made."""
    waited_s: float = 0.0
    """How long the last answer took beyond that."""


class NodeCancelled(_NodeEvent, frozen=True):
    """A node did not run because one that it depends on failed."""

    because: str
    """The node that failed."""


class NodeAdded(_NodeEvent, frozen=True):
    """A function added a node to the current step."""

    by: str
    """The node of the function."""
    prompt: str
    """The prompt of the added node."""
    before: tuple[str, ...]
    """The nodes that wait for it."""


class MemoryWritten(_NodeEvent, frozen=True):
    """A node changed a memory key. It counts once the step is finished."""

    key: str
    """The key."""
    value: Any
    """Its new value."""


class StepFinished(_StepEvent, frozen=True):
    """Every node is done; memory and values are committed."""

    usage: Usage
    """Tokens, calls and cost of the step."""
    latency_s: float
    """How long the step took."""
    action: str | None = None
    """The action, for an agent."""


class StepFailed(_StepEvent, frozen=True):
    """Nodes failed, or the step was stopped; memory and values are as they were before it."""

    failures: Mapping[str, str]
    """Why each failed node failed."""
    usage: Usage
    """Tokens, calls and cost of the step."""


class EpisodeStarted(_EpisodeEvent, frozen=True):
    """An episode begins: the environment was reset."""

    seed: int | None
    """The seed of the environment; None where there is none."""
    observation: str | None
    """What the environment shows first."""
    info: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What else it says."""
    memory: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """The memory that the episode starts with."""


class EpisodeResumed(_EpisodeEvent, frozen=True):
    """An episode goes on after it was stopped, or in a fork of another run.

    What was recorded from `step` on before this event no longer counts: it comes again below.
    """

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


class EnvironmentStepped(_StepEvent, frozen=True):
    """The environment answered an action."""

    action: str
    """The action."""
    observation: str
    """What the environment shows then."""
    reward: float | None
    """The reward; in a record None where it was no finite number."""
    terminated: bool
    """Whether the episode came to its natural end."""
    truncated: bool
    """Whether the environment cut the episode off."""
    info: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What else the environment says."""


class LimitReached(_StepEvent, frozen=True):
    """A limit ended the episode."""

    limit: str
    """Its name, such as `tokens`; of a whole run, `run.tokens`."""
    value: float
    """Its value."""
    why: str = ""
    """What was used and what the next call might have taken, where that is not clear."""


class EpisodeFinished(_EpisodeEvent, frozen=True):
    """An episode is over."""

    status: str
    """`done`, `limit`, `failed` or `interrupted`."""
    reason: str
    """Why it ended."""
    steps: int
    """How many actions were sent to the environment."""
    reward: float
    """Sum of the rewards (the return)."""
    usage: Usage
    """Tokens, calls and cost of the episode."""
    seconds: float
    """How long it took."""


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
