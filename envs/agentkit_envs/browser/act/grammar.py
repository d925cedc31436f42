"""The actions that there are: names, parameters, words of help and examples."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal[
    "reference", "text", "texts", "key", "number", "whole", "flag", "button", "modifiers"
]
Group = Literal["chat", "infeas", "bid", "nav", "tab", "coord"]
Value = str | int | float | tuple[str, ...] | None

BUTTONS = ("left", "middle", "right")
MODIFIERS = ("Alt", "Control", "ControlOrMeta", "Meta", "Shift")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that an action takes."""

    name: str
    kind: Kind
    default: Value = None
    required: bool = True
    least: float | None = None
    """The smallest number that it may be."""


@dataclass(frozen=True, slots=True)
class Command:
    """One kind of action."""

    name: str
    group: Group
    parameters: tuple[Parameter, ...]
    help: str
    example: str

    @property
    def signature(self) -> str:
        """Such as `click(bid, button='left', modifiers=[])`."""
        return f"{self.name}({', '.join(_shown(parameter) for parameter in self.parameters)})"


def _shown(parameter: Parameter) -> str:
    if parameter.required:
        return parameter.name
    default = "[]" if parameter.default == () else repr(parameter.default)
    return f"{parameter.name}={default}"


def _bid(name: str = "bid") -> Parameter:
    return Parameter(name, "reference")


def _number(name: str) -> Parameter:
    return Parameter(name, "number")


_BUTTON = Parameter("button", "button", "left", required=False)
_MODIFIERS = Parameter("modifiers", "modifiers", (), required=False)
_KEY = Parameter("key", "key")
_AT = (_number("x"), _number("y"))

