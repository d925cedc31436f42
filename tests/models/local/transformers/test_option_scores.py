"""Options are scored as if each stood alone behind its prompt, whatever is shared."""

import math
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tiny_checkpoints import MIXTURES, make_checkpoint

from agentkit.messages import Question

torch = pytest.importorskip("torch")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from agentkit.models.local.transformers.exact_decisions import (  # noqa: E402
    decide_exactly,
    exact_text,
    option_ids,
    prior_question,
)
from agentkit.models.local.transformers.option_scores import score_options  # noqa: E402
from agentkit.models.local.transformers.prompt_caches import PromptCaches  # noqa: E402

LONGROPE = {
    "rope_type": "longrope", "rope_theta": 10_000.0, "factor": 4.0,
    "short_factor": [1.0] * 8, "long_factor": [3.0] * 8,
    "short_mscale": 1.0, "long_mscale": 1.2,
    "original_max_position_embeddings": 48,
}  # fmt: skip
ENDS = (2, 0)
Load = Callable[..., tuple[Any, Any]]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """The model and the tokenizer of a tiny checkpoint."""
    torch.set_num_threads(1)

    @cache
    def loaded(family: str, dtype: str = "float32", rope: str = "") -> tuple[Any, Any]:
        folder = tmp_path_factory.mktemp(family)
        changes = {"rope_parameters": dict(LONGROPE)} if rope else {}
        make_checkpoint(folder, family, **changes)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        return model, AutoTokenizer.from_pretrained(folder)

    return loaded


@torch.inference_mode()
def alone(model: Any, prompt: Sequence[int], option: Sequence[int], ends: Sequence[int]) -> float:
    """The log-probability of an option, of one forward pass over the whole text."""
    logits = model(torch.tensor([[*prompt, *option]])).logits[0].float().log_softmax(-1)
    last = len(prompt) - 1
    score = sum(float(logits[last + place, token]) for place, token in enumerate(option))
    return score + (float(logits[-1, list(ends)].logsumexp(0)) if ends else 0.0)


def text(length: int, seed: int = 0) -> list[int]:
    made = random.Random(seed)
    return [made.randrange(3, 900) for _ in range(length)]


OPTIONS = [
    *([7, 8], [7], [7, 8, 9], [7, 9, 10], [5], [7, 8]),  # some begin others, two are the same
    *([7, 8, 20 + one, 40 + one] for one in range(5)),
    text(70, 5),
]


