"""The names that prompts can use: where the observation comes in."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentkit.templates.sandbox.functions import PROBABILITIES
from agentkit.templates.template import Reads


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
VARYING: Final = STEP_NAMES | OWN_NAMES
"""Names whose values change from step to step: a system text that reads one is never cached."""
LOCAL_NAMES: Final = frozenset({"item", "output"})
"""Names that mean something only in some fields of some nodes."""


def decided_names(reads: Reads) -> frozenset[str]:
    """Return the nodes whose probabilities a template or expression reads."""
    return reads.get(PROBABILITIES) or frozenset()


def merge_reads(into: dict[str, frozenset[str] | None], reads: Reads) -> None:
    """Add `reads` to `into`; a name used whole stays used whole."""
    for name, keys in reads.items():
        known = into.get(name, frozenset())
        into[name] = None if known is None or keys is None else known | keys
