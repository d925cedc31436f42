"""What a checkpoint says of itself, and all that is wrong with it, before anything is loaded."""

import json
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_checkpoints import MIXTURES

from agentkit.errors import InputError
from agentkit.models.local.transformers.checkpoint import read_checkpoint
from agentkit.models.local.transformers.layer_cache import cache_of

Change = Callable[[Path], object]


def edit(name: str, **fields: Any) -> Change:
    """Set fields of a JSON file; None deletes one."""

    def change(folder: Path) -> None:
        path = folder / name
        value = {**json.loads(path.read_text()), **fields}
        path.write_text(json.dumps({key: one for key, one in value.items() if one is not None}))

    return change


def write(name: str, data: bytes | str) -> Change:
    return lambda folder: (folder / name).write_bytes(
        data.encode() if isinstance(data, str) else data
    )


def remove(*names: str) -> Change:
    return lambda folder: [(folder / name).unlink() for name in names]


def cut(name: str, size: int) -> Change:
    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:size] if size > 0 else data + b"x" * -size)

    return change


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(**fields: Any) -> Change:
    """Change what the header says of the first tensor."""

    def change(folder: Path) -> None:
        header, rest = header_of(folder / "model.safetensors")
        name = next(name for name in header if name != "__metadata__")
        header[name] = {**header[name], **fields}
        head = json.dumps(header).encode()
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + rest)

    return change