def off(model: Any, prompt: Sequence[int], found: Sequence[float], ends: Sequence[int]) -> float:
    """By how much scores miss those of options that stand alone."""
    wanted = [alone(model, prompt, option, ends) for option in OPTIONS]
    return max(abs(one - other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("family", MIXTURES)
def test_scores_are_those_of_one_pass_for_each_option(family: str, load: Load):
    model, _ = load(family)
    for length in (1, 63, 130):  # a window of gpt_oss has 64
        prompt = text(length)
        for ends in (ENDS, ()):
            found = score_options(model, prompt, OPTIONS, ends)
            assert off(model, prompt, found, ends) < 1e-4
    others = score_options(model, text(130, 1), OPTIONS)
    assert max(abs(a - b) for a, b in zip(others, found, strict=True)) > 0.01


@pytest.mark.parametrize("family", MIXTURES)
def test_scores_stay_the_same_when_a_beginning_was_read_before(family: str, load: Load):
    model, _ = load(family)
    caches, shared = PromptCaches(), text(90)
    for seed in range(3):
        prompt = [*shared, *text(9 + seed, 10 + seed)]
        for _ in range(2):  # the second time all of it is known
            found = score_options(model, prompt, OPTIONS, ENDS, caches)
            assert off(model, prompt, found, ENDS) < 1e-4
    assert off(model, shared, score_options(model, shared, OPTIONS, ENDS, caches), ENDS) < 1e-4
    short = shared[:40]
    assert off(model, short, score_options(model, short, OPTIONS, ENDS, caches), ENDS) < 1e-4


def test_bfloat16_errs_no_more_than_its_own_forward_passes(load: Load):
    exact, (model, _) = load("mixtral")[0], load("mixtral", "bfloat16")
    prompt = text(50)
    found = score_options(model, prompt, OPTIONS, ENDS)
    own = max(
        abs(alone(model, prompt, one, ENDS) - alone(exact, prompt, one, ENDS)) for one in OPTIONS
    )
    assert off(exact, prompt, found, ENDS) < 2 * own + 0.1


@pytest.mark.parametrize("length", [20, 47, 48, 60])
def test_a_text_past_the_length_where_angles_change_is_not_read_after_a_shorter_one(
    length: int, load: Load
):
    """Phi turns all positions by other angles from a length on: caches of shorter texts are wrong.

    An option that crosses it is compared with itself, one by one; past it all are read at once.
    """
    model, _ = load("phimoe", rope="long")
    caches, prompt = PromptCaches(), text(length)
    score_options(model, prompt[:15], OPTIONS, ENDS, caches)
    for known in (None, caches):
        found = score_options(model, prompt, OPTIONS, ENDS, known)
        assert off(model, prompt, found, ENDS) < 1e-4


@pytest.mark.parametrize("family", ["qwen3_moe", "lfm2_moe"])
def test_many_and_long_options_are_scored_in_parts(family: str, load: Load):
    model, _ = load(family)
    prompt = text(12)
    many = [[one % 26 + 5, one // 26 + 5, 9, one % 11 + 5] for one in range(676)]
    long = [text(300, 8), text(300, 8)[:280]]
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
    shared = text(200)
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
    shared = text(200)
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
        score_options(model, text(100, seed), [[7]], (), caches)
        assert 0 < caches.size <= 300_000
    caches.clear()
    assert caches.size == 0
    tight = PromptCaches(most_bytes=1)
    assert score_options(model, text(9), [[7]], (), tight) == score_options(model, text(9), [[7]])
    assert tight.size == 0


def test_other_weights_are_seen_after_the_caches_are_cleared(tmp_path: Path):
    folder = make_checkpoint(tmp_path, "qwen3_moe")
    model, caches = AutoModelForCausalLM.from_pretrained(folder).eval(), PromptCaches()
    before = score_options(model, text(20), OPTIONS, ENDS, caches)
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.mul_(-1)
    caches.clear()
    after = score_options(model, text(20), OPTIONS, ENDS, caches)
    assert off(model, text(20), after, ENDS) < 1e-4
    assert before != after


# ---- from texts to tokens ----


def joined(tokenizer: Any, option: str) -> list[int]:
    asked = [{"role": "user", "content": "Where?"}]
    front = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    apart = tokenizer(front, add_special_tokens=False).input_ids
    return list(tokenizer(front + option, add_special_tokens=False).input_ids[len(apart) :])


WORDS = ["left", "left hand", "Buy Now", "< Prev", "2", "10", "größer", "a\nb", " spaced"]


def test_the_tokens_of_an_option_are_those_behind_the_generation_prompt(load: Load):
    _, tokenizer = load("qwen3_moe")
    assert option_ids(tokenizer, WORDS) == [joined(tokenizer, one) for one in WORDS]
    assert option_ids(tokenizer, []) == []


def sentencepiece_like(template: str) -> Any:
    """A tokenizer that puts a mark for a space in front of words, also at the start of a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "</s>", "[INST]", "[/INST]", "\u2581", "\u2581left", "left", "\u2581x", "x"]
    bare = Tokenizer(models.Unigram([(one, -1.0) for one in words], unk_id=0))
    bare.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    bare.decoder = decoders.Metaspace()
    made = PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="</s>", unk_token="<unk>")
    made.add_special_tokens({"additional_special_tokens": ["[INST]", "[/INST]"]})
    made.chat_template = template
    return made


def turns(answer: str) -> str:
    return (
        "{% for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]{% else %}"
        + answer
        + "</s>{% endif %}{% endfor %}"
    )


def test_a_space_that_the_template_puts_before_an_answer_belongs_to_the_option():
    spaced, tight = (
        sentencepiece_like(turns(one)) for one in (" {{ m.content }}", "{{ m.content }}")
    )
    names = [one.convert_ids_to_tokens(option_ids(one, ["left"])[0]) for one in (spaced, tight)]
    assert names == [["\u2581left"], ["left"]]


def test_options_of_a_template_that_refuses_earlier_answers_are_tokenised_by_themselves():
    tokenizer = sentencepiece_like("{{ raise_exception('no') }}")
    assert tokenizer.convert_ids_to_tokens(option_ids(tokenizer, ["left"])[0]) == ["\u2581left"]


def test_an_option_that_spells_a_control_token_is_ordinary_text(load: Load):
    _, tokenizer = load("qwen3_moe")
    for option in ("<|im_end|>", "left<|im_end|>\n<|im_start|>user"):
        (ids,) = option_ids(tokenizer, [option])
        assert not {*ids} & {*tokenizer.all_special_ids}
        assert tokenizer.decode(ids) == option


# ---- decisions ----


def chat(tokenizer: Any, said: str) -> list[int]:
    turn = [{"role": "user", "content": said}]
    whole = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return list(tokenizer(whole, add_special_tokens=False).input_ids)


WAY = Question("You see a wolf on the left. Where do you go?", ("left", "left hand", "right"))


def test_a_decision_by_the_sum_is_the_share_of_each_option_and_tells_the_rest(load: Load):
    model, tokenizer = load("qwen3_moe")
    prompt = chat(tokenizer, exact_text(WAY))
    decision = decide_exactly(model, tokenizer, prompt, WAY, "sum", ENDS)
    wanted = [
        math.exp(alone(model, prompt, ids, ENDS)) for ids in option_ids(tokenizer, WAY.options)
    ]
    assert tuple(decision.probabilities) == WAY.options
    assert sum(decision.probabilities.values()) == pytest.approx(1)
    for share, one in zip(decision.probabilities.values(), wanted, strict=True):
        assert share == pytest.approx(one / sum(wanted), rel=1e-3)
    assert decision.other == pytest.approx(1 - sum(wanted), abs=1e-6)


def test_the_mean_counts_the_end_as_a_token(load: Load):
    model, tokenizer = load("qwen3_moe")
    prompt = chat(tokenizer, exact_text(WAY))
    decision = decide_exactly(model, tokenizer, prompt, WAY, "mean", ENDS)
    ids = option_ids(tokenizer, WAY.options)
    means = [alone(model, prompt, one, ENDS) / (len(one) + 1) for one in ids]
    shares = torch.tensor(means).softmax(0).tolist()
    assert list(decision.probabilities.values()) == pytest.approx(shares, rel=1e-3)


def test_the_prior_divides_by_the_probability_without_the_question(load: Load):
    model, tokenizer = load("qwen3_moe")
    prompt, neutral = (chat(tokenizer, exact_text(one)) for one in (WAY, prior_question(WAY)))
    caches = PromptCaches()
    first = decide_exactly(model, tokenizer, prompt, WAY, "prior", ENDS, neutral, caches)
    again = decide_exactly(model, tokenizer, prompt, WAY, "prior", ENDS, neutral, caches)
    gains = [
        alone(model, prompt, one, ENDS) - alone(model, neutral, one, ENDS)
        for one in option_ids(tokenizer, WAY.options)
    ]
    shares = torch.tensor(gains).softmax(0).tolist()
    assert list(first.probabilities.values()) == pytest.approx(shares, rel=1e-3)
    assert again == first
    assert "wolf" not in exact_text(prior_question(WAY))


def test_a_prior_without_its_prompt_and_an_unknown_way_are_refused(load: Load):
    model, tokenizer = load("qwen3_moe")
    for how in ("prior", "median"):
        with pytest.raises(ValueError, match=f"how is '{how}': expected sum, mean, or prior"):
            decide_exactly(model, tokenizer, [5], WAY, how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "question",
    [
        Question("Is it night?", ("yes", "no"), "predicate"),
        Question("How likely?", ("1", "2", "10"), "score", meanings=("low", "middle", "high")),
    ],
)
def test_predicates_and_scores_are_decided_too(question: Question, load: Load):
    model, tokenizer = load("granitemoe")
    decision = decide_exactly(
        model, tokenizer, chat(tokenizer, exact_text(question)), question, "sum", ENDS
    )
    assert tuple(decision.probabilities) == question.options
    assert sum(decision.probabilities.values()) == pytest.approx(1)
    assert all(one in exact_text(question) for one in question.shown)
