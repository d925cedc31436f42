"""The rule-based player of Crafter as a model: it answers each node of the shipped agents.

It is not a language model. It knows the rules of the game, sees only what the observations say,
keeps a map of its own, and goes by the name of the node, whatever the prompt says.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from agentkit_envs.crafter import expert_plans, expert_words
from agentkit_envs.crafter.expert_state import Player, follow
from agentkit_envs.experts import Expert

RULES: Final[Mapping[str, Callable[[Player], Any]]] = {
    "seen": expert_words.seen,
    "learned": expert_words.learned,
    "refined": expert_words.refined,
    "reached": expert_plans.is_reached,
    "drop": expert_plans.is_dropped,
    "feedback": expert_plans.feedback,
    "subgoal": expert_plans.subgoal,
    "questions": expert_plans.questions,
    "skill": expert_plans.skill,
    "plan": expert_plans.plan,
    "act": expert_plans.next_action,
}
"""What each node is answered with, from what was seen so far."""

answer: Final = Expert("Crafter", follow, RULES)
"""The player, from a Request to the text of an answer."""
