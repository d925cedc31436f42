"""A checkpoint is loaded as it is, or not at all: transformers fills gaps with random numbers."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_checkpoints import MIXTURES, make_checkpoint

from agentkit.errors import InputError
from agentkit.models.local.transformers.checkpoint import read_checkpoint
from agentkit.models.local.transformers.loading import LoadedCheckpoint, load_checkpoint
from agentkit.models.local.transformers.placement import fastest_on_cpu, memory_needed

WEIGHTS = "model.safetensors"


def load(folder: Path, dtype: str = "float32", **given: Any) -> LoadedCheckpoint:
    return load_checkpoint(read_checkpoint(folder), dtype=dtype, device="cpu", **given)


def with_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def edit(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize("family", MIXTURES)
def test_every_family_is_loaded_as_transformers_loads_it(family, tiny):
    from transformers import AutoModelForCausalLM

    loaded = load(tiny(family))
    plain = AutoModelForCausalLM.from_pretrained(tiny(family), dtype=torch.float32).eval()
    ids = torch.tensor([[5, 77, 300, 12, 9]])
    with torch.inference_mode():
        assert torch.equal(loaded.model(ids).logits, plain(ids).logits)
    assert loaded.model.config._experts_implementation == "grouped_mm"
    attention = "eager" if family == "gpt_oss" else "sdpa"  # which has no sdpa
    assert loaded.model.config._attn_implementation == attention
    assert (loaded.dtype, loaded.device, loaded.end_ids) == ("float32", "cpu", {0, 2})
    assert not loaded.model.training


@pytest.mark.parametrize("family", MIXTURES)
def test_the_cache_is_as_large_as_it_was_told(family, tiny):
    loaded, length = load(tiny(family)), 100  # longer than the window of GPT-OSS
    with torch.inference_mode():
        filled = loaded.model(torch.arange(length)[None], use_cache=True).past_key_values
    kept = [
        numbers
        for layer in filled.layers
        for numbers in (getattr(layer, "keys", None), getattr(layer, "values", None))
        if numbers is not None
    ]
    most = loaded.info.cache.bytes_for(length, 4)
    taken = sum(numbers.numel() * 4 for numbers in kept)
    if family == "gpt_oss":  # a window keeps one token less than it sees: the newest is on its way
        taken += loaded.info.cache.window_values * 4
    assert taken == most


def test_what_the_weights_take_is_told(tiny):
    info = read_checkpoint(tiny())
    assert memory_needed(info, "float32") == info.parameters * 4
    assert memory_needed(info, "bfloat16") == info.parameters * 2


def test_another_dtype_can_be_asked_for(tiny):
    loaded = load(tiny(), "bfloat16")
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.bfloat16}
    assert load(tiny(), "auto").dtype == fastest_on_cpu() in ("bfloat16", "float32")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda weights: weights.pop("model.layers.1.self_attn.q_proj.weight"),
            r"missing weights \(1\): model.layers.1.self_attn.q_proj.weight",
        ),
        (lambda weights: weights.pop("lm_head.weight"), r"missing weights \(1\): lm_head.weight"),
        (
            lambda weights: weights.update(surprise=torch.zeros(3)),
            r"unexpected weights \(1\): surprise",
        ),
        (
            lambda weights: weights.update({"model.norm.weight": torch.ones(65)}),
            r"weights of another shape \(1\): model.norm.weight is \[65\] instead of \[64\]",
        ),
        (
            lambda weights: weights["model.norm.weight"].fill_(float("nan")),
            "infinite or no numbers, in model.norm.weight",
        ),
        (
            lambda weights: weights["model.layers.2.mlp.experts.0.up_proj.weight"][3].fill_(
                float("inf")
            ),
            "infinite or no numbers, in model.layers.2.mlp.experts",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(change, said, copy):
    with_weights(copy, change)
    with pytest.raises(InputError, match=said):
        load(copy)


def test_weights_that_cancel_each_other_are_finite(copy):
    """Their sum in 16 bits is not, which says nothing."""
    with_weights(copy, lambda weights: weights["model.norm.weight"].fill_(60000.0))
    assert load(copy, "float16").dtype == "float16"


def test_weights_that_float16_is_too_small_for_are_told(copy):
    with_weights(copy, lambda weights: weights["model.norm.weight"].fill_(1e6))
    with pytest.raises(InputError, match="or float16 is too small for it"):
        load(copy, "float16")


def test_a_config_of_another_model_is_told(copy):
    edit(copy / "config.json", num_hidden_layers=4)
    with pytest.raises(
        InputError, match=r"missing weights \(11\): model\.layers\.3\.input_layernorm"
    ):
        load(copy)
    edit(copy / "config.json", num_hidden_layers=2)
    with pytest.raises(
        InputError, match=r"unexpected weights \(11\): model\.layers\.2\.input_layernorm"
    ):
        load(copy)


def test_the_tokenizer_of_another_model_is_refused(copy):
    from tiny_checkpoints import save_tokenizer

    save_tokenizer(copy, 1200)
    with pytest.raises(InputError, match="ids up to 1,199, and weights for 1,024 tokens"):
        load(copy)


def test_ends_without_weights_are_refused(copy):
    edit(copy / "generation_config.json", eos_token_id=[2, 5000])
    with pytest.raises(
        InputError, match="ends answers with the ids 5000, and has weights for 1,024"
    ):
        load(copy)


def test_the_turns_of_the_template_end_an_answer_where_the_files_forget_to_say_so(copy):
    """The first checkpoints of Llama 3 named the end of texts, and wrote on after each answer."""
    edit(copy / "generation_config.json", eos_token_id=0)
    edit(copy / "tokenizer_config.json", eos_token="<|endoftext|>")
    assert load(copy).end_ids == {0, 2}


def test_a_tokenizer_that_is_none_is_told(copy):
    (copy / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(InputError, match="its tokenizer cannot be loaded"):
        load(copy)


def test_a_template_that_fails_is_told_before_an_episode_starts(copy):
    (copy / "chat_template.jinja").write_text("{{ messages[0].content | nonsense }}")
    with pytest.raises(InputError, match="takes no such conversation: No filter named 'nonsense'"):
        load(copy)


def test_the_template_of_a_processor_is_taken_too(copy):
    template = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").unlink()
    (copy / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    assert load(copy).tokenizer.chat_template == template


def test_a_model_that_does_not_fit_is_told_what_it_needs(copy):
    from dataclasses import replace

    huge = replace(read_checkpoint(copy), parameters=10**13)
    with pytest.raises(
        InputError, match=r"needs about 40000\.4 GB of memory in float32, and .* free"
    ):
        load_checkpoint(huge, dtype="float32", device="cpu")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dtype": "float3"}, "the dtype 'float3' is none of: auto, float32, bfloat16, float16"),
        ({"device": "gpu"}, "it can be: auto, cpu, cuda, cuda:1"),
        ({"device": "cuda:99"}, "the device 'cuda:99' is not there: torch finds"),
        ({"device": "cuda:x"}, "the device 'cuda:x' is not there: torch finds"),
    ],
)
def test_settings_that_cannot_be_are_told(given, said, tiny):
    with pytest.raises(InputError, match=said):
        load_checkpoint(read_checkpoint(tiny()), **given)


def test_a_checkpoint_in_several_files_is_loaded(tiny, tmp_path):
    parts = Path(shutil.copytree(tiny(), tmp_path / "parts"))
    (parts / WEIGHTS).unlink()
    load(tiny()).model.save_pretrained(parts, max_shard_size="500KB")
    ids = torch.tensor([[5, 77, 300]])
    with torch.inference_mode():
        assert torch.equal(load(parts).model(ids).logits, load(tiny()).model(ids).logits)


def test_weights_that_are_tied_are_not_missing(tmp_path):
    folder = make_checkpoint(tmp_path / "tied", "olmoe", tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(folder / WEIGHTS)
    model = load(folder).model
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_what_older_versions_saved_beside_the_parameters_is_no_fault(copy):
    def add(weights: dict[str, torch.Tensor]) -> None:
        weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()

    with_weights(copy, add)
    edit(copy / "config.json", tie_word_embeddings=True)
    model = load(copy).model
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_a_package_that_is_not_installed_is_told_with_the_command(tiny):
    code = (
        "import sys; from pathlib import Path; sys.modules['accelerate'] = None;"
        "from agentkit.models.local.transformers.checkpoint import read_checkpoint;"
        "from agentkit.models.local.transformers.loading import load_checkpoint;"
        f"load_checkpoint(read_checkpoint(Path({str(tiny())!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "needs accelerate, not installed: pip install 'agentkit-graph[torch]'" in done.stderr


def test_checkpoints_that_are_loaded_at_once_leave_transformers_as_talkative_as_before(tiny):
    from transformers.utils import logging

    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda family: load(tiny(family)), ("olmoe", "mixtral", "qwen3_moe")))
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.gpu
@pytest.mark.parametrize("family", MIXTURES)
def test_a_gpu_gives_what_a_cpu_gives(family, tiny):
    info, ids = read_checkpoint(tiny(family)), torch.tensor([[5, 77, 300, 12, 9]])
    loaded = load_checkpoint(info, device="auto")
    assert (loaded.device, loaded.dtype) == ("cuda:0", "float32")
    with torch.inference_mode():
        logits = loaded.model(ids.to("cuda")).logits.cpu()
        torch.testing.assert_close(logits, load(tiny(family)).model(ids).logits, atol=0.02, rtol=0)


def test_nothing_goes_to_a_network_nor_to_the_terminal(tiny):
    """A socket that stands for the Hub sees nobody."""
    hub = socket.create_server(("127.0.0.1", 0))
    hub.setblocking(False)
    code = (
        "from pathlib import Path;"
        "from agentkit.models.local.transformers.checkpoint import read_checkpoint;"
        "from agentkit.models.local.transformers.loading import load_checkpoint;"
        f"load_checkpoint(read_checkpoint(Path({str(tiny('gpt_oss'))!r})), device='cpu')"
    )
    address = f"http://127.0.0.1:{hub.getsockname()[1]}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "HF_ENDPOINT": address},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    with hub, pytest.raises(BlockingIOError):
        hub.accept()
