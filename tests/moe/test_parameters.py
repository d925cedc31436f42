"""Parameters counted from a config are those of the model that transformers builds from it."""

import json
from pathlib import Path

import pytest
from tiny_checkpoints import _OWN, _SIZES, MIXTURES

from agentkit.errors import InputError
from agentkit.moe.config import load_config, read_architecture
from agentkit.moe.families import FAMILIES
from agentkit.moe.parameters import active_parameters, buffers, count_parameters

CONFIGS = Path(__file__).parent / "configs"
"""The numbers of public checkpoints, as their config.json has them."""
PUBLISHED = {  # billions: total, active with embeddings
    "phi-3.5-moe": (41.87, 6.64),
    "mixtral-8x7b": (46.70, 12.88),
    "qwen3-30b-a3b": (30.53, 3.35),
    "olmoe-1b-7b": (6.92, 1.28),
    "gpt-oss-20b": (20.91, 4.19),
    "granite-3.1-3b-a800m": (3.30, 0.88),
    "lfm2-8b-a1b": (8.34, 1.56),
}
OTHERS = {
    "qwen2_moe": {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 48},
    "granitemoeshared": {"num_local_experts": 8, "num_experts_per_tok": 2},
}
VARIANTS = {
    "plain": {},
    "biased": {"attention_bias": True, "lm_head_bias": True, "mlp_bias": True, "conv_bias": True},
    "tied": {"tie_word_embeddings": True, "decoder_sparse_step": 2},
    "uneven": {
        "mlp_only_layers": [1], "shared_expert_intermediate_size": 40,
        "shared_intermediate_size": 24, "num_key_value_heads": 4, "head_dim": 16,
    },
}  # fmt: skip


def built(config) -> tuple[int, int]:
    """Parameters and buffers of the model that transformers builds, without memory for it."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    kept = sum(
        value.numel() for name, value in model.named_buffers() if name.endswith("expert_bias")
    )
    return sum(value.numel() for value in model.parameters()), kept


def config_of(family: str, **more):
    from transformers import AutoConfig

    own = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0, "vocab_size": 1000}
    sizes = {**_SIZES, **_OWN.get(family, {}), **OTHERS.get(family, {}), **own}
    return AutoConfig.for_model(family, **{**sizes, **more})


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_they_are_those_of_the_tiny_model_of_every_family(family, variant):
    config = config_of(family, **VARIANTS[variant])
    model = read_architecture(json.loads(config.to_json_string()), Path("config.json"))
    assert (count_parameters(model).total, buffers(model)) == built(config)


@pytest.mark.parametrize("name", PUBLISHED)
def test_they_are_those_of_public_checkpoints_as_transformers_builds_them(name):
    from transformers import AutoConfig

    numbers, file = load_config(CONFIGS / f"{name}.json")
    model = read_architecture(numbers, file)
    told = {key: value for key, value in numbers.items() if key != "quantization_config"}
    own = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
    config = AutoConfig.for_model(told.pop("model_type"), **told, **own)
    total, active = count_parameters(model).total, active_parameters(model)
    assert (total, buffers(model)) == built(config)
    assert (round(total / 1e9, 2), round(active / 1e9, 2)) == PUBLISHED[name]


def test_every_family_of_mixtures_is_known():
    assert {*MIXTURES} <= {name for name, family in FAMILIES.items() if family.experts}


def test_fewer_experts_have_fewer_parameters_and_as_many_active_ones_but_for_the_router():
    model = read_architecture(*load_config(CONFIGS / "phi-3.5-moe.json"))
    assert count_parameters(model, 12).total * 2 == 63_612_598_912
    router = 32 * 4 * 4096  # layers, experts less, hidden
    assert active_parameters(model) - active_parameters(model, 12) == router


def damaged(**changes) -> dict:
    config = json.loads((CONFIGS / "qwen3-30b-a3b.json").read_text())
    return {key: value for key, value in {**config, **changes}.items() if value != "gone"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "mixtrall"}, "mixtrall.* Did you mean 'mixtral'.*Known are: mixtral"),
        ({"model_type": "gone"}, "it has no model_type"),
        ({"hidden_size": "gone"}, "has no hidden_size"),
        ({"num_key_value_heads": None}, "has no num_key_value_heads"),
        ({"hidden_size": -5}, "hidden_size is -5, expected a whole number from 1"),
        ({"hidden_size": True}, "hidden_size is True"),
        ({"hidden_size": "2048"}, "hidden_size is '2048'"),
        ({"hidden_size": 1e3}, "hidden_size is 1000.0"),
        ({"vocab_size": 10**30}, "vocab_size is 10"),
        ({"num_hidden_layers": 10**7}, "num_hidden_layers is 10,000,000, expected at most"),
        ({"num_experts_per_tok": 129}, "num_experts_per_tok is 129, but there are only 128"),
        ({"num_key_value_heads": 3}, "32 num_attention_heads cannot share 3"),
        ({"attention_bias": "yes"}, "attention_bias is 'yes', expected true or false"),
        ({"mlp_only_layers": 3}, "mlp_only_layers is 3, expected a list"),
        ({"decoder_sparse_step": 0}, "decoder_sparse_step is 0"),
        ({"model_type": "lfm2_moe"}, "has no layer_types"),
        ({"model_type": "gpt_oss", "layer_types": ["full_attention"]}, "expected 48 of"),
        ({"model_type": "gpt_oss", "layer_types": [{}] * 48}, "layer_types is"),
    ],
)
def test_a_config_that_makes_no_sense_is_told_of_with_field_and_value(changes, said):
    with pytest.raises(InputError, match=said):
        read_architecture(damaged(**changes), Path("config.json"))