def index(**places: str) -> Change:
    """Turn the checkpoint into one of several files."""

    def change(folder: Path) -> None:
        header, _ = header_of(folder / "model.safetensors")
        (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
        names = dict.fromkeys(header.keys() - {"__metadata__"}, "model-00001-of-00002.safetensors")
        found = json.dumps({"weight_map": {**names, **places}})
        (folder / "model.safetensors.index.json").write_text(found)

    return change


def both(*changes: Change) -> Change:
    return lambda folder: [change(folder) for change in changes]


CONFIG, WEIGHTS, GENERATION = "config.json", "model.safetensors", "generation_config.json"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 5\n"
ADAPTER = both(remove(CONFIG), write("adapter_config.json", "{}"))
CASES: dict[str, tuple[Change, str]] = {
    "no config": (remove(CONFIG), "is no checkpoint: it has no config.json"),
    "an adapter": (ADAPTER, "It is an adapter, which changes a model"),
    "a model and an adapter": (
        write("adapter_config.json", "{}"),
        "move the adapter into a folder",
    ),
    "a GGUF": (
        both(remove(CONFIG), write("a.gguf", "GGUF")),
        "It has a.gguf: name the file itself",
    ),
    "no JSON": (write(CONFIG, "{a: 1}"), "config.json is not JSON: Expecting property name"),
    "a list": (write(CONFIG, "[1]"), "config.json holds no mapping"),
    "nothing in it": (write(CONFIG, "{}"), "config.json is empty"),
    "no UTF-8": (write(CONFIG, b'{"a": "\xff"}'), "config.json is not JSON: it is not UTF-8"),
    "a key twice": (write(CONFIG, '{"a": 1, "a": 2}'), "has the key 'a' twice"),
    "nested without end": (write(CONFIG, "[" * 200_000), "config.json is nested too deeply"),
    "huge": (write(CONFIG, b" " * (8 * 2**20 + 1)), "config.json is larger than 8 MB"),
    "a pointer": (write(CONFIG, POINTER), "config.json is a pointer of Git LFS"),
    "no type": (edit(CONFIG, model_type=None), "config.json has no 'model_type'"),
    "another type": (edit(CONFIG, model_type="qwen3_mo"), "Did you mean 'qwen3_moe'?"),
    "no model of text": (edit(CONFIG, model_type="vit"), "no model that writes text"),
    "own code": (edit(CONFIG, model_type="mine", auto_map={"a": "b.c"}), "is never executed here"),
    "no layers": (edit(CONFIG, num_hidden_layers=-3), "'num_hidden_layers' is -3, not a whole"),
    "no context": (edit(CONFIG, max_position_embeddings=0), "'max_position_embeddings' is 0"),
    "words for numbers": (edit(CONFIG, vocab_size="1024"), "'vocab_size' is '1024'"),
    "more experts than there are": (edit(CONFIG, num_experts_per_tok=9), "uses 9 experts of 8"),
    "no dtype": (edit(CONFIG, dtype="float3"), "'dtype' is 'float3'; it can be: float64"),
    "a decoder of something": (edit(CONFIG, is_encoder_decoder=True), "no model for chats"),
    "unknown numbers": (
        edit(CONFIG, quantization_config={"quant_method": "magic"}),
        "is quantized by 'magic', which is unsupported",
    ),
    "a package that is missing": (
        edit(CONFIG, quantization_config={"quant_method": "hqq"}),
        "pip install hqq",
    ),
    "no end": (
        both(edit(CONFIG, eos_token_id=None), edit(GENERATION, eos_token_id=None)),
        "neither generation_config.json nor config.json has an 'eos_token_id'",
    ),
    "a word as the end": (
        edit(GENERATION, eos_token_id="<|im_end|>"),
        "'eos_token_id' is '<|im_end|>', and should be the id",
    ),
    "a temperature below zero": (edit(GENERATION, temperature=-1), "'temperature' cannot be -1"),
    "a temperature without end": (
        write(GENERATION, '{"temperature": Infinity, "eos_token_id": 2}'),
        "'temperature' cannot be inf",
    ),
    "no tokenizer": (remove("tokenizer.json"), "there is no tokenizer"),
    "an empty tokenizer": (write("tokenizer.json", ""), "tokenizer.json is empty"),
    "a pointer to a tokenizer": (write("tokenizer.json", POINTER), "is a pointer of Git LFS"),
    "no template": (remove("chat_template.jinja"), "there is no chat template"),
    "an empty template": (write("chat_template.jinja", ""), "it is a base model"),
    "a template without end": (write("chat_template.jinja", "x" * 2**21), "which none has"),
    "templates without a default": (
        both(
            remove("chat_template.jinja"),
            edit("tokenizer_config.json", chat_template=[{"name": "tools", "template": "x"}]),
        ),
        "none has the name 'default'",
    ),
    "no weights": (remove(WEIGHTS), "neither model.safetensors nor model.safetensors.index.json"),
    "pickled weights": (
        both(remove(WEIGHTS), write("pytorch_model.bin", "x")),
        "pickled files, which can hold any program code",
    ),
    "weights of another program": (
        lambda folder: (folder / WEIGHTS).rename(folder / "consolidated.safetensors"),
        "but consolidated.safetensors: the form of another program",
    ),
    "no index": (both(index(), remove("model.safetensors.index.json")), "index.json is missing"),
    "an index without places": (
        both(index(), write("model.safetensors.index.json", '{"metadata": {}}')),
        "has no 'weight_map'",
    ),
    "a way out of the folder": (index(a="../b.safetensors"), "is no name of a file beside it"),
    "pickled in the index": (index(a="b.bin"), "'b.bin', which is no file of safetensors"),
    "a missing file": (
        index(a="model-00002-of-00002.safetensors"),
        "1 of the 2 files that model.safetensors.index.json names are missing: "
        "model-00002-of-00002.safetensors",
    ),
    "a weight in no file": (
        index(**{"model.extra.weight": "model-00001-of-00002.safetensors"}),
        "lacks 1 of the weights that model.safetensors.index.json says are in it: model.extra",
    ),
    "cut off": (cut(WEIGHTS, 100_000), "model.safetensors is cut off: it has 100,000 bytes"),
    "cut in the header": (cut(WEIGHTS, 900), "model.safetensors is cut off: it has 900 bytes"),
    "almost nothing": (cut(WEIGHTS, 5), "model.safetensors is cut off: it has 5 bytes"),
    "more than it says": (cut(WEIGHTS, -7), "and its header speaks of"),
    "no header": (write(WEIGHTS, struct.pack("<Q", 5) + b"hello"), "model.safetensors is not JSON"),
    "a header without end": (write(WEIGHTS, struct.pack("<Q", 2**62)), "a header of 4,611,686,018"),
    "a page": (write(WEIGHTS, "<!DOCTYPE html><html></html>"), "is no file of safetensors"),
    "a pointer to weights": (write(WEIGHTS, POINTER), "model.safetensors is a pointer of Git LFS"),
    "unknown types": (with_header(dtype="F4"), "numbers of the type 'F4'"),
    "a shape of another size": (with_header(shape=[3, 3]), "of the shape [3, 3] has"),
    "no shape": (with_header(shape=[-1]), "no sensible type, shape or place"),
    "whole numbers for weights": (
        with_header(dtype="I32"),
        "have the type I32, and config.json has no 'quantization_config'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_told_before_anything_is_loaded(case, copy):
    change, said = CASES[case]
    change(copy)
    with pytest.raises(InputError) as error:
        read_checkpoint(copy)
    assert said in str(error.value)
    assert str(copy) in str(error.value)


def test_all_that_is_wrong_is_told_at_once(copy):
    edit(CONFIG, model_type=None, num_experts_per_tok=9)(copy)
    edit(GENERATION, eos_token_id=-1, top_p=3)(copy)
    remove("chat_template.jinja", "tokenizer.json")(copy)
    cut(WEIGHTS, 100)(copy)
    with pytest.raises(InputError) as error:
        read_checkpoint(copy)
    lines = str(error.value).splitlines()
    assert lines[0].endswith("cannot be used: 7 problems")
    for what in (
        "model_type",
        "9 experts",
        "eos_token_id",
        "top_p",
        "template",
        "tokenizer",
        "cut",
    ):
        assert sum(what in line for line in lines[1:]) >= 1, what


def test_a_text_in_a_file_cannot_steer_the_terminal_and_is_bounded(copy):
    edit(CONFIG, model_type="x\x1b[2J" + "y" * 5000, dtype="\u202e" * 900)(copy)
    with pytest.raises(InputError) as error:
        read_checkpoint(copy)
    assert "\x1b" not in str(error.value)
    assert "\u202e" not in str(error.value)
    assert len(str(error.value)) < 2000


def test_thousands_of_problems_are_counted_and_not_listed(copy):
    index(**{f"w{i}": f"f{i}.safetensors" for i in range(5000)})(copy)
    with pytest.raises(InputError, match="5,000 of the 5,001 files") as error:
        read_checkpoint(copy)
    assert len(str(error.value)) < 1000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
FIELDS = (
    "model_type", "text_config", "quantization_config", "layer_types", "sliding_window", "dtype",
    "num_local_experts", "num_experts_per_tok", "num_hidden_layers", "num_key_value_heads",
    "head_dim", "vocab_size", "max_position_embeddings", "eos_token_id", "architectures",
    "temperature", "top_k", "chat_template", "tie_word_embeddings",
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=4))
def test_whatever_a_field_holds_it_is_read_or_refused(copy, fields):
    before = {name: (copy / name).read_bytes() for name in (CONFIG, GENERATION)}
    for name in before:
        edit(name, **fields)(copy)
    said = ""
    try:
        info = read_checkpoint(copy)
    except InputError as error:
        said = str(error)
    else:
        assert 0 < info.active_parameters <= info.parameters
        assert info.cache.bytes_for(10) >= 0
    assert len(said) < 12_000
    assert "\x1b" not in said
    for name, data in before.items():
        (copy / name).write_bytes(data)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 4000), st.integers(0, 255))
