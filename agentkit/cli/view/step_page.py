"""The events of an episode as text, step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from agentkit.cli.view.prompt_messages import show_message, show_pair
from agentkit.cli.view.terminal import echo
from agentkit.cli.view.words import money, score, seconds, tokens
from agentkit.messages import Usage
from agentkit.record.reader import Record


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

    def print(self, record: Record) -> None:
        """Print one event, if it was asked for."""
        kind, step, node = record["event"], record.get("step"), record.get("node")
        if kind == "step_started":
            self.steps.add(record["step"])
        if self.step in (None, step):
            if node is not None:
                self.nodes.add(node)
            if self.node in (None, node) and (show := getattr(self, f"_on_{kind}", None)):
                show(record)
        if kind in ("episode_started", "environment_stepped"):
            self.observation = record["observation"]

    def _on_episode_resumed(self, record: Record) -> None:
        copied = f"the steps before are those of {record['source']}"
        what = "it was resumed here" if record["source"] is None else copied
        echo(f"\n({what})", dim=True)

    def _on_step_started(self, record: Record) -> None:
        echo(f"\n===== step {record['step']} =====", bold=True)
        if self.observation is not None:
            echo("observation", fg="cyan")
            echo(_indented(self.observation))
        if (picture := self.picture(record["step"])) is not None:
            show_pair("picture", str(picture), 0)

    def _on_node_started(self, record: Record) -> None:
        attempt = f", attempt {record['attempt']}" if record["attempt"] > 1 else ""
        asks = f"calls {record['function']}" if record["function"] else f"asks {record['model']}"
        echo(f"\n[{_name(record)}] {asks}{attempt}", fg="yellow", bold=True)
        if record["function"]:
            for key, value in (record["arguments"] or {}).items():
                show_pair(key, value)
            return
        messages = record["messages"] if self.full else record["messages"][-1:]
        for message in messages:
            show_message(message["role"], message["content"], len(message.get("images", ())))

    def _on_node_retried(self, record: Record) -> None:
        self._answer(record)
        echo(f"  cannot be used: {record['error']}", fg="red")

    def _on_node_finished(self, record: Record) -> None:
        self._answer(record)
        completion, value = record["completion"], record["value"]
        if completion is None or not _says(completion["text"], value):
            show_pair(f"{_name(record)} {_status(record)}", value, 0)

    def _answer(self, record: Record) -> None:
        completion = record["completion"]
        if completion is not None:
            reused = " (reused)" if record["reused"] else ""
            echo(f"--- answer of {_name(record)}{reused}", fg="green", bold=True)
            echo(completion["text"])

    def _on_node_skipped(self, record: Record) -> None:
        show_pair(f"\n[{record['node']}] skipped, still =", record["value"], 0)

    def _on_node_failed(self, record: Record) -> None:
        echo(f"[{_name(record)}] failed: {record['error']}", fg="red")

    def _on_node_cancelled(self, record: Record) -> None:
        echo(f"[{record['node']}] did not run: {record['because']} failed", fg="red")

    def _on_node_added(self, record: Record) -> None:
        echo(f"\n[{record['node']}] was added by {record['by']}")

    def _on_memory_written(self, record: Record) -> None:
        show_pair(f"memory.{record['key']} =", record["value"])

    def _on_step_finished(self, record: Record) -> None:
        took = f"{seconds(record['latency_s'])}, tokens {tokens(Usage(**record['usage']))}"
        echo(f"\nstep {record['step']}: {took}, cost {money(record['cost_usd'])}", dim=True)

    def _on_step_failed(self, record: Record) -> None:
        if not record["failures"]:
            echo(f"\nstep {record['step']} was cut off", fg="yellow")
            return
        echo(f"\nstep {record['step']} failed", fg="red")
        for name, error in record["failures"].items():
            show_pair(name, error)

    def _on_environment_stepped(self, record: Record) -> None:
        show_pair("action", record["action"], 0)
        show_pair("reward", score(record["reward"]), 0)
        if record["terminated"] or record["truncated"]:
            end = "terminated" if record["terminated"] else "truncated"
            echo(f"the episode is over: {end}", bold=True)
            echo(_indented(record["observation"]))

    def _on_limit_reached(self, record: Record) -> None:
        echo(f"limit reached: {record['limit']} {record['value']:g}", fg="yellow")


def _says(text: str, value: Any) -> bool:
    """Whether a text is the value as it stands, so that showing both says nothing new."""
    if isinstance(value, str):
        return text.strip() == value
    try:
        return bool(orjson.loads(text) == value)
    except orjson.JSONDecodeError:
        return False


def _name(record: Record) -> str:
    item = record.get("item")
    return record["node"] if item is None else f"{record['node']} item {item}"


def _status(record: Record) -> str:
    return "=" if record["status"] == "ok" else f"({record['status']}) ="


def _indented(text: Any) -> str:
    return "\n".join(f"  {line}" for line in str(text).split("\n"))
