"""Answers as language models give them: the rule-based player's, deviating at one node."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from agentkit import Completion, Request, Usage
from agentkit.plugins import get_expert

Deviation = Callable[[str], str]


def _changed(text: str, change: Callable[[Any], Any]) -> str:
    """The text with every value in its JSON changed; a plain text is one value."""
    try:
        value = json.loads(text)
    except ValueError:
        found = change(text)
        return found if isinstance(found, str) else json.dumps(found)
    return json.dumps(_each(value, change))


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _each(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return change([_each(item, change) for item in value])
    return change(value)


def _other_words(value: Any) -> Any:
    """ "move_left 3" as "Move left 3.", "click('e3')" as "click("e3");"."""
    if isinstance(value, str) and re.fullmatch(r"[a-z]+(_[a-z]+)+( \d+)?", value):
        return value.replace("_", " ").capitalize() + "."
    if isinstance(value, str) and re.fullmatch(r"[a-z_]+\([^\"]*\)", value):
        return value.replace("'", '"') + ";"
    return value


def _yes_for_true(value: Any) -> Any:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _empty(value: Any) -> Any:
    return [] if isinstance(value, list) else value


def _repeated(value: Any) -> Any:
    return [*value, *value] if isinstance(value, list) else value


def _renamed(text: str) -> str:
    return re.sub(r'"([a-z_]+)":', lambda match: f'"my_{match[1]}":', text)


DEVIATIONS: Final[Mapping[str, Deviation]] = {
    "other words": lambda text: _changed(text, _other_words),
    "yes for true": lambda text: _changed(text, _yes_for_true),
    "another sentence": lambda text: f"Sure, here it is:\n{text}\nI hope that this helps.",
    "a fence": lambda text: f"```json\n{text}\n```",
    "thoughts": lambda text: f"<think>\nLet me see. Maybe so?\n</think>\n{text}",
    "empty lists": lambda text: _changed(text, _empty),
    "all twice": lambda text: _changed(text, _repeated),
    "wrong fields": _renamed,
    "nothing of use": lambda text: "I am not sure what you mean by that.",
}
"""What a model does to an answer, by name."""


class Deviant:
    """Answers as a good player does, and some nodes in another way.

    Args:
        player: The environment whose rule-based player it is, or what answers a request.
        deviation: What is done to the answers.
        nodes: The nodes whose answers deviate.
    """

    name = "rules"
    reads_variables = True

    def __init__(self, player: str | Callable[[Request], str], deviation: str, *nodes: str) -> None:
        self._player = get_expert(player) if isinstance(player, str) else player
        self._deviate = DEVIATIONS[deviation]
        self._nodes = nodes
        self.asked: dict[str, int] = {}
        """How often each node was asked."""

    async def complete(self, request: Request) -> Completion:
        """The player's answer, or one that deviates from it."""
        node = request.call.node
        self.asked[node] = self.asked.get(node, 0) + 1
        text = self._player(request)
        said = self._deviate(text) if node in self._nodes else text
        return Completion(said, Usage(calls=1, cost_usd=0.0))

    def most_usage(self, request: Request) -> Usage:
        """What a call takes at most: nothing but the call."""
        return Usage(calls=1)

    def cost_usd(self, usage: Usage) -> float:
        """Nothing, so that an agent's limit on cost lets it play."""
        return 0.0
