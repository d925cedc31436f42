"""Makes text that YAML stumbles over readable, so that what follows can be read too."""

import re
from typing import Final

import yaml

from agentkit.agentfile.line_numbers import FileText, Flaw
from agentkit.agentfile.yaml_traps import explain

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML built without libyaml: the same events, ten times slower
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

__all__ = ["Loader", "aligned", "without"]

_LINES_ABOVE: Final = 200
"""Lines that a line may have been meant to stand in one column with."""
_MOST_WAYS: Final = 4
"""How often a line is indented anew."""
_VALUE = re.compile(
    r" *(?P<dash>(?:- +)*)(?:(?P<key>[^\s:'\"#{\[-][^\s:'\"#{\[]*): +|(?<=- ))(?P<value>\S.*)"
)
"""A line with a value that has a name, or a dash, before it."""


def aligned(readable: FileText, flaw: Flaw) -> dict[int, int] | None:
    """Return how far lines have to be indented for YAML to read on after a flaw, if that helps.

    Tabs count as spaces, in this line and below; another line is moved, with all that is indented
    further below it, to where one of the lines above begins.
    """
    first = readable.place(flaw.start)[0]
    lines = readable.text.split("\n")
    margins = [len(line) - len(line.lstrip(" \t")) for line in lines]
    margin = margins[first - 1]
    ways: list[dict[int, int]] = []
    if "\t" in lines[first - 1][:margin]:
        tabbed = [
            n for n, line in enumerate(lines, 1) if n >= first and "\t" in line[: margins[n - 1]]
        ]
        for width in (2, 4, 8):
            ways.append({n: len(lines[n - 1][: margins[n - 1]].expandtabs(width)) for n in tabbed})
    else:
        block = [first]
        for number in range(first + 1, len(lines) + 1):
            if lines[number - 1].strip() and margins[number - 1] <= margin:
                break
            block.append(number)
        above = [n for n in range(max(first - _LINES_ABOVE, 1), first) if lines[n - 1].strip()]
        begins = {margins[n - 1]: n for n in above}
        for begin in sorted(begins, key=lambda one: (abs(one - margin), -begins[one])):
            if begin != margin:
                ways.append({n: max(margins[n - 1] + begin - margin, 0) for n in block})
    return next((way for way in ways[:_MOST_WAYS] if _reads_on(lines, way, first)), None)


def _reads_on(lines: list[str], widths: dict[int, int], first: int) -> bool:
    """Return whether YAML reads past a line when lines are indented anew."""
    anew = [*lines]
    for number, width in widths.items():
        anew[number - 1] = " " * width + anew[number - 1].lstrip(" \t")
    source = FileText("\n".join(anew))
    try:
        for event in yaml.parse(source.text, Loader=Loader):
            if event.start_mark is not None and event.start_mark.line > first:
                break
    except yaml.MarkedYAMLError as error:
        return source.place(explain(error, source).start)[0] > first
    return True


def without(readable: FileText, flaw: Flaw, text: FileText) -> FileText | None:
    """Return the text with the value that a flaw is in masked; None if that cannot be done.

    Of a line without a value, which is only indented wrongly, nothing is left.
    """
    first = readable.place(flaw.start)[0]
    start = readable.line_start(flaw.start)
    match = _VALUE.match(readable.line(start))
    if match is None and not flaw.indent:
        return None
    lines = readable.text[start:].split("\n")
    if match is None:  # a line that belongs nowhere
        lines[0] = " " * len(lines[0])
        text.unreadable[first] = flaw
        return FileText(readable.text[:start] + "\n".join(lines))
    lines[0] = lines[0][: match.start("value")] + "\ue000" * len(match["value"])
    text.unreadable[first] = flaw
    for number, line in enumerate(lines[1:], 1):
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and indent <= match.start("key" if match["key"] else "dash"):
            break
        lines[number] = " " * len(line)
        text.unreadable[first + number] = flaw
    return FileText(readable.text[:start] + "\n".join(lines))
