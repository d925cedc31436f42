"""The options of `agentkit run` that say where it ends at the latest."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeVar

import click

from agentkit.errors import LimitExceeded
from agentkit.limits import Limits

Command = TypeVar("Command", bound=Callable[..., Any])

_WHOLE: Final = click.IntRange(1)
_AMOUNT: Final = click.FloatRange(0)

OPTIONS: Final = {
    "steps": "--budget-steps",
    "calls": "--budget-calls",
    "tokens": "--budget-tokens",
    "cost_usd": "--budget-usd",
    "seconds": "--budget-seconds",
}
"""The option for each limit of a run."""

_HELP: Final = {
    "cost_usd": ("X", _AMOUNT, "The most US dollars the whole run may cost."),
    "calls": ("N", _WHOLE, "The most calls to models of the whole run."),
    "tokens": ("N", _WHOLE, "The most tokens of the whole run, read and written."),
    "seconds": ("S", _AMOUNT, "The longest time the whole run may take."),
    "steps": ("N", _WHOLE, "The most decisions of the whole run."),
}


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """The limits of a run that the command line gives; None leaves the agent's."""

    steps: int | None = None
    calls: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None

    @classmethod
    def take(cls, options: dict[str, Any]) -> Self:
        """Take the budget out of a command's options."""
        return cls(**{name: options.pop(_parameter(name)) for name in OPTIONS})

    def over(self, limits: Limits) -> Limits:
        """These limits with what is given here in place of theirs."""
        given = {name: getattr(self, name) for name in OPTIONS if getattr(self, name) is not None}
        return replace(limits, **given)


def options(command: Command) -> Command:
    """Give a command the options of a budget."""
    for name, (metavar, kind, text) in reversed(_HELP.items()):
        option = click.option(
            OPTIONS[name], _parameter(name), metavar=metavar, type=kind, help=text
        )
        command = option(command)
    return command


def _parameter(name: str) -> str:
    return f"budget_{name}"


def more_option(limit: LimitExceeded | None) -> str:
    """The option that raises a limit in a run that goes on; empty where there is none."""
    return "" if limit is None else option_of(limit.limit)


def option_of(limit: str) -> str:
    """The option that raises a limit, by the limit's name; empty where there is none."""
    if limit == "steps":
        return "--steps"
    return {f"run.{name}": option for name, option in OPTIONS.items()}.get(limit, "")
