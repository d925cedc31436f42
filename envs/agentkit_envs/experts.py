"""What rule-based experts have in common: a rule for each node, fed with what its prompt reads."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from agentkit.errors import ModelError, suggest
from agentkit.messages import Request

Variables = Mapping[str, Any]
"""What a node's prompt reads, by name."""
Rules = Mapping[str, Callable[[Variables], Any]]
"""For each node what answers it: a text, or a value that JSON can say."""


class Missing(Exception):
    """A value that a rule needs and the prompt does not read."""


def value(variables: Variables, name: str) -> Any:
    """A variable, or a key of memory written `memory.key`.

    Raises:
        Missing: The prompt does not read it.
    """
    inside: Any = variables
    for part in name.split("."):
        if not isinstance(inside, Mapping) or part not in inside:
            raise Missing(f"'{name}'")
        inside = inside[part]
    return inside


def answer_by_rule(rules: Rules, request: Request, game: str) -> str:
    """The text that answers a node; a pure function of its name and the request's variables.

    Args:
        rules: What answers each node.
        request: What is asked.
        game: Whose expert it is, for the errors.

    Raises:
        ModelError: There is no rule for a node of this name, or its prompt does not read a value
            that the rule needs.
    """
    node = request.call.node
    rule = rules.get(node)
    if rule is None:
        raise ModelError(
            f"the rule-based {game} expert has no rule for node '{node}'."
            f"{suggest(node, set(rules))} It answers: {', '.join(rules)}. "
            "A language model answers any node: give the node another 'model'."
        )
    try:
        found = rule(request.variables)
    except Missing as missing:
        raise ModelError(
            f"the rule for node '{node}' needs {missing}; its prompt must read it"
        ) from missing
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
