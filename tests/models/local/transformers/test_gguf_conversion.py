"""A GGUF file becomes a checkpoint once, with its template, its ends and its way to read texts."""

import json
import os
import shutil
import struct
import time
import urllib.request
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from agentkit.errors import InputError
from agentkit.messages import Message
from agentkit.models.local.llamacpp.gguf import read_header
from agentkit.models.local.transformers.chat import decode, prompt_ids
from agentkit.models.local.transformers.checkpoint import read_checkpoint
from agentkit.models.local.transformers.gguf_conversion import checkpoint_of_gguf
from agentkit.models.local.transformers.loading import load_checkpoint


def gguf(path: Path, **metadata: str | int) -> Path:
    """A file with a header alone."""
    entries = {
        "general.architecture": "llama",
        "tokenizer.chat_template": "{{ messages }}",
        **{key.replace("__", "."): value for key, value in metadata.items()},
    }
    body = b""
    for key, value in entries.items():
        name = struct.pack("<Q", len(key)) + key.encode()
        if isinstance(value, int):
            body += name + struct.pack("<II", 4, value)
        else:
            body += name + struct.pack("<IQ", 8, len(value.encode())) + value.encode()
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + body + bytes(64))
    return path


def mixture(folder: Path, file: Path) -> Path:
    """Write the tiny Qwen3-MoE of a folder as llama.cpp's tools would."""
    from gguf import GGUFWriter

    loaded = load_checkpoint(read_checkpoint(folder), dtype="float32", device="cpu")
    config, weights = loaded.model.config, loaded.model.state_dict()
    writer = GGUFWriter(file, "qwen3moe")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    writer.add_expert_count(config.num_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(0)
    saved = json.loads((folder / "tokenizer.json").read_text())["model"]
    words = sorted(saved["vocab"], key=saved["vocab"].__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([3 if word.startswith("<|") and len(word) > 4 else 1 for word in words])
    writer.add_token_merges([" ".join(pair) for pair in saved["merges"]])
    writer.add_eos_token_id(0)
    writer.add_eot_token_id(2)
    writer.add_chat_template(loaded.info.template)
    names = {"output": "lm_head", "output_norm": "model.norm", "token_embd": "model.embed_tokens"}
    for layer in range(config.num_hidden_layers):
        block, ours = f"blk.{layer}", f"model.layers.{layer}"
        for part in "qkv":
            names[f"{block}.attn_{part}"] = f"{ours}.self_attn.{part}_proj"
        names |= {
            f"{block}.attn_output": f"{ours}.self_attn.o_proj",
            f"{block}.attn_q_norm": f"{ours}.self_attn.q_norm",
            f"{block}.attn_k_norm": f"{ours}.self_attn.k_norm",
            f"{block}.attn_norm": f"{ours}.input_layernorm",
            f"{block}.ffn_norm": f"{ours}.post_attention_layernorm",
            f"{block}.ffn_gate_inp": f"{ours}.mlp.gate",
        }
        both = weights[f"{ours}.mlp.experts.gate_up_proj"]
        gate, up = both.split(config.moe_intermediate_size, dim=1)
        down = weights[f"{ours}.mlp.experts.down_proj"]
        for name, tensor in (("gate", gate), ("up", up), ("down", down)):
            writer.add_tensor(f"{block}.ffn_{name}_exps.weight", tensor.numpy().copy())
    for name, ours in names.items():
        writer.add_tensor(f"{name}.weight", weights[f"{ours}.weight"].numpy().copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_a_mixture_comes_out_as_it_was_with_all_its_ends(tiny, tmp_path):
    """transformers takes the sizes of Qwen3-30B-A3B for its experts, and splits texts as Qwen2."""
    folder = checkpoint_of_gguf(mixture(tiny(), tmp_path / "m.gguf"), tmp_path / "cache")
    before, after = (
        load_checkpoint(read_checkpoint(one), dtype="float32", device="cpu")
        for one in (tiny(), folder)
    )
    assert (after.info.dtype, after.info.end_ids) == ("float32", (0, 2))
    assert (after.info.experts, after.info.experts_used) == (8, 2)
    assert after.info.active_parameters == before.info.active_parameters
    talk = [Message("user", "You see  12 cows and\n\n5 trees, don't you?")]
    ids = prompt_ids(before.tokenizer, talk)
    assert prompt_ids(after.tokenizer, talk) == ids
    with torch.inference_mode():
        asked = torch.tensor([ids])
        assert torch.equal(after.model(asked).logits, before.model(asked).logits)


def test_a_file_is_converted_once(smollm2_file, smollm2_folder):
    before = (smollm2_folder / "model.safetensors").stat().st_mtime_ns
    began = time.monotonic()
    assert checkpoint_of_gguf(smollm2_file, smollm2_folder.parent) == smollm2_folder
    assert time.monotonic() - began < 1
    assert (smollm2_folder / "model.safetensors").stat().st_mtime_ns == before
    assert [one.name for one in smollm2_folder.parent.iterdir()] == [smollm2_folder.name]


def test_the_checkpoint_has_what_the_file_has(smollm2_file, smollm2_folder):
    header, info = read_header(smollm2_file), read_checkpoint(smollm2_folder)
    assert info.template == header.metadata["tokenizer.chat_template"]
    assert info.end_ids == (header.metadata["tokenizer.ggml.eos_token_id"],)
    assert (info.parameters, info.context) == (header.parameters, header.context)
    assert info.cache.bytes_per_token() == header.bytes_per_token
    assert info.dtype == "bfloat16"
    assert "quantization_config" not in json.loads((smollm2_folder / "config.json").read_text())


def test_texts_are_read_as_llama_cpp_reads_them(smollm2):
    """transformers forgets that SmolLM2 takes each digit for a word: six of these differed."""
    xllamacpp = pytest.importorskip("xllamacpp")
    from agentkit.models.local.find import find_model

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(find_model("smollm2", Path()))
    parameters.port, parameters.n_ctx, parameters.cpuparams.n_threads = 0, 64, 1
    parameters.hostnames = ["127.0.0.1"]
    server = xllamacpp.Server(parameters)
    texts = [
        "hello world", "step:  5 of 12", "a\n\n5 x", "price 1234.50", "x²  ½ Ⅷ ٣", "  12",
        "  indented\n    12: foo", "é 日本語 🎉 don't I'LL", "tabs\t\t7",
    ]  # fmt: skip
    for text in texts:
        body = json.dumps({"content": text, "add_special": False}).encode()
        ask = urllib.request.Request(f"{server.listening_address}/tokenize", body)
        ask.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(ask) as answer:
            ids = json.load(answer)["tokens"]
        assert smollm2.tokenizer.encode(text, add_special_tokens=False) == ids, text
        assert decode(smollm2.tokenizer, ids) == text


def test_an_answer_ends_at_the_end_of_its_turn(smollm2):
    ids = torch.tensor([prompt_ids(smollm2.tokenizer, [Message("user", "Say hello.")])])
    with torch.inference_mode():
        answer = smollm2.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=60,
            do_sample=False,
            eos_token_id=sorted(smollm2.end_ids),
            pad_token_id=smollm2.tokenizer.pad_token_id,
        )[0, ids.shape[1] :].tolist()
    assert answer[-1] == smollm2.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert len(answer) < 60
    assert "<|" not in decode(smollm2.tokenizer, answer)


def test_a_copy_that_was_damaged_is_made_again_and_never_used(
    smollm2_file, smollm2_folder, tmp_path
):
    """The new one is not whole, and is not taken: the file is asked for, and it is none."""
    file = gguf(tmp_path / "m.gguf")
    from agentkit.models.local.transformers.gguf_conversion import _key

    folder = tmp_path / "cache" / _key(file)
    folder.mkdir(parents=True)
    for one in smollm2_folder.iterdir():
        if one.name != "model.safetensors":
            shutil.copy(one, folder)
    (folder / "model.safetensors").write_bytes(b"half")
    with pytest.raises(InputError, match=r"m\.gguf cannot be read by transformers"):
        checkpoint_of_gguf(file, tmp_path / "cache")
    assert [*(tmp_path / "cache").iterdir()] == []


def test_of_two_processes_that_convert_one_file_the_first_wins(tmp_path):
    from agentkit.models.local.transformers.gguf_conversion import _move

    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(name)
        _move(tmp_path / name, tmp_path / "folder")
    assert (tmp_path / "folder" / "config.json").read_text() == "first"


def test_a_file_that_changes_is_converted_again(tmp_path):
    from agentkit.models.local.transformers.gguf_conversion import _key

    file = gguf(tmp_path / "a b:c.gguf")
    first = _key(file)
    assert first.startswith("a-b-c-")
    os.utime(file, ns=(1, 1))
    second = _key(file)
    gguf(file, llama__block_count=3)
    os.utime(file, ns=(1, 1))
    assert len({first, second, _key(file)}) == 3


def test_what_a_process_left_behind_is_deleted_a_day_later(tmp_path):
    from agentkit.models.local.transformers.gguf_conversion import _key

    file = gguf(tmp_path / "m.gguf")
    old, new = (tmp_path / f".{_key(file)}.{name}" for name in ("old", "new"))
    for one in (old, new):
        one.mkdir()
    os.utime(old, (1, 1))
    with pytest.raises(InputError):
        checkpoint_of_gguf(file, tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"tokenizer__chat_template": ""}, "it is a base model"),
        ({"split__count": 3}, "is one of 3 files of a model"),
        (
            {"tokenizer__ggml__model": "gpt2", "tokenizer__ggml__pre": "chatglm-bpe"},
            "splits texts into words in the way 'chatglm-bpe', which transformers does not know",
        ),
        ({"llama__rope__scaling__type": "yarn"}, "scales the positions of tokens"),
        ({"general__architecture": "nonsense"}, "cannot be read by transformers"),
        ({"general__architecture": "clip"}, "is no language model, but: clip"),
    ],
)
def test_a_file_that_would_be_read_wrongly_is_refused(metadata, said, tmp_path):
    with pytest.raises(InputError, match=said):
        checkpoint_of_gguf(gguf(tmp_path / "m.gguf", **metadata), tmp_path / "cache")
    assert not (tmp_path / "cache").exists() or not [*(tmp_path / "cache").iterdir()]


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "m.gguf").write_text("no model at all")
    with pytest.raises(InputError, match="is no GGUF file that can be read"):
        checkpoint_of_gguf(tmp_path / "m.gguf", tmp_path / "cache")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        checkpoint_of_gguf(tmp_path / "nowhere.gguf", tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match="set XDG_CACHE_HOME to keep them elsewhere"):
        checkpoint_of_gguf(gguf(tmp_path / "m.gguf"), tmp_path / "cache" / "below")


def test_the_cache_is_in_the_folder_that_the_system_has_for_it(tmp_path, monkeypatch):
    from agentkit.models.local.transformers.gguf_conversion import _default_cache

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _default_cache() == tmp_path / "agentkit" / "checkpoints"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert _default_cache() == Path.home() / ".cache" / "agentkit" / "checkpoints"


def test_the_weights_are_those_that_llama_cpp_unpacks(smollm2_file, smollm2_folder):
    from gguf import GGUFReader, dequantize

    tensor = next(
        one for one in GGUFReader(smollm2_file).tensors if one.name == "blk.3.ffn_up.weight"
    )
    unpacked = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
    kept = load_file(smollm2_folder / "model.safetensors")["model.layers.3.mlp.up_proj.weight"]
    assert torch.equal(kept, unpacked.to(torch.bfloat16))
