"""Reads the architecture in the `config.json` of a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agentkit.errors import InputError, listed, suggest
from agentkit.models.local.transformers.checkpoint_files import FileFault, read_mapping
from agentkit.moe.architecture import Architecture, Attention, Layer
from agentkit.moe.families import FAMILIES, Family

_LARGEST: Final = 1 << 40
"""The highest number that is believed."""
_MOST_LAYERS: Final = 10_000


def load_config(path: Path) -> tuple[Mapping[str, Any], Path]:
    """Load the `config.json` of a checkpoint.

    Args:
        path: The file, or the folder that has it.

    Returns:
        What it says, and the file.

    Raises:
        InputError: It is not there, or no JSON object.
    """
    file = path / "config.json" if path.is_dir() else path
    if not file.exists():
        what = f"{path} has no config.json" if path.is_dir() else f"there is no {path}"
        raise InputError(f"{what}: give the folder of a checkpoint, or its config.json")
    if file.suffix in (".gguf", ".safetensors", ".bin"):
        raise InputError(
            f"{file} holds weights: give the folder of a Hugging Face checkpoint, or its "
            "config.json"
        )
    try:
        return read_mapping(file), file
    except FileFault as fault:
        raise InputError(f"{file} {fault}") from None


def read_architecture(config: Mapping[str, Any], file: Path) -> Architecture:
    """Read the architecture in a `config.json`.

    Args:
        config: What it says.
        file: Where it stands, for errors.

    Raises:
        InputError: Its family is unknown, a field is missing or makes no sense.
    """
    return _Reader(config, file).read()


class _Reader:
    def __init__(self, config: Mapping[str, Any], file: Path) -> None:
        self._config = config
        self._file = file
        self._type, self._family = self._find_family()

    def read(self) -> Architecture:
        family, bias = self._family, self._flag("attention_bias", self._family.attention_bias)
        hidden, heads = self._number("hidden_size"), self._number("num_attention_heads")
        experts, per_token = self._experts()
        layers = self._layers()
        dense_width = self._number("intermediate_size")
        return Architecture(
            model_type=self._type,
            hidden=hidden,
            vocabulary=self._number("vocab_size"),
            heads=heads,
            kv_heads=self._kv_heads(heads),
            head_dim=self._number("head_dim", hidden // heads or None),
            layers=layers,
            experts=experts,
            per_token=per_token,
            expert_width=self._number(family.width, dense_width) if experts else 0,
            dense_width=dense_width,
            shared_width=self._number(family.shared, low=0) if family.shared else 0,
            shared_gate=self._type == "qwen2_moe",
            window=self._window(layers),
            conv_kernel=self._number("conv_L_cache", 3) if self._type == "lfm2_moe" else 0,
            conv_bias=self._flag("conv_bias", False),
            qkv_bias=self._bias("qkv_bias", family.qkv_bias, bias),
            output_bias=bias if family.output_bias is None else family.output_bias,
            mlp_bias=self._flag("mlp_bias", False) and self._type == "llama",
            head_bias=self._flag("lm_head_bias", False) and self._type == "phimoe",
            correction=self._flag("use_expert_bias", True) and self._type == "lfm2_moe",
            tied=self._tied(),
            most_tokens=self._number("max_position_embeddings", 0, low=0) or None,
            dtype=self._dtype(),
        )

    def _find_family(self) -> tuple[str, Family]:
        name = self._config.get("model_type")
        if not isinstance(name, str):
            raise InputError(f"{self._file} is no config.json of a model: it has no model_type")
        if name not in FAMILIES:
            raise InputError(
                f"{self._file}: the parameters of the model_type '{name[:80]}' cannot be counted."
                f"{suggest(name, [*FAMILIES])} Known are: {listed([*FAMILIES])}"
            )
        return name, FAMILIES[name]

    def _number(self, name: str, default: int | None = None, *, low: int = 1) -> int:
        value = self._config.get(name)
        value = default if value is None else value
        if value is None:
            raise InputError(
                f"{self._file} has no {name}: without it, the size of the model is unknown"
            )
        if type(value) is not int or not low <= value <= _LARGEST:
            expected = f"expected a whole number from {low} to {_LARGEST:,}"
            raise InputError(f"{self._file}: {name} is {value!r:.80}, {expected}")
        return value

    def _flag(self, name: str, default: bool) -> bool:
        value = self._config.get(name)
        value = default if value is None else value
        if type(value) is not bool:
            raise InputError(f"{self._file}: {name} is {value!r:.80}, expected true or false")
        return value

    def _bias(self, name: str, given: bool | None, otherwise: bool) -> bool:
        default = otherwise if given is None else given
        return self._flag(name, default) if self._type == "qwen2_moe" else default

    def _kv_heads(self, heads: int) -> int:
        name = "num_key_value_heads"
        kv_heads = self._number(name, heads if self._family.heads_alike else None)
        if heads % kv_heads:
            raise InputError(
                f"{self._file}: {heads} num_attention_heads cannot share {kv_heads} {name}: "
                "expected a divisor of them"
            )
        return kv_heads

    def _experts(self) -> tuple[int, int]:
        if not self._family.experts:
            return 0, 0
        names = {self._family.experts, "num_experts", "num_local_experts"}
        name = next((one for one in names if self._config.get(one) is not None), None)
        experts = self._number(name or self._family.experts)
        per_token = self._number("num_experts_per_tok")
        if per_token > experts:
            raise InputError(
                f"{self._file}: num_experts_per_tok is {per_token}, but there are only {experts} "
                "experts"
            )
        return experts, per_token

    def _layers(self) -> tuple[Layer, ...]:
        number = self._number("num_hidden_layers")
        if number > _MOST_LAYERS:
            raise InputError(
                f"{self._file}: num_hidden_layers is {number:,}, expected at most {_MOST_LAYERS:,}"
            )
        kinds = self._kinds(number)
        return tuple(Layer(kind, self._has_experts(i)) for i, kind in enumerate(kinds))

    def _kinds(self, number: int) -> list[Attention]:
        """How each layer mixes its tokens, by the config or by its family's rule."""
        told = self._config.get("layer_types")
        if told is not None and self._type in ("gpt_oss", "lfm2_moe", "qwen2", "qwen3"):
            known = ("full_attention", "conv" if self._type == "lfm2_moe" else "sliding_attention")
            if (
                not isinstance(told, list)
                or len(told) != number
                or not {*map(str, told)} <= {*known}
            ):
                expected = f"expected {number} of {' and '.join(known)}"
                raise InputError(f"{self._file}: layer_types is {told!r:.120}, {expected}")
            return told
        if self._type == "lfm2_moe":
            raise InputError(
                f"{self._file} has no layer_types: without it, the size of the model is unknown"
            )
        if self._type == "gpt_oss":
            return ["full_attention" if i % 2 else "sliding_attention" for i in range(number)]
        if not self._slides():
            return ["full_attention"] * number
        full = 0
        if self._type in ("qwen2", "qwen3"):
            full = self._number("max_window_layers", 28, low=0)
        return ["full_attention" if i < full else "sliding_attention" for i in range(number)]

    def _slides(self) -> bool:
        if self._config.get("sliding_window") is None or not self._family.window:
            return False
        return self._family.window == "all" or self._flag("use_sliding_window", False)

    def _window(self, layers: tuple[Layer, ...]) -> int | None:
        if all(layer.attention != "sliding_attention" for layer in layers):
            return None
        return self._number("sliding_window", 128 if self._type == "gpt_oss" else None)

    def _has_experts(self, index: int) -> bool:
        if not self._family.experts:
            return False
        if self._type == "lfm2_moe":
            return index >= self._number("num_dense_layers", 2, low=0)
        if self._type not in ("qwen3_moe", "qwen2_moe"):
            return True
        dense = self._config.get("mlp_only_layers") or []
        if not isinstance(dense, list):
            expected = "expected a list of layers"
            raise InputError(f"{self._file}: mlp_only_layers is {dense!r:.80}, {expected}")
        return index not in dense and (index + 1) % self._number("decoder_sparse_step", 1) == 0

    def _tied(self) -> bool:
        default = self._flag("tie_word_embeddings", self._family.tied)
        return self._flag("tie_embedding", default) if self._type == "lfm2_moe" else default

    def _dtype(self) -> str:
        quantized = self._config.get("quantization_config")
        if isinstance(quantized, Mapping):
            return str(quantized.get("quant_method", "quantized"))[:40]
        said = self._config.get("dtype") or self._config.get("torch_dtype") or ""
        return str(said).removeprefix("torch.")[:40]
