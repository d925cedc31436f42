"""A mixture with a part of its experts: masked or sliced, in every family, and the plan for it."""

import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_checkpoints import MIXTURES, make_checkpoint
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.phimoe.modeling_phimoe import PhimoeTopKRouter, sparsemixer
from transformers.utils import logging

from agentkit.errors import InputError
from agentkit.models.local.transformers.expert_keep import (
    ExpertKeep,
    mask_experts,
    read_expert_keep,
    slice_experts,
)
from agentkit.models.local.transformers.experts import expert_modules, expert_shape, watch_experts

KEPT, K = (0, 2, 3, 6, 7), 2
IDS = torch.tensor([[*range(5, 60)]])


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
    return {family: make_checkpoint(tmp_path_factory.mktemp(family), family) for family in MIXTURES}


def load(folder: Path) -> Any:
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    torch.manual_seed(5)
    for name, buffer in model.named_buffers():
        if name.endswith("expert_bias"):  # LFM2's, which is zero before it is trained
            buffer.copy_(torch.randn_like(buffer) / 4)
    return model


def alike(model: Any) -> ExpertKeep:
    """The same number of experts in every layer, but not the same experts."""
    layers = expert_shape(model.config)[0]
    return ExpertKeep(8, tuple(tuple(sorted((e + n) % 8 for e in KEPT)) for n in range(layers)))


def uneven(model: Any) -> ExpertKeep:
    return ExpertKeep(8, ((1, 6), (0, 3, 5, 7), KEPT)[: expert_shape(model.config)[0]])


@torch.inference_mode()
def logits(model: Any) -> torch.Tensor:
    return model(IDS).logits


def router_of(model: Any, layer: int) -> tuple[Any, tuple[Any, ...]]:
    """The router of a layer, and what its forward pass takes besides the tokens."""
    block = model.get_submodule([*expert_modules(model)][layer].rpartition(".")[0])
    router = block.gate if hasattr(block, "gate") else block.router
    return router, (block.expert_bias,) if hasattr(block, "expert_bias") else ()


def by_hand(family: str, scores: torch.Tensor, bias: Any = 0.0) -> Any:
    """Weights and experts that a family makes of its router's logits, after its paper."""
    if family == "lfm2_moe":
        own = scores.sigmoid()
        chosen = (own + bias).masked_fill(scores.isneginf(), -torch.inf).topk(K).indices
        weights = own.gather(1, chosen)
        return weights / (weights.sum(-1, keepdim=True) + 1e-6), chosen
    if family == "phimoe":
        return sparsemixer(scores, jitter_eps=0.01, training=False)
    if family in ("gpt_oss", "granitemoe"):
        top, chosen = scores.topk(K)
        return top.softmax(-1), chosen
    weights, chosen = scores.softmax(-1).topk(K)
    return weights if family == "olmoe" else weights / weights.sum(-1, keepdim=True), chosen


@pytest.mark.parametrize("family", MIXTURES)
def test_a_masked_router_chooses_as_with_logits_of_minus_infinity(folders, family):
    """Each family by its own rule, computed here from the logits of the whole router."""
    model = load(folders[family])
    router, rest = router_of(model, 0)
    hidden = torch.randn(200, 64, generator=torch.Generator().manual_seed(2))
    whole = router(hidden, *rest)[0]
    dropped = torch.ones(8, dtype=torch.bool)
    dropped[list(KEPT)] = False
    expected_weights, expected = by_hand(family, whole.masked_fill(dropped, -torch.inf), *rest)
    mask_experts(model, ExpertKeep(8, (KEPT,) * expert_shape(model.config)[0]))
    router, rest = router_of(model, 0)
    _, weights, chosen = router(hidden, *rest)
    assert set(chosen.flatten().tolist()) == set(KEPT)
    assert chosen.equal(expected)
    torch.testing.assert_close(weights, expected_weights)


