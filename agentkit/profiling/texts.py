"""What the texts of requests show: a system text or context that changes, lines that repeat."""

from collections.abc import Sequence
from typing import Any, Final

from agentkit.messages import Message
from agentkit.profiling.prefixes import context_place
from agentkit.profiling.sums import LineSums, TextSums

_LONG_LINE: Final = 80
"""Characters of a line that is worth moving."""
_MOST_KINDS: Final = 200
"""How many kinds of lines are kept apart."""


class TextWatcher:
    """Sees the first attempts of one episode."""

    def __init__(self) -> None:
        self.sums = TextSums()
        self._systems: dict[str, str] = {}
        self._context: str | None = None
        self._new_context: str | None = None
        self._lines: dict[str, list[str]] = {}

    def see(self, node: str, model: str, messages: Sequence[Message]) -> None:
        """Take in a request."""
        if messages[0].role == "system":
            self._see_system(model, messages[0].content)
        place = context_place(messages)
        if place is not None and self._new_context is None:
            self._new_context = messages[place].content
        for line in dict.fromkeys(messages[-1].content.split("\n")):
            if len(line) >= _LONG_LINE:
                nodes = self._lines.setdefault(line, [])
                if node not in nodes:
                    nodes.append(node)

    def end_step(self) -> None:
        """The step is over: hold its context against that of the step before."""
        new, self._new_context = self._new_context, None
        if new is not None:
            if self._context is not None:
                self._see_context(self._context, new)
            self._context = new
        for line, nodes in self._lines.items():
            if len(nodes) > 1:
                self._count(self.sums.shared, tuple(nodes), line, len(line) * (len(nodes) - 1))
        self._lines.clear()

    def _see_system(self, model: str, text: str) -> None:
        before = self._systems.get(model, text)
        self._systems[model] = text
        if before is not text and before != text:
            pairs = enumerate(zip(before, text, strict=False))
            same = next((i for i, (was, now) in pairs if was != now), min(len(before), len(text)))
            self.sums.system_changes += 1
            self.sums.system_lost += len(text) - same
            self.sums.system_sample = text[max(0, same - 10) :].split("\n")[0]

    def _see_context(self, old: str, new: str) -> None:
        """Note where the context changed, when it did so in one or two lines only."""
        sums = self.sums
        sums.contexts += 1
        before, after = old.split("\n"), new.split("\n")
        if len(before) != len(after):
            return
        changed = [
            i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
        ]
        if not 1 <= len(changed) <= 2:
            return
        first = changed[0]
        stayed = sum(len(after[i]) + 1 for i in range(first, len(after)) if i not in changed)
        self._count(sums.changing, tuple(changed), after[first], stayed)

    def _count(self, kinds: dict[Any, LineSums], key: Any, sample: str, characters: int) -> None:
        if key not in kinds and len(kinds) >= _MOST_KINDS:
            return
        line = kinds.setdefault(key, LineSums(sample))
        line.steps += 1
        line.characters += characters
