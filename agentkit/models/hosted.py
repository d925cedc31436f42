"""HostedModel: what every model on a server shares: limits, a timeout, further tries, the cost."""

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Final

from agentkit.errors import InputError, ModelError
from agentkit.messages import Completion, Request, Sampling, Usage
from agentkit.models.throttle import Throttle
from agentkit.models.token_estimates import likely_tokens, likely_usage, makes_sense
from agentkit.program.argument_kinds import check_given

_LOG = logging.getLogger("agentkit.models")

_FIRST_WAIT_S: Final = 0.5
_GROWTH: Final = 3.0
_LONGEST_OWN_WAIT_S: Final = 15.0
_DAY_S: Final = 86_400
LONGEST_WAIT_S: Final = 60.0
"""A server that wants a longer pause than this gets none: the call fails and says so."""


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
    """The longest one try may take, from sending to the last byte."""
    retries: int = 4
    """Further tries after the first, when the server could not answer."""
    max_concurrency: int | None = 16
    """The most calls at once; None: any number."""
    requests_per_minute: float | None = None
    """The most tries that start in a minute; None: any number."""
    tokens_per_minute: float | None = None
    """The most tokens, read and written, in a minute; None: any number."""
    price: Price | None = None
    """What tokens cost; None: the price in the table of known models."""
    stream: bool = True
    """Whether answers are asked for in pieces where somebody watches them arrive."""


def _check_settings(settings: Settings) -> None:
    """Refuse settings that YAML would refuse."""
    from agentkit.models.setting_fields import setting_problems

    check_given("settings", settings, Settings, "Settings, such as Settings(timeout_s=60)")
    given = {one.name: getattr(settings, one.name) for one in fields(settings)}
    if settings.max_concurrency is None:
        del given["max_concurrency"]
    if problems := list(setting_problems(given)):
        raise InputError("settings: " + "; ".join(problems))


LONGEST_TEXT: Final = 8 * 2**20
"""The most characters of an answer: no model writes so much."""

DEFAULT: Final = Settings()
"""The settings of a model that was given none."""


def too_long(size: int) -> str:
    """What is said of an answer that is longer than any answer of a model can be."""
    return (
        f"the server's answer has {size:,} characters or more, which no answer of a model has. "
        "A model that does not come to an end needs 'max_tokens'"
    )


