"""How nodes use the experts of a model: shares, entropy, overlap."""

from dataclasses import dataclass
from math import log2
from typing import Any, Final

MASSES: Final = (0.5, 0.9, 0.98)
"""The shares of a node's choices whose experts are counted."""

Counts = tuple[tuple[int, ...], ...]
"""How often each expert was chosen, by layer of experts."""


@dataclass(frozen=True, slots=True)
class LayerUse:
    """How a node uses the experts of one layer."""

    counts: tuple[int, ...]
    """How often each expert was chosen."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Each expert's share of the choices; they add up to 1."""
        total = sum(self.counts) or 1
        return tuple(count / total for count in self.counts)

    @property
    def entropy_bits(self) -> float:
        """Entropy of the shares, from 0 (one expert) to log2 of the number of experts."""
        return -sum(share * log2(share) for share in self.shares if share)

    @property
    def evenness(self) -> float:
        """Entropy as a share of what it is when all experts are used alike, from 0 to 1."""
        most = log2(len(self.counts)) if len(self.counts) > 1 else 0.0
        return self.entropy_bits / most if most else 1.0

    @property
    def effective(self) -> float:
        """The number of experts that, used alike, have the same entropy: 2 to its power."""
        return float(2**self.entropy_bits)

    def carrying(self, mass: float) -> list[int]:
        """Return the fewest experts that together carry a share of the choices, most used first.

        Args:
            mass: The share, from 0 to 1.
        """
        order = sorted(range(len(self.counts)), key=lambda one: (-self.counts[one], one))
        wanted, found, chosen = mass * sum(self.counts), 0, []
        for expert in order:
            if found >= wanted:
                break
            found += self.counts[expert]
            chosen.append(expert)
        return chosen


@dataclass(frozen=True, slots=True)
class NodeUse:
    """How a node uses the experts of a model."""

    node: str
    """Its name; nodes that a function added while it ran count together, as `name.*`."""
    calls: int
    """Calls that told of experts."""
    tokens: int
    """Tokens that they tell of, in each layer; 0 where how many experts a token takes is open."""
    layers: tuple[LayerUse, ...]
    """Its use, by layer."""

    def mean(self, name: str) -> float:
        """Return the mean over all layers of `entropy_bits`, `evenness` or `effective`."""
        return float(sum(getattr(one, name) for one in self.layers) / max(1, len(self.layers)))

    def carrying(self, mass: float) -> float:
        """Return how many experts of a layer carry a share of the choices, on average."""
        return sum(len(one.carrying(mass)) for one in self.layers) / max(1, len(self.layers))


@dataclass(frozen=True, slots=True)
class Overlap:
    """How alike two nodes use the experts of a model."""

    nodes: tuple[str, str]
    """Their names."""
    by_layer: tuple[float, ...]
    """1 less the Jensen-Shannon divergence of their shares, in bits: 1 where they are the same, 0
    where no expert is used by both. (J. Lin, Divergence measures based on the Shannon entropy,
    IEEE Transactions on Information Theory 37, 1991.)"""
    by_chance: float
    """About what it would be, for so few tokens, if both used the experts alike; at least 0."""

    @property
    def mean(self) -> float:
        """The mean over all layers."""
        return sum(self.by_layer) / max(1, len(self.by_layer))


@dataclass(frozen=True, slots=True)
class CountCheck:
    """Whether the counts of a model's calls agree with the tokens of their usage."""

    per_token: int | None
    """Experts that a token takes of each layer; None where no number agrees with a call."""
    cached: bool
    """Whether tokens from the cache are counted too, as servers do."""
    agree: int
    """Calls that agree."""
    calls: int
    """All calls that told of experts."""
    disagree: tuple[str, ...]
    """Of the first calls that do not: where, what is counted, and what was expected."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """How the nodes of a run use the experts of one model."""

    model: str
    """Its name, as it says itself."""
    experts: int
    """Experts of a layer, up to the highest that was chosen or told of."""
    nodes: tuple[NodeUse, ...]
    """The nodes, in the order in which they first ran."""
    overlaps: tuple[Overlap, ...]
    """Each pair of nodes."""
    check: CountCheck
    """Whether the counts agree with the usage."""


@dataclass(frozen=True, slots=True)
class ExpertProfile:
    """Which experts the nodes of a run use."""

    folder: str
    """The run."""
    models: tuple[ModelUse, ...]
    """By model: experts of two models have nothing in common."""
    silent: int
    """Calls of a model that told of no experts."""

    def as_json(self) -> dict[str, Any]:
        """Return the profile as JSON values."""
        models = [_model_json(model) for model in self.models]
        return {"run": self.folder, "calls_without_experts": self.silent, "models": models}


def _model_json(model: ModelUse) -> dict[str, Any]:
    check = model.check
    return {
        "model": model.model,
        "experts": model.experts,
        "check": {name: getattr(check, name) for name in check.__slots__},
        "nodes": [
            {
                "node": node.node,
                "calls": node.calls,
                "tokens": node.tokens,
                "layers": [
                    {
                        "counts": layer.counts,
                        "entropy_bits": layer.entropy_bits,
                        "evenness": layer.evenness,
                        "effective": layer.effective,
                        "carrying": {str(mass): layer.carrying(mass) for mass in MASSES},
                    }
                    for layer in node.layers
                ],
            }
            for node in model.nodes
        ],
        "overlaps": [
            {
                "nodes": one.nodes,
                "mean": one.mean,
                "by_layer": one.by_layer,
                "by_chance": one.by_chance,
            }
            for one in model.overlaps
        ],
    }
