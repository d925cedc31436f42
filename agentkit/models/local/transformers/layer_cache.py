"""What the cache of a model takes for each token, told from its config alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_WINDOWED: Final = ("sliding_attention", "chunked_attention")
_NO_CACHE: Final = ("conv", "linear_attention", "mamba", "moe", "mlp", "recurrent")


@dataclass(frozen=True, slots=True)
class LayerCache:
    """Keys and values that the layers keep."""

    full_values: int
    """Numbers for each token, in the layers that see all tokens."""
    window_values: int
    """Numbers for each token, in the layers that see only the last ones."""
    window: int
    """How many tokens those layers see; 0 where there are none."""

    def bytes_for(self, tokens: int, width: int = 2) -> int:
        """Return the bytes for a sequence.

        Args:
            tokens: Its length.
            width: Bytes of a number: 2 for bfloat16, 4 for float32.
        """
        within = min(tokens, self.window) if self.window else tokens
        return width * (self.full_values * tokens + self.window_values * within)

    def bytes_per_token(self, width: int = 2) -> int:
        """Return the bytes that one more token takes while all windows have room.

        Args:
            width: Bytes of a number: 2 for bfloat16, 4 for float32.
        """
        return width * (self.full_values + self.window_values)


def cache_of(config: Mapping[str, Any]) -> LayerCache:
    """Return what the cache of a model takes; nothing where its config does not tell.

    Args:
        config: The fields of `config.json`, those of a `text_config` in front.
    """
    layers = _whole(config, "num_hidden_layers", "n_layer", "num_layers", "n_layers")
    per_layer = _values_of_a_layer(config)
    kinds = config.get("layer_types")
    window = _whole(config, "sliding_window", "attention_chunk_size")
    if not isinstance(kinds, list) or len(kinds) != layers:
        slides = bool(window) and config.get("use_sliding_window") is not False
        kinds = ["sliding_attention" if slides else "full_attention"] * min(layers, 10_000)
    windowed = sum(kind in _WINDOWED for kind in kinds) if window else 0
    kept = sum(not any(word in str(kind) for word in _NO_CACHE) for kind in kinds)
    full = per_layer * (kept - windowed)
    return LayerCache(full, per_layer * windowed, window if windowed else 0)


def _values_of_a_layer(config: Mapping[str, Any]) -> int:
    """The numbers of a key and a value of all heads: transformers keeps latent ones unfolded."""
    heads = _whole(config, "num_attention_heads", "n_head", "n_heads")
    if _whole(config, "kv_lora_rank"):
        key = _whole(config, "qk_nope_head_dim") + _whole(config, "qk_rope_head_dim")
        return heads * (key + _whole(config, "v_head_dim"))
    width = _whole(config, "hidden_size", "n_embd", "d_model")
    size = _whole(config, "head_dim") or (width // heads if heads else 0)
    return 2 * (_whole(config, "num_key_value_heads") or heads) * size


def _whole(config: Mapping[str, Any], *keys: str) -> int:
    """The first of several fields that is a sensible number above 0; 0: none is."""
    values = (config.get(key) for key in keys)
    return next((one for one in values if type(one) is int and 0 < one < 1 << 40), 0)
