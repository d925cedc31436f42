"""An output that is an action, read as the environment itself reads it."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from agentkit.errors import FunctionError, OutputError, advice
from agentkit.outputs.json_extraction import unfenced
from agentkit.outputs.output import Output
from agentkit.program.raised_errors import passes_through, raised

ParseAction = Callable[[str], str]
"""Gives the one spelling of an action that a text says. Raises ValueError, with the reason, where
it says none."""
PARSE_ACTION: Final = "_parse_action_"
"""The name under which an answer's values have what reads actions."""

_LABEL: Final = re.compile(r"\W*(?:(?:my|the|next) )*action\W*:[\s*_]*", re.IGNORECASE)
_LONGEST_REASON: Final = 2_000


class ActionOutput(Output):
    """An action in the environment's own spelling."""

    def parse(self, text: str, values: Mapping[str, object]) -> str:
        """The action that the whole text says, or its last line."""
        return read_action(text, values)

    def parse_cut(self, text: str, values: Mapping[str, object]) -> str:
        """The action that the first line says, where the rest says no other."""
        line, line_end, rest = text.lstrip().partition("\n")
        if not line_end:
            raise OutputError("The answer is not complete.")
        found = read_action(line, values)
        try:
            other = read_action(rest, values) if rest.strip() else found
        except OutputError:
            other = found
        if other != found:
            raise OutputError("The answer is not complete.")
        return found


def read_action(text: object, values: Mapping[str, object]) -> str:
    """Return the action that a text says, as a whole or in its last line.

    Args:
        text: The answer, or a field of it.
        values: What the answer is read with; `PARSE_ACTION` reads actions.

    Raises:
        OutputError: It says none; with the environment's reason.
        FunctionError: What reads actions has a fault.
    """
    if not isinstance(text, str) or not text.strip():
        raise OutputError("there is no action.")
    whole = unfenced(text)
    last = whole.rpartition("\n")[2]
    reasons = []
    for said in dict.fromkeys((whole, _LABEL.sub("", whole, count=1), _LABEL.sub("", last))):
        try:
            return _parsed(said, values)
        except OutputError as error:
            reasons.append(error)
    raise reasons[0]


def _parsed(text: str, values: Mapping[str, object]) -> str:
    parse = values[PARSE_ACTION]
    if not callable(parse):
        raise TypeError("there is nothing that reads actions")
    try:
        action = parse(text)
    except ValueError as error:
        raise OutputError(str(error)[:_LONGEST_REASON] or "it is not an action.") from error
    except Exception as error:
        if passes_through(error):
            raise
        raise FunctionError(raised("parse_action", error)) from error
    if not isinstance(action, str) or not action.strip():
        raise FunctionError(
            f"parse_action returned {action!r:.60} for {text!r:.60}: expected the action as a "
            "text, or a ValueError with the reason where it is none"
        )
    return action


def nothing_reads_actions(node: str) -> str:
    """Return the message for a node that asks for an action where nothing reads actions."""
    way = advice("act(..., parse_action=function) gives what reads them; ", "")
    return (
        f"node '{node}' has the output 'action', which the environment itself reads, and no "
        f"environment with a method parse_action is here. {way}one of a list is "
        "{choice: actions}, and any text is 'text'"
    )
