"""LangChainModel: any chat model of LangChain."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import AgentKitError, InputError, ModelError
from agentkit.messages import Completion, Request, Sampling, Usage
from agentkit.models.arrival import Try
from agentkit.models.finish_reasons import LENGTH, STOP
from agentkit.models.hosted import (
    DEFAULT,
    LOCAL_MAX_TOKENS,
    LONGEST_TEXT,
    HostedModel,
    Settings,
    too_long,
)
from agentkit.models.json_forms import is_wrapped, unwrapped
from agentkit.models.langchain.errors import (
    blamed_answer,
    cut_answer,
    failure,
    is_about_form,
    no_pieces,
    refused_setting,
)
from agentkit.models.langchain.forms import Forms
from agentkit.models.langchain.ids import (
    key_values,
)
from agentkit.models.langchain.messages import (
    from_langchain,
    is_ended,
    put_right,
    tells_of_end,
    to_langchain,
)
from agentkit.models.langchain.names import About, describe
from agentkit.models.langchain.wrappers import settled
from agentkit.models.prices import listed_cost
from agentkit.models.retries import Retryable
from agentkit.models.thoughts import apart
from agentkit.program.raised_errors import passes_through

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from agentkit.models.langchain.wrappers import Chat

_SCHEMA_ADVICE: Final = (
    "The model has 'structured: on', so the answer's schema is always sent: with 'structured: "
    "auto' it is asked without what its server or package does not take"
)
_ENOUGH: Final = 2
"""Streams without any piece, one after another, that tell of a server which knows no streams."""
_STALE: Final = 200
"""The most connections of an event loop that is gone which a client can still hold."""


class LangChainModel(HostedModel):
    """A chat model of LangChain, from whatever package.

    Args:
        chat: The chat model, or one wrapped by `with_retry`, `with_fallbacks`, `bind`,
            `with_config` or `configurable_fields`. It is left as it is: its own retries come
            before those of the settings, so make it with `max_retries=0`.
        settings: Timeout, tries, limits and price.

    Raises:
        InputError: It is a Runnable of another kind.
    """

    def __init__(self, chat: "Chat", settings: Settings = DEFAULT) -> None:
        chat = settled(chat)
        self._forms = Forms(chat)
        self._set_up(describe(chat), settings)

    def set_up(self, settings: Settings) -> None:
        """Take other settings, before anything is asked.

        Raises:
            InputError: They are none, or one of them has a value that it cannot have.
        """
        super().set_up(settings)
        if settings.extra:
            raise InputError(
                "settings: a chat model of LangChain takes no 'extra': give it its own fields, "
                "with chat.bind(...)"
            )

    def _set_up(self, about: About, settings: Settings) -> None:
        if about.is_local:
            self.default_max_tokens = LOCAL_MAX_TOKENS
        super().__init__(about.name, settings)
        self._about = about
        self._takes_temperature = False  # the program may have given it one
        self._plain = False
        self._unstreamed = 0

    @property
    def takes_temperature(self) -> bool:
        """Whether it takes a temperature, and was not made by the program with one of its own."""
        return self._takes_temperature

    async def complete(self, request: Request) -> Completion:
        """Ask the server as every hosted model does; the price is that of who answered.

        Raises:
            ModelError: The server did not answer in all tries, or refused the request.
            AccessError: The key is missing or was refused.
        """
        completion = await super().complete(request)
        if not self._about.fallbacks or self.settings.price is not None:
            return completion
        about, usage = self._about.answered_by(completion.model), completion.usage
        cost_usd = None if about is None else listed_cost(usage, about.model, about.priced_by)
        return replace(completion, usage=replace(usage, cost_usd=cost_usd))

    def _usage(self, request: Request, completion: Completion) -> Usage:
        if completion.usage.cost_usd == 0:  # it was in LangChain's cache
            return completion.usage
        return super()._usage(request, completion)

    def schema_tokens(self, sampling: Sampling) -> int | None:
        """None unless the model is local: some providers refuse a schema with bounds."""
        return super().schema_tokens(sampling) if self.default_max_tokens else None

    async def _get_forms(self) -> Forms:
        """The chat model, for the running event loop."""
        return self._forms

    async def _prepare(self) -> None:
        await self._get_forms()

    async def _ask(self, request: Try) -> Completion:
        forms = await self._get_forms()
        asked, structured = None, self.settings.structured
        if request.schema is not None and not self._plain and structured != "off":
            asked = forms.structured(request.sampling, request.schema)
            if asked is None and structured == "on":
                raise ModelError(f"{self.name}: its package cannot send a schema. {_SCHEMA_ADVICE}")
        try:
            chat = asked or forms.tuned(request.sampling)
            streamed = self._streams(request)
            keep = partial(_tell, request, asked is not None)
            answer = await _answer(chat, request, forms.options(request.sampling), streamed, keep)
            if streamed and not is_ended(answer):
                raise self._unreadable_stream("the connection was lost in the middle of the answer")
            if streamed:
                self._unstreamed = 0
            elif request.on_text is not None and (text := str(answer.text)):
                request.on_text(text)
            return _completion(request, from_langchain(answer), asked is not None)
        except Exception as error:
            if isinstance(error, (AgentKitError, Retryable)) or passes_through(error):
                raise
            outcome = self._outcome(error, forms, request, asked is not None)
        # Errors of a provider can hold the request with its key: ours do not come from them.
        if isinstance(outcome, Completion):
            return outcome
        raise outcome

    def _streams(self, request: Request) -> bool:
        """Whether the answer to a request is asked for in pieces."""
        wanted = request.on_text is not None and self.settings.stream
        return wanted and self._unstreamed < _ENOUGH

    def _outcome(
        self, error: Exception, forms: Forms, request: Request, structured: bool
    ) -> Completion | Exception:
        """What an error of the chat model means."""
        cut = cut_answer(error)
        if cut is not None:
            return cut
        if structured and is_about_form(error):
            if self.settings.structured == "on":
                said = self._failure(error, forms)
                return ModelError(f"{said}. {_SCHEMA_ADVICE}")
            self._plain = True
            return Retryable("it does not take a JSON schema: asking without it", changed=True)
        blamed = blamed_answer(error)
        if blamed is not None:
            return blamed
        if self._streams(request) and no_pieces(error):
            return self._unreadable_stream("it sends no pieces")
        setting = refused_setting(error, is_further=request.call.attempt > 1)
        if setting is not None and forms.leave_out(setting, request.sampling):
            self._takes_temperature &= setting != "temperature"
            return Retryable(f"it does not take '{setting}': asking without it", changed=True)
        return self._failure(error, forms)

    def _failure(self, error: Exception, forms: Forms) -> Exception:
        secrets = [*forms.secrets(), *key_values(self._about.variables)]
        return failure(error, self.name, self._about.variables, secrets)

    def _unreadable_stream(self, why: str) -> Retryable:
        """The error for a stream without an end; after a second one answers are whole."""
        self._unstreamed += 1
        changed = self._unstreamed == _ENOUGH
        return Retryable(f"{why}: asking for whole answers" if changed else why, changed=changed)

    def _listed_cost(self, usage: Usage) -> float | None:
        """The price of the dearest that may answer; None where one of them is unknown."""
        abouts = (self._about, *self._about.fallbacks)
        costs = [listed_cost(usage, about.model, about.priced_by) for about in abouts]
        known = [cost for cost in costs if cost is not None]
        return max(known) if len(known) == len(costs) else None


async def _answer(
    chat: "Chat",
    request: Request,
    options: dict[str, Any],
    streamed: bool,
    keep: "Callable[[int, BaseMessage], None]",
) -> "BaseMessage":
    """Ask once; again where a connection belonged to an event loop that is gone."""
    messages = to_langchain(request.messages)
    for _ in range(_STALE):
        try:
            if not streamed:
                return await chat.ainvoke(messages, **options)
            return await _streamed(chat, messages, request, options, keep)
        except RuntimeError as error:
            if "Event loop is closed" not in str(error):
                raise
    raise Retryable("its connections belong to an event loop that is gone")


async def _streamed(
    chat: "Chat",
    messages: "list[BaseMessage]",
    request: Request,
    options: dict[str, Any],
    keep: "Callable[[int, BaseMessage], None]",
) -> "BaseMessage":
    """Ask once, handing over the text as it arrives."""
    whole: Any = None
    last: list[BaseMessage] = []
    size = pieces = 0
    async for piece in chat.astream(messages, **options):
        size += len(str(piece.text))
        if size > LONGEST_TEXT:
            raise Retryable(too_long(size))
        whole = piece if whole is None else whole + piece
        pieces += bool(piece.content or piece.additional_kwargs)
        keep(pieces, whole)
        if tells_of_end(piece):
            last.append(piece)
        if request.on_text is not None and (text := str(piece.text)):
            request.on_text(text)
    if whole is None:
        raise Retryable("its answer is empty")
    if len(last) > 1:
        put_right(whole, last)
    return whole  # type: ignore[no-any-return]


def _tell(request: Try, structured: bool, pieces: int, whole: "BaseMessage") -> None:
    """Tell of the pieces of an answer that have come."""

    def read() -> Completion:
        completion = from_langchain(whole)
        if completion.finish_reason == STOP:  # nobody said so
            completion = replace(completion, finish_reason=LENGTH)
        return _completion(request, completion, structured)

    request.arrived.tell(pieces, read)


def _completion(request: Request, completion: Completion, structured: bool) -> Completion:
    if len(completion.text) + len(completion.thoughts) > LONGEST_TEXT:
        raise Retryable(too_long(len(completion.text)))
    completion = apart(completion)
    said = completion.text.strip() or completion.thoughts
    if not said and completion.finish_reason == "stop":
        raise Retryable("its answer is empty")
    if structured and request.schema is not None and is_wrapped(request.schema):
        return replace(completion, text=unwrapped(completion.text))
    return completion
