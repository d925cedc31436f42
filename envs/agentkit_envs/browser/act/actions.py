"""Actions as texts: one call such as `click('e3')`, in the grammar of BrowserGym.

A text is read, never evaluated. White space, a code fence and a semicolon around it, double
quotes, references without quotes and bare numbers as references are forgiven; everything else that
is wrong is said.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from agentkit_envs.browser.act.call_parser import (
    Call,
    Literal,
    NoCall,
    quoted,
    read_call,
    read_calls,
    shortened,
)
from agentkit_envs.browser.act.grammar import (
    BUTTONS,
    GRAMMAR,
    MODIFIERS,
    Command,
    Parameter,
    Value,
    grammar_text,
)
from agentkit_envs.browser.act.key_names import read_keys, without_side

__all__ = ["GRAMMAR", "Action", "ActionError", "grammar_text", "parse_action", "parse_actions"]

LONGEST_TEXT = 50_000
"""So many characters an action may have."""
LONGEST_NAME = 40
"""So much of a wrong name is looked at and shown."""
MOST_NUMBER = 1_000_000_000
_SHOWN = 6
_REFERENCE = re.compile(r"\[?\s*(?:(?:ref|bid)\s*=\s*)?([A-Za-z]{0,4}\d{1,9})\s*\]?", re.ASCII)
MOST_ACTIONS = 20
"""So many actions may be given at once."""
_OTHER_NAMES = {
    "answer": "send_msg_to_user",
    "back": "go_back",
    "choose": "select_option",
    "close_tab": "tab_close",
    "done": "send_msg_to_user",
    "double_click": "dblclick",
    "drag": "drag_and_drop",
    "enter": "fill",
    "finish": "send_msg_to_user",
    "forward": "go_forward",
    "input": "fill",
    "key": "press",
    "left_click": "click",
    "navigate": "goto",
    "open": "goto",
    "press_key": "keyboard_press",
    "right_click": "click",
    "scroll_down": "scroll",
    "scroll_up": "scroll",
    "select": "select_option",
    "sleep": "noop",
    "stop": "send_msg_to_user",
    "switch_tab": "tab_focus",
    "tap": "click",
    "type": "fill",
    "upload": "upload_file",
    "visit": "goto",
    "wait": "noop",
}


class ActionError(ValueError):
    """A text that is no action; the message lists what is wrong, and what was expected."""


@dataclass(frozen=True, slots=True)
class Action:
    """An action that was understood; `str(action)` is its one spelling."""

    name: str
    values: tuple[tuple[str, Value], ...] = ()
    """The value of each parameter, in the order of the grammar, defaults included."""

    @property
    def arguments(self) -> Mapping[str, Value]:
        """The value of each parameter by its name."""
        return dict(self.values)

    def text(self, name: str) -> str:
        """The value of a text, a reference, a key or a button."""
        return str(self.arguments[name])

    def number(self, name: str) -> float:
        """The value of a number."""
        return float(self.text(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of a list."""
        value = self.arguments[name]
        return value if isinstance(value, tuple) else ()

    @property
    def references(self) -> tuple[str, ...]:
        """The elements that it names, such as ('e3',)."""
        kinds = {parameter.name: parameter.kind for parameter in GRAMMAR[self.name].parameters}
        return tuple(str(v) for name, v in self.values if kinds[name] == "reference" and v)

    def __str__(self) -> str:
        parts = []
        for parameter, (name, value) in zip(
            GRAMMAR[self.name].parameters, self.values, strict=True
        ):
            if parameter.required:
                parts.append(_written(value))
            elif value != parameter.default:
                name = "" if parameter.kind == "number" else f"{name}="
                parts.append(name + _written(value))
        return f"{self.name}({', '.join(parts)})"


def parse_action(text: str) -> Action:
    """Read the one action that the text is; raises `ActionError`."""
    return _parsed(text, lambda text: [read_call(text)])[0]


def parse_actions(text: str) -> tuple[Action, ...]:
    """Read one or several actions, one after the other; raises `ActionError`."""
    return _parsed(text, read_calls)


def _parsed(text: str, read: Callable[[str], list[Call]]) -> tuple[Action, ...]:
    if len(text) > LONGEST_TEXT:
        raise ActionError(
            f"the action has {len(text):,} characters; it may have {LONGEST_TEXT:,} at most"
        )
    try:
        calls = read(text)
    except NoCall as error:
        raise ActionError(
            f"`{shortened(text, 60)}` is not an action: {error}. "
            "An action is one call with nothing around it, for example click('e3')"
        ) from None
    if len(calls) > MOST_ACTIONS:
        raise ActionError(f"{len(calls)} actions at once are too many: give {MOST_ACTIONS} at most")
    return tuple(map(_known, calls))


def _known(call: Call) -> Action:
    command = GRAMMAR.get(call.name)
    if command is None:
        raise ActionError(_unknown_name(call.name))
    return _bound(command, call)