def test_a_byte_that_is_wrong_in_a_header_is_read_or_refused(copy, place, byte):
    before = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes(before[:place] + bytes([byte]) + before[place + 1 :])
    with suppress(InputError):
        read_checkpoint(copy)
    (copy / WEIGHTS).write_bytes(before)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "there is no folder"),
        ("a_file", "is a file, and a checkpoint is a folder"),
        ("empty", "it is empty"),
        ("models--a--b", "Did you mean '.*snapshots.0001'?"),
    ],
)
def test_what_is_no_folder_of_a_checkpoint_is_told(name, said, tmp_path):
    (tmp_path / "a_file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "models--a--b" / "snapshots" / "0001").mkdir(parents=True)
    (tmp_path / "models--a--b" / "snapshots" / "0001" / CONFIG).write_text("{}")
    with pytest.raises(InputError, match=said):
        read_checkpoint(tmp_path / name)


def test_a_name_of_the_hub_is_told_how_to_download_it():
    with pytest.raises(InputError, match=r"'hf download Qwen/Qwen3-0\.6B' prints the folder"):
        read_checkpoint(Path("Qwen/Qwen3-0.6B"))


@pytest.mark.parametrize("family", MIXTURES)
def test_the_headers_tell_all_parameters_and_those_of_experts(family, tiny):
    from transformers import AutoModelForCausalLM

    info = read_checkpoint(tiny(family))
    model = AutoModelForCausalLM.from_pretrained(tiny(family))
    kept = {name: one for name, one in model.named_buffers() if name in model.state_dict()}
    both = (*model.parameters(), *kept.values())  # LFM2 keeps a bias for each expert as a buffer
    assert info.parameters == sum(numbers.numel() for numbers in both)
    experts = {
        name: weight.numel() for name, weight in model.named_parameters() if ".experts." in name
    }
    assert info.expert_parameters == sum(experts.values()) > 0
    assert (info.experts, info.experts_used) == (8, 2)
    assert info.active_parameters == info.parameters - info.expert_parameters * 6 // 8
    assert info.model_type == family
    assert info.architecture == type(model).__name__
    assert (info.dtype, info.context, info.end_ids) == ("float32", 1024, (2, 0))


def test_what_older_versions_saved_beside_the_parameters_is_not_counted(copy):
    """A weight that is tied stood there twice, and so did the frequencies of rotations."""
    import torch
    from safetensors.torch import load_file, save_file

    weights, before = load_file(copy / WEIGHTS), read_checkpoint(copy)
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    save_file(weights, copy / WEIGHTS)
    assert read_checkpoint(copy).parameters == before.parameters
    edit(CONFIG, tie_word_embeddings=True)(copy)
    assert read_checkpoint(copy).parameters == before.parameters - 1024 * 64


def test_smollm2_tells_what_it_is(smollm2_folder):
    info = read_checkpoint(smollm2_folder)
    assert info.parameters == info.active_parameters == 134_515_008
    assert (info.model_type, info.context, info.vocabulary) == ("llama", 8192, 49_152)
    assert info.cache.bytes_per_token() == 30 * 3 * 64 * 2 * 2
    assert "<|im_start|>" in info.template


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("mixtral", "model.layers.1.block_sparse_moe.experts.7.w2.weight"),
        ("qwen3_moe", "model.layers.2.mlp.experts.0.gate_proj.weight"),
        ("lfm2_moe", "model.layers.1.feed_forward.experts.3.w1.weight"),
    ],
)
def test_an_expert_without_weights_is_named(family, name, tiny, tmp_path):
    """transformers says that something went wrong in an automatic conversion."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny(family), tmp_path / family))
    weights = load_file(folder / WEIGHTS)
    del weights[name]
    save_file(weights, folder / WEIGHTS)
    with pytest.raises(InputError, match=r"missing weights of experts \(1\): " + re.escape(name)):
        read_checkpoint(folder)


def test_a_config_with_fewer_experts_than_there_are_is_refused(copy):
    config = json.loads((copy / CONFIG).read_text())
    key = next(key for key in ("num_experts", "num_local_experts") if key in config)
    edit(CONFIG, **{key: 4})(copy)
    with pytest.raises(InputError, match="has 4 experts, and there are weights of 8"):
        read_checkpoint(copy)


def test_a_checkpoint_in_several_files_is_read_as_one(tiny, tmp_path):
    from transformers import AutoModelForCausalLM

    whole, parts = read_checkpoint(tiny()), Path(shutil.copytree(tiny(), tmp_path / "parts"))
    (parts / WEIGHTS).unlink()
    AutoModelForCausalLM.from_pretrained(tiny()).save_pretrained(parts, max_shard_size="500KB")
    assert len([*parts.glob("*.safetensors")]) > 2
    info = read_checkpoint(parts)
    assert (info.parameters, info.expert_parameters) == (whole.parameters, whole.expert_parameters)
    assert info.size == sum(path.stat().st_size for path in parts.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("generation", "config", "ids"),
    [
        (7, 1, (7,)),
        ([32000, 32001, 32007], 32000, (32000, 32001, 32007)),
        (None, [5, 5, 6], (5, 6)),
    ],
)
def test_all_tokens_that_end_an_answer_are_read(generation, config, ids, copy):
    edit(CONFIG, eos_token_id=config)(copy)
    edit(GENERATION, eos_token_id=generation)(copy)
    assert read_checkpoint(copy).end_ids == ids


def test_how_its_makers_want_tokens_picked_is_read(copy):
    wanted = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20}
    edit(GENERATION, **wanted)(copy)
    assert read_checkpoint(copy).generation == wanted
    edit(GENERATION, top_k=-1)(copy)  # all tokens
    assert "top_k" not in read_checkpoint(copy).generation


def test_a_checkpoint_without_a_generation_config_has_the_ends_of_its_config(copy):
    remove(GENERATION)(copy)
    info = read_checkpoint(copy)
    assert (info.end_ids, info.generation) == ((2, 0), {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokenizer_config.json", "one"),
        (
            "tokenizer_config.json",
            [{"name": "rag", "template": "two"}, {"name": "default", "template": "one"}],
        ),
        ("chat_template.json", "one"),
    ],
)
def test_a_chat_template_is_found_wherever_checkpoints_have_it(name, value, copy):
    remove("chat_template.jinja")(copy)
    if not (copy / name).exists():
        (copy / name).write_text("{}")
    edit(name, chat_template=value)(copy)
    assert read_checkpoint(copy).template == "one"


def test_the_fields_of_a_model_inside_another_are_read(copy):
    config = json.loads((copy / CONFIG).read_text())
    moved = ("max_position_embeddings", "num_hidden_layers", "vocab_size", "num_experts_per_tok")
    edit(CONFIG, text_config={key: config.pop(key) for key in moved}, **dict.fromkeys(moved))(copy)
    info = read_checkpoint(copy)
    assert (info.context, info.vocabulary, info.experts_used) == (1024, 1024, 2)


def test_program_code_of_a_checkpoint_is_ignored_where_transformers_has_the_architecture(copy):
    """Phi-3.5-MoE names its own code in 'auto_map', and transformers has its architecture."""
    edit(CONFIG, auto_map={"AutoConfig": "evil.Config"})(copy)
    write("evil.py", "raise SystemExit")(copy)
    assert read_checkpoint(copy).model_type == "qwen3_moe"


def test_numbers_of_four_bits_are_counted_as_two_in_a_byte(copy):
    """The form of GPT-OSS: blocks of 4-bit numbers, and a scale for each block."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / WEIGHTS)
    weights["model.layers.0.mlp.experts.down_proj_blocks"] = torch.zeros(8, 5, 16).to(torch.uint8)
    weights["model.layers.0.mlp.experts.down_proj_scales"] = torch.zeros(8, 5).to(torch.uint8)
    before = read_checkpoint(copy)
    save_file(weights, copy / WEIGHTS)
    edit(CONFIG, quantization_config={"quant_method": "mxfp4"})(copy)
    info = read_checkpoint(copy)
    assert info.parameters == before.parameters + 8 * 5 * 16 * 2
    assert info.quantization == "mxfp4"


