"""Options are scored as if each stood alone behind its prompt, whatever is shared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scored_alone import ENDS, Load, alone, loader, numbers
from tiny_checkpoints import MIXTURES, make_checkpoint

torch = pytest.importorskip("torch")

from transformers import AutoModelForCausalLM  # noqa: E402

from agentkit.models.local.transformers.option_scores import score_options  # noqa: E402
from agentkit.models.local.transformers.prompt_caches import PromptCaches  # noqa: E402

LONGROPE = {
    "rope_type": "longrope", "rope_theta": 10_000.0, "factor": 4.0,
    "short_factor": [1.0] * 8, "long_factor": [3.0] * 8,
    "short_mscale": 1.0, "long_mscale": 1.2,
    "original_max_position_embeddings": 48,
}  # fmt: skip


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Tiny checkpoints."""
    return loader(tmp_path_factory.mktemp)


OPTIONS = [
    *([7, 8], [7], [7, 8, 9], [7, 9, 10], [5], [7, 8]),  # some begin others, two are the same
    *([7, 8, 20 + one, 40 + one] for one in range(5)),
    numbers(70, 5),
]


def off(model: Any, prompt: Sequence[int], found: Sequence[float], ends: Sequence[int]) -> float:
    """By how much scores miss those of options that stand alone."""
    wanted = [alone(model, prompt, option, ends) for option in OPTIONS]
    return max(abs(one - other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("family", MIXTURES)
def test_scores_are_those_of_one_pass_for_each_option(family: str, load: Load):
    model, _ = load(family)
    for length in (1, 63, 130):  # a window of gpt_oss has 64
        prompt = numbers(length)
        for ends in (ENDS, ()):
            found = score_options(model, prompt, OPTIONS, ends)
            assert off(model, prompt, found, ends) < 1e-4
    others = score_options(model, numbers(130, 1), OPTIONS)
    assert max(abs(a - b) for a, b in zip(others, found, strict=True)) > 0.01


@pytest.mark.parametrize("family", MIXTURES)
def test_scores_stay_the_same_when_a_beginning_was_read_before(family: str, load: Load):
    model, _ = load(family)
    caches, shared = PromptCaches(), numbers(90)
    for seed in range(3):
        prompt = [*shared, *numbers(9 + seed, 10 + seed)]
        for _ in range(2):  # the second time all of it is known
            found = score_options(model, prompt, OPTIONS, ENDS, caches)
            assert off(model, prompt, found, ENDS) < 1e-4
    assert off(model, shared, score_options(model, shared, OPTIONS, ENDS, caches), ENDS) < 1e-4
    short = shared[:40]
    assert off(model, short, score_options(model, short, OPTIONS, ENDS, caches), ENDS) < 1e-4


def test_bfloat16_errs_no_more_than_its_own_forward_passes(load: Load):
    exact, (model, _) = load("mixtral")[0], load("mixtral", "bfloat16")
    prompt = numbers(50)
    found = score_options(model, prompt, OPTIONS, ENDS)
    own = max(
        abs(alone(model, prompt, one, ENDS) - alone(exact, prompt, one, ENDS)) for one in OPTIONS
    )
    assert off(exact, prompt, found, ENDS) < 2 * own + 0.1


@pytest.mark.parametrize("length", [20, 47, 48, 60])
def test_a_text_past_the_length_where_angles_change_is_not_read_after_a_shorter_one(
    length: int, tmp_path: Path
):
    """Phi turns all positions by other angles from a length on: caches of shorter texts are wrong.

    An option that crosses it is compared with itself, one by one; past it all are read at once.
    """
    folder = make_checkpoint(tmp_path, "phimoe", rope_parameters=dict(LONGROPE))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    caches, prompt = PromptCaches(), numbers(length)
    score_options(model, prompt[:15], OPTIONS, ENDS, caches)
    for known in (None, caches):
        found = score_options(model, prompt, OPTIONS, ENDS, known)
        assert off(model, prompt, found, ENDS) < 1e-4


@pytest.mark.parametrize("family", ["qwen3_moe", "lfm2_moe"])
def test_many_and_long_options_are_scored_in_parts(family: str, load: Load):
    model, _ = load(family)
    prompt = numbers(12)
    many = [[one % 26 + 5, one // 26 + 5, 9, one % 11 + 5] for one in range(676)]
    long = [numbers(300, 8), numbers(300, 8)[:280]]
    found = score_options(model, prompt, [*many, *long], ENDS)
    for place in (0, 26, 675, 676, 677):
        option = [*many, *long][place]
        assert found[place] == pytest.approx(alone(model, prompt, option, ENDS), abs=2e-4)


def test_a_prompt_without_tokens_and_an_option_without_them_are_refused(load: Load):
    model, _ = load("qwen3_moe")
    with pytest.raises(ValueError, match="a prompt has at least one token"):
        score_options(model, [], [[5]])
    with pytest.raises(ValueError, match="every option has at least one token"):
        score_options(model, [5], [[5], []])
    assert score_options(model, [5], []) == []


# ---- what was read before ----


def test_only_what_is_new_of_a_prompt_is_read(load: Load):
    model, _ = load("qwen3_moe")
    caches, read = PromptCaches(), []
    handle = model.get_input_embeddings().register_forward_hook(
        lambda module, given, output: read.append(given[0].shape[1])
    )
    shared = numbers(200)
    try:
        score_options(model, [*shared, 5, 6], [[7]], (), caches)
        score_options(model, [*shared, 8, 9, 10], [[7]], (), caches)
        score_options(model, [*shared, 8, 9, 10], [[7], [11]], (), caches)
    finally:
        handle.remove()
    assert read == [202, 3]


def test_a_model_whose_cache_cannot_be_cut_keeps_the_beginning_that_prompts_share(load: Load):
    model, _ = load("lfm2_moe")
    caches, read = PromptCaches(), []
    handle = model.get_input_embeddings().register_forward_hook(
        lambda module, given, output: read.append(given[0].shape[1])
    )
    shared = numbers(200)
    try:
        for last in range(4):
            score_options(model, [*shared, 5 + last, 6], [[7]], (), caches)
    finally:
        handle.remove()
    assert read == [202, 200, 2, 2, 2]


def test_what_is_kept_is_bounded_and_can_be_forgotten(load: Load):
    model, _ = load("gpt_oss")
    caches = PromptCaches(most_bytes=300_000)
    for seed in range(12):
        score_options(model, numbers(100, seed), [[7]], (), caches)
        assert 0 < caches.size <= 300_000
    caches.clear()
    assert caches.size == 0
    tight = PromptCaches(most_bytes=1)
    assert score_options(model, numbers(9), [[7]], (), tight) == score_options(
        model, numbers(9), [[7]]
    )
    assert tight.size == 0


def test_other_weights_are_seen_after_the_caches_are_cleared(tmp_path: Path):
    folder = make_checkpoint(tmp_path, "qwen3_moe")
    model, caches = AutoModelForCausalLM.from_pretrained(folder).eval(), PromptCaches()
    before = score_options(model, numbers(20), OPTIONS, ENDS, caches)
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.mul_(-1)
    caches.clear()
    after = score_options(model, numbers(20), OPTIONS, ENDS, caches)
    assert off(model, numbers(20), after, ENDS) < 1e-4
    assert before != after
