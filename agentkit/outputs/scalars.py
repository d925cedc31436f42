"""Outputs that need no declaration: text, number, integer, yes_no, code, json, action."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentkit.errors import OutputError
from agentkit.outputs.action import ActionOutput
from agentkit.outputs.json_extraction import find_json, last_block, only_block, unfenced
from agentkit.outputs.output import Output
from agentkit.values import fits


class TextOutput(Output):
    """The completion as it is."""

    def parse(self, text: str, values: Mapping[str, Any]) -> str:
        """The text without the space around it."""
        return text.strip()


class CodeOutput(Output):
    """A piece of code."""

    def parse(self, text: str, values: Mapping[str, Any]) -> str:
        """The content of the last fenced block, or the whole text."""
        block = last_block(text)
        if block is None and text.rstrip().endswith(self.asks):
            raise OutputError("It only repeats what was asked for. Answer with the code itself.")
        return text.strip() if block is None else block.strip("\n")

    def parse_cut(self, text: str, values: Mapping[str, Any]) -> str:
        """The content of the only fenced block, once it is closed: half a program is none."""
        block = only_block(text)
        if block is None:
            raise OutputError("The code is not complete.")
        return block.strip("\n")


class JsonOutput(Output):
    """Any JSON value."""

    def parse(self, text: str, values: Mapping[str, Any]) -> Any:
        """The last complete JSON value."""
        return find_json(text)

    def parse_cut(self, text: str, values: Mapping[str, Any]) -> Any:
        """The last complete JSON value, where no other was begun after it."""
        return find_json(text, is_cut=True)


class _OneNumber(Output):
    def parse_cut(self, text: str, values: Mapping[str, Any]) -> Any:
        """The number that is the whole first line, where the text has no other answer."""
        check_complete_number(text)
        return self.parse(text, values)


class NumberOutput(_OneNumber):
    """A number."""

    def parse(self, text: str, values: Mapping[str, Any]) -> int | float:
        """The only number of the text, or of its last line."""
        return find_number(text)


class FloatOutput(NumberOutput):
    """A number that Python gets as a float."""

    def parse(self, text: str, values: Mapping[str, Any]) -> float:
        """The only number of the text, or of its last line."""
        return float(find_number(text))


class IntegerOutput(_OneNumber):
    """A whole number."""

    def parse(self, text: str, values: Mapping[str, Any]) -> int:
        """The only number of the text, or of its last line, which must be whole."""
        number = find_number(text)
        if isinstance(number, float) and not number.is_integer():
            raise OutputError(f"The answer must be a whole number, but it is {number}.")
        if not fits(int(number)):
            raise OutputError(f"The number {number:.3g} is too large.")
        return int(number)


class YesNoOutput(Output):
    """Yes or no, as true or false."""

    question_kind = "predicate"

    def options(self, values: Mapping[str, Any]) -> Sequence[str]:
        """Yes and no."""
        return ("yes", "no")

    def value_of(self, option: str) -> bool:
        """True for yes, False for no."""
        return option == "yes"

    def parse(self, text: str, values: Mapping[str, Any]) -> bool:
        """True for yes, False for no."""
        return find_yes_no(text)

    def parse_cut(self, text: str, values: Mapping[str, Any]) -> bool:
        """What the text begins with, where the rest does not say something else."""
        said, begins = find_yes_no(text), _BEGINS_CUT.match(text)
        if begins is None or said != _WHOLE[begins[1].lower()]:
            raise OutputError("The answer is not complete.")
        return said


_NUMBER_ASKS = "Answer with one number and nothing else."
FLOAT: Final = FloatOutput(name="number", asks=_NUMBER_ASKS, schema={"type": "number"})
"""A number that Python gets as a float."""
PLAIN_OUTPUTS: Final[Mapping[str, Output]] = {
    output.name: output
    for output in (
        TextOutput(name="text"),
        NumberOutput(name="number", asks=_NUMBER_ASKS, schema={"type": "number"}),
        IntegerOutput(
            name="integer",
            asks="Answer with one whole number and nothing else.",
            schema={"type": "integer"},
        ),
        YesNoOutput(
            name="yes_no",
            asks="Answer yes or no.",
            schema={"type": "string", "enum": ["yes", "no"]},
        ),
        CodeOutput(name="code", asks="Put the code into one block between two lines of ```."),
        JsonOutput(name="json", asks="Answer with one JSON value and nothing else."),
        ActionOutput(
            name="action", asks="Answer with one action and nothing else.", takes_action=True
        ),
    )
}
"""The outputs that a word declares."""

_LONGEST_NUMBER = 300
_NUMBER_TOKEN = re.compile(r"(?<![\w.,])[-+]?+\.?+\d[\d.,]*+(?:[eE][-+]?\d++)?+(?!\w)")
_NUMBER = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?(?:[eE][-+]?\d+)?")


def find_number(text: str) -> int | float:
    """The only number of a text, or else the only number of its last line."""
    text = unfenced(text).replace("\u2212", "-")
    tokens = _NUMBER_TOKEN.findall(text)
    if len(tokens) != 1:
        tokens = _NUMBER_TOKEN.findall(_last_line(text))
    if len(tokens) != 1:
        listed = ", ".join(token.rstrip(".,") for token in tokens[:10])
        found = f"these were found: {listed}" if tokens else "none was found"
        raise OutputError(f"The answer must have exactly one number, but {found}.")
    token = tokens[0].rstrip(".,")
    if len(token) > _LONGEST_NUMBER or not _NUMBER.fullmatch(token):
        raise OutputError(f"'{token[:40]}' is not a clear number; write it like 1234.5.")
    digits = token.replace(",", "")
    if not re.search(r"[.eE]", digits):
        if not fits(int(digits)):
            raise OutputError(f"The number {token[:40]} is too large.")
        return int(digits)
    number = float(digits)
    if not math.isfinite(number):
        raise OutputError(f"The number {token[:40]} is too large.")
    return number


def check_complete_number(text: str) -> None:
    """Raise OutputError unless the first line of a truncated answer is its number, and no more."""
    line, line_end, _ = text.lstrip().partition("\n")
    token = line.strip(" \t\r\"'`*_.").replace("\u2212", "-")
    if not (line_end and _NUMBER_TOKEN.fullmatch(token)) or find_number(token) != find_number(text):
        raise OutputError("The number is not complete.")


def _last_line(text: str) -> str:
    stripped = text.rstrip()
    return stripped[stripped.rfind("\n") + 1 :]


_WORD = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
_BEGINS = re.compile(r"[\W_]*(yes|no)\b[\"'*_`]*(?:[.,;:!)\u2013\u2014-]|\s*$)", re.IGNORECASE)
_FIRST = re.compile(r"[\W_]*(yes|no)\b", re.IGNORECASE)
_ENDS = re.compile(r"\b(yes|no)[\W_]*$", re.IGNORECASE)
_UNDECIDED = re.compile(
    r"\b(?:yes\W+(?:(?:and|or)\W+)?no|no\W+(?:(?:and|or)\W+)?yes)\b", re.IGNORECASE
)
_BEGINS_CUT = re.compile(
    r"[\W_]*(yes|no|true|false)\b(?!\W+(?:and|or)\b)"
    r"(?:(?<=s)\s|[\"'*_`]*(?:[.,;:!)]|[ \t]+(?:[-\u2013\u2014]|because\b)|[ \t\r]*(?:\n|\Z)))",
    re.IGNORECASE,
)
"""Beginnings that answer: "yes" before anything, "no" where it is not "no-one" or "no trees"."""
_WHOLE = {"yes": True, "no": False, "true": True, "false": False}


def whole_word(text: str) -> bool | None:
    """Return what a text says that is only "yes", "no", "true" or "false"; None for others."""
    return _WHOLE.get(text.strip(" \t\n\"'*_`.!").lower())


def find_yes_no(text: str) -> bool:
    """Whether a text says yes; its first word and its last line count most."""
    stripped = unfenced(text)
    whole = whole_word(stripped)
    if whole is not None:
        return whole
    first_line, last_line = stripped.partition("\n")[0], _last_line(stripped)
    said = {word.lower() for word in _WORD.findall(stripped)}
    if len(said) == 2 and not _UNDECIDED.search(stripped):
        ends = (_FIRST.match(first_line), _BEGINS.match(last_line), _ENDS.search(last_line))
        said = {match[1].lower() for match in ends if match}
    if len(said) != 1:
        what = "it says both" if len(said) == 2 else "it says neither"
        raise OutputError(f"The answer must be yes or no, but {what} clearly.")
    return said == {"yes"}
