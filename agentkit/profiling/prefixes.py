"""How much of each request repeats the beginning of an earlier one.

Servers keep what they computed for the beginning of a request and need not compute it again for a
later request that begins in the same way. They do so in whole blocks, 128 tokens each. Tokens are
estimated from the text, at four characters a token.

What changes at the front of a request spoils all that comes after it, also what stayed the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agentkit.messages import Message
from agentkit.profiling.sums import CHARACTERS_PER_TOKEN, ChangeSums
from agentkit.record.line import picture_name

BLOCK: Final = 128 * CHARACTERS_PER_TOKEN
"""Characters that are kept together."""
_REMEMBERED: Final = 50_000
"""Blocks that are remembered at least, of those used last: more than six million tokens."""

NOTHING: Final = "nothing"
"""The place of the first difference, where there is none."""
FIRST: Final = "first request"
"""The same, where there is no earlier request."""


class Recent:
    """A set that forgets what was not used lately, so that it has a largest size."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()

    def use(self, key: int) -> bool:
        """Whether a key was there; from now on it is."""
        if key in self._young:
            return True
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
        self._young.add(key)
        return key in self._old


@dataclass(frozen=True, slots=True)
class Extension:
    """What of a request an earlier one began with."""

    characters: int
    """Of the whole request."""
    repeated: int
    """Of the whole blocks at its beginning that were sent before."""
    differs_in: str
    """The message with the first difference: `system`, `context`, `recalled`, `prompt` or
    `correction`; `nothing` when all of it was sent before."""
    request: int
    """Hash of all its messages."""


class PrefixMeter:
    """Compares the requests to one model within an episode, in the order they were made."""

    def __init__(self) -> None:
        self._blocks = Recent()
        self._messages = Recent()
        self._used = False

    def measure(self, messages: Sequence[Message], attempt: int) -> Extension:
        """Hold a request against all before it.

        Args:
            messages: The messages.
            attempt: Which attempt it is; corrections stand at the end from the second on.
        """
        text = "".join(map(_text, messages))
        running, repeated, unbroken = 0, 0, True
        for start in range(0, len(text) - BLOCK + 1, BLOCK):
            running = hash((running, text[start : start + BLOCK]))
            unbroken = self._blocks.use(running) and unbroken
            repeated += BLOCK if unbroken else 0
        equal, running = self._equal_messages(messages)
        place = _place(messages, attempt, equal) if self._used else FIRST
        self._used = True
        return Extension(len(text), repeated, place, running)

    def _equal_messages(self, messages: Sequence[Message]) -> tuple[int, int]:
        """How many messages in front are those of an earlier request, and the hash of all.

        The earlier request that goes along furthest differs first in the message after these.
        """
        running, equal, unbroken = 0, 0, True
        for message in messages:
            running = hash((running, _text(message)))
            unbroken = self._messages.use(running) and unbroken
            equal += unbroken
        return equal, running


def _text(message: Message) -> str:
    pictures = [*map(picture_name, message.images)]
    shown = f"{pictures}\n" if pictures else ""
    return f"{message.role}\n{shown}{message.content}\n"


def _place(messages: Sequence[Message], attempt: int, equal: int) -> str:
    """What the message is that comes after those that are equal."""
    if equal == len(messages):
        return NOTHING
    prompt = len(messages) - 1 - 2 * (attempt - 1)
    if equal == prompt:
        return "prompt"
    if equal > prompt:
        return "correction"
    if messages[equal].role == "system":
        return "system"
    return "context" if equal == context_place(messages) else "recalled"


def context_place(messages: Sequence[Message]) -> int | None:
    """Index of the context: two messages of the user's follow each other where there is one."""
    roles = [message.role for message in messages[:3]]
    first = 1 if roles[:1] == ["system"] else 0
    return first if roles[first : first + 2] == ["user", "user"] else None


class FrontWatcher:
    """Notes what changed in the system text and the context while what follows stayed the same.

    What stayed could have been read from a cache, had it stood in front of the change.
    """

    def __init__(self) -> None:
        self.changes: dict[tuple[str, int], ChangeSums] = {}
        """By message and line in it, from 0."""
        self._systems: dict[str, str] = {}
        self._context = ""
        self._fresh = True

    def begin_step(self) -> None:
        """From now on the context may be another one."""
        self._fresh = True

    def see(self, node: str, messages: Sequence[Message], differs_in: str) -> None:
        """Take in the first attempt of a node and the message in which it was new."""
        if messages[0].role == "system":
            before, text = self._systems.get(node, ""), messages[0].content
            self._systems[node] = text
            if differs_in == "system":  # else another request began with it already
                self._compare("system", before, text)
        place = context_place(messages)
        if place is not None and self._fresh:
            before, self._context = self._context, messages[place].content
            self._fresh = False
            self._compare("context", before, self._context)

    def _compare(self, where: str, before: str, text: str) -> None:
        """Note a change of one line or two next to each other, with at least a block behind it.

        Of a longer change the end may have stayed by chance, and could not stand in front of it.
        """
        if not before or before == text:
            return
        first = _common(before, text)
        room = min(len(before), len(text)) - first
        stayed = _common(before[::-1][:room], text[::-1][:room])
        if stayed < BLOCK or max(t.count("\n", first, len(t) - stayed) for t in (before, text)) > 1:
            return
        start = max(text.rfind("\n", 0, first) + 1, first - 10)
        sample = text[start:].split("\n", 1)[0]
        key = where, text.count("\n", 0, first)
        change = self.changes.setdefault(key, ChangeSums(sample))
        change.times += 1
        change.characters += stayed


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
