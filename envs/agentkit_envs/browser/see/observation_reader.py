"""The text of an observation, read back: the inverse of `observation_text.describe`."""

import re
from collections.abc import Iterator

from agentkit_envs.browser.guard.quoting import unquote
from agentkit_envs.browser.see import line_budget, observation_text
from agentkit_envs.browser.see.element_lines import read_line
from agentkit_envs.browser.see.view import Element, LastAction, Tab, View

_TAB = re.compile(r'\d+ ("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*")( \(this one\))?')

_MORE_TABS = re.compile(r"\.\.\. and \d+ more tabs")


def read(observation: str) -> View:
    """What an observation says.

    `read(describe(view))` is the view, but for what the text leaves out or cuts for want of
    room, and for where the elements stand. A text without tabs is of a window with one.

    Raises:
        ValueError: It is no such text; the message names the line.
    """
    return _Reader(observation).view()


class _Reader:
    def __init__(self, observation: str) -> None:
        self.lines = observation.split("\n")
        self.at = 0

    def view(self) -> View:
        goal = self._goal()
        last = self._last()
        notices = tuple(
            _bare(line.removeprefix("- ")) for line in self._block(observation_text.NOTICES, "- ")
        )
        url = self._quoted("Address: ")
        title = self._quoted("Title: ")
        tabs = self._tabs(title, url)
        focused = self._optional("Focused: ")
        changes = self._changes()
        self._expect(observation_text.PAGE)
        elements = tuple(self._elements())
        left_out = self._left_out()
        steps = self._optional("Steps left: ")
        if self.at < len(self.lines):
            raise self._error("the end")
        return View(
            goal=goal,
            url=url,
            title=title,
            tabs=tabs,
            elements=elements,
            focused=focused,
            last=last,
            notices=notices,
            changes=changes,
            left_out=left_out,
            steps_left=None if steps is None else int(steps),
        )

    def _last(self) -> LastAction | None:
        action = self._optional("Last action: ")
        if action is None:
            return None
        unclear = self._optional("Not understood: ")
        if unclear is not None:
            return LastAction(_bare(action), _bare(unclear), understood=False)
        return LastAction(_bare(action), _bare(self._optional("Error: ") or ""))

    def _goal(self) -> str:
        first = self._optional("Goal: ")
        if first is None:
            raise self._error("'Goal: '")
        lines = [first]
        while self._line().startswith("  "):
            lines.append(self._next()[2:])
        return "\n".join(lines)

    def _tabs(self, title: str, url: str) -> tuple[Tab, ...]:
        if not self._skip(observation_text.TABS):
            return (Tab(title, url, active=True),)
        tabs = []
        while self._line()[:1].isdecimal():
            tabs.append(_tab(self._next()))
        if _MORE_TABS.fullmatch(self._line()):
            self.at += 1
        return tuple(tabs)

    def _changes(self) -> tuple[str, ...] | None:
        if not self._skip(observation_text.CHANGES):
            return None
        if self._skip(observation_text.NO_CHANGES):
            return ()
        lines = []
        while self._line().startswith(("+ ", "- ", "... ")):
            lines.append(self._next())
        return tuple(lines)

    def _elements(self) -> Iterator[Element]:
        if self._skip(observation_text.NOTHING):
            return
        while self.at < len(self.lines):
            element = read_line(self._line())
            if element is None:
                return
            self.at += 1
            yield element

    def _left_out(self) -> int:
        left_out = 0
        while (count := line_budget.read_note(self._line())) is not None:
            left_out += count
            self.at += 1
        return left_out

    def _block(self, heading: str, start: str) -> Iterator[str]:
        if self._skip(heading):
            while self._line().startswith(start):
                yield self._next()

    def _line(self) -> str:
        return self.lines[self.at] if self.at < len(self.lines) else ""

    def _next(self) -> str:
        self.at += 1
        return self.lines[self.at - 1]

    def _skip(self, line: str) -> bool:
        found = self._line() == line
        self.at += found
        return found

    def _expect(self, line: str) -> None:
        if not self._skip(line):
            raise self._error(f"{line!r}")

    def _optional(self, start: str) -> str | None:
        return self._next().removeprefix(start) if self._line().startswith(start) else None

    def _quoted(self, start: str) -> str:
        found = self._optional(start)
        if found is None:
            raise self._error(f"{start!r}")
        try:
            return unquote(found)
        except ValueError:
            self.at -= 1
            raise self._error(f"{start!r} and a text in quotes") from None

    def _error(self, expected: str) -> ValueError:
        found = repr(self._line()[:80]) if self.at < len(self.lines) else "the end"
        return ValueError(f"observation: line {self.at + 1}: expected {expected}, found {found}")


def _tab(line: str) -> Tab:
    match = _TAB.fullmatch(line)
    if match is None:
        raise ValueError(f"observation: expected a tab, found {line[:80]!r}")
    return Tab(unquote(match[1]), unquote(match[2]), match[3] is not None)


def _bare(line: str) -> str:
    return unquote(line) if line.startswith('"') else line