@pytest.mark.parametrize("plan", [alike, uneven])
@pytest.mark.parametrize("family", MIXTURES)
def test_masking_equals_slicing_without_any_error(folders, family, plan):
    model = load(folders[family])
    keep, whole = plan(model), logits(model)
    undo = mask_experts(model, keep)
    masked = logits(model)
    undo()
    assert logits(model).equal(whole)
    assert (masked - whole).abs().max() > 1
    slice_experts(model, keep)
    assert (logits(model) - masked).abs().max() == 0.0


@pytest.mark.parametrize("how", [mask_experts, slice_experts])
@pytest.mark.parametrize("family", MIXTURES)
def test_keeping_all_experts_changes_nothing(folders, family, how):
    model = load(folders[family])
    whole = logits(model)
    how(model, ExpertKeep(8, (tuple(range(8)),) * expert_shape(model.config)[0]))
    assert logits(model).equal(whole)


@pytest.mark.parametrize("family", MIXTURES)
def test_slicing_frees_the_weights_of_dropped_experts(folders, family):
    model = load(folders[family])
    keep = uneven(model)
    of_an_expert = sum(
        tensor[0].numel() for tensor in next(iter(expert_modules(model).values())).parameters()
    ) + sum(tensor[0].numel() for tensor in router_of(model, 0)[0].parameters())
    before = sum(tensor.numel() for tensor in model.parameters())
    old = [weakref.ref(one.gate_up_proj) for one in expert_modules(model).values()]
    slice_experts(model, keep)
    dropped = sum(8 - len(kept) for kept in keep.layers)
    assert sum(t.numel() for t in model.parameters()) == before - dropped * of_an_expert
    assert [one() for one in old] == [None] * len(old)
    for experts in expert_modules(model).values():
        for tensor in experts.parameters():  # no view of the whole
            assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()


@pytest.mark.parametrize("family", MIXTURES)
def test_a_sliced_model_saves_and_loads_like_any_other(folders, family, tmp_path):
    model = load(folders[family])
    slice_experts(model, alike(model))
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert expert_shape(json.loads((tmp_path / "config.json").read_text()))[1:] == (5, K)
    assert logits(again).equal(logits(model))