@pytest.mark.parametrize(
    ("config", "tokens", "expected"),
    [
        ({"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}, 10, 2560),
        ({"num_hidden_layers": 2, "num_key_value_heads": 1, "head_dim": 8}, 10, 2 * 2 * 8 * 10),
        ({"num_hidden_layers": 3, "num_key_value_heads": 1, "head_dim": 8, "sliding_window": 4,
          "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
         10, 2 * 8 * (10 + 2 * 4)),
        ({"num_hidden_layers": 2, "num_key_value_heads": 1, "head_dim": 8, "sliding_window": 4},
         10, 2 * 2 * 8 * 4),
        ({"num_hidden_layers": 2, "num_key_value_heads": 1, "head_dim": 8, "sliding_window": 4,
          "use_sliding_window": False}, 10, 2 * 2 * 8 * 10),
        ({"num_hidden_layers": 3, "num_key_value_heads": 1, "head_dim": 8,
          "layer_types": ["conv", "full_attention", "conv"]}, 10, 2 * 8 * 10),
        ({"num_hidden_layers": 1, "num_attention_heads": 2, "kv_lora_rank": 4, "v_head_dim": 8,
          "qk_nope_head_dim": 6, "qk_rope_head_dim": 2}, 10, 2 * (6 + 2 + 8) * 10),
        ({}, 10, 0),
    ],
)  # fmt: skip
def test_what_the_cache_takes_is_told_from_the_config(config, tokens, expected):
    assert cache_of(config).bytes_for(tokens, 1) == expected


def test_reading_loads_neither_torch_nor_transformers(tiny):
    code = (
        "import sys; from pathlib import Path;"
        "from agentkit.models.local.transformers.checkpoint import read_checkpoint;"
        f"read_checkpoint(Path({str(tiny())!r}));"
        "print(*{'torch', 'transformers', 'numpy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
