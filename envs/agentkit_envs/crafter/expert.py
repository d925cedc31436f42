"""The rule-based player of Crafter as a model: it answers each node of the shipped agents.

It is not a language model. It knows the rules of the game, sees only what the observation says
and what the agent remembers, and goes by the name of the node, whatever the prompt says.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from agentkit.errors import ModelError, suggest
from agentkit.messages import Request
from agentkit_envs.crafter import expert_plans, expert_words

Variables = Mapping[str, Any]

ANSWERS: dict[str, Callable[[Variables], Any]] = {
    "seen": expert_words.seen,
    "changed": expert_words.changed,
    "record": expert_words.record,
    "learned": expert_words.learned,
    "refined": expert_words.refined,
    "surprise": expert_words.surprise,
    "dangers": expert_words.dangers,
    "options": expert_words.options,
    "gate": expert_plans.check_gate,
    "feedback": expert_plans.feedback,
    "challenges": expert_plans.challenges,
    "subgoal": expert_plans.subgoal,
    "skill": expert_plans.skill,
    "unknowns": expert_plans.unknowns,
    "questions": expert_plans.questions,
    "answers": expert_plans.answer_question,
    "plan": expert_plans.plan,
    "act": expert_plans.next_action,
}
"""What each node is answered with, from the values its prompt reads."""


def answer(request: Request) -> str:
    """The text that answers a node; a pure function of its name and the request's variables.

    Raises:
        ModelError: There is no rule for a node of this name, or its prompt does not read a value
            that the rule needs.
    """
    node = request.call.node
    rule = ANSWERS.get(node)
    if rule is None:
        raise ModelError(
            f"the rule-based Crafter expert has no rule for node '{node}'."
            f"{suggest(node, set(ANSWERS))} It answers: {', '.join(ANSWERS)}. "
            "A language model answers any node: give the node another 'model'."
        )
    try:
        value = rule(request.variables)
    except expert_words.Missing as missing:
        raise ModelError(
            f"the rule for node '{node}' needs {missing}; its prompt must read it"
        ) from missing
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
