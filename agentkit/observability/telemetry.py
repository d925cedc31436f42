"""Spans for OpenTelemetry, by its conventions for generative AI.

Spans are made in a program that has loaded OpenTelemetry's API and given it a tracer provider, as
`opentelemetry-instrument` does. In every other one nothing of it is imported, and a step costs one
look at the loaded modules more.

A step is an `invoke_agent` span. Below it are a `chat` span for each question to a model, its
further tries included, and an `execute_tool` span for each call of a function. Around the steps
of an episode stands an `episode` span, which the conventions do not know.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from agentkit import __version__
from agentkit.errors import StepError, passes_through
from agentkit.messages import Answer, Call, Request, Usage
from agentkit.observability.logs import own_words
from agentkit.observability.span_attributes import (
    as_json,
    conversation,
    of_answer,
    of_call,
    of_request,
    of_usage,
    output,
    peer_of,
)
from agentkit.redaction import brief

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The environment variable that lets prompts, answers, arguments and results into spans."""
_CAPTURED: Final = frozenset({"true", "span_only", "span_and_event"})


class _Summary(Protocol):
    """What is known of an episode at its end."""

    episode: int
    seed: int | None
    status: str
    reason: str
    steps: int
    reward: float
    usage: Usage


def get_tracing(agent: str = "") -> "Tracing | None":
    """Makes the spans of an agent; None in a program that does not want any."""
    tracer = _tracer()
    return Tracing(tracer, agent) if tracer is not None else None


def episode_span(agent: str, summary: _Summary) -> AbstractContextManager[None]:
    """A span around an episode of an agent, where spans are wanted."""
    tracing = get_tracing(agent)
    return nullcontext() if tracing is None else tracing.episode(summary)


def _tracer() -> "Tracer | None":
    api = sys.modules.get("opentelemetry.trace")
    get_provider = getattr(api, "get_tracer_provider", None)  # the import may be under way
    if api is None or get_provider is None:
        return None
    provider = get_provider()
    if isinstance(provider, (api.ProxyTracerProvider, api.NoOpTracerProvider)):
        return None
    return _tracer_of(provider)


@lru_cache(maxsize=4)
def _tracer_of(provider: Any) -> "Tracer":
    tracer: Tracer = provider.get_tracer("agentkit", __version__)
    return tracer


class Tracing:
    """Makes spans.

    Args:
        tracer: OpenTelemetry's.
        agent: The agent's name; empty for a graph of its own.
    """

    def __init__(self, tracer: "Tracer", agent: str) -> None:
        self._tracer = tracer
        self._agent = agent
        self._content = os.environ.get(CONTENT_VARIABLE, "").lower() in _CAPTURED

    @contextmanager
    def episode(self, summary: _Summary) -> Iterator[None]:
        """A span around an episode."""
        attributes = {
            "gen_ai.agent.name": self._agent,
            "agentkit.episode": summary.episode,
            "agentkit.seed": summary.seed,
        }
        with self._span(f"episode {self._agent}", attributes) as span:
            try:
                yield
            finally:
                for name in ("status", "steps", "reward"):
                    _set(span, {f"agentkit.{name}": getattr(summary, name)})
                _set(span, {"agentkit.cost_usd": summary.usage.cost_usd})
                if summary.status == "failed":
                    self._fail(span, summary.status, summary.reason)

    @contextmanager
    def step(self, episode: int, step: int) -> Iterator[Callable[[Usage], None]]:
        """A span around a step; gives what takes note of what the step used."""
        operation = "invoke_agent" if self._agent else "invoke_workflow"
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.agent.name": self._agent or None,
            "agentkit.episode": episode,
            "agentkit.step": step,
        }
        with self._span(f"{operation} {self._agent}".rstrip(), attributes) as span:
            yield lambda usage: _set(span, of_usage(usage))

    async def chat(
        self, model: str, request: Request, next: Callable[[Request], Awaitable[Answer]]
    ) -> Answer:
        """A span around one question to a model, with its further tries."""
        peer = peer_of(model)
        attributes = {**of_request(peer, request), **of_call(request.call)}
        if self._content:
            attributes["gen_ai.input.messages"] = as_json(conversation(request.messages))
        with self._span(f"chat {peer.model}", attributes, remote=peer.is_remote) as span:
            heard = request.on_retry

            async def on_retry(reason: str, wait_s: float) -> None:
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

    @contextmanager
    def function(
        self, name: str, call: Call, arguments: Mapping[str, Any]
    ) -> Iterator[Callable[[Any], None]]:
        """A span around the call of a function; gives what takes note of its result."""
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
        kind = SpanKind.CLIENT if remote else SpanKind.INTERNAL
        with self._tracer.start_as_current_span(
            name, None, kind, known, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                if isinstance(error, StepError):
                    _set(span, {"agentkit.failed_nodes": list(error.failures)})
                if not passes_through(error):
                    self._fail(span, type(error).__name__, str(error))
                raise

    def _fail(self, span: "Span", kind: str, text: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        span.set_attribute("error.type", kind)
        said = brief(text) if self._content else None  # it may quote a prompt or an answer
        span.set_status(Status(StatusCode.ERROR, said))


def _set(span: "Span", attributes: Mapping[str, Any]) -> None:
    span.set_attributes({key: value for key, value in attributes.items() if value is not None})
