"""Actions as texts, in the one spelling that `parse_action` gives them."""

from collections.abc import Sequence

from agentkit_envs.browser.act.actions import parse_action
from agentkit_envs.browser.act.call_parser import quoted
from agentkit_envs.browser.see.view import Element


def click(element: Element) -> str:
    """Click it."""
    return _call("click", _ref(element))


def hover(element: Element) -> str:
    """Move the mouse over it."""
    return _call("hover", _ref(element))


def fill(element: Element, text: str) -> str:
    """Make a field hold the text."""
    return _call("fill", _ref(element), quoted(text))


def press(element: Element, key: str) -> str:
    """Press a key on it."""
    return _call("press", _ref(element), quoted(key))


def type_keys(text: str) -> str:
    """Type key by key where the keyboard is; a line break is the Enter key."""
    return _call("keyboard_type", quoted(text))


def tick(element: Element, on: bool = True) -> str:
    """Set or remove the tick of a box."""
    return _call("check" if on else "uncheck", _ref(element))


def choose(element: Element, options: Sequence[str]) -> str:
    """Choose options of a list."""
    texts = [quoted(option) for option in options]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return _call("select_option", _ref(element), listed)


def drag(element: Element, onto: Element) -> str:
    """Drag an element onto another."""
    return _call("drag_and_drop", _ref(element), _ref(onto))


def drag_by(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Drag what is at a place of the window to another place."""
    return _call("mouse_drag_and_drop", *(f"{number:g}" for number in (*start, *end)))


def click_at(place: tuple[float, float]) -> str:
    """Click at a place of the window."""
    return _call("mouse_click", *(f"{number:g}" for number in place))


def mouse(part: str, place: tuple[float, float]) -> str:
    """A part of using the mouse: down, move or up."""
    return _call(f"mouse_{part}", *(f"{number:g}" for number in place))


def scroll(element: Element, pixels: int) -> str:
    """Scroll what the mouse is over, down or up."""
    return _call("scroll", "0", str(pixels), _ref(element))


def wait(milliseconds: int) -> str:
    """Do nothing for a while."""
    return _call("noop", str(milliseconds))


def give_up(why: str) -> str:
    """Say that it cannot be done."""
    return _call("report_infeasible", quoted(why))


def _call(name: str, *arguments: str) -> str:
    return str(parse_action(f"{name}({', '.join(arguments)})"))


def _ref(element: Element) -> str:
    return quoted(element.ref or "")
