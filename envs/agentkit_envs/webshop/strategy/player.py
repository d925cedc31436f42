"""The shopper as one function: the same decisions as node by node, without an agent around them."""

from collections.abc import Mapping
from typing import Any

from agentkit_envs.webshop.notes import update_notes
from agentkit_envs.webshop.pages.prompt_reader import read
from agentkit_envs.webshop.strategy.decision import Situation, decide
from agentkit_envs.webshop.strategy.wish_parser import parse_wish


def play(observation: str, memory: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """The action after an observation, and what to remember; `memory` is None at the start."""
    instruction = read(observation).instruction
    before = memory or {"notes": None, "wanted": parse_wish(instruction)}
    notes = update_notes(observation, before["notes"])
    decision = decide(Situation(notes, before["wanted"], instruction))
    return decision.action, {"notes": notes, "wanted": before["wanted"]}
