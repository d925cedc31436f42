"""Runs a mixture with a part of its experts: a plan says which, the others are masked or freed.

The router of a layer chooses among the kept experts, as if it had never had others: its rows are
cut before it scores, which is what logits of minus infinity before its softmax, sigmoid or top-k
would do. What becomes of the weights then is the family's own rule. Where the weights of the chosen
are normalised (Mixtral, Qwen3-MoE, GPT-OSS, GraniteMoE, LFM2-MoE) they sum to what they always do.
OLMoE's softmax goes over all experts and is not normalised, so it goes over the kept ones now, and
the weights of the chosen grow. Phi's SparseMixer weighs an expert against those that score about
the same, so a weight changes only if one of those was dropped.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentkit.atomic_files import open_regular
from agentkit.errors import InputError, listed, suggest, visible
from agentkit.models.local.transformers.experts import expert_modules, expert_shape

if TYPE_CHECKING:
    import torch

_LONGEST: Final = 10_000_000
"""Bytes of a plan: 1,000 layers of 1,000 experts have 5 MB."""
_MOST_TOLD: Final = 20
"""Problems of a plan that are told one by one."""
_FIELDS: Final = ("model", "experts", "layers", "run", "node", "mass")
"""Fields of a plan; the last three say where it comes from, for those who read it."""


@dataclass(frozen=True, slots=True)
class ExpertKeep:
    """Which experts of each layer are kept."""

    experts: int
    """How many each layer has before."""
    layers: tuple[tuple[int, ...], ...]
    """The kept experts of each layer of experts, ascending, from 0."""
    model: str = ""
    """Whose experts they are: the name of the model's folder. Empty: of any with this shape."""

    @property
    def width(self) -> int | None:
        """How many experts every layer keeps; None if they keep different numbers."""
        return len(self.layers[0]) if len({*map(len, self.layers)}) == 1 else None

    def problems(self, config: Any, model: str = "") -> list[str]:
        """Return why a model cannot be run with it; nothing if it can.

        Args:
            config: The model's configuration, as for `expert_shape`.
            model: The name of its folder, if that is to be compared.
        """
        layers, experts, k = expert_shape(config)
        if not layers:
            return ["the model has no experts: it is a dense model"]
        found = []
        if self.model and model and self.model != model:
            found.append(
                f"it is for the model '{visible(self.model[:60])}', and this is "
                f"'{visible(model[:60])}'. Without the field 'model' it is taken for both"
            )
        if self.experts != experts:
            found.append(f"it is for {self.experts} experts a layer, and the model has {experts}")
        if len(self.layers) != layers:
            found.append(
                f"it lists {len(self.layers)} layers, and the model has {layers} with experts"
            )
        return found + [
            f"layer {layer} keeps {len(kept)}, and each token needs {k}"
            for layer, kept in enumerate(self.layers)
            if len(kept) < k
        ]


