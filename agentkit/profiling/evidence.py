"""What advice is drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentkit.profiling.dependencies import Dependencies
from agentkit.profiling.figures import (
    ModelFigures,
    NodeFigures,
    PathFigures,
    PrefixFigures,
    TimeFigures,
    Totals,
)
from agentkit.profiling.sums import NodeSums, RunSums

FEW: Final = 3
"""What happened less often is chance."""
NO_PROMPT_MODEL: Final = "rules"
"""The model that does not read its prompts: nothing about their wording matters to it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures of a run."""

    sums: RunSums
    totals: Totals
    time: TimeFigures
    nodes: Sequence[NodeFigures]
    models: Sequence[ModelFigures]
    path: PathFigures
    prefix: PrefixFigures
    dependencies: Dependencies | None
    parallel: int = 1
    """How many episodes there were at once."""

    @property
    def counted(self) -> Mapping[str, NodeSums]:
        """What was counted, by node."""
        return self.sums.nodes

    @property
    def slow(self) -> bool:
        """Whether steps take so long that their length is worth a thought."""
        return (self.path.mean_s or 0.0) >= 0.05

    def reads_prompts(self, node: NodeFigures) -> bool:
        """Whether a model answers the node that reads what it is asked."""
        return any(model != NO_PROMPT_MODEL for model in node.models)
