"""A plan's memory, what fits, and speed, against sums made by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_checkpoints import MIXTURES, make_checkpoint

from agentkit.errors import InputError
from agentkit.moe.figures import Wish
from agentkit.moe.hardware import CARDS, find_card, find_dtype, parse_bytes
from agentkit.moe.plan import plan_model

CONFIGS = Path(__file__).parent / "configs"
PHI = CONFIGS / "phi-3.5-moe.json"
QWEN = CONFIGS / "qwen3-30b-a3b.json"
H100 = Wish(gpu_memory=80 * 10**9, bandwidth=3.35e12)


def test_phi_does_not_fit_on_one_card_of_80_gb_and_twelve_experts_of_it_do():
    whole = plan_model(PHI, H100)
    assert whole.weight_bytes == 83_746_306_688
    assert whole.fit is not None
    assert not whole.fit.fits
    assert whole.fit.largest_batch == 0
    assert whole.fit.most_experts is not None
    assert 12 <= whole.fit.most_experts < 16
    kept = plan_model(PHI, replace(H100, keep=12))
    assert kept.weight_bytes == 63_612_598_912
    assert kept.fit is not None
    assert kept.fit.fits


def test_the_largest_batch_fits_and_one_more_does_not():
    wish = replace(H100, keep=12)
    largest = plan_model(PHI, wish).fit.largest_batch
    assert largest > 1
    assert plan_model(PHI, replace(wish, batch=largest)).fit.fits
    assert not plan_model(PHI, replace(wish, batch=largest + 1)).fit.fits


def test_the_most_experts_that_fit_do_and_one_more_does_not():
    most = plan_model(PHI, H100).fit.most_experts
    assert plan_model(PHI, replace(H100, keep=most)).fit.fits
    assert not plan_model(PHI, replace(H100, keep=most + 1)).fit.fits


def test_a_config_with_absurd_numbers_is_planned_at_once(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(QWEN.read_text().replace('"num_experts": 128', f'"num_experts": {1 << 40}'))
    fit = plan_model(config, H100).fit
    assert not fit.fits
    assert fit.most_experts < 1 << 10


def test_two_cards_hold_half_of_the_weights_and_of_the_cache_each():
    one, two = (plan_model(PHI, replace(H100, gpus=number)) for number in (1, 2))
    assert two.fit.fits
    half = (one.weight_bytes + one.cache) // 2
    assert two.fit.needed == half + one.workspace
    assert two.speed.tokens_per_s == pytest.approx(2 * one.speed.tokens_per_s)


def test_a_head_of_the_cache_is_not_split_among_cards():
    plan = plan_model(QWEN, replace(H100, gpus=8))  # it has 4 heads of keys and values
    assert plan.fit.needed == plan.weight_bytes // 8 + plan.cache // 4 + plan.workspace


def test_cards_that_cannot_share_the_heads_are_noted():
    assert "3 cards cannot share 32 heads" in plan_model(QWEN, Wish(gpus=3)).notes[0]


@pytest.mark.parametrize(
    ("name", "bytes_"),
    [
        ("mixtral-8x7b", 32 * 2 * 8 * 128 * 2 * 1000),
        ("qwen3-30b-a3b", 48 * 2 * 4 * 128 * 2 * 1000),
        ("gpt-oss-20b", 12 * 2 * 8 * 64 * 2 * (1000 + 128)),  # half of the layers see 128 tokens
        ("lfm2-8b-a1b", 6 * 2 * 8 * 64 * 2 * 1000 + 18 * 2048 * 3 * 2),  # and 18 convolutions
    ],
)
def test_the_cache_of_a_thousand_tokens_is_what_each_layer_keeps(name, bytes_):
    for batch in (1, 7):
        plan = plan_model(CONFIGS / f"{name}.json", Wish(context=1000, batch=batch))
        assert plan.cache == batch * bytes_


def test_the_files_of_gpt_oss_have_as_many_bytes_as_planned():
    """13,761,264,768 is the size of all tensors that openai/gpt-oss-20b publishes."""
    plan = plan_model(CONFIGS / "gpt-oss-20b.json", Wish())
    assert plan.wish.dtype == "mxfp4"
    assert plan.weight_bytes == 13_761_264_768
    assert round(plan.computing / 1e9, 2) == 3.61


def test_types_of_weights_take_their_bytes():
    sizes = {name: plan_model(QWEN, Wish(dtype=name)).weight_bytes for name in (
        "fp32", "bf16", "float16", "fp8", "mxfp4")}  # fmt: skip
    total = plan_model(QWEN, Wish()).parameters.total
    assert sizes["fp32"] == 2 * sizes["bf16"] == 2 * sizes["float16"] == 4 * total
    assert total < sizes["fp8"] < 1.1 * total
    assert total / 2 < sizes["mxfp4"] < sizes["fp8"]


def test_a_batch_reads_the_experts_that_its_tokens_hit_and_the_cache_of_each():
    one, many = (plan_model(QWEN, replace(H100, batch=number)) for number in (1, 64))
    assert one.speed.distinct_experts == pytest.approx(8)
    distinct = 128 * (1 - (1 - 8 / 128) ** 64)
    assert many.speed.distinct_experts == pytest.approx(distinct)
    expert = 3 * 2048 * 768 * 2
    for plan, hit in ((one, 8), (many, distinct)):
        rest = plan.weight_bytes - plan.weights["experts"] - plan.weights["embeddings"]
        assert plan.speed.read == pytest.approx(rest + 48 * hit * expert + plan.cache)
        seconds = plan.speed.read / 3.35e12
        assert plan.speed.tokens_per_s == pytest.approx(plan.wish.batch / seconds)


def test_an_embedding_that_is_the_head_is_read_at_every_step():
    plan = plan_model(CONFIGS / "granite-3.1-3b-a800m.json", H100)
    experts = plan.weights["experts"]
    assert plan.speed.read == plan.weight_bytes - experts + experts // 5 + plan.cache  # 8 of 40


def test_a_dense_model_is_planned_and_said_to_be_one(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(
        '{"model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, '
        '"num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, '
        '"vocab_size": 49152, "tie_word_embeddings": true, "torch_dtype": "bfloat16"}'
    )
    plan = plan_model(config, H100)
    assert plan.parameters.total == plan.active == 134_515_008  # SmolLM2-135M
    assert plan.notes == ("llama is a dense model, not a mixture of experts",)
    assert plan.fit.most_experts is None
    with pytest.raises(InputError, match="dense model: it has no experts to keep"):
        plan_model(config, Wish(keep=1))


def test_the_table_of_public_checkpoints_on_the_page_is_what_is_planned():
    page = (Path(__file__).parents[2] / "docs" / "moe.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if " B | " in line]
    planned = []
    for file in CONFIGS.glob("*.json"):
        plan, many = (plan_model(file, replace(H100, batch=number)) for number in (1, 16))
        fit = plan.fit
        planned.append(
            [
                f"{plan.parameters.total / 1e9:.2f} B",
                f"{plan.active / 1e9:.2f} B",
                f"{plan.computing / 1e9:.2f} B",
                f"{plan.weight_bytes / 1e9:.1f} GB, {plan.wish.dtype}",
                f"{plan.cache / 1e6:.0f} MB",
                f"{fit.largest_batch or f'no: {fit.most_experts} of {plan.experts} experts'}",
                f"{plan.speed.tokens_per_s:.0f}",
                f"{many.speed.tokens_per_s:.0f}",
            ]
        )
    assert sorted(row[1:] for row in rows) == sorted(planned)


@pytest.mark.parametrize("family", MIXTURES)
def test_a_checkpoint_holds_as_many_bytes_as_its_config_means(tmp_path, family):
    plan = plan_model(make_checkpoint(tmp_path, family), Wish())
    assert plan.wish.dtype == "float32"
    assert plan.stored is not None
    assert plan.stored.size == plan.weight_bytes
    assert not [note for note in plan.notes if "files" in note]


def header(tensor: dict) -> bytes:
    """A safetensors file of one tensor, without its data."""
    text = json.dumps({"a": tensor}).encode()
    return len(text).to_bytes(8, "little") + text


def test_a_checkpoint_of_another_model_and_a_lost_or_cut_file_are_told_of(tmp_path):
    folder = make_checkpoint(tmp_path, "mixtral")
    config = folder / "config.json"
    config.write_text(
        config.read_text().replace('"num_local_experts": 8', '"num_local_experts": 7')
    )
    assert any("are not of the same model" in note for note in plan_model(folder, Wish()).notes)
    weights = folder / "model.safetensors"
    (folder / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    )
    weights.rename(folder / "model-1.safetensors")
    assert any("model-2.safetensors" in note for note in plan_model(folder, Wish()).notes)
    whole = (folder / "model-1.safetensors").read_bytes()
    for broken, said in (
        (whole[:-100], "is cut off"),
        (b"", "is cut off"),
        (b"\xff" * 100, "no file of safetensors"),
        (whole.replace(b"F32", b"F16", 1), "a damaged header"),
        (header({"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}), "a damaged header"),
    ):
        weights.write_bytes(broken)
        assert any(said in note for note in plan_model(folder, Wish()).notes)


def test_what_is_not_loaded_does_not_count_and_a_folder_without_weights_says_so(tmp_path):
    folder = make_checkpoint(tmp_path, "mixtral")
    weights = folder / "model.safetensors"
    (folder / "consolidated.safetensors").write_bytes(weights.read_bytes())
    plan = plan_model(folder, Wish())
    assert plan.stored.size == plan.weight_bytes
    for file in folder.glob("*.safetensors"):
        file.unlink()
    assert "there are no weights" in plan_model(folder, Wish()).notes[0]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(context=200_000), "longer than the model's"),
        (Wish(batch=0), "a batch of 0"),
        (Wish(keep=7), "expected 8 .* to 128"),
        (Wish(keep=129), "expected 8 .* to 128"),
        (Wish(dtype="int3"), "type 'int3' takes is not known"),
        (Wish(dtype="bfloat61"), "Did you mean 'bfloat16'"),
    ],
)
def test_a_wish_that_makes_no_sense_is_told_of(wish, said):
    with pytest.raises(InputError, match=said):
        plan_model(QWEN, wish)


def test_a_quantisation_whose_bytes_are_unknown_asks_for_the_type(tmp_path):
    config = tmp_path / "config.json"
    quantised = '"quantization_config": {"quant_method": "awq"}, "model_type"'
    config.write_text(QWEN.read_text().replace('"model_type"', quantised))
    with pytest.raises(InputError, match=r"'awq' takes is not known.*Wish\(dtype="):
        plan_model(config, Wish())
    assert plan_model(config, Wish(dtype="bf16")).weight_bytes


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("80GB", 80 * 10**9),
        ("80 gb", 80 * 10**9),
        ("80GiB", 80 * 2**30),
        ("3.35TB/s", 3_350_000_000_000),
        ("900 GB/s", 900 * 10**9),
        ("512b", 512),
    ],
)
def test_texts_mean_bytes(text, number):
    assert parse_bytes(text) == number


@pytest.mark.parametrize(
    "text",
    ["80", "GB", "-1GB", "0GB", "80XB", "1e9GB", "9999999TB", "", "\uff18\uff10GB"],
)
def test_what_is_no_number_of_bytes_is_refused_with_an_example(text):
    with pytest.raises(InputError, match="80GB"):
        parse_bytes(text)


def test_cards_are_found_by_their_names_and_have_sources():
    assert find_card("H100").memory == 80 * 10**9
    assert find_card("RTX 4090").bandwidth == 1008e9
    assert all(card.source.startswith("https://") for card in CARDS.values())
    with pytest.raises(InputError, match="Did you mean 'h100'"):
        find_card("h10")


def test_names_of_types_have_short_forms():
    assert find_dtype("BF16") == find_dtype("torch.bfloat16") == "bfloat16"
