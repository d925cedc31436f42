"""The rule-based shopper as a model: it answers each node of the shipped agent.

It is not a language model. It sees only what the observation says and what the agent remembers,
and goes by the name of the node, whatever the prompt says.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from agentkit.errors import ModelError, suggest
from agentkit.messages import Request
from agentkit_envs.webshop import expert_answers

ANSWERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
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
    """The text that answers a node; a pure function of its name and the request's variables.

    Raises:
        ModelError: There is no rule for a node of this name, or its prompt does not read a value
            that the rule needs.
    """
    node = request.call.node
    rule = ANSWERS.get(node)
    if rule is None:
        raise ModelError(
            f"the rule-based WebShop expert has no rule for node '{node}'."
            f"{suggest(node, set(ANSWERS))} It answers: {', '.join(ANSWERS)}. "
            "A language model answers any node: give the node another 'model'."
        )
    try:
        value = rule(request.variables)
    except expert_answers.Missing as missing:
        raise ModelError(
            f"the rule for node '{node}' needs {missing}; its prompt must read it"
        ) from missing
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
