"""Tiny checkpoints of every family of mixtures of experts, as their makers' tools would save them.

Their weights are random and seeded, their tokenizer is trained on Python's help, which changes less
often than our pages. The code that loads and runs them is that of a checkpoint with 40 billion
parameters.
"""

from pathlib import Path
from typing import Any

MIXTURES = ("mixtral", "qwen3_moe", "olmoe", "phimoe", "gpt_oss", "granitemoe", "lfm2_moe")
"""The families, by the name that their `config.json` has for them."""
END, TURN_END, BEGIN = "<|endoftext|>", "<|im_end|>", "<|im_start|>"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 1024,
    "initializer_range": 0.2,
}
_OWN: dict[str, dict[str, Any]] = {
    "mixtral": {"num_local_experts": 8, "num_experts_per_tok": 2},
    "qwen3_moe": {
        "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 48,
        "norm_topk_prob": True,
    },
    "olmoe": {"num_experts": 8, "num_experts_per_tok": 2},
    "phimoe": {"num_local_experts": 8, "num_experts_per_tok": 2},
    "gpt_oss": {
        "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": 64,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
    "granitemoe": {"num_local_experts": 8, "num_experts_per_tok": 2},
    "lfm2_moe": {
        "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 48,
        "num_dense_layers": 1, "layer_types": ["conv", "full_attention", "conv"],
    },
}  # fmt: skip


def save_tokenizer(folder: Path, size: int = 1024) -> Any:
    """Train a tokenizer on Python's help, with a chat template, and save it."""
    from pydoc_data.topics import topics

    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END, BEGIN, TURN_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bare.train_from_iterator((topics[name] for name in sorted(topics)), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare, eos_token=TURN_END, pad_token=END)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return tokenizer


def make_checkpoint(folder: Path, family: str = "qwen3_moe", seed: int = 0, **config: Any) -> Path:
    """Save a tiny checkpoint of a family in a folder, with float32 weights.

    Args:
        folder: Where to; it is made.
        family: Which, such as `qwen3_moe`.
        seed: Of the weights.
        config: What differs from the sizes above.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = save_tokenizer(folder)
    ids = {
        "vocab_size": len(tokenizer),
        "eos_token_id": tokenizer.convert_tokens_to_ids([TURN_END, END]),
        "bos_token_id": None,
        "pad_token_id": tokenizer.pad_token_id,
    }
    made = AutoConfig.for_model(family, **{**_SIZES, **_OWN.get(family, {}), **ids, **config})
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(made, dtype=torch.float32)
    model.save_pretrained(folder)
    return folder