def read_expert_keep(path: Path, config: Any = None, model: str = "") -> ExpertKeep:
    """Read a plan: `{"model": "name", "experts": 8, "layers": [[0, 1, 5], [2, 3, 4, 7]]}`.

    Args:
        path: The file, as `agentkit moe keep` writes it.
        config: The configuration of the model that is to be run with it, if that is known yet.
        model: The name of that model's folder.

    Raises:
        InputError: It cannot be read, or does not fit the model; it tells everything that is wrong.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise InputError(f"cannot read {path}: a plan has at most {_LONGEST:,} bytes")
        read = json.loads(data)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot read {path}: it is not JSON: {visible(str(error))}") from error
    if not isinstance(read, dict):
        raise InputError(f"{path}: a plan is an object with 'experts' and 'layers'")
    if problems := _faults(read):
        raise _refusal(str(path), problems)
    layers = tuple(tuple(sorted(kept)) for kept in read["layers"])
    keep = ExpertKeep(read["experts"], layers, read.get("model") or "")
    if config is not None and (problems := keep.problems(config, model)):
        raise _refusal(str(path), problems)
    return keep


def _refusal(what: str, problems: Sequence[str]) -> InputError:
    if len(problems) == 1:
        return InputError(f"{what}: {problems[0]}")
    told = [f"{len(problems):,} problems", *problems[:_MOST_TOLD]]
    if len(problems) > _MOST_TOLD:
        told.append(f"and {len(problems) - _MOST_TOLD:,} more")
    return InputError(f"{what}: " + "\n  ".join(told))


def _faults(read: dict[str, Any]) -> list[str]:
    """What is wrong with a plan, whatever the model."""
    found = [
        f"unknown field '{visible(name[:60])}'.{suggest(name[:60], _FIELDS)}"
        f" The fields are {listed(_FIELDS)}"
        for name in read
        if name not in _FIELDS
    ]
    if not isinstance(read.get("model") or "", str):
        found.append("'model' is the name of a model's folder, a text")
    experts, layers = read.get("experts"), read.get("layers")
    if type(experts) is not int or experts < 1:
        found.append(f"'experts' is how many a layer has, at least 1, not {_shown(experts)}")
        experts = 1 << 31
    if not isinstance(layers, list) or not layers:
        return [*found, f"'layers' is a list with a list for each layer, not {_shown(layers)}"]
    for layer, kept in enumerate(layers):
        found += [f"layer {layer}: {fault}" for fault in _faults_of_layer(kept, experts)]
    return found


def _faults_of_layer(kept: Any, experts: int) -> list[str]:
    if not isinstance(kept, list) or not kept:
        return [f"expected a list of numbers of experts, not {_shown(kept)}"]
    wrong = [one for one in kept if type(one) is not int or one < 0]
    if wrong:
        return [f"{_shown(wrong[0])} is not the number of an expert"]
    found = []
    if beyond := [one for one in kept if one >= experts]:
        found.append(f"there is no expert {_shown(beyond[0])}: the last is {experts - 1}")
    if twice := [one for one, times in Counter(kept).items() if times > 1]:
        found.append(f"expert {_shown(twice[0])} stands there twice")
    return found


def _shown(value: Any) -> str:
    return visible(json.dumps(value)[:40])


def mask_experts(model: Any, keep: ExpertKeep) -> Callable[[], None]:
    """Let the routers of a model choose kept experts only. The weights of the others stay.

    Args:
        model: A model of transformers with experts.
        keep: Which experts are kept.

    Returns:
        A function that undoes it.

    Raises:
        InputError: The plan is not for this model, or its routers work in another way.
    """
    import torch

    undo: list[Callable[[], None]] = []
    for layer, kept in zip(_layers(model, keep), keep.layers, strict=True):
        undo += layer.narrow(kept)
        hook = layer.router.register_forward_hook(_renumber(torch.tensor(kept)))
        undo.append(hook.remove)

    def end() -> None:
        while undo:
            undo.pop()()

    return end


def slice_experts(model: Any, keep: ExpertKeep) -> None:
    """Free the experts of a model that are not kept, so that their memory can be used again.

    It needs the whole model and the kept experts of one layer at once: do it before the model moves
    to a GPU, which then never holds the others. `watch_experts` goes on to tell experts by their
    numbers before. If all layers keep the same number, `save_pretrained` saves a checkpoint that
    loads like any other; if not, it raises an InputError.

    Args:
        model: A model of transformers with experts.
        keep: Which experts are kept.

    Raises:
        InputError: The plan is not for this model, or its routers work in another way.
    """
    import torch

    for layer, kept in zip(_layers(model, keep), keep.layers, strict=True):
        layer.narrow(kept)
        _cut(layer.experts, keep.experts, kept)
        numbers = torch.tensor(kept, device=next(layer.experts.parameters()).device)
        layer.experts.register_buffer("kept_experts", numbers, persistent=False)
        layer.experts.experts_before = keep.experts
        for module in layer.block.modules():
            if getattr(module, "num_experts", None) == keep.experts:
                module.num_experts = len(kept)
    if keep.width is None:
        model.save_pretrained = _cannot_save
        return
    for name in ("num_experts", "num_local_experts", "n_routed_experts"):
        for holder in (model, model.config, model.config.get_text_config()):
            if getattr(holder, name, None) == keep.experts:
                setattr(holder, name, keep.width)


def _cannot_save(*_: Any, **__: Any) -> None:
    raise InputError(
        "cannot save this model: its layers keep different numbers of experts, and a configuration "
        "has one for all. Load the whole checkpoint with the plan, or keep as many in each layer"
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of experts."""

    block: Any
    router: Any
    experts: Any

    def narrow(self, kept: Sequence[int]) -> list[Callable[[], None]]:
        """Cut what scores the experts; return what puts it back."""
        before = self.router.num_experts
        undo = _cut(self.router, before, kept) + _cut(self.block, before, kept, recurse=False)
        self.router.num_experts = len(kept)
        return [*undo, partial(setattr, self.router, "num_experts", before)]


def _layers(model: Any, keep: ExpertKeep) -> list[_Layer]:
    """The layers of experts of a model that a plan fits."""
    if problems := keep.problems(model.config):
        raise _refusal("the plan of kept experts does not fit this model", problems)
    groups = getattr(model.config.get_text_config(), "n_group", None) or 1
    found = []
    for name, experts in expert_modules(model).items():
        block = model.get_submodule(name.rpartition(".")[0])
        routers = [
            module
            for module in block.children()
            if module is not experts
            and hasattr(module, "top_k")
            and getattr(module, "num_experts", None) == keep.experts
            and getattr(getattr(module, "weight", None), "ndim", 0) == 2  # (experts, hidden)
        ]
        if len(routers) != 1 or groups > 1:
            how = "chooses among groups of experts" if groups > 1 else "is of another kind"
            where = f"'{name}' ({type(block).__name__})"
            raise InputError(f"cannot keep a part of the experts of {where}: its router {how}")
        found.append(_Layer(block, routers[0], experts))
    return found


def _cut(
    module: Any, experts: int, kept: Sequence[int], recurse: bool = True
) -> list[Callable[[], None]]:
    """Keep the rows of some experts in every tensor of a module that has a row for each expert."""
    import torch

    undo: list[Callable[[], None]] = []
    for holder in [*module.modules()] if recurse else [module]:
        for tensors in (holder._parameters, holder._buffers):
            for name, whole in tensors.items():
                if whole is None or experts not in whole.shape:
                    continue
                rows = torch.tensor(kept, device=whole.device)
                part = whole.detach().index_select([*whole.shape].index(experts), rows)
                if isinstance(whole, torch.nn.Parameter):
                    part = torch.nn.Parameter(part, requires_grad=whole.requires_grad)
                tensors[name] = part
                undo.append(partial(tensors.__setitem__, name, whole))
    return undo


def _renumber(kept: "torch.Tensor") -> Callable[..., Any]:
    """Return a hook that names the experts which a narrowed router chose as the model does."""

    def hook(router: Any, _: Any, said: Any) -> Any:
        if not (isinstance(said, tuple) and len(said) == 3):
            raise InputError(f"cannot mask experts: {type(router).__name__} chooses in another way")
        logits, weights, chosen = said
        return logits, weights, kept.to(chosen.device)[chosen]

    return hook