def _bound(command: Command, call: Call) -> Action:
    problems: list[str] = []
    given = _given(command, call, problems)
    values: list[tuple[str, Value]] = []
    for parameter in command.parameters:
        literal = given.get(parameter.name)
        if literal is not None and (literal.text != "None" or parameter.required):
            value, problem = _READERS[parameter.kind](literal, parameter)
            values.append((parameter.name, value))
            if problem:
                problems.append(f"{parameter.name} {problem}, not {shortened(str(literal), 40)}")
        elif parameter.required:
            problems.append(f"{parameter.name} is missing")
        else:
            values.append((parameter.name, parameter.default))
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ActionError(
            f"{command.name}: {'; '.join(problems[:_SHOWN])}{more}. Expected: {command.signature}, "
            f"for example {command.example}"
        )
    return Action(command.name, tuple(values))


def _given(command: Command, call: Call, problems: list[str]) -> dict[str, Literal]:
    """The values by the names of their parameters."""
    names = [parameter.name for parameter in command.parameters]
    given = dict(zip(names, call.values, strict=False))
    if len(call.values) > len(names):
        most = f"it takes {len(names)}" if names else "it takes none"
        problems.append(f"{len(call.values)} values are too many: {most}")
    for name, literal in call.named:
        if name not in names:
            near = get_close_matches(name[:LONGEST_NAME], names, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            problems.append(f"it takes nothing called {shortened(name, LONGEST_NAME)}{hint}")
        elif name in given:
            problems.append(f"{name} is given twice")
        else:
            given[name] = literal
    return given


def _reference(literal: Literal, _: Parameter) -> tuple[Value, str]:
    one = literal.items[0] if len(literal.items) == 1 else literal
    match = _REFERENCE.fullmatch(one.text.strip())
    if match is not None and one.kind in ("text", "word", "number"):
        return (f"e{match[1]}" if match[1].isdecimal() else match[1]), ""
    return None, "must be the reference of an element, such as 'e3'"


def _text(literal: Literal, _: Parameter) -> tuple[Value, str]:
    good = literal.kind in ("text", "number")
    return literal.text, "" if good else "must be a text in quotes"


def _texts(literal: Literal, _: Parameter) -> tuple[Value, str]:
    items = literal.items if literal.kind == "list" else (literal,)
    good = all(item.kind in ("text", "number") for item in items)
    return tuple(
        i.text for i in items
    ), "" if good else "must be a text in quotes, or a list of them"


def _key(literal: Literal, _: Parameter) -> tuple[Value, str]:
    if literal.kind == "list":
        return None, "must be a key such as 'Enter' or 'Control+a'"
    keys, problem = read_keys(literal.text)
    return keys, f"must be a key such as 'Enter' or 'Control+a' ({problem})" if problem else ""


def _number(literal: Literal, parameter: Parameter) -> tuple[Value, str]:
    try:
        number = float(literal.text) if literal.kind in ("text", "number") else float("nan")
    except ValueError:
        number = float("nan")
    if not abs(number) <= MOST_NUMBER:
        far = abs(number) > MOST_NUMBER
        return (
            None,
            f"must be between -{MOST_NUMBER:,} and {MOST_NUMBER:,}" if far else "must be a number",
        )
    if parameter.least is not None and number < parameter.least:
        return None, f"must be {parameter.least:g} or more"
    return int(number) if number.is_integer() else number, ""


def _whole(literal: Literal, parameter: Parameter) -> tuple[Value, str]:
    number, problem = _number(literal, parameter)
    if not problem and not isinstance(number, int):
        problem = "must be a whole number"
    return number, problem


def _flag(literal: Literal, _: Parameter) -> tuple[Value, str]:
    said = literal.text.capitalize() if literal.kind == "word" else ""
    return said == "True", "" if said in ("True", "False") else "must be True or False"


def _button(literal: Literal, _: Parameter) -> tuple[Value, str]:
    name = literal.text.lower()
    return name, "" if name in BUTTONS else f"must be one of {', '.join(BUTTONS)}"


def _modifiers(literal: Literal, _: Parameter) -> tuple[Value, str]:
    items = literal.items if literal.kind == "list" else (literal,)
    read = [read_keys(item.text) for item in items]
    names = tuple(dict.fromkeys(without_side(name) for name, _ in read))
    good = all(not problem for _, problem in read) and set(names) <= set(MODIFIERS)
    return names, "" if good else f"must be a list of {', '.join(MODIFIERS)}"


_READERS = {
    "reference": _reference,
    "text": _text,
    "texts": _texts,
    "key": _key,
    "number": _number,
    "whole": _whole,
    "flag": _flag,
    "button": _button,
    "modifiers": _modifiers,
}


def _written(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        items = [quoted(item) for item in value]
        return items[0] if len(items) == 1 else f"[{', '.join(items)}]"
    return str(value)


def _unknown_name(name: str) -> str:
    lower = name.lower()[:LONGEST_NAME]
    meant = _OTHER_NAMES.get(lower)
    near = [meant] if meant else get_close_matches(lower, GRAMMAR, n=1)
    hint = f" Did you mean {GRAMMAR[near[0]].signature}?" if near else ""
    known = ", ".join(c.name for c in GRAMMAR.values() if c.group != "coord")
    return f"there is no action called '{shortened(name, LONGEST_NAME)}'.{hint} There are: {known}"