class Retryable(Exception):
    """A try that failed in a way that another try may mend.

    Args:
        reason: What happened, in plain words and without secrets.
        wait_s: How long the server asked to wait; None: it did not say.
        pause: Whether the server is overloaded, so that other calls shall wait as well.
        changed: Whether the next try asks in another way, so that it counts as the first.
    """

    def __init__(
        self,
        reason: str,
        wait_s: float | None = None,
        *,
        pause: bool = False,
        changed: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s
        self.pause = pause
        self.changed = changed


class HostedModel(ABC):
    """The base of models on a server; a subclass only says how one try is made.

    Args:
        name: The id shown in traces, such as `openai:gpt-5-mini`.
        settings: Timeout, tries, limits and price.
    """

    reads_variables = False

    default_max_tokens: int | None = None
    """The most tokens of an answer where nobody said another number; None: the server decides."""

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
            _check_settings(settings)
        self.settings = settings
        self._throttle = Throttle(
            settings.max_concurrency, settings.requests_per_minute, settings.tokens_per_minute
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    async def complete(self, request: Request) -> Completion:
        """Ask the server, again if it could not answer, within the limits of the settings.

        Raises:
            ModelError: The server did not answer in all tries, or refused the request.
            AccessError: The key is missing or was refused.
        """
        sent = tries = 1
        while True:
            try:
                completion = await self._try(request, again=sent > 1)
            except Retryable as error:
                await self._before_next(request, error, tries)
                sent += 1
                tries += not error.changed
                continue
            usage = replace(completion.usage, calls=sent)
            return replace(completion, usage=replace(usage, cost_usd=self.cost_usd(usage)))

    def cost_usd(self, usage: Usage) -> float | None:
        """What these tokens cost; None when the price is unknown."""
        price = self.settings.price
        return price.cost_usd(usage) if price else self._listed_cost(usage)

    def _listed_cost(self, usage: Usage) -> float | None:
        """What they cost by the table of known models; None when the model is not in it."""
        return None

    def schema_tokens(self, sampling: Sampling) -> int | None:
        """The tokens that the longest answer under a schema may have; None: no bounds are added."""
        most = sampling.max_tokens
        return self.default_max_tokens if most is None else most

    def load(self) -> None:
        """Import what the first call needs, here the table of prices."""
        self.cost_usd(Usage(calls=1))

    async def _prepare(self) -> None:  # noqa: B027 (a model may have nothing to prepare)
        """Get ready for a try: what is done here does not count as its time."""

    @abstractmethod
    async def _ask(self, request: Request) -> Completion:
        """Make one try.

        Raises:
            Retryable: It failed, and another try may help.
            ModelError: It failed, and another try would fail as well.
        """

    async def _try(self, request: Request, *, again: bool) -> Completion:
        """One try, when its turn has come."""
        estimate = likely_usage(request)
        tokens = estimate.input_tokens + estimate.output_tokens
        seconds = self.settings.timeout_s
        async with self._throttle.turn(tokens, again=again):
            await self._prepare()
            if request.on_start is not None:
                request.on_start()
            try:
                async with asyncio.timeout(seconds) as timer:
                    completion = await self._ask(request)
            except TimeoutError:
                if not timer.expired():  # it came from a listener
                    raise
                raise Retryable(f"no complete answer within {seconds:g} s") from None
        usage = self._usage(request, completion)
        self._throttle.settle(tokens, usage.input_tokens + usage.output_tokens)
        return replace(completion, usage=usage)

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
        if counted != usage and not self._estimates:
            self._estimates = True
            _LOG.warning("%s does not count tokens: they are estimated", self.name)
        return counted

    async def _before_next(self, request: Request, error: Retryable, tries: int) -> None:
        """Wait as long as the next try has to."""
        wait_s = 0.0 if error.changed else self._wait_s(error, tries)
        _LOG.info("%s: %s; trying again in %.1f s", self.name, error.reason, wait_s)
        if request.on_retry is not None:
            await request.on_retry(error.reason, wait_s)
        if error.pause and error.wait_s is not None:
            self._throttle.pause(wait_s)
        await asyncio.sleep(wait_s)

    def _wait_s(self, error: Retryable, tries: int) -> float:
        """How long to wait before the next try.

        Raises:
            ModelError: There is none.
        """
        times = "1 try" if tries == 1 else f"{tries} tries"
        if tries > self.settings.retries:
            raise ModelError(f"{self.name}: {error.reason} ({times}). {_advice(error)}") from None
        if not error.wait_s:  # a wait of 0 would be all tries at once
            longest = min(_LONGEST_OWN_WAIT_S, _FIRST_WAIT_S * _GROWTH ** (tries - 1))
            return longest * random.uniform(0.5, 1.0)
        if error.wait_s > LONGEST_WAIT_S:
            raise ModelError(
                f"{self.name}: {error.reason}. The server wants a pause of "
                f"{_seconds(error.wait_s)}, and the longest wait is {LONGEST_WAIT_S:.0f} s "
                f"({times}). {_advice(error)}"
            ) from None
        return error.wait_s


def _seconds(wait_s: float) -> str:
    return f"{wait_s:.0f} s" if wait_s <= _DAY_S else "more than a day"


def _advice(error: Retryable) -> str:
    if error.pause:
        return "Try later, or lower 'max_concurrency' or 'requests_per_minute' of the model."
    return "Try later, or raise 'retries' or 'timeout_s' of the model."
