"""The figures of a plan: what is wished, what it takes, whether it fits, how fast it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.moe.architecture import Architecture
from agentkit.moe.headers import Stored
from agentkit.moe.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Wish:
    """What a plan is made for."""

    context: int | None = None
    """Tokens of a sequence, prompt and answer; None: 4,096, or the model's own if it has fewer."""
    batch: int = 1
    """Sequences at once."""
    dtype: str | None = None
    """Type of the weights; None: as the config says."""
    keep: int | None = None
    """Experts that are kept in each layer of experts; None: all."""
    gpus: int = 1
    """Cards."""
    gpu_memory: int | None = None
    """Bytes of memory of each; None: whether it fits is not asked."""
    bandwidth: float | None = None
    """Bytes a second of each; None: how fast it is, is not asked."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits on the cards."""

    fits: bool
    """Whether it does."""
    needed: int
    """Bytes that each card must hold."""
    usable: int
    """Bytes of each card that a plan uses."""
    largest_batch: int
    """The most sequences of that length at once; 0 when not even one fits."""
    most_experts: int | None
    """How many experts of each layer of experts fit, with that context and batch; None when not
    even as many as a token takes do, and for a dense model."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a model writes, as far as memory bandwidth decides it: an upper limit."""

    read: int
    """Bytes that one step of decoding reads, on all cards together."""
    distinct_experts: float
    """Experts of a layer that the tokens of one step are sent to, on average."""
    step_s: float
    """Seconds of a step."""
    tokens_per_s: float
    """Tokens a second, of all sequences together."""


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What a model needs."""

    model: Architecture
    """The model."""
    wish: Wish
    """What the plan is made for, with the context and type that were chosen."""
    experts: int
    """Experts of each layer of experts, as planned; 0 for a dense model."""
    parameters: Parameters
    """Parameters by part."""
    active: int
    """Parameters that one token takes, embeddings included."""
    weights: Mapping[str, int]
    """Bytes of the weights, by part."""
    cache: int
    """Bytes of the cache of keys and values, and the states of convolutions, for the batch."""
    workspace: int
    """Bytes of activations and logits: an estimate."""
    fit: Fit | None = None
    """Whether it fits; None when no card was given."""
    speed: Speed | None = None
    """How fast it writes; None when no bandwidth was given."""
    stored: Stored | None = None
    """What the files of the checkpoint hold; None when there are none."""
    notes: tuple[str, ...] = ()
    """What is remarkable."""

    @property
    def computing(self) -> int:
        """Parameters that a token is multiplied with: the active ones without embeddings, unless
        these are the head too."""
        return self.active - (0 if self.model.tied else self.parameters.embeddings)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights."""
        return sum(self.weights.values())

    @property
    def total_bytes(self) -> int:
        """Bytes of weights, cache and workspace together, on one card."""
        return self.weight_bytes + self.cache + self.workspace

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        model, wish = self.model, self.wish
        parts = {name: getattr(self.parameters, name) for name in Parameters.__slots__}
        return {
            "model_type": model.model_type,
            "layers": len(model.layers),
            "expert_layers": model.expert_layers,
            "experts": self.experts,
            "experts_per_token": model.per_token,
            "dtype": wish.dtype,
            "context": wish.context,
            "batch": wish.batch,
            "parameters": {
                "total": self.parameters.total,
                "active": self.active,
                "active_without_embeddings": self.computing,
                "by_part": {name: number for name, number in parts.items() if number},
            },
            "bytes": {
                "weights": self.weight_bytes,
                "weights_by_part": dict(self.weights),
                "cache": self.cache,
                "workspace": self.workspace,
                "total": self.total_bytes,
            },
            "gpus": wish.gpus,
            "gpu_memory": wish.gpu_memory,
            "bandwidth": wish.bandwidth,
            "fit": self.fit and _fields(self.fit),
            "speed": self.speed and _fields(self.speed),
            "stored": self.stored and _fields(self.stored),
            "notes": list(self.notes),
        }


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
