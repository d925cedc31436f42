"""The rule-based player of Crafter as a model: it answers each node of the shipped agents.

It is not a language model. It knows the rules of the game, sees only what the observation says
and what the agent remembers, and goes by the name of the node, whatever the prompt says.
"""

from agentkit.messages import Request
from agentkit_envs.crafter import expert_plans, expert_words
from agentkit_envs.experts import Rules, answer_by_rule

ANSWERS: Rules = {
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
    """The text that answers a node of an agent; see `experts.answer_by_rule`."""
    return answer_by_rule(ANSWERS, request, "Crafter")
