"""What is counted while a record is read: sums that can be added up over episodes."""

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from typing import Any

from agentkit.messages import NOTHING_USED, Usage


class Sums:
    """A dataclass of sums, of mappings of them, and of names that stay."""

    def absorb(self, other: Any) -> None:
        """Add another one."""
        for one in fields(self):  # type: ignore[arg-type]
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            setattr(self, one.name, _sum(mine, theirs))


def _sum(mine: Any, theirs: Any) -> Any:
    if isinstance(mine, Sums):
        mine.absorb(theirs)
        return mine
    if isinstance(mine, Counter):
        mine.update(theirs)
        return mine
    if isinstance(mine, dict):
        for key, value in theirs.items():
            mine[key] = _sum(mine[key], value) if key in mine else value
        return mine
    return mine or theirs if isinstance(mine, str) else mine + theirs


def _floats() -> "array[float]":
    return array("d")


def _by_name() -> Any:
    return defaultdict(float)


@dataclass(slots=True)
class CallSums(Sums):
    """The calls of a node to one model, or to its function."""

    answers: int = 0
    """Answers that were paid for."""
    usage: Usage = NOTHING_USED
    latencies: "array[float]" = field(default_factory=_floats)
    """Seconds of each answer."""


@dataclass(slots=True)
class PrefixSums(Sums):
    """How much of the requests repeated the beginning of an earlier one."""

    requests: int = 0
    characters: int = 0
    repeated: int = 0
    differs_in: "Counter[str]" = field(default_factory=Counter)


@dataclass(slots=True)
class NodeSums(Sums):
    """One node; all that a node adds at run time count as one."""

    name: str
    calls: dict[str, CallSums] = field(default_factory=dict)
    """By the model's name; `""` for a function."""
    function: str = ""
    steps: int = 0
    """In which it got a value."""
    skipped: int = 0
    otherwise: int = 0
    failed: int = 0
    cancelled: int = 0
    questions: int = 0
    """First attempts, those that were reused left out."""
    again: int = 0
    """Answers that could not be used."""
    again_s: float = 0.0
    again_usd: float = 0.0
    reused: int = 0
    unanswered: int = 0
    """Calls that gave no answer: an error, or the end of the record."""
    tries: int = 0
    """Further tries of a call that a server could not answer."""
    retry_wait_s: float = 0.0
    """The pauses before them."""
    waited_s: float = 0.0
    """How long answers took beyond the call that gave them."""
    errors: "Counter[str]" = field(default_factory=Counter)
    reasons: "Counter[str]" = field(default_factory=Counter)
    same: int = 0
    """Requests that the node had made before in the episode, word for word."""
    reuses: int = 0
    """Requests of a node with `reuse`."""
    prefix: PrefixSums = field(default_factory=PrefixSums)


@dataclass(slots=True)
class PathSums(Sums):
    """The critical paths of the finished steps."""

    steps: int = 0
    seconds: float = 0.0
    """From the start of the steps to their end."""
    on_path: "Counter[str]" = field(default_factory=Counter)
    """Steps in which a node was on the critical path."""
    ran: "Counter[str]" = field(default_factory=Counter)
    """Steps in which a node ran."""
    path_s: dict[str, float] = field(default_factory=_by_name)
    saves_s: dict[str, float] = field(default_factory=_by_name)
    """What the steps would have been shorter without a node."""
    slack_s: dict[str, float] = field(default_factory=_by_name)
    """How much longer a node could have taken without a longer step."""
    waits_s: dict[tuple[str, str], float] = field(default_factory=_by_name)
    """What the steps would have been shorter had the second node not waited for the first."""


@dataclass(slots=True)
class LineSums(Sums):
    """Lines that could stand elsewhere."""

    sample: str
    """One of them."""
    steps: int = 0
    characters: int = 0
    """What would be sent once more without being computed, were they moved."""


@dataclass(slots=True)
class TextSums(Sums):
    """What the texts of the requests show."""

    system_changes: int = 0
    """Requests whose system text differed from the one before."""
    system_lost: int = 0
    """Characters of such texts, from the first difference on."""
    system_sample: str = ""
    """Where such a text began to differ."""
    contexts: int = 0
    """Steps whose context could be held against that of the step before."""
    changing: dict[tuple[int, ...], LineSums] = field(default_factory=dict)
    """Contexts of which one or two lines changed, by which; the characters are those that stayed
    the same after the first."""
    shared: dict[tuple[str, ...], LineSums] = field(default_factory=dict)
    """Lines that stood in the prompts of several nodes in one step, by the nodes."""


@dataclass(slots=True)
class RunSums(Sums):
    """Everything."""

    episodes: int = 0
    unfinished: int = 0
    steps: int = 0
    """Finished."""
    failed_steps: int = 0
    cut_steps: int = 0
    """Neither finished nor failed: stopped, cut off by a limit, or the record ends in them."""
    seconds: dict[str, float] = field(default_factory=_by_name)
    """By who was at work: models, functions, environment, engine."""
    spans: list[tuple[float, float]] = field(default_factory=list)
    """When an episode was played: from, to, in seconds since 1970."""
    nodes: dict[str, NodeSums] = field(default_factory=dict)
    paths: PathSums = field(default_factory=PathSums)
    texts: TextSums = field(default_factory=TextSums)
    lost: Usage = NOTHING_USED
    """Used without an answer that counts."""
