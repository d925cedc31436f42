"""Spans for OpenTelemetry, by its conventions for generative AI.

Spans are made in a program that has loaded OpenTelemetry's API and given it a tracer provider, as
`opentelemetry-instrument` does. In every other one nothing of it is imported, and a step costs one
look at the loaded modules more.

A step is an `invoke_agent` span. Below it are a `chat` span for each question to a model, its
further tries included, and an `execute_tool` span for each call of a function. Around the steps
of an episode stands an `episode` span, a workflow that invokes the agent again and again.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from agentkit import __version__
from agentkit.errors import StepError
from agentkit.messages import Answer, Call, Request, Usage
from agentkit.observability.logs import own_words
from agentkit.observability.span_attributes import (
    OWN,
    as_json,
    conversation,
    of_answer,
    of_call,
    of_request,
    of_usage,
    output,
    peer_of,
    said,
)
from agentkit.observability.span_backlog import SpanBacklog
from agentkit.program.raised_errors import passes_through
from agentkit.redaction import brief

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The environment variable that lets prompts, answers, arguments and results into spans."""
_CAPTURED: Final = frozenset({"true", "span_only", "span_and_event"})
_KIND: Final = "openinference.span.kind"
"""What viewers that do not know workflows by the conventions go by."""


class _Summary(Protocol):
    """What is known of an episode at its end."""

    episode: int
    seed: int | None
    status: str
    reason: str
    steps: int
    reward: float
    action: str | None
    usage: Usage


def get_tracing(agent: str = "", conversation: str = "") -> "Tracing | None":
    """Makes the spans of an agent; None in a program that does not want any.

    Args:
        agent: The agent's name; empty for a graph of its own.
        conversation: The id of what the spans belong to, such as an episode; empty where nothing
            is known of it.
    """
    provider = _provider()
    return None if provider is None else Tracing(*_spans_of(provider), agent, conversation)


def episode_span(
    agent: str, conversation: str, inputs: Mapping[str, Any], summary: _Summary
) -> AbstractContextManager[None]:
    """A span around an episode of an agent, where spans are wanted."""
    tracing = get_tracing(agent, conversation)
    return nullcontext() if tracing is None else tracing.episode(inputs, summary)


def _provider() -> Any:
    """The tracer provider of the program; None where there is none."""
    api = sys.modules.get("opentelemetry.trace")
    get_provider = getattr(api, "get_tracer_provider", None)  # the import may be under way
    if api is None or get_provider is None:
        return None
    provider = get_provider()
    none = isinstance(provider, (api.ProxyTracerProvider, api.NoOpTracerProvider))
    return None if none else provider


@lru_cache(maxsize=4)
def _spans_of(provider: Any) -> "tuple[Tracer, SpanBacklog]":
    return provider.get_tracer("agentkit", __version__), SpanBacklog(provider)


