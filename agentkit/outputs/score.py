"""An output that is one of several numbers, each with its meaning."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentkit.errors import OutputError
from agentkit.outputs.json_extraction import unfenced
from agentkit.outputs.options import find_option
from agentkit.outputs.output import Output
from agentkit.outputs.problem import OutputProblem
from agentkit.outputs.scalars import find_number
from agentkit.values import fits

Levels = tuple[tuple[int, str], ...]
"""The numbers that a score may be, each with what it means; an empty text where that is not said"""

MOST_LEVELS: Final = 255
"""Numbers that a score may be."""
_HINT: Final = "Write it like {score: [1, 5]} or {score: {1: poor, 2: fair, 3: good}}"
_WORD = re.compile(r"-?\d+|[^\W\d_]+")
_OF_MOST = re.compile(r"(-?\d+)\s*(?:/|out of|of)\s*(-?\d+)", re.IGNORECASE)
_LINE = re.compile(r"\s*(?:[-*+\u2022]\s+)?[\"'`*_]*(-?\d+)\b")


def is_score(declaration: Mapping[Any, Any]) -> bool:
    """Return whether a mapping is `{score: ...}`, and not a record with a field of this name."""
    if set(declaration) != {"score"}:
        return False
    declared = declaration["score"]
    if isinstance(declared, Mapping):
        return any(_number(level) is not None for level in declared)
    return isinstance(declared, (list, tuple)) and any(isinstance(one, int) for one in declared)


def parse_levels(declared: Any, key: str | None) -> Levels:
    """Return the numbers and meanings of `{score: ...}`.

    Args:
        declared: What stands after `score`: two numbers, or numbers with their meanings.
        key: The field of the schema that it is in, for messages.

    Raises:
        OutputProblem: It is something else.
    """
    if isinstance(declared, Mapping):
        levels = tuple(_level(number, text, key) for number, text in declared.items())
        for given in zip(*((number, _folded(text)) for number, text in levels), strict=True):
            if len({*given}) < len(levels):
                raise OutputProblem("score: a number or a meaning is given twice.", key)
        _check_count(len(levels), key)
        return tuple(sorted(levels))
    ends = [_number(one) for one in declared]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[0] >= ends[1]:
        raise OutputProblem(
            f"score: expected the lowest and the highest number, found {declared!r:.60}. {_HINT}",
            key,
        )
    _check_count(ends[1] - ends[0] + 1, key)
    return tuple((number, "") for number in range(ends[0], ends[1] + 1))


def _check_count(count: int, key: str | None) -> None:
    if not 2 <= count <= MOST_LEVELS:
        raise OutputProblem(
            f"score: a score is one of 2 to {MOST_LEVELS} numbers, and these are {count}.", key
        )


def _level(number: Any, text: Any, key: str | None) -> tuple[int, str]:
    level = _number(number)
    if level is None:
        raise OutputProblem(f"score: {number!r:.60} is not a whole number. {_HINT}", key)
    if not isinstance(text, str) or not _folded(text) or _folded(text)[0].lstrip("-").isdigit():
        raise OutputProblem(
            f"score: {text!r:.60} says not in words what {level} means. {_HINT}", key
        )
    return level, " ".join(text.split())


def _number(level: Any) -> int | None:
    """Return a number, also as the text that YAML makes of a key; None for anything else."""
    if isinstance(level, str) and re.fullmatch(r"-?\d{1,18}", level):
        return int(level)
    is_whole = isinstance(level, int) and not isinstance(level, bool) and fits(level)
    return level if is_whole else None


def level_words(levels: Levels) -> str:
    """Return the numbers in words: `1 (poor), 2 (fair) or 3 (good)`."""
    if not levels[0][1]:
        return f"a whole number from {levels[0][0]} to {levels[-1][0]}"
    *others, last = [f"{number} ({text})" for number, text in levels]
    return f"{', '.join(others)} or {last}"


def levels_declared(levels: Levels) -> Any:
    """Return the levels as a file declares them: two numbers, or numbers with their meanings."""
    return dict(levels) if levels[0][1] else [levels[0][0], levels[-1][0]]


def score_text(levels: Levels) -> str:
    """Return the levels as they are declared, on one line."""
    if not levels[0][1]:
        return str(levels_declared(levels))
    return "{" + ", ".join(f"{number}: {text}" for number, text in levels) + "}"


def find_level(said: Any, levels: Levels) -> int | None:
    """Return the number that an answer says, by itself or by its meaning; None where it does not.

    A "4/5" or "4 out of 5" is 4, where 5 is the highest number.
    """
    numbers = [number for number, _ in levels]
    if not isinstance(said, str):
        is_number = isinstance(said, (int, float)) and not isinstance(said, bool)
        return int(said) if is_number and said in numbers else None
    answer = unfenced(said).replace("\u2212", "-")
    if (exact := _exact_level(answer, levels)) is not None:
        return exact
    if _is_listing(answer):
        return None
    shares = _OF_MOST.findall(answer)
    if len(shares) == 1 and int(shares[0][1]) == numbers[-1]:
        answer = _OF_MOST.sub(r"\1", answer)
    try:
        found = find_number(answer)
    except OutputError:
        if re.search(r"\d", answer) or not levels[0][1]:
            return None
        meant = find_option(answer, [text for _, text in levels])
        return next((number for number, text in levels if text == meant), None)
    return int(found) if found in numbers else None


def _exact_level(line: str, levels: Levels) -> int | None:
    """Return the number that a line is, with its meaning or without; or whose meaning it is."""
    words = _folded(line)
    for number, text in levels:
        own, meaning = (str(number),), _folded(text)
        if words and words in (own, meaning, own + meaning, meaning + own):
            return number
    return None


def _folded(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _is_listing(answer: str) -> bool:
    """Whether the answer ends with a list of several numbers, as the question does."""
    lines = [line for line in answer.splitlines() if line.strip()][-2:]
    first = [match[1] for line in lines if (match := _LINE.match(line))]
    return len(first) == 2 and first[0] != first[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOutput(Output):
    """One of several whole numbers."""

    levels: Levels
    """The numbers with their meanings, from the lowest to the highest."""

    question_kind = "score"

    @property
    def meanings(self) -> tuple[str, ...]:
        """What each of the numbers means; empty where that is not said."""
        return tuple(meaning for _, meaning in self.levels if meaning)

    def options(self, values: Mapping[str, Any]) -> Sequence[str]:
        """The numbers as texts."""
        return tuple(str(number) for number, _ in self.levels)

    def value_of(self, option: str) -> int:
        """The number of an option."""
        return int(option)

    def parse(self, text: str, values: Mapping[str, Any]) -> int:
        """The number that the text says, by itself or by its meaning."""
        found = find_level(text, self.levels)
        if found is None:
            shown = unfenced(text)
            shown = shown if len(shown) <= 80 else shown[:77] + "..."
            said = f"'{shown}' is not one of the scores" if shown else "The answer is empty"
            raise OutputError(f"{said}. Answer with {level_words(self.levels)}.")
        return found

    def parse_cut(self, text: str, values: Mapping[str, Any]) -> int:
        """The number that the whole first line says, where the rest says no other."""
        line, line_end, _ = text.lstrip().partition("\n")
        found = _exact_level(line, self.levels) if line_end else None
        if found is None or self.parse(text, values) != found:
            raise OutputError("The answer is not complete.")
        return found


def score_output(levels: Levels) -> ScoreOutput:
    """Return the output for some levels."""
    if levels[0][1]:
        lines = "".join(f"\n- {number}: {text}" for number, text in levels)
        asks = f"Answer with exactly one of these numbers and nothing else:{lines}"
    else:
        asks = f"Answer with {level_words(levels)} and nothing else."
    return ScoreOutput(
        name=f"score {score_text(levels)}",
        asks=asks,
        schema={"enum": [number for number, _ in levels], "type": "integer"},
        levels=levels,
    )
