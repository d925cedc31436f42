"""The rule-based shopper as a model: it answers each node of the shipped agent.

It is not a language model. It sees only what the observation says and what the agent remembers,
and goes by the name of the node, whatever the prompt says.
"""

from agentkit.messages import Request
from agentkit_envs.experts import Rules, answer_by_rule
from agentkit_envs.webshop.strategy import expert_answers

ANSWERS: Rules = {
    "wanted": expert_answers.wanted,
    "query": expert_answers.query,
    "compared": expert_answers.compared,
    "judged": expert_answers.judged,
    "choices": expert_answers.choices,
    "checked": expert_answers.checked,
    "reflected": expert_answers.reflected,
    "act": expert_answers.act,
}
"""What each node is answered with, from the values its prompt reads."""


def answer(request: Request) -> str:
    """The text that answers a node of an agent; see `experts.answer_by_rule`."""
    return answer_by_rule(ANSWERS, request, "WebShop")
