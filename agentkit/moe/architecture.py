"""A model in numbers: its layers, and what each of them has in it."""

from dataclasses import dataclass
from typing import Literal

from agentkit.moe.families import FAMILIES, Family

Attention = Literal["full_attention", "sliding_attention", "conv"]
"""How a layer mixes its tokens."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer."""

    attention: Attention
    """How it mixes its tokens."""
    experts: bool
    """Whether its MLP is a mixture of experts."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model in numbers."""

    model_type: str
    """Its family."""
    hidden: int
    """Width of the residual stream."""
    vocabulary: int
    """Number of token ids."""
    heads: int
    """Heads of queries."""
    kv_heads: int
    """Heads of keys and values."""
    head_dim: int
    """Width of a head."""
    layers: tuple[Layer, ...]
    """The layers, in order."""
    experts: int
    """Experts of each layer of experts; 0 for a dense model."""
    per_token: int
    """Experts that each token takes, of each layer of experts (`num_experts_per_tok`)."""
    expert_width: int
    """Width of an expert."""
    dense_width: int
    """Width of an MLP without experts."""
    shared_width: int
    """Width of the expert that every token takes besides; 0 where there is none."""
    shared_gate: bool
    """Whether that one has a gate."""
    window: int | None
    """How many tokens a layer with sliding attention keeps; None where none slides."""
    conv_kernel: int
    """Tokens that a layer of convolution sees."""
    conv_bias: bool
    """Whether convolutions have biases."""
    qkv_bias: bool
    """Whether queries, keys and values have a bias."""
    output_bias: bool
    """Whether the attention's output has one."""
    mlp_bias: bool
    """Whether an MLP without experts has biases."""
    head_bias: bool
    """Whether the head (of the vocabulary) has one."""
    correction: bool
    """Whether the router has a bias that is no parameter (of LFM2)."""
    tied: bool
    """Whether the head is the embeddings."""
    most_tokens: int | None
    """The longest context; None where the config does not say."""
    dtype: str
    """What the weights are of, as the config says, such as `bfloat16` or `mxfp4`; else empty."""

    @property
    def family(self) -> Family:
        """What its family has in common."""
        return FAMILIES[self.model_type]

    @property
    def expert_layers(self) -> int:
        """How many layers are mixtures of experts."""
        return sum(layer.experts for layer in self.layers)
