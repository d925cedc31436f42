"""Which of several options a text names, and where the options come from."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from agentkit.errors import RenderError
from agentkit.outputs.json_extraction import unfenced
from agentkit.outputs.problem import OutputProblem
from agentkit.templates.placeholders import Placeholder
from agentkit.templates.template import Expression, TemplateProblem, compile_expression

_LISTED: Final = 30
_LONGEST_OPTION: Final = 2_000
_QUOTES: Final = " \t\r\n\"'`*_.!"
_DENIAL = re.compile(r"\b(?:not|never|no|without|instead of|rather than)\b|n't\b", re.IGNORECASE)

_REASON = re.compile(r"\W*(?:because|since|reason|explanation|this is|i hope)\b", re.IGNORECASE)
"""How a line begins that gives a reason, and no other answer."""


def parse_options(declared: Any, key: str | None) -> tuple[str, ...] | Expression:
    """Return the options of `{choice: ...}`, or the expression that gives them.

    Args:
        declared: What stands after `choice`.
        key: The field of the schema that it is in, for messages.

    Raises:
        OutputProblem: It is neither a list of texts nor an expression.
    """
    if isinstance(declared, str):
        try:
            return compile_expression(declared)
        except TemplateProblem as problem:
            hint = "If these are the options, write them as a list: [a, b]."
            raise OutputProblem(f"{problem.message} {hint}", key) from None
    if not isinstance(declared, (list, tuple)) or not declared:
        raise OutputProblem("choice needs a list of texts, or an expression that gives one.", key)
    for option in declared:
        if not isinstance(option, str) or not option.strip():
            raise OutputProblem(f"choice: {option!r:.60} is not a text; put quotes around it.", key)
    if len(set(declared)) < len(declared):
        raise OutputProblem("an option is given twice.", key)
    return tuple(declared)


def evaluate_options(expression: Expression, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the options of this step. Raises RenderError when there are none."""
    options = expression.evaluate(values)
    if isinstance(options, Placeholder):
        options = [options.item]
    source = expression.source
    if isinstance(options, Placeholder):
        return (options.item,)
    if not options or not isinstance(options, (list, tuple)):
        found = "an empty list" if isinstance(options, (list, tuple)) else _shown(options)
        raise RenderError(f"choice: '{source}' must be a list of options, but it is {found}.")
    for option in options:
        if not isinstance(option, str) or not option.strip():
            raise RenderError(
                f"choice: '{source}' must be a list of texts, but it has {_shown(option)}."
            )
    return tuple(dict.fromkeys(options))


def _shown(value: Any) -> str:
    return "null" if value is None else f"{value!r:.60}"


def find_option(text: str, options: Sequence[str]) -> str | None:
    """Return the option that a text names; None where it names none, or not only one."""
    answer = unfenced(text)
    for exact in (answer, _unquoted(answer)):
        if exact in options:
            return exact
    found = _folded_match(answer, options)
    if found is not None or _is_listing(answer, options):
        return found
    mentioned, alone = _mentioned(answer, options), _alone(answer, options)
    if alone is None or mentioned in (None, alone):
        return alone or mentioned
    return alone if _REASON.match(_last_line(answer)) else None


def find_cut_option(text: str, options: Sequence[str]) -> str | None:
    """Return the option that the first line of a truncated text is, and all of it names."""
    line = text.lstrip().partition("\n")[0]
    answer = _unquoted(line.strip())
    found = answer if answer in options else _folded_match(answer, options)
    return found if found == find_option(text, options) else None


def _unquoted(answer: str) -> str:
    if answer[:1] != '"' or len(answer) > _LONGEST_OPTION:
        return answer
    try:
        return str(json.loads(answer))
    except ValueError:
        return answer


def _folded(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _folded_match(answer: str, options: Sequence[str]) -> str | None:
    for key in (lambda text: text.strip(_QUOTES).casefold(), _folded):
        wanted = key(answer)
        matches = [option for option in options if key(option) == wanted]
        if wanted and len(matches) == 1:
            return matches[0]
    return None


def is_part(found: str, options: Sequence[str]) -> bool:
    """Whether a longer option begins with this one."""
    return any(
        option != found and one.startswith(key(found)) and key(found)
        for key in (str.casefold, _folded)
        for option in options
        if (one := key(option))
    )


_ITEM = re.compile(
    r"\s*(?:(?P<dash>[-*+\u2022])|(?P<number>\(?(?:\d+|[A-Za-z])[.)]))?\s*(?P<text>.*)"
)


def _is_listing(answer: str, options: Sequence[str]) -> bool:
    """Whether the answer ends with a list of several options, as the question does."""
    lines = [line for line in answer.splitlines() if line.strip()][-2:]
    items = [match for line in lines if (match := _ITEM.fullmatch(line[:_LONGEST_OPTION]))]
    if len(items) < 2 or len({(bool(one["dash"]), bool(one["number"])) for one in items}) > 1:
        return False
    marked = bool(items[0]["dash"] or items[0]["number"])
    named = [_begins_with(item["text"], options, whole=not marked) for item in items]
    return None not in named and named[0] != named[1]


def _begins_with(text: str, options: Sequence[str], *, whole: bool) -> str | None:
    """The longest option that a text is, or that it begins with."""
    line = f"{_folded(text)} "
    words = {f"{_folded(option)} ": option for option in options}
    found = [
        one
        for one in words
        if one.strip() and (line == one or (not whole and line.startswith(one)))
    ]
    return words[max(found, key=len)] if found else None


def _alone(answer: str, options: Sequence[str]) -> str | None:
    """The only option that stands in a line of its own, among lines that are sentences."""
    lines = [stripped for line in answer.splitlines() if (stripped := line.strip())][:_LISTED]
    matches = {line: _folded_match(line, options) for line in lines}
    if any(" " not in line and line[-1] != ":" for line, match in matches.items() if not match):
        return None
    found = {match for match in matches.values() if match}
    denied = _DENIAL.search(_last_line(answer)) and not _REASON.match(_last_line(answer))
    return found.pop() if len(found) == 1 and not denied else None


def _last_line(answer: str) -> str:
    return answer[answer.rfind("\n") + 1 :]


def _mentioned(answer: str, options: Sequence[str]) -> str | None:
    """The only option that the last line names as whole words."""
    last_line = _last_line(answer)
    if len(last_line) > _LONGEST_OPTION or _DENIAL.search(last_line):
        return None
    line = f" {_folded(last_line)} "
    by_words: dict[str, list[str]] = {}
    for option in options:
        by_words.setdefault(f" {_folded(option)} ", []).append(option)
    found: list[str] = []
    for words in sorted(by_words, key=len, reverse=True):
        if words.strip() and words in line:
            found += by_words[words]
            # "go" inside "go left" is not a mention of its own
            line = line.replace(words, " \0 ")
    return found[0] if len(found) == 1 else None


def nearest_option(answer: str, options: Sequence[str]) -> str:
    """Return a hint for an answer that is almost an option; empty where none is."""
    nearest = get_close_matches(answer[:100], options, n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""


def no_option(text: str, options: Sequence[str]) -> str:
    """Return what is wrong with an answer that names no option, for the model."""
    answer = unfenced(text)
    listed = ", ".join(options[:_LISTED])
    if len(options) > _LISTED:
        listed += f" (and {len(options) - _LISTED} more)"
    shown = answer if len(answer) <= 80 else answer[:77] + "..."
    said = f"'{shown}' is not one of the options" if shown else "The answer is empty"
    return f"{said}. Answer with exactly one of: {listed}.{nearest_option(answer, options)}"
