"""HostedModel: what every model on a server shares: limits, a timeout, further tries, the cost."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from agentkit.errors import CannotDecide
from agentkit.messages import NOTHING_USED, Completion, Request, Sampling, Usage
from agentkit.models.arrival import Try, cut_off_at
from agentkit.models.retries import Retryable, wait_before_next
from agentkit.models.throttle import Throttle
from agentkit.models.token_estimates import likely_tokens, likely_usage, makes_sense

_LOG = logging.getLogger("agentkit.models")

PLACES: Final = 16
"""The most calls at once where neither the settings nor the server say a number."""
_SLOT_QUESTIONS: Final = 5
"""How often a server that does not say yet how many calls it takes is asked."""
LOCAL_MAX_TOKENS: Final = 1024
"""The most tokens of an answer of a model on this machine where nobody said another number: about
two pages, which no shipped prompt asks for, and at 10 tokens a second less than the default time.
Small models go on for ever without a limit."""


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost, in USD per million."""

    input: float
    """Tokens read."""
    output: float
    """Tokens written."""
    cached: float | None = None
    """Tokens read from the provider's cache; None: as much as other tokens read."""

    def cost_usd(self, usage: Usage) -> float:
        """What these tokens cost."""
        cached = self.input if self.cached is None else self.cached
        fresh = usage.input_tokens - usage.cached_tokens
        dollars = fresh * self.input + usage.cached_tokens * cached
        return (dollars + usage.output_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model on a server is called."""

    timeout_s: float = 120.0
    """The longest one try may take, from sending to the last byte; waiting for a place does not
    count. Where an answer still comes in pieces then, what has come is a cut-off answer."""
    retries: int = 4
    """Further tries after the first, when the server could not answer."""
    max_concurrency: int | Literal["auto"] | None = "auto"
    """The most calls at once; `auto`: as many as a llama.cpp server on this machine has slots, 4 of
    a GGUF file in this process, 16 of any other; None: any number."""
    requests_per_minute: float | None = None
    """The most tries that start in a minute; None: any number."""
    tokens_per_minute: float | None = None
    """The most tokens, read and written, in a minute; None: any number."""
    price: Price | None = None
    """What tokens cost; None: the price in the table of known models."""
    stream: bool = True
    """Whether answers are asked for in pieces where somebody watches them arrive."""
    structured: Literal["auto", "on", "off"] = "auto"
    """Whether the server is asked to hold answers to a node's schema: `auto` as far as it can, `on`
    always, so that a refusal is an error, `off` never."""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The server's own fields of every request, such as `{"min_p": 0.05}`, with JSON values; for
    `openai:` and `local:`. A request's own come before them."""
    rotations: int = 1
    """How often a choice is asked that is decided by the probabilities of labels, each time with
    another option first: models prefer some places, and the mean does so less."""
    context: int | None = None
    """The tokens of a prompt and its answer together, of a model in this process; None: what the
    model was made for, at most 8,192, and less where that does not fit into half of the memory."""
    threads: int | None = None
    """The threads that a model in this process calculates with; None: the cores that are free."""
    engine: Literal["auto", "llamacpp", "transformers"] = "auto"
    """What runs a model in this process; `auto`: llama.cpp a GGUF file, transformers a folder."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The type of the weights on transformers; `auto`: the checkpoint's own on a GPU, and on a CPU
    the faster of bfloat16 and float32."""
    device: str = "auto"
    """Where transformers runs: `cpu`, `cuda`, `cuda:1`, `mps`; `auto`: a GPU where there is one."""
    option_scores: Literal["auto", "sum", "mean", "prior"] = "auto"
    """How transformers compares the options of a decision."""
    expert_keep: str | None = None
    """The file that says which experts of a mixture are kept, on transformers; None: all."""
    telemetry: Literal["off", "experts"] = "off"
    """What is recorded of each answer beside its text: `experts`, how often each was chosen."""


Ask = Callable[[Try], Awaitable[Completion]]
"""Makes one try of a request."""

LONGEST_TEXT: Final = 8 * 2**20
"""The most characters of an answer: no model writes so much."""

OF_TRANSFORMERS: Final = ("dtype", "device", "option_scores", "expert_keep", "telemetry")
"""The settings that only a model on transformers has."""

DEFAULT: Final = Settings()
"""The settings of a model that was given none."""


def too_long(size: int) -> str:
    """What is said of an answer that is longer than any answer of a model can be."""
    return (
        f"the server's answer has {size:,} characters or more, which no answer of a model has. "
        "A model that does not come to an end needs 'max_tokens'"
    )


class HostedModel(ABC):
    """The base of models on a server; a subclass only says how one try is made.

    Args:
        name: The id shown in traces, such as `openai:gpt-5-mini`.
        settings: Timeout, tries, limits and price.
    """

    reads_variables = False
    _auto_places = PLACES

    default_max_tokens: int | None = None
    """The most tokens of an answer where nobody said another number; None: the server decides."""
    _tells_slots = False
    """Whether `_slots` may know how many calls the server takes at once."""

    def __init__(self, name: str, settings: Settings = DEFAULT) -> None:
        self.name = name
        self._estimates = False
        self.set_up(settings)

    def set_up(self, settings: Settings) -> None:
        """Take other settings, before anything is asked.

        Raises:
            InputError: They are none, or one of them has a value that it cannot have.
        """
        if settings is not DEFAULT:
            from agentkit.models.setting_fields import check_settings

            check_settings(settings, Settings)
        self.settings = settings
        most = settings.max_concurrency
        self._slot_questions = _SLOT_QUESTIONS if most == "auto" and self._tells_slots else 0
        if most == "auto":  # the first call is alone until it is known how many there can be
            most = 1 if self._slot_questions else self._auto_places
        self._throttle = Throttle(most, settings.requests_per_minute, settings.tokens_per_minute)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    async def complete(self, request: Request) -> Completion:
        """Ask the server, again if it could not answer, within the limits of the settings.

        Raises:
            ModelError: The server did not answer in all tries, or refused the request.
            AccessError: The key is missing or was refused.
        """
        return await self._repeat(request, self._ask)

    async def _repeat(self, request: Request, ask: Ask) -> Completion:
        """Make tries until one succeeds, each in its turn and in its time.

        Args:
            request: The request.
            ask: Makes one try.

        Raises:
            ModelError: None succeeded.
        """
        request = self._with_defaults(request)
        sent = tries = 1
        while True:
            try:
                completion = await self._try(Try.of(request), ask, again=sent > 1)
            except CannotDecide as error:
                error.spent = (error.spent or NOTHING_USED) + Usage(calls=sent, cost_usd=0.0)
                raise
            except Retryable as error:
                await self._before_next(request, error, tries)
                sent += 1
                tries += not error.changed
                if error.late and request.on_text is None:
                    # In pieces, it would not be lost when its time is over once more.
                    request = replace(request, on_text=_unheard)
                continue
            completion = self._with_limit(completion, request.sampling.max_tokens)
            usage = replace(completion.usage, calls=sent)
            return replace(completion, usage=replace(usage, cost_usd=self.cost_usd(usage)))

    def _with_defaults(self, request: Request) -> Request:
        sampling = request.sampling.over(Sampling(max_tokens=self.default_max_tokens))
        return replace(request, sampling=sampling, extra={**self.settings.extra, **request.extra})

    def _with_limit(self, completion: Completion, most: int | None) -> Completion:
        """The completion, which says so if it was cut off at its limit on tokens."""
        if most is None or completion.usage.output_tokens < most:
            return completion
        is_default = most == self.default_max_tokens
        limit = "the default of 'max_tokens' on this machine" if is_default else "'max_tokens'"
        return cut_off_at(completion, f"at {most:,} tokens", f"That is {limit}: set a higher one.")

    def cost_usd(self, usage: Usage) -> float | None:
        """What these tokens cost; None when the price is unknown."""
        price = self.settings.price
        return price.cost_usd(usage) if price else self._listed_cost(usage)

    def _listed_cost(self, usage: Usage) -> float | None:
        """What they cost by the table of known models; None when the model is not in it."""
        return None

    @property
    def takes_temperature(self) -> bool:
        """Whether it takes a temperature, and has none that the program gave it."""
        return True

    def schema_tokens(self, sampling: Sampling) -> int | None:
        """The tokens that the longest answer under a schema may have; None: no bounds are added."""
        most = sampling.max_tokens
        return self.default_max_tokens if most is None else most

    def load(self) -> None:
        """Import what the first call needs, here the table of prices."""
        self.cost_usd(Usage(calls=1))

    async def _prepare(self) -> None:  # noqa: B027 (a model may have nothing to prepare)
        """Get ready for a try: what is done here does not count as its time."""

    async def _slots(self) -> int | None:
        """Ask the server how many calls it takes at once; None: it does not say yet."""
        return PLACES

    @abstractmethod
    async def _ask(self, request: Try) -> Completion:
        """Make one try, and tell `request.arrived` of each piece if the answer comes in pieces.

        Raises:
            Retryable: It failed, and another try may help.
            ModelError: It failed, and another try would fail as well.
        """

    async def _try(self, request: Try, ask: Ask, *, again: bool) -> Completion:
        """One try, when its turn has come."""
        estimate = likely_usage(request)
        tokens = estimate.input_tokens + estimate.output_tokens
        seconds = self.settings.timeout_s
        async with self._throttle.turn(tokens, again=again):
            await self._prepare()
            if self._slot_questions:
                await self._learn_slots()
            if request.on_start is not None:
                request.on_start()
            try:
                request.arrived.until_s = time.monotonic() + seconds
                async with asyncio.timeout(seconds) as timer:
                    completion = await ask(request)
            except (TimeoutError, Retryable):  # some packages make another error of the first
                if not (timer.expired() or request.arrived.is_over):
                    raise  # it came from a listener, or from the server
                completion = self._cut_off(request)
        usage = self._usage(request, completion)
        self._throttle.settle(tokens, usage.input_tokens + usage.output_tokens)
        return replace(completion, usage=usage)

    async def _learn_slots(self) -> None:
        """Let as many calls through at once as the server takes."""
        self._slot_questions -= 1
        slots = await self._slots()
        if slots is not None:
            self._slot_questions = 0
        if not self._slot_questions:
            self._throttle.resize(slots or PLACES)

    def _cut_off(self, request: Try) -> Completion:
        """Return what came of an answer whose time is over.

        Raises:
            Retryable: No piece of it came, or none came any more.
        """
        seconds, arrived = self.settings.timeout_s, request.arrived
        completion = arrived.cut_off(seconds)
        if completion is not None:
            _LOG.warning("%s: an answer has no end: %s", self.name, completion.detail)
            return completion
        why = f"no complete answer within {seconds:g} s"
        if arrived.pieces:
            why += f": nothing came for {arrived.silent_s:.3g} s, after piece {arrived.pieces:,}"
        raise Retryable(why, late=True) from None

    def _usage(self, request: Request, completion: Completion) -> Usage:
        """The tokens a server counted, with estimates of those that it did not: limits need them.

        A count without sense is none.
        """
        usage = completion.usage if makes_sense(completion.usage) else Usage()
        taken = usage.input_tokens or likely_usage(request).input_tokens
        written = usage.output_tokens or (
            likely_tokens(completion.text) + likely_tokens(completion.thoughts)
        )
        counted = replace(usage, input_tokens=taken, output_tokens=written)
        if counted != usage and not self._estimates and not completion.detail:
            self._estimates = True
            _LOG.warning("%s does not count tokens: they are estimated", self.name)
        return counted

    async def _before_next(self, request: Request, error: Retryable, tries: int) -> None:
        """Wait as long as the next try has to."""
        wait_s = (
            0.0
            if error.changed
            else wait_before_next(self.name, error, tries, self.settings.retries)
        )
        _LOG.info("%s: %s; trying again in %.1f s", self.name, error.reason, wait_s)
        if request.on_retry is not None:
            await request.on_retry(error.reason, wait_s)
        if error.pause and error.wait_s is not None:
            self._throttle.pause(wait_s)
        await asyncio.sleep(wait_s)


def _unheard(text: str) -> None:
    """Hear a piece of an answer that nobody watches."""
