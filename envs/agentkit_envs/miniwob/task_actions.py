"""The actions that a task is played with."""

from typing import Final

from agentkit_envs.browser.act.actions import GRAMMAR, Action, ActionError, parse_action
from agentkit_envs.browser.act.listed_actions import listed_actions
from agentkit_envs.browser.see.view import View

GROUPS: Final = ("bid", "coord", "infeas")
"""On elements, at places, giving up: a task is one page, and nobody reads messages."""
COMMANDS: Final = {
    name: command
    for name, command in GRAMMAR.items()
    if command.group in GROUPS and "upload" not in name
}
HOLDING: Final = frozenset({"mouse_down", "keyboard_down"})
"""Those after which a button or a key is held."""


def read_action(text: str) -> Action:
    """Read an action that tasks take; raises `ActionError`."""
    action = parse_action(text)
    if action.name not in COMMANDS:
        raise ActionError(
            f"{action.name} is no action here: a task is one page. There are {', '.join(COMMANDS)}"
        )
    return action


def listed(view: View) -> list[str]:
    """The actions that can be done now and need no words of the player's own."""
    return [text for text in listed_actions(view) if text.partition("(")[0] in COMMANDS]
