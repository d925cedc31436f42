"""What is new on a page, and what is gone from it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agentkit_envs.browser.see.element_lines import shorten, write_line
from agentkit_envs.browser.see.view import Element

_MOST = 24
"""How many lines are told."""
_LONGEST = 60
"""At how many characters their texts are cut: the page itself says them whole."""


def changes(before: Sequence[Element], after: Sequence[Element]) -> tuple[str, ...]:
    """The lines that are gone (`- e4 ...`), then those that are new (`+ e9 ...`).

    A line that reads differently is told as gone and as new. Where a line stands, and which one
    has the keyboard, is no change. Of many the first are told, at least half of them new ones if
    there are so many, and then how many more there are.
    """
    old, new = [_plain(line) for line in before], [_plain(line) for line in after]
    gone = [f"- {line}" for line in _without(old, new)]
    come = [f"+ {line}" for line in _without(new, old)]
    told_gone = gone[: _MOST - min(len(come), _MOST // 2)]
    told_come = come[: _MOST - len(told_gone)]
    rest = len(gone) + len(come) - len(told_gone) - len(told_come)
    more = (f"... and {rest} more lines",) if rest else ()
    return (*told_gone, *told_come, *more)


def _plain(element: Element) -> str:
    if "focused" in element.states:
        states = tuple(state for state in element.states if state != "focused")
        element = replace(element, states=states)
    return write_line(shorten(element, _LONGEST))


def _without(lines: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    """The lines that the others do not have, or not so many times."""
    left = Counter(others)
    for line in lines:
        if left[line]:
            left[line] -= 1
        else:
            yield line
