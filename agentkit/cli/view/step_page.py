"""The events of an episode as text, step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from agentkit import events
from agentkit.cli.view.prompt_messages import show_message, show_pair
from agentkit.cli.view.terminal import echo
from agentkit.cli.view.words import money, score, seconds, tokens
from agentkit.messages import Decision
from agentkit.record.line import event_name

_LISTED = 8
"""The options of a decision that are shown without `--full`."""


@dataclass(slots=True)
class StepPrinter:
    """Prints the events that were asked for."""

    step: int | None
    """Only this step; None prints all."""
    node: str | None
    """Only this node; None prints all, and what happens between them."""
    full: bool
    """Whether whole conversations are printed, and not only the last message."""
    picture: Callable[[int], Path | None]
    """The file with what a step saw; None where there is none."""
    steps: set[int] = field(default_factory=set)
    """The steps that were seen."""
    nodes: set[str] = field(default_factory=set)
    """The nodes that were seen in the steps asked for."""
    observation: Any = None
    """What the environment said last."""

    def print(self, event: events.Event) -> None:
        """Print one event, if it was asked for."""
        step, node = getattr(event, "step", None), getattr(event, "node", None)
        if isinstance(event, events.StepStarted):
            self.steps.add(event.step)
        if self.step in (None, step):
            if node is not None:
                self.nodes.add(node)
            show = getattr(self, f"_on_{event_name(type(event))}", None)
            if self.node in (None, node) and show:
                show(event)
        if isinstance(event, (events.EpisodeStarted, events.EnvironmentStepped)):
            self.observation = event.observation

    def _on_episode_resumed(self, event: events.EpisodeResumed) -> None:
        copied = f"the steps before are those of {event.source}"
        what = "it was resumed here" if event.source is None else copied
        echo(f"\n({what})", dim=True)

    def _on_step_started(self, event: events.StepStarted) -> None:
        echo(f"\n===== step {event.step} =====", bold=True)
        if self.observation is not None:
            echo("observation", fg="cyan")
            echo(_indented(self.observation))
        if (picture := self.picture(event.step)) is not None:
            show_pair("picture", str(picture), 0)

    def _on_node_started(self, event: events.NodeStarted) -> None:
        attempt = f", attempt {event.attempt}" if event.attempt > 1 else ""
        asks = f"calls {event.function}" if event.function else f"asks {event.model}"
        echo(f"\n[{_name(event)}] {asks}{attempt}", fg="yellow", bold=True)
        if event.function:
            for key, value in (event.arguments or {}).items():
                show_pair(key, value)
            return
        messages = event.messages if self.full else event.messages[-1:]
        for message in messages:
            show_message(message.role, message.content, len(message.images))

    def _on_node_retried(self, event: events.NodeRetried) -> None:
        self._answer(event)
        echo(f"  cannot be used: {event.error}", fg="red")

    def _on_node_finished(self, event: events.NodeFinished) -> None:
        self._answer(event)
        completion, value = event.completion, event.value
        is_said = completion is not None and _says(completion.text, value)
        if event.error and event.status == "cut" and is_said:
            echo(f"  used all the same: {event.error}", fg="yellow")
        elif event.error:
            echo(f"  cannot be used: {event.error}", fg="red")
        if not is_said:
            show_pair(f"{_name(event)} {_status(event)}", value, 0)

    def _answer(self, event: events.NodeRetried | events.NodeFinished) -> None:
        completion = event.completion
        if completion is not None:
            self._thoughts(event, completion.thoughts)
            reused = " (reused)" if event.reused else ""
            echo(f"--- answer of {_name(event)}{reused}", fg="green", bold=True)
            echo(completion.text)
            for decision in completion.decisions:
                echo(f"  {shown_probabilities(decision, None if self.full else _LISTED)}", dim=True)

    def _thoughts(self, event: events.NodeRetried | events.NodeFinished, thoughts: str) -> None:
        if self.full and thoughts:
            echo(f"--- thoughts of {_name(event)}", dim=True)
            echo(thoughts, dim=True)
        elif thoughts:
            echo(f"({len(thoughts):,} characters of thoughts: --full shows them)", dim=True)

    def _on_node_skipped(self, event: events.NodeSkipped) -> None:
        show_pair(f"\n[{event.node}] skipped, still =", event.value, 0)

    def _on_node_failed(self, event: events.NodeFailed) -> None:
        echo(f"[{_name(event)}] failed: {event.error}", fg="red")

    def _on_node_cancelled(self, event: events.NodeCancelled) -> None:
        echo(f"[{event.node}] did not run: {event.because} failed", fg="red")

    def _on_node_added(self, event: events.NodeAdded) -> None:
        echo(f"\n[{event.node}] was added by {event.by}")

    def _on_memory_written(self, event: events.MemoryWritten) -> None:
        show_pair(f"memory.{event.key} =", event.value)

    def _on_step_finished(self, event: events.StepFinished) -> None:
        took = f"{seconds(event.latency_s)}, tokens {tokens(event.usage)}"
        echo(f"\nstep {event.step}: {took}, cost {money(event.usage.cost_usd)}", dim=True)

    def _on_step_failed(self, event: events.StepFailed) -> None:
        if not event.failures:
            echo(f"\nstep {event.step} was cut off", fg="yellow")
            return
        echo(f"\nstep {event.step} failed", fg="red")
        for name, error in event.failures.items():
            show_pair(name, error)

    def _on_environment_stepped(self, event: events.EnvironmentStepped) -> None:
        show_pair("action", event.action, 0)
        show_pair("reward", score(event.reward or 0.0), 0)
        if event.terminated or event.truncated:
            end = "terminated" if event.terminated else "truncated"
            echo(f"the episode is over: {end}", bold=True)
            echo(_indented(event.observation))

    def _on_limit_reached(self, event: events.LimitReached) -> None:
        echo(f"limit reached: {event.limit} {event.value:g}", fg="yellow")


def shown_probabilities(decision: Decision, most: int | None = None) -> str:
    """`left 70%, right 20%, up 10%`: a decision, the most probable options first."""
    found = sorted(decision.probabilities.items(), key=lambda pair: -pair[1])
    said = [f"{option} {probability:.1%}" for option, probability in found[:most]]
    if more := len(found) - len(said):
        said.append(f"{more} more")
    if decision.other:
        said.append(f"none of these {decision.other:.1%}")
    return ", ".join(said) or "refused"


def _says(text: str, value: Any) -> bool:
    """Whether a text is the value as it stands, so that showing both says nothing new."""
    if isinstance(value, str):
        return text.strip() == value
    try:
        return bool(orjson.loads(text) == value)
    except orjson.JSONDecodeError:
        return False


def _name(
    event: events.NodeStarted | events.NodeRetried | events.NodeFinished | events.NodeFailed,
) -> str:
    return event.node if event.item is None else f"{event.node} item {event.item}"


def _status(event: events.NodeFinished) -> str:
    return "=" if event.status == "ok" else f"({event.status}) ="


def _indented(text: Any) -> str:
    return "\n".join(f"  {line}" for line in str(text).split("\n"))
