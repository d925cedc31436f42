"""The errors AgentKit raises.

The tree:

    AgentKitError
    ├── InputError            what the user gave is wrong (exit code 2)
    │   ├── SpecError         an agent or graph that cannot work; lists every problem
    │   └── AccessError       a model's key is missing or was refused
    ├── RenderError           a template or expression failed while it was filled in
    ├── OutputError           a completion does not read as the node's output
    ├── FunctionError         a function of the program raised or returned something unusable
    ├── ModelError            a model could not answer
    │   ├── CannotDecide      it can only answer in text
    │   └── ScriptExhausted   a script has no answer for a prompt
    ├── EnvError              an environment raised
    ├── StepError             nodes failed; lists them all
    ├── StepInterrupted       a step was asked to stop before its end
    │   └── LimitExceeded     a limit leaves no room for another call
    ├── ReplayError           a recorded call is not the one that is made now
    └── TraceError            a run folder cannot be read or written; it ends the run at once
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final


class AgentKitError(Exception):
    """The root of every error raised on purpose by AgentKit."""

    spent: Any = None
    """What was used before it, as a `Usage`, where more is known than a number of calls."""


class InputError(AgentKitError):
    """What the user gave (a command, an input, a file name) is wrong."""

    missing: str | None = None
    """What has to be installed first, if that is all that is wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an agent: what, where, and how to mend it."""

    message: str
    """What is wrong, the value found and what was expected, without a location."""
    node: str | None = None
    """The node it is in; None for the agent itself."""
    field: str | None = None
    """The field of the node (or agent): `prompt`, `save`, `with`."""
    key: str | None = None
    """The key inside the field, where it has keys: `subgoal` in `save: {subgoal: ...}`."""
    offset: int = 0
    """Lines below the field's first line of text (a template's line 3 has offset 2)."""
    line: int | None = None
    """Line in the source file, counted from 1; None when there is no file."""
    column: int | None = None
    """Column in the source file, counted from 1."""
    excerpt: str | None = None
    """The source line itself, to be shown with a caret."""
    missing: str | None = None
    """What has to be installed first, if that is what is wrong: it is said once."""

    def at(self, line: int, column: int, excerpt: str | None) -> "Problem":
        """The same problem with its place in a source file."""
        return replace(self, line=line, column=column, excerpt=excerpt)

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line is not None else ""
        if self.node is not None:
            where += f"{', ' if where else ''}node '{self.node}'"
            if self.line is None and self.field is not None:
                where += f", {self.field}"
        text = visible(f"{where}: {self.message}" if where else self.message)
        if self.excerpt is not None and self.column is not None:
            line, column = _around(visible(self.excerpt).replace("\t", " "), self.column - 1)
            text += f"\n    {line}\n    {' ' * column}^"
        return text


_WIDEST = 120


def _around(line: str, column: int) -> tuple[str, int]:
    """A line, or of a long one what stands around a column, and the column in it."""
    start = max(0, column - _WIDEST // 2) if len(line) > _WIDEST else 0
    shown = line[start : start + _WIDEST]
    return (f"...{shown}", column - start + 3) if start else (shown, column)


_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ud800-\udfff\ufeff]"
)
"""Control characters but newlines and tabs, bidi controls, zero-width characters and lone
surrogates."""


def visible(text: str) -> str:
    """A text without characters that would steer the terminal it is shown in.

    A text of a model, an environment, a file or a server could clear the screen, set the title or
    write to the clipboard. Newlines and tabs stay.
    """
    return _STEERING.sub(" ", text)


class SpecError(InputError):
    """An agent, graph or node that cannot work. `problems` lists everything that is wrong."""

    def __init__(self, problems: Sequence[Problem], source: str | None = None) -> None:
        self.problems = tuple(_each_missing_once(problems))
        self.source = source
        super().__init__(problems, source)

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''}"
        lines = [f"{self.source}: {head}" if self.source else head]
        for problem in self.problems:
            place = ""
            if self.source and problem.line is not None:
                place = f"{self.source}:{problem.line}:{problem.column or 1}: "
                problem = replace(problem, line=None)
            lines.append("  " + place + str(problem).replace("\n", "\n  "))
        return "\n".join(lines)


def _each_missing_once(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Problems without those that only say again that something is not installed."""
    said = set()
    for problem in problems:
        if problem.missing is None or problem.missing not in said:
            said.add(problem.missing)
            yield problem