def test_layers_that_keep_different_numbers_cannot_be_saved(folders, tmp_path):
    model = load(folders["mixtral"])
    slice_experts(model, uneven(model))
    with pytest.raises(InputError, match="its layers keep different numbers of experts"):
        model.save_pretrained(tmp_path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("family", MIXTURES)
def test_a_sliced_model_generates_and_tells_experts_by_their_numbers_before(folders, family):
    def play(how: Any) -> tuple[list[int], list[list[int]]]:
        model = load(folders[family])
        keep = uneven(model)
        how(model, keep)
        seen: list[tuple[int, torch.Tensor]] = []
        watch_experts(model, lambda layer, chosen: seen.append((layer, chosen)))
        out = model.generate(IDS[:, :20], max_new_tokens=8, do_sample=False, eos_token_id=None)
        assert all(set(chosen.flatten().tolist()) <= {*keep.layers[n]} for n, chosen in seen)
        return out[0].tolist(), [chosen.tolist() for _, chosen in seen]

    assert play(slice_experts) == play(mask_experts)


def test_an_expert_that_the_bias_of_lfm2_prefers_is_not_chosen_once_it_is_dropped(folders):
    """A sigmoid of minus infinity is 0, and a bias of 50 on top of it would win."""
    model = load(folders["lfm2_moe"])
    _, (bias,) = router_of(model, 0)
    bias[1] = 50.0
    mask_experts(model, ExpertKeep(8, (KEPT, KEPT)))
    router, rest = router_of(model, 0)
    assert set(router(torch.randn(50, 64), *rest)[2].flatten().tolist()) <= {*KEPT}


def test_weights_of_olmoe_grow_since_its_softmax_goes_over_the_kept_only(folders):
    model = load(folders["olmoe"])
    hidden = torch.randn(50, 64, generator=torch.Generator().manual_seed(2))
    logit, weights, chosen = router_of(model, 0)[0](hidden)
    mask_experts(model, ExpertKeep(8, (KEPT,) * 3))
    _, grown, same = router_of(model, 0)[0](hidden)
    both = [row for row in range(50) if chosen[row].tolist() == same[row].tolist()]
    assert len(both) > 5
    share = logit.softmax(-1)[:, list(KEPT)].sum(-1, keepdim=True)
    torch.testing.assert_close(grown[both], (weights / share)[both])


class TestSparseMixerOfPhi:
    """It weighs an expert against those whose score is within 2% of the best (2 x jitter)."""

    SCORES = torch.tensor([[5.0, 4.95, 3.0, 2.97, 1.0, 0.5, 0.4, 0.3]])

    def route(self, *kept: int) -> tuple[list[int], list[float]]:
        config = AutoConfig.for_model(
            "phimoe", hidden_size=8, num_local_experts=8, num_experts_per_tok=2,
            num_hidden_layers=1, intermediate_size=8, num_attention_heads=2,
            num_key_value_heads=2, vocab_size=16, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        )  # fmt: skip
        model = AutoModelForCausalLM.from_config(config).eval()
        router = model.model.layers[0].mlp.router
        assert isinstance(router, PhimoeTopKRouter)
        router.weight.data.copy_(torch.eye(8))  # the logits are the hidden state
        mask_experts(model, ExpertKeep(8, (kept,)))
        _, weights, chosen = router(self.SCORES)
        return chosen[0].tolist(), weights[0].tolist()

    def test_dropping_what_scores_far_below_changes_no_weight(self):
        assert self.route(*range(8)) == self.route(0, 1, 2) == self.route(0, 1)

    def test_dropping_a_rival_within_the_threshold_gives_its_weight_to_the_best(self):
        _, (first, second) = self.route(*range(8))
        assert first == pytest.approx(1 / (1 + 2.718281828**-0.05))  # 5.0 against 4.95
        assert second == 1.0  # 4.95 has no rival: 3.0 is far below
        chosen, weights = self.route(0, 2, 4)
        assert (chosen, weights) == ([0, 2], [1.0, 1.0])

    def test_the_last_two_experts_are_both_chosen(self):
        assert self.route(4, 7) == ([4, 7], [1.0, 1.0])


SMALL = {
    "hidden_size": 64, "intermediate_size": 96, "moe_intermediate_size": 48, "head_dim": 16,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 300, "initializer_range": 0.2, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "num_experts_per_tok": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "own"),
    [
        ("qwen2_moe", {"num_experts": 8, "shared_expert_intermediate_size": 48}),
        ("glm4_moe", {"n_routed_experts": 8, "first_k_dense_replace": 1}),
        ("minimax_m2", {"num_local_experts": 8}),
    ],
)
def test_routers_of_the_same_kind_need_no_code_of_their_own(family, own):
    """Beside experts that every token takes, dense layers, and a correction of the scores."""
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SMALL, **own)).eval()
    keep = alike(model)
    undo = mask_experts(model, keep)
    masked = logits(model)
    undo()
    slice_experts(model, keep)
    assert logits(model).equal(masked)


