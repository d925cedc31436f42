"""The names that prompts can use: where the observation comes in."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentkit.templates.sandbox.syntax import PROBABILITIES


def step_names(
    observation: Any,
    info: Mapping[str, Any],
    reward: float | None,
    step: int,
    episode: int,
    history: Sequence[Mapping[str, Any]],
    actions: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the values of the names that an environment gives to a step.

    Args:
        observation: What the environment shows.
        info: What else it says.
        reward: The last reward; None before the first action.
        step: Number of the step in its episode, from 0.
        episode: Number of the episode in its run, from 0.
        history: Observation, action and reward of every step before.
        actions: What can be done; by default what `info` says under `actions`.
    """
    return {
        "observation": observation,
        "actions": info.get("actions") if actions is None else actions,
        "reward": reward,
        "step": step,
        "episode": episode,
        "info": info,
        "history": history,
    }


STEP_NAMES: Final = frozenset(step_names(None, {}, None, 0, 0, ()))
"""Names the environment gives to every step."""
OWN_NAMES: Final = frozenset({"memory", "previous", PROBABILITIES})
"""Names the agent itself gives to every step; templates write the last as `probability(...)`."""
LOCAL_NAMES: Final = frozenset({"item", "output"})
"""Names that mean something only in some fields of some nodes."""


def decided_names(reads: Mapping[str, frozenset[str] | None]) -> frozenset[str]:
    """Return the nodes whose probabilities a template or expression reads."""
    return reads.get(PROBABILITIES) or frozenset()
