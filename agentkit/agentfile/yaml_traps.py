"""What YAML's parser stumbles over, in plain words."""

import re
from typing import Final

import yaml

from agentkit.agentfile.line_numbers import FileText, Flaw

MAX_DEPTH: Final = 40
"""How deep lists and mappings may be nested."""
DEEP: Final = f"lists and mappings are nested more than {MAX_DEPTH} deep"
BRACES: Final = (
    "a text that begins with '{{' or '{%' needs quotes around it, or '|' and the text on the "
    "next lines; without them YAML reads a mapping"
)
COLON: Final = (
    "the ': ' in it makes YAML see a name and a value: put quotes around the text, or use '|' "
    "and the text on the next lines"
)
_INDENT: Final = (
    "this line does not stand in the same column as the lines it belongs to: check how far it is "
    "indented, and the quotes and brackets above it"
)
_LINES_ABOVE: Final = 100
_NEVER_CLOSED: Final = "the quote that opens here is never closed"
_MEANINGS: Final = {
    "[": "begins a list, which needs a ']',",
    "{": "begins a mapping, which needs a '}',",
    "*": "repeats a value named before",
    "&": "names a value",
    "!": "begins a tag",
}
_VALUE = re.compile(r"\s*(?:-\s+)*(?:[^\s:'\"#{\[]+:\s+)?(?P<value>\S.*)")
_KEY = re.compile(r"\s*(?:-\s+)*[^\s:'\"#]+:(\s|$)")
_TIGHT_COLON = re.compile(r"\s*(?:-\s+)*[a-z_][a-z0-9_]*(?P<here>:)[^\s:/]")
_TIGHT_DASH = re.compile(r"\s*(?P<here>-)[^\s-]")
_LONGEST_FLOW: Final = 2_000
_NO_COMMA = re.compile(
    r"""\{(?:[^"'{}\[\]]*,)?\s*\w+:\s+(?:"[^"]*"|'[^']*'|\[[^\[\]]*\]|[^\s,:"'{}\[\]]+(?:\s+[^\s,:"'{}\[\]]+)*?)"""
    r"\s+(?P<name>[a-z_]\w*):(?:\s|$)"
)
_IN_BRACES = re.compile(
    r"""[{,]\s*[\w-]+:\s+(?P<text>[^\s"'\[{,&*!|>%@`#][^\n,\[\]{}]*)(?P<sign>[\[{])\Z"""
)
"""A text without quotes in a flow mapping, up to a bracket that YAML does not take in it."""
_TAB = re.compile(r" *(?P<here>\t)")


def explain(error: yaml.MarkedYAMLError, source: FileText) -> Flaw:
    """Why the parser stopped, and where the writer should look."""
    problem = error.problem or ""
    mark = error.problem_mark or error.context_mark
    at = min(mark.index if mark else 0, len(source.text))
    if "depth" in problem:  # libyaml has a limit too, and meets it before the first event
        return Flaw(at, DEEP)
    context = error.context_mark.index if error.context_mark else at
    if "simple key" in (error.context or "") or "quoted scalar" in (error.context or ""):
        at = context if "escape" not in problem else at
    starts = [at, context] if "flow" in (error.context or "") else [at]
    if source.line_start(context) < source.line_start(at):
        starts.reverse()  # what is not closed is to blame, not where that is noticed
    special = (_special_start(source, start, problem) for start in starts)
    return (
        _layout(source, at) or next(filter(None, special), None) or _by_message(source, at, problem)
    )


def _layout(source: FileText, at: int) -> Flaw | None:
    """Tabs in the indentation, and a missing space after `-` or `:`."""
    start, line = source.line_start(at), source.line(at)
    if match := _TAB.match(line):
        message = "a tab is used to indent this line, and YAML wants spaces"
        return Flaw(start + match.start("here"), message, indent=True)
    if match := _TIGHT_DASH.match(line):
        return Flaw(start + match.start("here"), "put a space after the '-' of a list item")
    for begin in (start, _line_above(source, start)):
        if match := _TIGHT_COLON.match(source.line(begin)):
            message = "put a space after the ':' that follows a name"
            return Flaw(begin + match.start("here"), message)
    return None


