"""What is counted while a record is read: sums that can be added up over episodes."""

import math
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from typing import Any, Final

from agentkit.events import NodeRetried
from agentkit.messages import NOTHING_USED, Completion, Usage

CHARACTERS_PER_TOKEN: Final = 4
FLOORS: Final = (1024, 2048, 4096)
"""Tokens from which on hosted servers keep a beginning: OpenAI, Gemini 2.5, Gemini since 3
(developers.openai.com, ai.google.dev/gemini-api/docs/caching, October 2026). Anthropic keeps only
what a request marks, which AgentKit does not do; llama.cpp, vLLM and SGLang keep every block."""


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
    if isinstance(mine, dict):
        for key, value in theirs.items():
            mine[key] = _sum(mine[key], value) if key in mine else value
        return mine
    return mine or theirs if isinstance(mine, str) else mine + theirs


def _floats() -> "array[float]":
    return array("d")


def _by_name() -> Any:
    return defaultdict(float)


def _calls() -> Any:
    return defaultdict(CallSums)


@dataclass(slots=True)
class CallSums(Sums):
    """The calls of a node to one model, or to its function."""

    usage: Usage = NOTHING_USED
    latencies: "array[float]" = field(default_factory=_floats)
    """Seconds of each answer that was paid for."""


@dataclass(slots=True)
class PrefixSums(Sums):
    """How much of the requests repeated the beginning of an earlier one."""

    requests: int = 0
    characters: int = 0
    repeated: int = 0
    from_floor: "Counter[int]" = field(default_factory=Counter)
    """Those of them in beginnings of so many tokens or more."""
    answered: int = 0
    """Characters of the answers."""
    differs_in: "Counter[str]" = field(default_factory=Counter)

    def count(self, characters: int, repeated: int, differs_in: str) -> None:
        """Count a request: its size, what of it came again, and where it first differs."""
        self.requests += 1
        self.characters += characters
        self.repeated += repeated
        self.differs_in[differs_in] += 1
        for floor in FLOORS:
            if repeated >= floor * CHARACTERS_PER_TOKEN:
                self.from_floor[floor] += repeated


@dataclass(slots=True)
class NodeSums(Sums):
    """One node; all that a node adds at run time count as one."""

    name: str
    calls: dict[str, CallSums] = field(default_factory=_calls)
    """By the model's name; `""` for a function."""
    function: str = ""
    steps: int = 0
    """In which it got a value."""
    skipped: int = 0
    otherwise: int = 0
    cut: int = 0
    failed: int = 0
    cancelled: int = 0
    questions: int = 0
    """First attempts."""
    again: int = 0
    """Answers that could not be used."""
    again_s: float = 0.0
    again_usd: float = 0.0
    errors: "Counter[str]" = field(default_factory=Counter)
    """Why they could not be used."""
    reused: int = 0
    unanswered: int = 0
    """Calls that gave no answer: an error, or the end of the record."""
    retries: int = 0
    """Further tries of a call that a server could not answer."""
    retry_wait_s: float = 0.0
    """The pauses before them."""
    reasons: "Counter[str]" = field(default_factory=Counter)
    """Why the server could not answer."""
    waited_s: float = 0.0
    """How long answers took beyond the call that gave them."""
    repeated: Usage = NOTHING_USED
    """What was paid to ask what the node had asked before in the episode, word for word."""
    unlike: int = 0
    """Answers that `reuse` would have changed or kept for good: one that could not be used, or
    that differed from the answer before to the same request."""
    reuses: int = 0
    """Requests of a node with `reuse`."""
    decided: int = 0
    """Answers that were decisions."""
    entropy_bits: float = 0.0
    """Of their probabilities, added up."""
    unsure: int = 0
    """Decisions that were not sure enough, so that another model was asked."""
    prefix: PrefixSums = field(default_factory=PrefixSums)

    def count_retry(self, event: NodeRetried) -> None:
        """Count an answer that was not taken: it could not be used, or was not sure enough."""
        if event.completion.decisions:
            self.unsure += 1
            return
        self.again += 1
        self.errors[event.error] += 1
        if not event.reused:
            self.again_s += event.latency_s
            self.again_usd += event.completion.usage.cost_usd or 0.0

    def count_decision(self, completion: Completion) -> None:
        """Count a completion that is a decision."""
        if completion.decision is not None:
            self.decided += 1
            shares = completion.decision.probabilities.values()
            self.entropy_bits -= sum(share * math.log2(share) for share in shares if share > 0)


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
class ChangeSums(Sums):
    """A place at the front of requests that changed, while what stands behind it stayed."""

    sample: str
    """The text at the change, once."""
    times: int = 0
    characters: int = 0
    """Of what stayed behind it, and had to be read anew."""


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
    changes: dict[tuple[str, int], ChangeSums] = field(default_factory=dict)
    """By message (`system` or `context`) and line in it, from 0."""
    lost: Usage = NOTHING_USED
    """Used without an answer that counts."""

    def beyond_answers(self, paid: Usage) -> Usage:
        """What of a usage is not that of the answers that count."""
        calls = [one.usage for node in self.nodes.values() for one in node.calls.values()]
        counted = sum(calls, NOTHING_USED)
        tokens = (
            max(0, paid.input_tokens - counted.input_tokens),
            max(0, paid.output_tokens - counted.output_tokens),
            max(0, paid.cached_tokens - counted.cached_tokens),
            max(0, paid.calls - counted.calls),
        )
        if not any(tokens):
            return NOTHING_USED
        if paid.cost_usd is None or counted.cost_usd is None:
            return Usage(*tokens, cost_usd=None)
        return Usage(*tokens, cost_usd=max(0.0, round(paid.cost_usd - counted.cost_usd, 12)))
