"""The shopper as one function: the same decisions as node by node, without an agent around them."""

from agentkit_envs.webshop.strategy.decision import Situation, decide


def play(observation: str, before: Situation | None) -> tuple[str, Situation]:
    """Return the action after an observation, and what is known then; None at the start."""
    now = Situation.after(before, observation)
    return decide(now).action, now