def _line_above(source: FileText, start: int) -> int:
    """Start of the nearest line above that is not blank."""
    above = source.text[:start].rstrip()
    return source.line_start(len(above))


def _special_start(source: FileText, at: int, problem: str) -> Flaw | None:
    """A value that begins with a character that means something in YAML."""
    if "escape" in problem or "end of stream" in problem:
        return None
    start = source.line_start(at)
    match = _VALUE.match(source.line(at))
    if match is None:
        return None
    value, here = match["value"], start + match.start("value")
    if value.startswith(("{{", "{%", "{#")):
        return Flaw(here, BRACES)
    if value[0] in "|>" and "block scalar" not in problem and at >= here:
        message = f"after '{value[0]}' the text begins on the next line, indented"
        return Flaw(here, message)
    if value[0] == "{" and (comma := _NO_COMMA.match(value[:_LONGEST_FLOW])):
        message = (
            f"there is no ',' before '{comma['name']}:'; if it belongs to the text before, put "
            "quotes around that text"
        )
        return Flaw(here + comma.start("name"), message)
    if value[0] == "{" and (
        inner := _IN_BRACES.search(source.text[max(here, at - _LONGEST_FLOW) : at + 1])
    ):
        sign = inner["sign"]
        message = (
            f"put quotes around this text: inside a mapping in braces, '{sign}' in a text without "
            f"quotes {_MEANINGS[sign]} in YAML"
        )
        return Flaw(at - len(inner["text"]), message)
    if value[0] in "[{*&!%@`":
        message = (
            f"a text that begins with '{value[0]}' needs quotes around it, or '|' and the text "
            f"on the next lines: '{value[0]}' {_MEANINGS.get(value[0], 'means something')} in YAML"
        )
        return Flaw(here, message)
    if value[0] in "\"'" and at == here + 1 and (opened := _opened_above(source, start, value[0])):
        return opened
    if value[0] in "\"'" and at > here:
        message = (
            f"the text goes on after its closing {value[0]}: put the whole text in quotes, or "
            "use '|' and the text on the next lines"
        )
        return Flaw(at, message)
    return None


def _opened_above(source: FileText, start: int, quote: str) -> Flaw | None:
    """The text above a line that opens with a quote and was to end there, not at the next quote."""
    for _ in range(_LINES_ABOVE):
        start = _line_above(source, start)
        match = _VALUE.match(source.line(start))
        if match and match["value"].startswith(quote) and match["value"].count(quote) % 2:
            return Flaw(start + match.start("value"), _NEVER_CLOSED)
    return None


def _by_message(source: FileText, at: int, problem: str) -> Flaw:
    """What the parser's own words mean."""
    if "mapping values" in problem:
        before = source.text[source.line_start(at) : at]
        if _KEY.match(before):
            return Flaw(at, f"if this is a text, {COLON}")
        return Flaw(at, _text_above(source, at), indent=True)
    if "end of stream" in problem:
        return Flaw(at, _NEVER_CLOSED)
    if "escape" in problem:
        message = "in double quotes '\\' begins a special character: use single quotes, or '|'"
        return Flaw(at, message)
    if "expected ':'" in problem:
        message = (
            "this line is neither 'name: value' nor a list item '- ...'. A text over several "
            "lines needs '|' after its name, and all its lines indented"
        )
        return Flaw(at, message, indent=True)
    if "expected" in problem or "not allowed" in problem:
        return Flaw(at, _INDENT, indent=True)
    message = f"YAML cannot read this line ({problem}): check its quotes and how it is indented"
    return Flaw(at, message)


def _text_above(source: FileText, at: int) -> str:
    number = source.place(_line_above(source, source.line_start(at)))[0]
    return (
        f"this line looks like 'name: value', but YAML takes it for more of the text in line "
        f"{number}: check how far it is indented; if it is text, use '|' for the whole text"
    )
