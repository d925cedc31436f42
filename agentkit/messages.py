"""The frozen values on both sides of a model."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture shown to a model."""

    data: bytes
    """The encoded file, PNG or JPEG."""
    media_type: str = "image/png"
    """Its MIME type."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    """Who speaks."""
    content: str
    """The text."""
    images: tuple[Image, ...] = ()
    """Pictures that stand before the text."""


Turn = tuple[Message, ...]
"""A question as it was sent, in one message or several, and the answer that was accepted."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model picks its tokens; None leaves the choice to the model."""

    temperature: float | None = None
    """0 is greedy."""
    top_p: float | None = None
    """Share of probability mass kept, in (0, 1]."""
    max_tokens: int | None = None
    """The most tokens of a completion."""
    stop: tuple[str, ...] = ()
    """Texts that end the completion."""
    seed: int | None = None
    """Seed of the sampler, where the model has one."""

    def over(self, base: "Sampling") -> "Sampling":
        """These settings where set, else those of `base`."""
        if base == UNSET:
            return self
        return Sampling(
            base.temperature if self.temperature is None else self.temperature,
            base.top_p if self.top_p is None else self.top_p,
            base.max_tokens if self.max_tokens is None else self.max_tokens,
            self.stop or base.stop,
            base.seed if self.seed is None else self.seed,
        )


UNSET: Final = Sampling()
"""Sampling settings that leave everything to the model."""


@dataclass(frozen=True, slots=True)
class Call:
    """Which call of a run a request is: the key that scripts and replays go by."""

    episode: int = 0
    """Episode of the run, from 0."""
    step: int = 0
    """Step of the episode, from 0."""
    node: str = ""
    """Name of the node."""
    item: int | None = None
    """Index of the item in an `each` node, from 0; None elsewhere."""
    attempt: int = 1
    """Attempt at this node or item, from 1."""


QuestionKind = Literal["choice", "predicate", "score"]
"""How an answer is one of few."""


@dataclass(frozen=True, slots=True)
class Question:
    """A closed question, which a model can decide instead of writing its answer."""

    text: str
    """What is asked."""
    options: tuple[str, ...]
    """The answers it may have, no two the same; of a predicate `yes` and `no`."""
    kind: QuestionKind = "choice"
    """`choice` of one option, `score` of ordered ones, or whether something is so: `predicate`."""
    images: tuple[Image, ...] = ()
    """Pictures that stand before the text."""
    meanings: tuple[str, ...] = ()
    """What each option of a score means; empty where that is not said."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The options as a text shows them, with their meanings."""
        if not self.meanings:
            return self.options
        pairs = zip(self.options, self.meanings, strict=True)
        return tuple(f"{option}: {meaning}" for option, meaning in pairs)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model decided: a probability for every option of a question."""

    probabilities: Mapping[str, float]
    """By option, in the order of the question; they add up to 1. Empty: the model refused."""
    other: float | None = None
    """The probability that the model gave to no option, before those of the options were made to
    add up to 1; None where it does not tell."""

    @property
    def winner(self) -> str | None:
        """The most probable option, of several the first; None where the model refused."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What an environment shows in a step, whatever a prompt reads: for players that go by rules.

    Neither a record nor a cache key has it.
    """

    observation: Any
    """What is seen."""
    info: Mapping[str, Any]
    """What else the environment says."""
    history: Sequence[Mapping[str, Any]]
    """Observation, action and reward of every step before."""
    notes: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What who answers keeps for this episode. Empty at its start, and again where it is resumed:
    so it may only hold what the history tells."""


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a model is asked with."""

    messages: tuple[Message, ...]
    """The conversation; the last message is the user's."""
    sampling: Sampling = UNSET
    """How to pick tokens."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema the answer shall follow, for models that can constrain their output."""
    call: Call = field(default_factory=Call)
    """Which call of the run this is."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """The names the node's templates read, with their values (for rules and adapters). They are
    the run's own: read them, never change them."""
    on_text: Callable[[str], None] | None = None
    """Called with each piece of text as it arrives, by models that stream."""
    on_retry: Callable[[str, float], Awaitable[None]] | None = None
    """Awaited before a model tries the same call again, with the reason and the wait in seconds;
    it may raise to give up. Without a reason it is no repetition, but a further call that the same
    answer takes."""
    on_start: Callable[[], None] | None = None
    """Called when a try is about to be sent, by models where calls wait for their turn; it may
    raise to keep it from being sent."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """A server's own fields of a request, such as `{"min_p": 0.05}`, with JSON values."""
    questions: tuple[Question, ...] = ()
    """What a model decides, each after all messages but the last, which asks the first of them as
    a question to be answered in text. Empty: the last message is answered in text."""
    moment: Moment | None = None
    """What the environment shows; None of a graph without one."""

    @property
    def prompt(self) -> str:
        """Text of the last message."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and dollars of one call or of many; they add up with `+`."""

    input_tokens: int = 0
    """Tokens read."""
    output_tokens: int = 0
    """Tokens written."""
    cached_tokens: int = 0
    """Part of the input tokens that came from the provider's cache."""
    calls: int = 0
    """Calls made to the model."""
    cost_usd: float | None = None
    """What it cost in US dollars; None when a price is unknown, 0.0 only when it is free."""

    def __add__(self, other: "Usage") -> "Usage":
        if other.cost_usd is None and not other._is_something:
            return self
        if self.cost_usd is None and not self._is_something:
            return other
        cost_usd = None
        if self.cost_usd is not None and other.cost_usd is not None:
            # Rounded, the sum is the same in any order: parallel nodes finish in any.
            cost_usd = round(self.cost_usd + other.cost_usd, 12)
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.calls + other.calls,
            cost_usd,
        )

    @property
    def _is_something(self) -> bool:
        return bool(self.calls or self.input_tokens or self.output_tokens or self.cached_tokens)


MOST_COUNTED: Final = 1 << 53
"""The highest count that is believed: every JSON reader has it exactly."""

NOTHING_USED: Final = Usage(cost_usd=0.0)
"""No tokens, no calls, no cost: what sums begin with."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered."""

    text: str
    """The model's text."""
    usage: Usage = field(default_factory=lambda: Usage(calls=1))
    """What it took and what it cost."""
    _: KW_ONLY
    model: str = ""
    """The id of the model that answered, as the provider names it."""
    finish_reason: str = "stop"
    """Why it ended: `stop`, `length`, `refusal`, `tool_calls`, or a provider's own word."""
    thoughts: str = ""
    """What the model thought before it answered, where the provider tells; no part of the text."""
    detail: str = ""
    """What more is known of a cut-off answer, in words: which limit it was cut off at."""
    decisions: tuple[Decision, ...] = ()
    """What was decided, for each question of the request; empty of an answer in text."""
    experts: tuple[tuple[int, ...], ...] = ()
    """How often each expert was chosen for the tokens of this call, by layer of experts; empty
    where the model does not tell."""

    @property
    def decision(self) -> Decision | None:
        """What was decided of the only question; None of an answer in text."""
        return self.decisions[0] if self.decisions else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion, and how it was come by."""

    completion: Completion
    latency_s: float
    """How long the call took that gave it; 0 when no call was made."""
    reused: bool
    """Whether it was there already, so that nothing was paid for it."""
    waited_s: float = 0.0
    """How long it took beyond that: for a place, for the budget, for further tries."""