class Tracing:
    """Makes spans.

    Args:
        tracer: OpenTelemetry's.
        backlog: The spans that are not exported yet.
        agent: The agent's name; empty for a graph of its own.
        conversation: The id of what the spans belong to; empty where nothing is known of it.
    """

    def __init__(
        self, tracer: "Tracer", backlog: SpanBacklog, agent: str, conversation: str
    ) -> None:
        self._tracer = tracer
        self._backlog = backlog
        self._agent = agent
        self._conversation = conversation
        self._content = os.environ.get(CONTENT_VARIABLE, "").lower() in _CAPTURED

    @contextmanager
    def episode(self, inputs: Mapping[str, Any], summary: _Summary) -> Iterator[None]:
        """A span around an episode."""
        attributes = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.provider.name": OWN,
            "gen_ai.agent.name": self._agent,
            _KIND: "CHAIN",
            "agentkit.episode": summary.episode,
            "agentkit.seed": summary.seed,
        }
        with self._span(f"episode {self._agent}", attributes) as span:
            self._note(span, "input", "user", inputs or None)
            try:
                yield
            finally:
                for name in ("status", "steps", "reward"):
                    _set(span, {f"agentkit.{name}": getattr(summary, name)})
                _set(span, {"agentkit.cost_usd": summary.usage.cost_usd})
                self._note(span, "output", "assistant", summary.action)
                if summary.status == "failed":
                    self._fail(span, summary.status, summary.reason)

    @contextmanager
    def step(self, episode: int, step: int, given: Any) -> Iterator[Callable[[Usage, Any], None]]:
        """A span around a step; gives what takes note of its usage and of what came of it.

        Args:
            episode: Number of the episode.
            step: Number of the step.
            given: The observation, or the inputs.
        """
        operation = "invoke_agent" if self._agent else "invoke_workflow"
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": OWN,
            "gen_ai.agent.name": self._agent or None,
            _KIND: None if self._agent else "CHAIN",
            "agentkit.episode": episode,
            "agentkit.step": step,
        }
        with self._span(f"{operation} {self._agent}".rstrip(), attributes) as span:
            self._note(span, "input", "user", given)

            def note(usage: Usage, result: Any) -> None:
                _set(span, of_usage(usage))
                self._note(span, "output", "assistant", result)

            yield note

    def _note(self, span: "Span", way: str, role: str, value: Any) -> None:
        """Say what went in or came out, where content is wanted."""
        if self._content and value is not None:
            _set(span, {f"gen_ai.{way}.messages": as_json([said(role, value)])})

    async def chat(
        self, model: str, request: Request, next: Callable[[Request], Awaitable[Answer]]
    ) -> Answer:
        """A span around one question to a model, with its further tries."""
        await self._backlog.wait()
        peer = peer_of(model)
        attributes = {**of_request(peer, request), **of_call(request.call)}
        if self._content:
            attributes["gen_ai.input.messages"] = as_json(conversation(request.messages))
        with self._span(f"chat {peer.model}", attributes, remote=peer.is_remote) as span:
            heard = request.on_retry

            async def on_retry(reason: str, wait_s: float) -> None:
                if reason:
                    span.add_event(
                        "agentkit.retry",
                        {"agentkit.reason": own_words(reason), "agentkit.wait_s": wait_s},
                    )
                if heard is not None:
                    await heard(reason, wait_s)

            answer = await next(replace(request, on_retry=on_retry))
            _set(span, of_answer(answer))
            if self._content:
                _set(span, {"gen_ai.output.messages": as_json([output(answer)])})
            return answer

    @asynccontextmanager
    async def function(
        self, name: str, call: Call, arguments: Mapping[str, Any]
    ) -> AsyncIterator[Callable[[Any], None]]:
        """A span around the call of a function; gives what takes note of its result."""
        await self._backlog.wait()
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            **of_call(call),
        }
        if self._content:
            attributes["gen_ai.tool.call.arguments"] = as_json(arguments)
        with self._span(f"execute_tool {name}", attributes) as span:

            def note(value: Any) -> None:
                if self._content:
                    _set(span, {"gen_ai.tool.call.result": as_json(value)})

            yield note

    @contextmanager
    def _span(
        self, name: str, attributes: Mapping[str, Any], *, remote: bool = False
    ) -> "Iterator[Span]":
        from opentelemetry.trace import SpanKind

        known = {key: value for key, value in attributes.items() if value is not None}
        if self._conversation:
            known["gen_ai.conversation.id"] = self._conversation
        kind = SpanKind.CLIENT if remote else SpanKind.INTERNAL
        try:
            with self._tracer.start_as_current_span(
                name, None, kind, known, record_exception=False, set_status_on_exception=False
            ) as span:
                try:
                    yield span
                except BaseException as error:
                    if isinstance(error, StepError):
                        _set(span, {"agentkit.failed_nodes": list(error.failures)})
                    if not (isinstance(error, Exception) and passes_through(error)):
                        self._fail(span, type(error).__name__, str(error))
                    raise
        finally:
            self._backlog.add()

    def _fail(self, span: "Span", kind: str, text: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        span.set_attribute("error.type", kind)
        words = brief(text) if self._content else None  # it may quote a prompt or an answer
        span.set_status(Status(StatusCode.ERROR, words))


def _set(span: "Span", attributes: Mapping[str, Any]) -> None:
    span.set_attributes({key: value for key, value in attributes.items() if value is not None})
