"""Questions are decided by the texts of their options, in the tokens that a model would write."""

import math
from pathlib import Path
from typing import Any

import pytest
from scored_alone import ENDS, Load, alone, loader

from agentkit.messages import Question
from agentkit.models.local.find import find_model

torch = pytest.importorskip("torch")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from agentkit.models.local.transformers.exact_decisions import (  # noqa: E402
    decide_exactly,
    exact_text,
    how_to_answer,
    option_ids,
    prior_question,
)
from agentkit.models.local.transformers.option_scores import score_options  # noqa: E402
from agentkit.models.local.transformers.prompt_caches import PromptCaches  # noqa: E402


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Tiny checkpoints."""
    return loader(tmp_path_factory.mktemp)


@pytest.fixture(scope="module")
def smollm2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 as a checkpoint."""
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    file, folder = find_model("smollm2", Path()), tmp_path_factory.mktemp("smollm2")
    given: dict[str, Any] = {"gguf_file": file.name, "dtype": "float32"}
    model = AutoModelForCausalLM.from_pretrained(file.parent, **given)
    model.is_quantized, model.hf_quantizer = False, None
    del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
    return folder


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
    prompt, neutral = (
        chat(tokenizer, one) for one in (exact_text(WAY), how_to_answer(prior_question(WAY)))
    )
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
    assert "wolf" not in how_to_answer(prior_question(WAY))
    assert "left hand" not in exact_text(WAY)  # what is scored need not be listed


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


def test_yes_is_the_sum_of_the_ways_in_which_models_write_it(load: Load):
    model, tokenizer = load("qwen3_moe")
    question = Question("Is it night?", ("yes", "no"), "predicate")
    prompt = chat(tokenizer, exact_text(question))
    decision = decide_exactly(model, tokenizer, prompt, question, "sum", ENDS)
    written = option_ids(tokenizer, ["yes", "Yes", "Yes.", "no", "No", "No."])
    shares = [math.exp(alone(model, prompt, one, ENDS)) for one in written]
    yes = sum(shares[:3]) / sum(shares)
    assert decision.probabilities["yes"] == pytest.approx(yes, rel=1e-3)
    assert decision.other == pytest.approx(1 - sum(shares), abs=1e-6)


# ---- SmolLM2 ----

ACTIONS = [
    *("noop", "move_left", "move_right", "move_up", "move_down", "do", "sleep"),
    *("place_stone", "place_table", "place_furnace", "place_plant", "make_wood_pickaxe"),
    *("make_stone_pickaxe", "make_iron_pickaxe", "make_wood_sword", "make_stone_sword"),
    "make_iron_sword",
]


def test_seventeen_options_cost_a_tenth_of_a_prompt_and_are_exact(smollm2_folder: Path):
    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder)
    model = AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype="float32").eval()
    question = Question("You face a tree. " * 100 + "What do you do next?", tuple(ACTIONS))
    prompt, ids = chat(tokenizer, exact_text(question)), option_ids(tokenizer, ACTIONS)
    assert ids == [joined(tokenizer, one) for one in ACTIONS]
    read: list[int] = []
    handle = model.get_input_embeddings().register_forward_hook(
        lambda module, given, output: read.append(given[0].numel())
    )
    try:
        found = score_options(model, prompt, ids, [2])
    finally:
        handle.remove()
    assert read[0] == len(prompt) > 400
    assert sum(read) < 1.11 * len(prompt)
    for place in (0, 1, 2, 5, 16):
        assert found[place] == pytest.approx(alone(model, prompt, ids[place], [2]), abs=1e-4)
