"""Which experts of a mixture a model has, and which its tokens are sent to."""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_FIRST = ("num_dense_layers", "first_k_dense_replace", "moe_layer_start_index")
_PER_TOKEN = ("num_experts_per_tok", "experts_per_token", "top_k_experts", "moe_topk", "moe_k")


def expert_shape(config: Any) -> tuple[int, int, int]:
    """Return how many layers have experts, how many experts each has, how many a token goes to.

    Args:
        config: A `config.json` as a mapping, or a configuration of transformers. Of a model of
            several parts the text part counts.

    Returns:
        (layers, experts, k); zeros for a dense model.
    """
    field = _reader(config)
    part = field("text_config")
    if part is not None:
        return expert_shape(part)
    experts = next((n for n in map(field, _EXPERTS) if n), 0)
    k = next((n for n in map(field, _PER_TOKEN) if n), 0)
    if not (isinstance(experts, int) and isinstance(k, int) and experts and k):
        return 0, 0, 0
    return sum(map(_is_sparse(field), range(int(field("num_hidden_layers") or 0)))), experts, k


def _reader(config: Any) -> Callable[[str], Any]:
    if isinstance(config, Mapping):
        return config.get
    return lambda name: getattr(config, name, None)


def _is_sparse(field: Callable[[str], Any]) -> Callable[[int], bool]:
    """Which layers have experts, in the words that the families have for it."""
    kinds = field("mlp_layer_types")
    if kinds:
        return lambda layer: layer < len(kinds) and kinds[layer] == "sparse"
    first = max(field(n) or 0 for n in _FIRST)
    last = field("moe_layer_end_index") or -1  # the last layer of all
    dense = set(field("mlp_only_layers") or ())
    every = max(field(n) or 1 for n in ("decoder_sparse_step", "moe_layer_interval"))
    period, offset = field("expert_layer_period") or 1, field("expert_layer_offset") or 0
    return lambda layer: (
        first <= layer <= (last if last >= 0 else layer)
        and layer not in dense
        and (layer + 1) % every == 0
        and layer % period == (offset if period > 1 else 0)
    )


def expert_modules(model: "torch.nn.Module") -> "dict[str, torch.nn.Module]":
    """Return the modules that hold the experts of a layer each, by name, from the first layer.

    They are those whose forward pass transformers dispatches (`use_experts_implementation`), with
    the weights of all experts of a layer in one parameter.
    """
    return {
        name: module
        for name, module in model.named_modules()
        if hasattr(module, "_apply_gate") and hasattr(module, "num_experts")
    }


def checkpoint_experts(model: "torch.nn.Module") -> int:
    """Return how many experts a layer has in the checkpoint: the numbers that are told end below.

    They stay the same when some are freed (`slice_experts`), unlike the model's configuration.

    Args:
        model: A model of transformers; 0 for a dense one.
    """
    modules: list[Any] = [*expert_modules(model).values()]
    return max((getattr(one, "experts_before", one.num_experts) for one in modules), default=0)


def watch_experts(
    model: "torch.nn.Module", listener: "Callable[[int, torch.Tensor], None]"
) -> Callable[[], None]:
    """Tell a listener which experts the tokens of every forward pass are sent to.

    It is called in the thread of the forward pass, for each layer of experts in order. CUDA graphs
    replay a pass without Python: turn them off while you watch.

    Args:
        model: A model of transformers, of any family of mixtures.
        listener: Takes the place of the layer among the layers of experts, from 0, and the
            experts chosen there, int64 of (tokens, k), by their numbers in the checkpoint
            (`checkpoint_experts`). Tokens are in the order of the batch, rows one after another,
            with its padding.

    Returns:
        A function that ends it.

    Raises:
        ValueError: If the model has no layer of experts.
    """
    modules = expert_modules(model)
    if not modules:
        raise ValueError(f"{type(model).__name__} has no experts to watch: it is a dense model")
    handles = [
        module.register_forward_pre_hook(_hook(layer, module, listener), with_kwargs=True)
        for layer, module in enumerate(modules.values())
    ]

    def end() -> None:
        for handle in handles:
            handle.remove()

    return end


def _hook(
    layer: int, module: "torch.nn.Module", listener: "Callable[[int, torch.Tensor], None]"
) -> Callable[..., None]:
    """Return a hook that finds the chosen experts: the second argument of the experts' forward."""
    name = list(inspect.signature(module.forward).parameters)[1]

    def tell(experts: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        chosen = args[1] if len(args) > 1 else kwargs[name]
        kept = getattr(experts, "kept_experts", None)  # of `slice_experts`
        listener(layer, chosen if kept is None else kept[chosen])

    return tell


class ExpertTap:
    """Hands on which experts the tokens of a pass are sent to, to whoever runs it."""

    def __init__(self, experts: int) -> None:
        self.experts = experts
        """How many experts a layer has."""
        self.sink: Callable[[int, torch.Tensor, int], None] | None = None
        """Takes the layer of experts, the experts [tokens, k], and how many there are."""

    def __call__(self, layer: int, chosen: "torch.Tensor") -> None:
        """Hand on what a layer chose."""
        if self.sink is not None:
            self.sink(layer, chosen, self.experts)


class ExpertCounts:
    """How often each expert was chosen, by layer of experts."""

    def __init__(self) -> None:
        self._layers: list[torch.Tensor] = []

    def add(self, layer: int, chosen: "torch.Tensor", experts: int) -> None:
        """Count the experts that a layer chose for some tokens.

        Args:
            layer: The place among the layers of experts; they come in order.
            chosen: The experts, [tokens, k].
            experts: How many the layer has.
        """
        if layer == len(self._layers):
            self._layers.append(chosen.new_zeros(experts))
        self._layers[layer] += chosen.flatten().bincount(minlength=experts)[:experts]

    def as_tuples(self) -> tuple[tuple[int, ...], ...]:
        """Return the counts as a completion has them; empty where nothing was counted."""
        return tuple(tuple(layer.tolist()) for layer in self._layers)
