"""How far the limits of a run and of its episodes are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agentkit.cli.view.words import count, money, seconds
from agentkit.errors import LimitExceeded, plain_number
from agentkit.limits import Limits
from agentkit.messages import Usage

_NAMES: Final = ("cost_usd", "seconds", "tokens", "calls", "steps")
"""The limits, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used so far."""

    steps: int
    usage: Usage
    seconds: float

    def of(self, name: str) -> float:
        """How much of what a limit counts."""
        if name == "calls":
            return self.usage.calls
        if name == "tokens":
            return self.usage.input_tokens + self.usage.output_tokens
        if name == "cost_usd":
            return self.usage.cost_usd or 0.0
        return float(getattr(self, name))

    def unknown(self, name: str) -> bool:
        """Whether it is the cost, and not known."""
        return name == "cost_usd" and self.usage.cost_usd is None


def limits_left(limits: Limits, used: Used, leave_out: str = "") -> str:
    """`0.0120 of 1.00 USD (0.9880 left), 12 s of 10 min 00 s (9 min 48 s left)`, or nothing."""
    return ", ".join(_standing(limits, used, leave_out))


def _standing(limits: Limits, used: Used, leave_out: str) -> Iterator[str]:
    for name in _NAMES:
        limit = getattr(limits, name)
        if limit is None or name == leave_out:
            continue
        if used.unknown(name):
            yield f"unknown of {_amount(name, limit)}"
            continue
        now = used.of(name)
        left = _bare(_amount(name, max(limit - now, 0)), name)
        yield f"{_bare(_amount(name, now), name)} of {_amount(name, limit)} ({left} left)"


def reached(limit: LimitExceeded, used: Used) -> str:
    """`the whole run may cost 5.00 USD: 4.98 USD used, and the next call may take 0.03 USD`."""
    name = limit.limit.removeprefix("run.")
    whose = "an episode" if name == limit.limit else "the whole run"
    if name not in _NAMES:
        return f"{limit.limit}: {plain_number(limit.value)}"
    verb = {"cost_usd": "cost", "steps": "make"}.get(name, "take")
    now = "unknown" if used.unknown(name) else _amount(name, used.of(name))
    why = limit.why or f"{now} {'made' if name == 'steps' else 'used'}"
    return f"{whose} may {verb} {_amount(name, limit.value)}: {why}"


def listed_limits(limits: Limits) -> str:
    """`500 decisions, 2.00 USD`, or nothing."""
    values = ((name, getattr(limits, name)) for name in _NAMES)
    return ", ".join(_amount(name, value) for name, value in values if value is not None)


def listed_both(limits: Limits, run_limits: Limits) -> Iterator[str]:
    """`an episode: 500 decisions`, `the whole run: 2.00 USD`, as far as there are any."""
    for whose, some in (("an episode", limits), ("the whole run", run_limits)):
        if text := listed_limits(some):
            yield f"{whose}: {text}"


def _amount(name: str, value: float) -> str:
    """A number of what a limit counts, with its unit."""
    if name == "cost_usd":
        return money(value)
    if name == "seconds":
        return seconds(value)
    return count(round(value), {"steps": "decision", "calls": "call"}.get(name, "token"))


def _bare(amount: str, name: str) -> str:
    """An amount without its unit, but for times."""
    return amount if name == "seconds" else amount.partition(" ")[0]
