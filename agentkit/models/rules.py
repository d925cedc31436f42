"""RulesModel: an environment's rule-based expert answers, node by node."""

from collections.abc import Callable, Collection

from agentkit.errors import suggest
from agentkit.messages import Completion, Request, Usage
from agentkit.models.decisions import as_decided


class RulesModel:
    """Answers with an environment's rule-based expert. It is not a language model.

    The expert goes by the node's name and by what the environment shows (`request.moment`); it
    ignores the wording of the prompt.

    Args:
        expert: Takes a Request, returns the text of the answer. The names of the nodes that it
            answers may stand in its attribute `nodes`; others are then refused before an episode.
    """

    name = "rules"
    reads_variables = True

    def __init__(self, expert: Callable[[Request], str]) -> None:
        self._expert = expert

    async def complete(self, request: Request) -> Completion:
        """Answer by rule, at no cost.

        Raises:
            ModelError: The expert has no rule for this node.
        """
        return Completion(self._expert(request), Usage(calls=1, cost_usd=0.0), model=self.name)

    def cannot_answer(self, node: str) -> str | None:
        """Return why it cannot answer a node of this name; None where it can, or may."""
        known: Collection[str] | None = getattr(self._expert, "nodes", None)
        if known is None or node in known:
            return None
        return (
            f"the rule-based player has no rule for a node of this name.{suggest(node, {*known})} "
            f"It answers: {', '.join(known)}. A language model answers any node: name one with "
            "'model'"
        )

    decides = is_certain = True
    most_questions = 1

    async def decide(self, request: Request) -> Completion:
        """Answer by rule, with probability 1."""
        return as_decided(request, await self.complete(request))

    def most_usage(self, request: Request) -> Usage:
        """No tokens: rules read none."""
        return Usage(calls=1)

    def cost_usd(self, usage: Usage) -> float:
        """Nothing: answers of this kind are free."""
        return 0.0
