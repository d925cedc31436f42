"""Reads the fields of `config.json` and `generation_config.json`, and tells which make no sense."""

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from agentkit.errors import suggest, visible
from agentkit.models.local.transformers.layer_cache import LayerCache, cache_of
from agentkit.models.local.transformers.sampling_names import MAKES_SENSE

DTYPES: Final = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""The types of weights that are not quantized, as safetensors and as torch name them."""
_EXPERTS: Final = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_USED: Final = (
    "num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_k", "top_k_experts",
)  # fmt: skip
_CONTEXT: Final = (
    "max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length",
    "n_ctx",
)  # fmt: skip
_NEEDED: Final = {
    "awq": "gptqmodel", "gptq": "gptqmodel", "bitsandbytes": "bitsandbytes", "aqlm": "aqlm",
    "quanto": "optimum.quanto", "quark": "quark", "eetq": "kernels", "hqq": "hqq",
    "compressed-tensors": "compressed_tensors", "torchao": "torchao", "vptq": "vptq",
    "spqr": "spqr_quant", "auto-round": "auto_round", "mxfp4": "accelerate", "fp8": "accelerate",
    "bitnet": "accelerate",
}  # fmt: skip
"""The ways of quantizing that transformers loads, and the package that each needs."""


class ConfigFields:
    """The fields of a checkpoint's config; what is wrong with them is added to `problems`.

    Args:
        config: `config.json`; the fields of a `text_config` in it stand in front of its own.
        generation: `generation_config.json`; empty where there is none.
        problems: What is wrong so far.
    """

    def __init__(
        self, config: Mapping[str, Any], generation: Mapping[str, Any], problems: list[str]
    ) -> None:
        nested = config.get("text_config")
        self._config = config
        self._text = {**config, **nested} if isinstance(nested, dict) else config
        self._generation = generation
        self._problems = problems

    @property
    def model_type(self) -> str:
        """The kind of model, such as `qwen3_moe`."""
        return visible(str(self._config.get("model_type", "")))[:60]

    @property
    def architecture(self) -> str:
        """The class of the model; empty where it does not say."""
        names = self._config.get("architectures")
        return visible(str(names[0]))[:60] if isinstance(names, list) and names else ""

    @property
    def cache(self) -> LayerCache:
        """What its cache takes."""
        return cache_of(self._text)

    @property
    def context(self) -> int | None:
        """The tokens that it was trained to read and write; None: it does not say."""
        return self._number(*_CONTEXT)

    @property
    def rope_boundary(self) -> int | None:
        """The length from which on it turns all positions by other angles; None: never."""
        rope = self._text.get("rope_parameters") or self._text.get("rope_scaling")
        if not isinstance(rope, dict):
            return None
        if (rope.get("rope_type") or rope.get("type")) not in ("longrope", "su", "dynamic"):
            return None
        name = "original_max_position_embeddings"
        length = rope.get(name) or self._text.get(name)
        return length if type(length) is int and length > 0 else self.context

    @property
    def vocabulary(self) -> int:
        """The tokens that it has weights for; 0: it does not say."""
        return self._number("vocab_size") or 0

    @property
    def is_tied(self) -> bool:
        """Whether the weights that write a token are those that read it."""
        return self._text.get("tie_word_embeddings") is True

    def check_kind(self) -> None:
        """Find out whether it is a model of texts that transformers knows by itself."""
        kind = self._config.get("model_type")
        known = _known_kinds()
        if not isinstance(kind, str) or not kind:
            self._add("config.json has no 'model_type': copy it from the original checkpoint")
        elif known and kind not in known and "auto_map" in self._config:
            self._add(
                f"config.json: transformers has no {kind!a:.60}, and the program code that the "
                "checkpoint brings for it ('auto_map') is never executed here. Take a checkpoint "
                "of an architecture that transformers has"
            )
        elif known and kind not in known:
            self._add(
                "config.json: transformers has no model that writes text of the 'model_type' "
                f"{kind!a:.60}.{suggest(kind[:60], known)}"
            )
        if self._text.get("is_encoder_decoder") is True:
            self._add("config.json: it is an encoder with a decoder, and no model for chats")
        if "transformers_weights" in self._config:
            self._add(
                "config.json has 'transformers_weights', which is unsupported. Delete it, and name "
                "the file model.safetensors"
            )
        for key in ("num_hidden_layers", "hidden_size", "num_attention_heads"):
            self._number(key)

    def experts(self) -> tuple[int, int]:
        """Return the experts of a layer, and how many of them a token uses; 0 of no mixture."""
        every, used = (next(self._values(keys), 0) for keys in (_EXPERTS, _USED))
        if not every or not used or isinstance(every, list):  # some have a number for each layer
            return 0, 0
        if not _is_count(every) or not _is_count(used) or used > every:
            self._add(
                f"config.json: a token uses {used!a:.40} experts of {every!a:.40}, which makes no "
                "sense"
            )
            return 0, 0
        return every, used

    def quantization(self) -> str:
        """Return how the weights are quantized, such as `mxfp4`; empty where they are not."""
        about = self._text.get("quantization_config")
        if not about:
            return ""
        method = about.get("quant_method") if isinstance(about, dict) else about
        if isinstance(about, dict) and (about.get("load_in_4bit") or about.get("load_in_8bit")):
            method = "bitsandbytes"
        if not isinstance(method, str) or method not in _NEEDED:
            self._add(
                f"config.json: the checkpoint is quantized by {method!a:.60}, which is "
                "unsupported. Take the checkpoint in bfloat16"
            )
            return "unknown"
        needed = _NEEDED[method]
        if importlib.util.find_spec(needed.partition(".")[0]) is None:
            self._add(
                f"config.json: the checkpoint is quantized by '{method}', which needs a package "
                f"that is not installed: pip install {needed.replace('_', '-').replace('.', '-')}"
            )
        return method

    def dtype(self) -> str | None:
        """Return the type that the config has for the weights; None: it does not say."""
        said = next(self._values(("dtype", "torch_dtype")), None)
        said = said.removeprefix("torch.") if isinstance(said, str) else said
        if said is None or said in DTYPES.values():
            return said
        self._add(f"config.json: 'dtype' is {said!a:.40}; it can be: {', '.join(DTYPES.values())}")
        return None

    def end_ids(self) -> tuple[int, ...]:
        """Return the ids of all tokens that end an answer."""
        for name, source in (("generation_config", self._generation), ("config", self._text)):
            value = source.get("eos_token_id")
            if value is None:
                continue
            ids = value if isinstance(value, list) else [value]
            if ids and all(type(one) is int and 0 <= one < 1 << 40 for one in ids):
                return tuple(dict.fromkeys(ids))
            self._add(
                f"{name}.json: 'eos_token_id' is {value!a:.60}, and should be the id of the token "
                "that ends an answer, or a list of such ids"
            )
            return ()
        self._add(
            "neither generation_config.json nor config.json has an 'eos_token_id': nothing would "
            "end an answer. Write the id of the token there that ends a turn of the chat"
        )
        return ()

    def sampling(self) -> dict[str, Any]:
        """Return how its makers want tokens picked."""
        found = {}
        for key, makes_sense in MAKES_SENSE.items():
            value = self._generation.get(key)
            if value is None or (key == "top_k" and value in (0, -1)):  # which is: all tokens
                continue
            if makes_sense(value):
                found[key] = value
            else:
                self._add(f"generation_config.json: '{key}' cannot be {value!a:.40}")
        return found

    def _number(self, *keys: str) -> int | None:
        """The first of several fields that the config has; None: it has none of them."""
        for key in keys:
            value = self._text.get(key)
            if isinstance(value, int) and _is_count(value):
                return value
            if value is not None:
                self._add(f"config.json: '{key}' is {value!a:.40}, not a whole number above 0")
                return None
        return None

    def _values(self, keys: tuple[str, ...]) -> Iterator[Any]:
        return (self._text[key] for key in keys if self._text.get(key) is not None)

    def _add(self, problem: str) -> None:
        self._problems.append(problem)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 40


@cache
def _known_kinds() -> frozenset[str]:
    """The model types that transformers can write text with, read without importing it."""
    spec = importlib.util.find_spec("transformers")
    for place in (spec.submodule_search_locations if spec else None) or ():
        file = Path(place, "models", "auto", "modeling_auto.py")
        source = file.read_text(encoding="utf-8") if file.is_file() else ""
        for part in ast.parse(source).body:
            if isinstance(part, ast.Assign) and isinstance(part.value, ast.Call):
                name = part.targets[0]
                if isinstance(name, ast.Name) and name.id == "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES":
                    return frozenset(dict(ast.literal_eval(part.value.args[0])))
    return frozenset()
