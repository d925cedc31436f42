"""The experts that tokens are sent to are seen in every family and every way of running a model."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_checkpoints import MIXTURES, make_checkpoint
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.utils import logging

from agentkit.models.local.transformers.experts import expert_modules, expert_shape, watch_experts

K, NEW = 2, 6
BATCHED = [family for family in MIXTURES if family != "lfm2_moe"]
"""transformers batches no model with convolutions continuously."""


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()
    logging.set_verbosity_warning()


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    return {
        family: make_checkpoint(tmp_path_factory.mktemp(family), family, seed=1)
        for family in MIXTURES
    }


def load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder).eval()


@contextmanager
def watched(model: Any) -> Iterator[dict[int, list[torch.Tensor]]]:
    """The chosen experts by layer, one tensor a forward pass."""
    seen: dict[int, list[torch.Tensor]] = {}
    end = watch_experts(model, lambda layer, chosen: seen.setdefault(layer, []).append(chosen))
    try:
        yield seen
    finally:
        end()


def chosen_by_hand(model: Any, ids: list[int]) -> list[torch.Tensor]:
    """By layer, the two experts of each token, from what its router said in one plain pass."""
    said: list[torch.Tensor] = []
    parents = [model.get_submodule(name.rpartition(".")[0]) for name in expert_modules(model)]
    handles = []
    for block in parents:
        router = block.gate if hasattr(block, "gate") else block.router
        bias = getattr(block, "expert_bias", None)

        def note(_: Any, __: Any, out: Any, bias: Any = bias) -> None:
            said.append(out[0] if bias is None else out[0].sigmoid() + bias)

        handles.append(router.register_forward_hook(note))
    with torch.inference_mode():
        model(torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    return [scores.topk(K, dim=-1).indices for scores in said]


def counts(rows: list[torch.Tensor]) -> Counter[int]:
    return Counter(torch.cat([row.flatten() for row in rows]).tolist())


@pytest.mark.parametrize("family", MIXTURES)
def test_the_shape_of_a_config_is_that_of_the_model(folders, family):
    config = json.loads((folders[family] / "config.json").read_text())
    layers = 2 if family == "lfm2_moe" else 3  # its first layer is dense
    assert expert_shape(config) == (layers, 8, K)
    assert expert_shape(AutoConfig.from_pretrained(folders[family])) == (layers, 8, K)
    assert len(expert_modules(load(folders[family]))) == layers


@pytest.mark.parametrize(
    ("told", "layers"),
    [
        ({}, 6),
        ({"mlp_only_layers": [0, 5]}, 4),
        ({"decoder_sparse_step": 2}, 3),
        ({"first_k_dense_replace": 1}, 5),
        ({"num_dense_layers": 2}, 4),
        ({"moe_layer_start_index": 1, "moe_layer_end_index": 4, "moe_layer_interval": 2}, 2),
        ({"moe_layer_start_index": 1, "moe_layer_end_index": -1}, 5),
        ({"expert_layer_period": 2, "expert_layer_offset": 1}, 3),
        ({"mlp_layer_types": ["dense", *["sparse"] * 5]}, 5),
    ],
)
def test_layers_without_experts_are_not_counted(told, layers):
    config = {"num_hidden_layers": 6, "n_routed_experts": 8, "num_experts_per_tok": 3, **told}
    assert expert_shape(config) == (layers, 8, 3)
    assert expert_shape({"text_config": config, "vision_config": {}}) == (layers, 8, 3)


def test_a_dense_model_has_no_experts_to_watch():
    config = AutoConfig.for_model(
        "llama", hidden_size=16, intermediate_size=16, num_hidden_layers=1, vocab_size=32,
        num_attention_heads=2,
    )  # fmt: skip
    assert expert_shape(config) == (0, 0, 0)
    with pytest.raises(ValueError, match="LlamaForCausalLM has no experts to watch"):
        watch_experts(AutoModelForCausalLM.from_config(config), lambda layer, chosen: None)


@pytest.mark.parametrize("implementation", ["grouped_mm", "batched_mm", "eager"])
@pytest.mark.parametrize("family", MIXTURES)
def test_generation_shows_the_experts_of_every_token_but_the_last(folders, family, implementation):
    model, prompt = load(folders[family]), [*range(5, 25)]
    model.set_experts_implementation(implementation)
    with watched(model) as seen:
        out = model.generate(
            torch.tensor([prompt]), max_new_tokens=NEW, do_sample=False, eos_token_id=None
        )
    by_hand = chosen_by_hand(model, out[0].tolist()[:-1])
    assert [*seen] == [*range(len(by_hand))]
    for layer, expected in enumerate(by_hand):
        rows = torch.cat(seen[layer])
        assert rows.shape == (len(prompt) + NEW - 1, K)
        assert rows.sort(-1).values.equal(expected.sort(-1).values)


@pytest.mark.parametrize("family", BATCHED)
def test_continuous_batching_shows_each_token_once_and_none_from_the_cache(folders, family):
    """(prompt - cached + new - 1) * k in every layer, in the thread of the manager."""
    model, page = load(folders[family]), 16
    prompts = [[*range(5, 45), 50 + i] for i in range(3)]
    repeated = 2 * page  # two whole pages of the first prompt are in the cache when it comes again
    manager = model.init_continuous_batching(
        GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0),
        ContinuousBatchingConfig(
            page_size=page, num_blocks=64, max_batch_tokens=256, allow_block_sharing=True
        ),
    )
    with watched(model) as seen:
        manager.start()
        answers = {}
        for ids in (prompts, prompts[:1]):  # the second time when the first pages are finished
            for prompt in ids:
                manager.add_request(prompt, max_new_tokens=NEW)
            for _ in ids:
                result = manager.get_result(timeout=60)
                assert result is not None
                assert result.error is None
                answers[result.request_id] = result
        manager.stop(block=True)
    shares = family != "gpt_oss"  # a window that slides has no pages to share
    cached = {request: 0 for request in answers} | {[*answers][-1]: repeated if shares else 0}
    expected: dict[int, Counter[int]] = {}
    tokens = 0
    for request, result in answers.items():
        ids = [*result.prompt_ids, *result.generated_tokens[:-1]]
        tokens += len(ids) - cached[request]
        for layer, rows in enumerate(chosen_by_hand(model, ids)):
            expected.setdefault(layer, Counter()).update(counts([rows[cached[request] :]]))
    for layer, rows in seen.items():
        assert counts(rows).total() == tokens * K
        assert counts(rows) == expected[layer]
    assert [*seen] == [*expected]


def test_after_its_end_nothing_is_told(folders):
    model = load(folders["mixtral"])
    with watched(model) as seen:
        pass
    model(torch.tensor([[5, 6, 7]]))
    assert seen == {}
