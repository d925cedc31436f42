"""What the roles and places of elements mean to an observation."""

from agentkit_envs.browser.see.view import Element

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

PRESSED = INTERACTIVE - FIELDS - {"listbox"}
"""Roles whose words are what they are called."""

LABELLED = FIELDS | {"checkbox", "radio", "switch"}
"""Roles that are called as the text beside them."""

WRAPPERS = frozenset({"generic", "rowgroup"})
"""Roles that say nothing by themselves."""

SILENT = frozenset({"alert", "log", "paragraph", "status", "text"})
"""Roles that say nothing as long as they are empty."""

HOLDERS = frozenset({"listitem", "paragraph"})
"""Roles that say nothing more of the only thing inside of them."""

PLAIN = WRAPPERS | {"code", "emphasis", "img", "mark", "paragraph", "strong", "text", "time"}
"""Roles of words that belong to what they stand in."""


def acts(element: Element) -> bool:
    """Whether the element is there to be acted on."""
    return element.role in INTERACTIVE or "clickable" in element.states


def distance(element: Element, window: tuple[int, int]) -> float | None:
    """How many pixels the element is away from the window, 0 inside; None if it has no place."""
    box = element.box
    if box is None or not box.width or not box.height:
        return None
    aside = max(-box.x - box.width, box.x - window[0], -1)
    return max(aside, -box.y - box.height, box.y - window[1], -1) + 1
