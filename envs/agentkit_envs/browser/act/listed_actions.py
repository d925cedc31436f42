"""The actions on a page that can be listed: what a player who picks from a list can do."""

from collections.abc import Iterator, Sequence

from agentkit_envs.browser.act.call_parser import quoted
from agentkit_envs.browser.see.roles import FIELDS, PRESSED
from agentkit_envs.browser.see.view import Element, Tab, View

LISTED = 100
"""Actions on elements that are listed at most; every other one can be given all the same."""
PAGE_STEP = 500
"""Pixels of the listed scrolling."""

_CLICKED = PRESSED | {"gridcell"}


def listed_actions(view: View) -> list[str]:
    """Actions that can be done on the page as it is shown, in the order of the page.

    What takes words of the player's own, such as filling in a field, is not among them.
    """
    found = list(_of_elements(view.elements))[:LISTED]
    return [*found, *_of_tabs(view.tabs), *_of_page(view)]


def _of_elements(elements: Sequence[Element]) -> Iterator[str]:
    inside: list[Element] = []
    for element in elements:
        while inside and inside[-1].depth >= element.depth:
            inside.pop()
        if not {"disabled", "inert"}.intersection(element.states):
            yield from _of_element(element, inside)
        inside.append(element)


def _of_element(element: Element, inside: Sequence[Element]) -> Iterator[str]:
    field = next((one for one in reversed(inside) if one.role == "combobox"), None)
    if element.role == "option" and field is not None and field.ref is not None:
        # The options of a drop-down list are no places to click: the list takes their names.
        if "selected" not in element.states and "disabled" not in field.states:
            yield f"select_option({quoted(field.ref)}, {quoted(element.name)})"
    elif element.ref is None:
        return
    elif element.role in _CLICKED or "clickable" in element.states:
        yield f"click({element.ref!r})"
    elif _takes_words(element) and "focused" not in element.states:
        yield f"focus({element.ref!r})"


def _takes_words(element: Element) -> bool:
    return element.role in FIELDS or "editable" in element.states


def _of_tabs(tabs: Sequence[Tab]) -> Iterator[str]:
    for index, tab in enumerate(tabs):
        if not tab.active:
            yield f"tab_focus({index})"


def _of_page(view: View) -> Iterator[str]:
    if view.focused is not None:
        yield f"press({view.focused!r}, 'Enter')"
    yield f"scroll(0, {PAGE_STEP})"
    yield f"scroll(0, -{PAGE_STEP})"
    yield "go_back()"
    yield "noop()"
