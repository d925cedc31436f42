"""The actions that a task is played with."""

from typing import Final

from agentkit_envs.browser.act.actions import GRAMMAR
from agentkit_envs.browser.act.listed_actions import listed_actions
from agentkit_envs.browser.see.view import View

GROUPS: Final = ("bid", "coord", "infeas")
"""On elements, at places, giving up: a task is one page, and nobody reads messages."""
COMMANDS: Final = {
    name: command
    for name, command in GRAMMAR.items()
    if command.group in GROUPS and name != "upload_file"
}
HOLDING: Final = frozenset({"mouse_down", "keyboard_down"})
"""Those after which a button or a key is held."""


def not_here(name: str) -> str:
    """Why an action of the browser does nothing here."""
    return f"{name} is no action here: a task is one page. There are {', '.join(COMMANDS)}"


def listed(view: View) -> list[str]:
    """The actions that can be done now and need no words of the player's own."""
    return [text for text in listed_actions(view) if text.partition("(")[0] in COMMANDS]
