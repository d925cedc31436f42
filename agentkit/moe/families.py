"""The families of models, and what the models of each have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Family:
    """What the models of one `model_type` have in common, as transformers builds them."""

    experts: str = ""
    """The field with the number of experts; empty for a dense model."""
    width: str = "intermediate_size"
    """The field with the width of an expert."""
    shared: str = ""
    """The field with the width of the expert that every token takes; empty where there is none."""
    heads_alike: bool = False
    """Whether there are as many heads for keys as for queries where the config does not say."""
    qkv_bias: bool | None = None
    """Whether queries, keys and values have a bias; None: as `attention_bias` says."""
    output_bias: bool | None = None
    """Whether the attention's output has one; None: as `attention_bias` says."""
    attention_bias: bool = False
    """What `attention_bias` is where the config does not say."""
    qk_norm: Literal["", "head", "all"] = ""
    """Norms of queries and keys: of each head, of all heads together, or none."""
    norm_bias: bool = False
    """Whether norms have a bias besides their weight."""
    expert_bias: bool = False
    """Whether experts and router have biases."""
    sinks: bool = False
    """Whether every head has an attention sink."""
    tied: bool = False
    """Whether embeddings and head are one where the config does not say."""
    window: Literal["", "all", "if_used"] = ""
    """How the config says that attention slides: by `sliding_window`, or only with
    `use_sliding_window` too."""


FAMILIES: Final[Mapping[str, Family]] = {
    "mixtral": Family("num_local_experts", qkv_bias=False, output_bias=False, window="all"),
    "qwen3_moe": Family("num_experts", "moe_intermediate_size", qk_norm="head", window="if_used"),
    "olmoe": Family("num_experts", heads_alike=True, qk_norm="all"),
    "phimoe": Family("num_local_experts", norm_bias=True, window="all"),
    "gpt_oss": Family("num_local_experts", attention_bias=True, expert_bias=True, sinks=True),
    "granitemoe": Family("num_local_experts", heads_alike=True),
    "lfm2_moe": Family(
        "num_experts",
        "moe_intermediate_size",
        qkv_bias=False,
        output_bias=False,
        qk_norm="head",
        tied=True,
    ),
    "qwen2_moe": Family(
        "num_experts",
        "moe_intermediate_size",
        "shared_expert_intermediate_size",
        qkv_bias=True,
        output_bias=False,
        window="if_used",
    ),
    "granitemoeshared": Family(
        "num_local_experts", shared="shared_intermediate_size", heads_alike=True
    ),
    "llama": Family(heads_alike=True),
    "mistral": Family(qkv_bias=False, output_bias=False, window="all"),
    "qwen2": Family(qkv_bias=True, output_bias=False, window="if_used"),
    "qwen3": Family(qk_norm="head", window="if_used"),
}
"""Every `model_type` whose parameters are counted exactly."""