def test_a_router_that_chooses_among_groups_is_refused_and_left_as_it_is():
    config = AutoConfig.for_model(
        "glm4_moe", **SMALL, n_routed_experts=8, first_k_dense_replace=1, n_group=2, topk_group=1
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    whole = logits(model)
    for how in (mask_experts, slice_experts):
        with pytest.raises(InputError, match="its router chooses among groups of experts"):
            how(model, ExpertKeep(8, (KEPT,)))
    assert logits(model).equal(whole)


def test_a_plan_for_another_model_is_refused_before_anything_is_cut(folders):
    model = load(folders["mixtral"])
    whole = logits(model)
    for how in (mask_experts, slice_experts):
        with pytest.raises(InputError) as refused:
            how(model, ExpertKeep(16, ((0, 1), (5,))))
        assert str(refused.value) == (
            "the plan of kept experts does not fit this model: 3 problems\n"
            "  it is for 16 experts a layer, and the model has 8\n"
            "  it lists 2 layers, and the model has 3 with experts\n"
            "  layer 1 keeps 1, and each token needs 2"
        )
    assert logits(model).equal(whole)


class TestPlan:
    CONFIG: dict[str, Any] = {  # noqa: RUF012
        "num_hidden_layers": 2, "num_experts": 8, "num_experts_per_tok": 2,
    }  # fmt: skip

    def read(self, folder: Path, plan: Any, config: Any = None, model: str = "") -> ExpertKeep:
        path = folder / "keep.json"
        path.write_text(plan if isinstance(plan, str) else json.dumps(plan))
        return read_expert_keep(path, config, model)

    def refused(self, folder: Path, plan: Any, config: Any = None, model: str = "") -> str:
        with pytest.raises(InputError) as error:
            self.read(folder, plan, config, model)
        return str(error.value).replace(str(folder / "keep.json"), "FILE")

    def test_it_is_read_in_any_order(self, tmp_path):
        plan = {"model": "tiny", "experts": 8, "layers": [[5, 0, 1], [2, 3]], "mass": 0.98}
        keep = self.read(tmp_path, plan, self.CONFIG, "tiny")
        assert keep == ExpertKeep(8, ((0, 1, 5), (2, 3)), "tiny")
        assert keep.width is None
        assert self.read(tmp_path, {"experts": 8, "layers": [[1, 0]]}).width == 2

    def test_everything_that_is_wrong_in_it_is_told_at_once(self, tmp_path):
        plan = {
            "expert": 8, "experts": 8, "layers": [[0, 8], [1, 1], [], [True], [-1, 2], "all"],
        }  # fmt: skip
        assert self.refused(tmp_path, plan).splitlines() == [
            "FILE: 7 problems",
            "  unknown field 'expert'. Did you mean 'experts'? The fields are model, experts, "
            "layers, run, node, mass",
            "  layer 0: there is no expert 8: the last is 7",
            "  layer 1: expert 1 stands there twice",
            "  layer 2: expected a list of numbers of experts, not []",
            "  layer 3: true is not the number of an expert",
            "  layer 4: -1 is not the number of an expert",
            '  layer 5: expected a list of numbers of experts, not "all"',
        ]

    def test_everything_that_does_not_fit_the_model_is_told_at_once(self, tmp_path):
        plan = {"model": "other", "experts": 4, "layers": [[0], [1, 2], [3]]}
        assert self.refused(tmp_path, plan, self.CONFIG, "tiny").splitlines() == [
            "FILE: 5 problems",
            "  it is for the model 'other', and this is 'tiny'. Without the field 'model' it is "
            "taken for both",
            "  it is for 4 experts a layer, and the model has 8",
            "  it lists 3 layers, and the model has 2 with experts",
            "  layer 0 keeps 1, and each token needs 2",
            "  layer 2 keeps 1, and each token needs 2",
        ]

    @pytest.mark.parametrize(
        ("plan", "says"),
        [
            ("{", "it is not JSON"),
            ("[" * 100_000, "it is not JSON"),
            ("[]", "a plan is an object"),
            ({}, "'experts' is how many a layer has, at least 1, not null"),
            ({"experts": 8}, "'layers' is a list with a list for each layer, not null"),
            ({"experts": True, "layers": [[0]]}, "at least 1, not true"),
            ({"experts": 8, "layers": [[0]], "model": 3}, "'model' is the name"),
        ],
    )
    def test_what_is_no_plan_is_said(self, tmp_path, plan, says):
        assert says in self.refused(tmp_path, plan)

    def test_a_dense_model_keeps_no_experts(self, tmp_path):
        plan = {"experts": 8, "layers": [[0, 1]]}
        assert "it is a dense model" in self.refused(tmp_path, plan, {"num_hidden_layers": 2})

    def test_many_problems_are_counted(self, tmp_path):
        refused = self.refused(tmp_path, {"experts": 1, "layers": [[1]] * 100})
        assert refused.splitlines()[-1] == "  and 80 more"

    def test_a_file_that_is_missing_is_named(self, tmp_path):
        with pytest.raises(InputError, match=r"cannot read .*none\.json: No such file"):
            read_expert_keep(tmp_path / "none.json")
