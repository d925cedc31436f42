"""The state of one step while it runs."""

from collections.abc import Callable, Mapping
from typing import Any

from agentkit.errors import StepInterrupted
from agentkit.events import Event
from agentkit.execution.binding import Binding
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.schedule import StepSchedule
from agentkit.execution.scope import Scope, State
from agentkit.messages import NOTHING_USED, Moment, Usage
from agentkit.observability.logs import step_log
from agentkit.observability.telemetry import get_tracing
from agentkit.outputs.action import ParseAction
from agentkit.templates.template import Template

Emit = Callable[[Event], None]


class StepRun:
    """One execution of a graph: all that its nodes share, and what they have done so far.

    Args:
        binding: The graph with its models and functions.
        names: Values of the inputs and of the names the environment gives.
        state: What the step before left.
        action: The template that gives the action.
        source: Where completions come from; by default the models, without limits.
        emit: Called with each event; None records nothing.
        stopping: Asked before each node starts; True starts nothing more.
        streaming: Whether models shall hand over their text as it arrives.
        agent: The agent's name, for logs and spans; empty for a graph of its own.
        conversation: The id of the conversation it belongs to, for spans.
        notes: What players by rules keep for this episode.
        trace: Takes the events, which the result then has; None keeps none.
        parse_action: Reads actions, for nodes with `output: action`; None where nothing does.
    """

    def __init__(
        self,
        binding: Binding,
        names: Mapping[str, Any],
        state: State,
        *,
        action: Template | None = None,
        source: CompletionSource | None = None,
        emit: Emit | None = None,
        stopping: Callable[[], bool] | None = None,
        streaming: bool = False,
        agent: str = "",
        conversation: str = "",
        trace: list[Event] | None = None,
        parse_action: ParseAction | None = None,
        notes: dict[Any, Any] | None = None,
    ) -> None:
        self.step = _number(names.get("step"))
        self.episode = _number(names.get("episode"))
        self.action = action
        self.trace = trace
        keep = None if trace is None else trace.append
        self.emit = _both(_both(step_log(agent, self.episode), keep), emit)
        self.streaming = streaming
        self.graph = binding.graph
        self.names = names
        self.parse_action = parse_action
        self.moment = _moment(names, {} if notes is None else notes)
        self.tracing = get_tracing(agent, conversation)
        self.scope = Scope(binding.graph, names, state)
        self.schedule = StepSchedule(binding)
        self.source = source or CompletionSource()
        self.usage: Usage = NOTHING_USED
        """What the step has used so far."""
        self.status: dict[str, str] = {}
        """Of each node that came to an end: `ok`, `cut`, `otherwise`, `skipped`, `failed`,
        `cancelled`."""
        self.failures: dict[str, Exception] = {}
        """What failed, by node."""
        self.stopped = False
        """Whether nothing new may start."""
        self.ended = False
        """Whether it is over, so that nobody may change it any more."""
        self.interruption: StepInterrupted | None = None
        """Why, where a limit or the user stopped the step."""
        self._stopping = stopping
        budget = self.source.budget
        self._watched = budget if budget is not None and budget.watches_calls else None

    def stop(self, why: StepInterrupted) -> None:
        """Let nothing new start; the first reason counts."""
        self.stopped = True
        self.interruption = self.interruption or why

    def is_stopped(self) -> bool:
        """Return whether nothing new may start: the user said so, or a limit was reached."""
        if self._watched is not None and (over := self._watched.over()) is not None:
            self.stop(over)
        return self.stopped or (self._stopping is not None and self._stopping())

    def check_may_start(self) -> None:
        """Refuse to ask a model once the step is stopped.

        Raises:
            StepInterrupted: It is.
        """
        if self.is_stopped():
            raise StepInterrupted("stopped before the model was asked")

    def settle(self) -> Usage:
        """Return what the step used at its end: with the calls that got no answer, and with
        recorded answers that were paid for and not needed again."""
        if self.source.recorded_calls is not None:
            self.usage += self.source.recorded_calls.settle(self.step)
        self.usage += self.source.take_unanswered()
        return self.usage


def _both(first: Emit | None, second: Emit | None) -> Emit | None:
    if first is None or second is None:
        return first or second

    def emit(event: Event) -> None:
        first(event)
        second(event)

    return emit


def _moment(names: Mapping[str, Any], notes: dict[Any, Any]) -> Moment | None:
    if not names.keys() >= {"observation", "info", "history"}:
        return None
    return Moment(names["observation"], names["info"], names["history"], notes)


def _number(value: Any) -> int:
    """The step or episode number that an environment gives; a graph's own input is none."""
    return value if isinstance(value, int) else 0
