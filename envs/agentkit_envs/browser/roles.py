"""What the roles of elements mean to an observation."""

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
