"""What the roles and places of elements mean to an observation."""

from agentkit_envs.browser.view import Element

FIELDS = frozenset({"combobox", "searchbox", "slider", "spinbutton", "textbox"})
"""Roles whose words are what a person typed or set."""

INTERACTIVE = FIELDS | {
    "button",
    "checkbox",
    "link",
    "listbox",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "option",
    "radio",
    "switch",
    "tab",
    "treeitem",
}
"""Roles that are there to be acted on."""

WRAPPERS = frozenset({"generic", "rowgroup"})
"""Roles that say nothing by themselves."""


def acts(element: Element) -> bool:
    """Whether the element is there to be acted on."""
    return element.role in INTERACTIVE or "clickable" in element.states


def is_inside(element: Element, window: tuple[int, int]) -> bool:
    """Whether any of the element is in the window; true if nobody asked where it stands."""
    box = element.box
    if box is None:
        return True
    right, bottom = box.x + box.width, box.y + box.height
    return box.x < window[0] and right > 0 and box.y < window[1] and bottom > 0
