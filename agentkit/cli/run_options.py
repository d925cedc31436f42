"""The options of `agentkit run`, with those that say where it ends at the latest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import click

from agentkit.errors import InputError

if TYPE_CHECKING:
    from agentkit.agent import Agent

Command = TypeVar("Command", bound=Callable[..., Any])

_WHOLE: Final = click.IntRange(1)
_AMOUNT: Final = click.FloatRange(0)
_BUDGET: Final = {
    "cost_usd": ("--budget-usd", "X", _AMOUNT, "The most US dollars the whole run may cost."),
    "calls": ("--budget-calls", "N", _WHOLE, "The most calls to models of the whole run."),
    "tokens": (
        "--budget-tokens",
        "N",
        _WHOLE,
        "The most tokens of the whole run, read and written.",
    ),
    "seconds": ("--budget-seconds", "S", _AMOUNT, "The longest time the whole run may take."),
    "steps": ("--budget-steps", "N", _WHOLE, "The most decisions of the whole run."),
}
"""The option for each limit of a run."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asks for."""

    model: str | None
    """A model that answers every node."""
    inputs: tuple[str, ...]
    """The inputs, as `name=value`."""
    memory: Path | None
    """The file of the memory kept forever."""
    place: str | None
    """The recorded step to begin with, as `RUN:EPISODE:STEP`."""
    episodes: int
    parallel: int
    seed: int
    steps: int | None
    budget: Mapping[str, Any]
    """The limits of the run that are given, by name."""
    allow_unknown_price: bool
    fresh: bool
    out: Path | None
    as_json: bool
    picture: Path | None
    cache: Path | None
    show: bool
    record: bool

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """The options, out of the values of the command's parameters."""
        limits = {name: given.pop(_parameter(name)) for name in _BUDGET}
        budget = {name: limit for name, limit in limits.items() if limit is not None}
        return cls(budget=budget, **given)

    def limit(self, agent: "Agent") -> "Agent":
        """The agent with the limits that are given in place of its own.

        Raises:
            InputError: A limit does not suit it.
        """
        steps, of_run = self.steps, self.budget.get("steps")
        for option, limit in (("--steps", steps), ("--budget-steps", of_run)):
            if limit is not None and agent.env is None:
                raise InputError(
                    f"{option} counts decisions in an environment; {agent.name} has none"
                )
        limits = agent.limits if steps is None else replace(agent.limits, steps=steps)
        run_limits = replace(agent.run_limits, **self.budget)
        if (limits, run_limits) == (agent.limits, agent.run_limits):
            return agent
        return agent.replace(limits=limits, run_limits=run_limits)


def budget(command: Command) -> Command:
    """Give a command the options of a budget."""
    for name, (option, metavar, kind, text) in reversed(_BUDGET.items()):
        given = click.option(option, _parameter(name), metavar=metavar, type=kind, help=text)
        command = given(command)
    return command


def _parameter(name: str) -> str:
    return f"budget_{name}"


def option_of(limit: str) -> str:
    """The option that raises a limit, by the limit's name; empty where there is none."""
    options = {f"run.{name}": option for name, (option, *_) in _BUDGET.items()}
    return {"steps": "--steps", **options}.get(limit, "")
