"""Pages as the original's `text` and `text_rich` observations, letter by letter."""

import json
from collections.abc import Iterator

from agentkit_envs.webshop.pages.page import Page, Part

SEPARATOR = " [SEP] "
_SPACES = " \t\n\f\r"


def text(page: Page) -> str:
    """The texts of a page in one line, separated by `[SEP]`."""
    return SEPARATOR.join(node.strip() for _, node in _nodes(page))


def rich_text(page: Page) -> str:
    """The texts of a page, a line each, with marks around what can be clicked."""
    clicked: list[str] = []
    lines: list[str] = []
    for part, node in _nodes(page):
        if part.kind == "button":
            lines.append(f"[button] {node} [button_]")
        elif part.kind == "option":
            pressed = f'"{node}"' in _address(page)
            lines.append(f"  {_marked(node, pressed)}")
            if pressed:
                clicked.insert(0, f"You have clicked {node}.")
        elif part.kind == "product":
            lines.append(f"\n{_marked(node, part.pressed)}")
        else:
            lines.append(node)
    return "".join(f"{line}\n" for line in (*clicked, *lines))


def _nodes(page: Page) -> Iterator[tuple[Part, str]]:
    """The texts that a parser of the original's HTML finds.

    Beautiful Soup makes a text of nothing but white space one line break or one space, and the
    original leaves out the line breaks.
    """
    for part in page.parts:
        if part.text.strip(_SPACES):
            yield part, part.text
        elif part.text and "\n" not in part.text:
            yield part, " "


def _marked(node: str, pressed: bool) -> str:
    return f"[clicked button] {node} [clicked button_]" if pressed else f"[button] {node} [button_]"


def _address(page: Page) -> str:
    """The part of the original's address in which it looks for values that were chosen."""
    return f"{page.query.replace(' ', '+')}/{page.number}/{json.dumps(dict(page.chosen))}"