class AccessError(InputError):
    """A model's key is missing or was refused. The message names the variable, never the key."""


class RenderError(AgentKitError):
    """A template or expression failed while it was filled in."""


class OutputError(AgentKitError):
    """A completion does not read as its node's output. The message is written for the model."""


class FunctionError(AgentKitError):
    """A function of the program raised, or returned something that is not a JSON value."""


class ModelError(AgentKitError):
    """A model could not be reached or did not answer."""


class CannotDecide(ModelError):
    """A model cannot decide a question; it may still answer it in text.

    Args:
        reason: Why not.
        spent: What it took to find out, as a `Usage`.
    """

    def __init__(self, reason: str, spent: Any = None) -> None:
        super().__init__(reason)
        self.spent = spent


class ScriptExhausted(ModelError):
    """A script has no answer left for a prompt. The message shows the prompt."""


class EnvError(AgentKitError):
    """An environment raised an exception of its own."""


class StepError(AgentKitError):
    """Nodes failed in a step. `failures` maps each failed node to its error.

    Where a function of the program raised, that is the `__cause__` of the node's error; Python
    prints its traceback in front.

    The texts that belong to no node are called `the context` and `the action` there.
    """

    def __init__(self, failures: Mapping[str, Exception]) -> None:
        self.failures = dict(failures)
        super().__init__(failures)

    def __str__(self) -> str:
        count = len(self.failures)
        lines = [f"{count} failure{'s' if count != 1 else ''} in this step"]
        for name, error in self.failures.items():
            where = name if " " in name else f"node '{name}'"
            lines.append(f"  {where}: {error}")
        return "\n".join(lines)


class StepInterrupted(AgentKitError):
    """A step was asked to stop before its end; nothing of it is kept."""


class LimitExceeded(StepInterrupted):
    """A limit leaves no room for another call or step.

    Args:
        limit: Its name, such as `cost_usd`; of a whole run, `run.cost_usd`.
        value: Its value.
        why: What was used and what the next call might have taken, where that is not clear.
    """

    def __init__(self, limit: str, value: float, why: str = "") -> None:
        self.limit = limit
        self.value = value
        self.why = why
        super().__init__(limit, value, why)

    @property
    def reason(self) -> str:
        """The limit and why it was reached, in few words."""
        value = plain_number(self.value)
        return f"{self.limit}: {value} ({self.why})" if self.why else f"{self.limit}: {value}"

    def __str__(self) -> str:
        text = f"the limit {self.limit} of {plain_number(self.value)} is reached"
        return f"{text}: {self.why}" if self.why else text


class ReplayError(AgentKitError):
    """A record has no answer to a call, or the answer to another one."""


class TraceError(AgentKitError):
    """A run folder cannot be read or written. Nothing catches it in a step: it ends the run."""


class ErrorText(str):
    """The text of an error, which still knows the class of the error: logs show that alone."""

    kind: str

    def __new__(cls, error: BaseException) -> "ErrorText":
        """The text of an error."""
        text = super().__new__(cls, error)
        text.kind = type(error).__name__
        return text


_COMPARED: Final = 500
"""Names that one name is compared with."""


def plain_number(value: float) -> str:
    """`1,000,000` or `0.25`: a number as people write it."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


_ON_COMMAND_LINE: Final = ContextVar("on_command_line", default=False)


@contextmanager
def on_command_line() -> Iterator[None]:
    """Let messages name options of the command line, where they would name Python's arguments."""
    token = _ON_COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _ON_COMMAND_LINE.reset(token)


def advice(python: str, shell: str) -> str:
    """Return what to write, in the words of the reader: of a program, or of the command line."""
    return shell if _ON_COMMAND_LINE.get() else python


def listed(names: Collection[str], most: int = 30, longest: int = 60) -> str:
    """`a, b, c`; of more names than `most` the first, and how many more there are.

    Of each name, the first `longest` characters are shown.
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(visible(name[:longest]) for name in islice(names, most)) + more


def suggest(name: str, known: Sequence[str] | frozenset[str] | set[str]) -> str:
    """` Did you mean 'x'?` for the nearest known name, or an empty string."""
    names = sorted(known)
    if len(names) > _COMPARED:  # comparing takes long, and only what begins alike can be meant
        names = [one for one in names if one[:1] == name[:1]][:_COMPARED]
    nearest = get_close_matches(name, names, n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
