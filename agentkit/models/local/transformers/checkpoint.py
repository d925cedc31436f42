"""Reads what a checkpoint of Hugging Face is, and all that is wrong with it, without loading it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agentkit.errors import InputError, listed, visible
from agentkit.models.local.transformers.checkpoint_files import FileFault, TensorHead, read_mapping
from agentkit.models.local.transformers.config_fields import DTYPES, ConfigFields
from agentkit.models.local.transformers.folder_contents import (
    find_template,
    read_weights,
    tokenizer_fault,
    what_it_is_instead,
)
from agentkit.models.local.transformers.layer_cache import LayerCache

_MOST_PROBLEMS: Final = 20
_EXPERT: Final = re.compile(r"\.experts\.|\.block_sparse_moe\.(?:input|output)_linear\.")
"""What names of experts' weights have; those of an expert that all tokens share have it not."""
_EMBEDDING: Final = "model.embed_tokens.weight"
_NUMBERED: Final = re.compile(r"(.*\.experts\.)(\d{1,6})(\..*)")
"""The name of a weight of one expert."""


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What a checkpoint says of itself before anything is loaded."""

    path: Path
    """Its folder."""
    architecture: str
    """The class of the model, such as `Qwen3MoeForCausalLM`; empty where it does not say."""
    model_type: str
    """The kind of model, such as `qwen3_moe`."""
    parameters: int
    """How many parameters it has, counted in its files; of one that is quantized, numbers that are
    packed in another form than MXFP4 count as they stand there."""
    expert_parameters: int
    """Those of them that belong to experts of a mixture, without experts that all tokens share."""
    experts: int
    """The experts of a layer; 0 where it is no mixture."""
    experts_used: int
    """How many of them a token goes through; 0 where it is no mixture."""
    size: int
    """Bytes of its weights on disk."""
    dtype: str
    """The type that most of its weights have: `float32`, `bfloat16`, `float16` or `float64`; of a
    quantized one, the type it computes in."""
    quantization: str
    """How it is quantized, such as `mxfp4`; empty where it is not."""
    vocabulary: int
    """The tokens that it has weights for; 0 where it does not say."""
    context: int | None
    """The tokens that it was trained to read and write; None: it does not say."""
    rope_boundary: int | None
    """The length from which on it turns all positions by other angles; None: never."""
    cache: LayerCache
    """What its cache takes."""
    end_ids: tuple[int, ...]
    """The ids of all tokens that end an answer."""
    generation: Mapping[str, Any]
    """How its makers want tokens picked: `temperature`, `top_p`, `top_k`, `do_sample`, ..."""
    template: str
    """Its chat template, in Jinja."""

    @property
    def active_parameters(self) -> int:
        """The parameters that a token goes through: fewer than all in a mixture of experts."""
        if not self.experts:
            return self.parameters
        idle = self.expert_parameters * (self.experts - self.experts_used)
        return self.parameters - idle // self.experts


def read_checkpoint(path: Path) -> CheckpointInfo:
    """Read what a checkpoint is, from its JSON files and the headers of its weights.

    Args:
        path: The folder, as Hugging Face's `save_pretrained` or a download writes it.

    Raises:
        InputError: It is none, or one that cannot answer here. The message lists all problems,
            each with its file and what to do.
    """
    if instead := what_it_is_instead(path):
        raise InputError(visible(instead)[:1000])
    problems: list[str] = []
    info = _read(path, problems)
    if problems:
        raise InputError(_told(path, problems))
    return info


def _read(path: Path, problems: list[str]) -> CheckpointInfo:
    config = _file(path / "config.json", problems)
    generation: dict[str, Any] = {}
    if (path / "generation_config.json").exists():
        generation = _file(path / "generation_config.json", problems)
    fields = ConfigFields(config or {}, generation, problems if config else [])
    fields.check_kind()
    experts, used = fields.experts()
    quantization = fields.quantization()
    tensors, size, faults = read_weights(path)
    template, template_fault = find_template(path)
    problems += [
        *faults,
        *filter(None, (tokenizer_fault(path), template_fault)),
        *([] if quantization or not config else _wrong_types(tensors)),
        *([] if faults else _wrong_experts(tensors, experts)),
    ]
    unused = {"lm_head.weight"} if fields.is_tied and _EMBEDDING in tensors else set()
    counts = {
        name: _count(name, head, quantization)
        for name, head in tensors.items()
        if name not in unused and not name.endswith(".rotary_emb.inv_freq")
    }
    return CheckpointInfo(
        path=path,
        architecture=fields.architecture,
        model_type=fields.model_type,
        parameters=sum(counts.values()),
        expert_parameters=sum(count for name, count in counts.items() if _EXPERT.search(name)),
        experts=experts,
        experts_used=used,
        size=size,
        dtype=_dtype(tensors, fields.dtype(), quantization),
        quantization=quantization,
        vocabulary=fields.vocabulary,
        context=fields.context,
        rope_boundary=fields.rope_boundary,
        cache=fields.cache,
        end_ids=fields.end_ids(),
        generation=fields.sampling(),
        template=template,
    )


def _file(path: Path, problems: list[str]) -> dict[str, Any]:
    """A JSON file; empty where it is none."""
    try:
        value = read_mapping(path)
    except FileFault as fault:
        problems.append(f"{path.name} {fault}")
        return {}
    if not value:
        problems.append(f"{path.name} is empty. Download it again")
    return value


def _told(path: Path, problems: list[str]) -> str:
    shown = [visible(problem).replace("\n", " ")[:500] for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > len(shown):
        shown.append(f"and {len(problems) - len(shown)} more")
    head = f"the checkpoint {visible(str(path))[:300]} cannot be used:"
    if len(shown) == 1:
        return f"{head} {shown[0]}"
    return f"{head} {len(problems)} problems" + "".join(f"\n  {line}" for line in shown)


def _wrong_types(tensors: Mapping[str, TensorHead]) -> list[str]:
    """Weights of whole numbers or 8 bits, where nothing says how they are scaled."""
    wrong = [
        name
        for name, head in tensors.items()
        if name.endswith(".weight") and head.dtype not in DTYPES
    ]
    if not wrong:
        return []
    types = ", ".join(sorted({tensors[name].dtype for name in wrong}))
    return [
        f"the weights {listed(wrong, 3, 120)} have the type {types}, and config.json has no "
        "'quantization_config' that says how to read them. Take the checkpoint in bfloat16"
    ]


def _wrong_experts(tensors: Mapping[str, TensorHead], experts: int) -> list[str]:
    """Experts that have no weights, and weights of more experts than there are."""
    numbers: dict[tuple[str, str], set[int]] = {}
    for name in tensors if experts else ():
        if found := _NUMBERED.fullmatch(name):
            numbers.setdefault((found[1], found[3]), set()).add(int(found[2]))
    highest = max((max(have) for have in numbers.values()), default=0)
    if highest >= experts > 0:
        return [
            f"config.json has {experts} experts, and there are weights of {highest + 1}: it is the "
            "config of another checkpoint"
        ]
    gaps = [
        f"{before}{number}{after}"
        for (before, after), have in numbers.items()
        for number in sorted(set(range(experts)) - have)
    ]
    if not gaps:
        return []
    return [
        f"missing weights of experts ({len(gaps):,}): {listed(gaps, 3, 120)}. Download it again"
    ]


def _dtype(tensors: Mapping[str, TensorHead], said: str | None, quantization: str) -> str:
    """The type of most weights, or what the config says where they are quantized."""
    counts: dict[str, int] = {}
    for head in tensors.values():
        if head.dtype in DTYPES:
            counts[head.dtype] = counts.get(head.dtype, 0) + head.count
    if quantization or not counts:
        return said or "bfloat16"
    return DTYPES[max(counts, key=counts.__getitem__)]


def _count(name: str, head: TensorHead, quantization: str) -> int:
    """The parameters in a tensor: packed ones are unpacked, their scales are none."""
    if not quantization:
        return head.count
    if "_scale" in name or name.endswith((".scales", ".qzeros", ".g_idx", ".absmax")):
        return 0
    return 2 * head.count if name.endswith("_blocks") else head.count  # two of 4 bits in a byte