_COMMANDS = (
    Command(
        "click",
        "bid",
        (_bid(), _BUTTON, _MODIFIERS),
        "Click an element. Buttons: left, middle, right; modifiers: keys that are held, "
        "such as ['Shift'].",
        "click('e3')",
    ),
    Command("dblclick", "bid", (_bid(), _BUTTON, _MODIFIERS), "Click twice.", "dblclick('e3')"),
    Command(
        "fill",
        "bid",
        (
            _bid(),
            Parameter("value", "text"),
            Parameter("enable_autocomplete_menu", "flag", False, required=False),
        ),
        "Replace what a field holds by a text. With True the last letter is typed as a key, which "
        "opens the suggestions of some fields.",
        "fill('e4', 'Ada Lovelace')",
    ),
    Command("clear", "bid", (_bid(),), "Empty a field.", "clear('e4')"),
    Command("check", "bid", (_bid(),), "Tick a checkbox or choose a radio button.", "check('e5')"),
    Command("uncheck", "bid", (_bid(),), "Remove the tick of a checkbox.", "uncheck('e5')"),
    Command(
        "select_option",
        "bid",
        (_bid(), Parameter("options", "texts")),
        "Choose in a list by the words or the value of an option, or several as ['red', 'blue'].",
        "select_option('e6', 'blue')",
    ),
    Command(
        "press",
        "bid",
        (_bid(), Parameter("key_comb", "key")),
        "Put the keyboard on an element and press a key or a combination such as Control+a.",
        "press('e4', 'Enter')",
    ),
    Command("focus", "bid", (_bid(),), "Put the keyboard on an element.", "focus('e4')"),
    Command("hover", "bid", (_bid(),), "Move the mouse over an element.", "hover('e3')"),
    Command(
        "scroll",
        "bid",
        (
            _number("delta_x"),
            _number("delta_y"),
            Parameter("bid", "reference", None, required=False),
        ),
        "Scroll by pixels to the right and down, to the left and up if negative: the page, or "
        "the part of it that holds the element bid.",
        "scroll(0, 300)",
    ),
    Command(
        "drag_and_drop",
        "bid",
        (_bid("from_bid"), _bid("to_bid")),
        "Drag one element onto another.",
        "drag_and_drop('e7', 'e8')",
    ),
    Command(
        "upload_file",
        "bid",
        (_bid(), Parameter("file", "texts")),
        "Give a file of the allowed folder, or several as a list, to a file field.",
        "upload_file('e9', 'letter.pdf')",
    ),
    Command(
        "goto",
        "nav",
        (Parameter("url", "text"),),
        "Open an address in this tab.",
        "goto('/help')",
    ),
    Command("go_back", "nav", (), "Go back to the page before.", "go_back()"),
    Command("go_forward", "nav", (), "Go forward again after going back.", "go_forward()"),
    Command("new_tab", "tab", (), "Open an empty tab; it becomes the active one.", "new_tab()"),
    Command(
        "tab_focus",
        "tab",
        (Parameter("index", "whole", least=0),),
        "Change to another tab by its number.",
        "tab_focus(0)",
    ),
    Command("tab_close", "tab", (), "Close the active tab.", "tab_close()"),
    Command(
        "send_msg_to_user",
        "chat",
        (Parameter("text", "text"),),
        "Tell the user the answer or the result.",
        "send_msg_to_user('The shop opens at 9.')",
    ),
    Command(
        "report_infeasible",
        "infeas",
        (Parameter("reason", "text"),),
        "Say that the task cannot be done, and why.",
        "report_infeasible('There is no field for an email address.')",
    ),
    Command(
        "noop",
        "bid",
        (Parameter("wait_ms", "number", 1000, required=False, least=0),),
        "Do nothing but wait for so many milliseconds.",
        "noop(500)",
    ),
    Command(
        "scroll_at",
        "coord",
        (*_AT, _number("dx"), _number("dy")),
        "Turn the wheel of the mouse at a place, by pixels to the right and down.",
        "scroll_at(50, 100, 0, 300)",
    ),
    Command(
        "mouse_upload_file",
        "coord",
        (*_AT, Parameter("file", "texts")),
        "Click at a place that asks for a file, and give it one of the allowed folder, or several.",
        "mouse_upload_file(132, 547, 'letter.pdf')",
    ),
    Command("mouse_move", "coord", _AT, "Move the mouse to a place.", "mouse_move(65, 158.5)"),
    Command(
        "mouse_click",
        "coord",
        (*_AT, _BUTTON),
        "Click at a place, in pixels from the upper left corner of the window.",
        "mouse_click(887, 68)",
    ),
    Command(
        "mouse_dblclick",
        "coord",
        (*_AT, _BUTTON),
        "Click twice at a place.",
        "mouse_dblclick(5, 9)",
    ),
    Command(
        "mouse_down", "coord", (*_AT, _BUTTON), "Press a button and hold it.", "mouse_down(65, 158)"
    ),
    Command("mouse_up", "coord", (*_AT, _BUTTON), "Let a button go.", "mouse_up(250, 120)"),
    Command(
        "mouse_drag_and_drop",
        "coord",
        tuple(_number(name) for name in ("from_x", "from_y", "to_x", "to_y")),
        "Drag from one place to another.",
        "mouse_drag_and_drop(10, 325, 235, 24)",
    ),
    Command(
        "keyboard_press",
        "coord",
        (_KEY,),
        "Press a key or a combination where the keyboard is.",
        "keyboard_press('Control+a')",
    ),
    Command("keyboard_down", "coord", (_KEY,), "Hold a key.", "keyboard_down('Shift')"),
    Command("keyboard_up", "coord", (_KEY,), "Let a key go.", "keyboard_up('Shift')"),
    Command(
        "keyboard_type",
        "coord",
        (Parameter("text", "text"),),
        "Type a text, key by key, where the keyboard is.",
        "keyboard_type('Hello world!')",
    ),
    Command(
        "keyboard_insert_text",
        "coord",
        (Parameter("text", "text"),),
        "Put a text where the keyboard is, at once and without keys.",
        "keyboard_insert_text('Hello world!')",
    ),
)

GRAMMAR = MappingProxyType({command.name: command for command in _COMMANDS})
GROUPS = ("bid", "nav", "tab", "chat", "infeas", "coord")
"""As BrowserGym calls them: elements, navigation, tabs, messages, giving up, and places on the
screen (coord), which only a model that sees pictures can use."""
USUAL = ("bid", "nav", "tab", "chat", "infeas")


SEVERAL = (
    "Several actions may be given, one a line: they are carried out in this order, until one fails."
)
"""What is said of a grammar whose actions may be given together."""


def grammar_text(subset: Iterable[str] = USUAL, *, several: bool = False) -> str:
    """The actions of these groups, or with these names, one a line with an example.

    Args:
        subset: Names of groups and actions.
        several: Whether to say that several may be given at once.
    """
    wanted = tuple(subset)
    unknown = [name for name in wanted if name not in GRAMMAR and name not in GROUPS]
    if unknown:
        known = ", ".join((*GROUPS, *GRAMMAR))
        raise ValueError(f"no action and no group is called {unknown}; there are: {known}")
    commands = [c for c in _COMMANDS if c.name in wanted or c.group in wanted]
    lines = [f"{c.signature}: {c.help} Example: {c.example}" for c in commands]
    return "\n".join([*lines, SEVERAL] if several else lines)
