"""Turns of a conversation that a node writes out: a prompt of several, and examples."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from agentkit.messages import Message, Role
from agentkit.outputs.declaration import answer_error
from agentkit.outputs.output import Output
from agentkit.outputs.scalars import YesNoOutput

ROLES: Final[tuple[Role, ...]] = ("user", "assistant")
MOST_TURNS: Final = 1_000
"""Turns that a prompt, or the examples of a node, may have."""
_FORM: Final = "a list such as [{user: 'What now?', assistant: 'noop'}]"
_PROMPT_FORM: Final = (
    "a text, or a list of turns such as [{user: 'Hi.', assistant: 'Hello.'}, {user: 'What now?'}]"
)
_GAP: Final = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)")


class TurnProblem(ValueError):
    """What is wrong with turns. `number` counts from 1; None where it is all of them."""

    def __init__(self, message: str, number: int | None = None) -> None:
        self.message = message
        self.number = number
        super().__init__(message, number)


def prompt_turns(prompt: str | Sequence[Mapping[str, str]]) -> list[tuple[Role, str, int]]:
    """Return the turns of a prompt: who speaks, the text, and the number of the list's item.

    Raises:
        TurnProblem: It is empty, has something else than turns, or does not end with the user's.
    """
    if isinstance(prompt, str):
        if not prompt.strip():
            raise TurnProblem("the prompt is empty: say what to ask the model")
        return [("user", prompt, 1)]
    turns = list(_turns(prompt, _PROMPT_FORM))
    if not turns or turns[-1][0] != "user":
        raise TurnProblem("the last turn of a prompt is the user's, which the model answers")
    for role, text, number in turns:
        if not isinstance(text, str) or not text.strip():
            raise TurnProblem(f"'{role}' of turn {number} must be a text, not {text!r:.40}", number)
    return turns


def example_messages(
    examples: Sequence[Mapping[str, Any]], output: Output | None
) -> tuple[Message, ...]:
    """Return the messages of examples; an answer that is no text is written as JSON.

    Raises:
        TurnProblem: They are no pairs of a question and an answer, or an answer is none.
    """
    messages = []
    for role, said, number in _turns(examples, _FORM):
        try:
            text = said if role == "user" else answer_text(said, output)
        except (TypeError, ValueError) as error:
            raise TurnProblem(f"the answer of example {number} is no JSON: {error}") from error
        if not isinstance(text, str) or not text.strip():
            raise TurnProblem(f"'{role}' of example {number} has no text", number)
        if role == "assistant" and output and (wrong := answer_error(output, text)):
            raise TurnProblem(f"the answer of example {number} is none: {wrong}", number)
        messages.append(Message(role, text))
    for number, one in enumerate(examples, 1):
        if set(one) != set(ROLES):
            raise TurnProblem(f"example {number} needs 'user' and 'assistant'", number)
    return tuple(messages)


def answer_text(said: Any, output: Output | None) -> Any:
    """Return an answer as a model writes it: JSON for what is no text, yes and no for truth."""
    if isinstance(said, str):
        return said
    if isinstance(said, bool) and isinstance(output, YesNoOutput):
        return "yes" if said else "no"
    return None if said is None else json.dumps(said, ensure_ascii=False)


def unfilled(messages: Sequence[Message], known: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield the known names that stand in double braces in examples, which nothing fills in."""
    for position, message in enumerate(messages):
        for match in _GAP.finditer(message.content):
            if match[1] in known:
                yield match[1], position // len(ROLES) + 1


def _turns(given: Any, form: str) -> Iterator[tuple[Role, Any, int]]:
    """Yield who speaks and what is said; of an item that has both, the user speaks first."""
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence):
        raise TurnProblem(f"expected {form}, found {given!r:.60}")
    if len(given) > MOST_TURNS:
        raise TurnProblem(f"there are {len(given):,}, and {MOST_TURNS:,} is the most")
    for number, one in enumerate(given, 1):
        if not isinstance(one, Mapping) or not one or not set(one) <= set(ROLES):
            raise TurnProblem(f"number {number}: expected {form}, found {one!r:.60}", number)
        for role in ROLES:
            if role in one:
                yield role, one[role], number
