"""Which experts a server says that it took, counted: vLLM's .npy file and SGLang's bare numbers."""

import asyncio
import base64
import io
import json
import logging
import random
from collections import Counter

import numpy as np
import pytest
from loopback.scripted import scripted

from agentkit import Message, Request
from agentkit.models.hosted import Settings
from agentkit.models.openai.model import OpenAIModel

TOKENS, LAYERS, CHOSEN, EXPERTS = 29, 6, 4, 32
"""20 tokens of a prompt and 10 of an answer; the last has no routing yet."""
USAGE = {"prompt_tokens": 20, "completion_tokens": 10}


def routing(seed: int = 0, tokens: int = TOKENS, layers: int = LAYERS, chosen: int = CHOSEN):
    """Experts of each token in each layer, no two the same."""
    rng = random.Random(seed)
    return np.array(
        [[rng.sample(range(EXPERTS), chosen) for _ in range(layers)] for _ in range(tokens)]
    )


def counted(routed) -> tuple[tuple[int, ...], ...]:
    experts = routed.max() + 1
    by_layer = (Counter(routed[:, layer].ravel().tolist()) for layer in range(routed.shape[1]))
    return tuple(tuple(layer[expert] for expert in range(experts)) for layer in by_layer)


def npy(routed, dtype: str = "uint8", **save) -> str:
    file = io.BytesIO()
    np.save(file, routed.astype(dtype), **save)
    return base64.b64encode(file.getvalue()).decode()


def flat(routed) -> str:
    return base64.b64encode(routed.astype("<i4").tobytes()).decode()


def whole(choice: dict, **more) -> dict:
    message = {"role": "assistant", "content": "Well."}
    choices = [{"message": message, "finish_reason": "stop", **choice}]
    return {"choices": choices, "model": "m", "usage": USAGE, **more}


def stream(*pieces: dict) -> bytes:
    return (
        b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in pieces) + b"data: [DONE]\n\n"
    )


def ask(said, **request):
    settings = Settings(timeout_s=5, retries=0)
    with scripted((200, said)) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=settings)
        completion = asyncio.run(model.complete(Request((Message("user", "Well?"),), **request)))
    assert completion.text == "Well."
    return completion.experts


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "int64", ">i4"])
def test_the_npy_file_of_vllm_is_counted_whatever_its_whole_numbers_are(dtype):
    routed = routing()
    assert ask(whole({"routed_experts": npy(routed, dtype)})) == counted(routed)


def test_the_bare_numbers_of_sglang_are_counted_by_the_tokens_of_the_usage():
    routed = routing()
    assert ask(whole({}, sglext={"routed_experts": flat(routed)})) == counted(routed)


def test_a_layer_without_experts_is_left_out():
    routed = routing()
    routed[:, 0] = 0
    kept = counted(routed[:, 1:])
    assert ask(whole({}, sglext={"routed_experts": flat(routed)})) == kept
    assert ask(whole({"routed_experts": npy(routed)})) == kept


@pytest.mark.parametrize(("layers", "chosen"), [(16, 2), (24, 4), (48, 8), (7, 1), (32, 2)])
def test_how_many_experts_a_token_takes_follows_from_none_coming_twice(layers, chosen):
    routed = routing(1, TOKENS, layers, chosen)
    experts = ask(whole({}, sglext={"routed_experts": flat(routed)}))
    assert experts == counted(routed)


def test_few_tokens_that_leave_it_open_are_ignored_with_a_warning(caplog):
    routed = routing(2, 3, 2, 2)
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    said = {**whole({}, sglext={"routed_experts": flat(routed)}), "usage": usage}
    assert ask(said) == ()
    assert "3 tokens are too few to tell how many experts" in caplog.text


def test_a_stream_of_either_is_counted_too():
    routed = routing(3)
    text = {"choices": [{"delta": {"content": "Well."}}]}
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    vllm = {"choices": [{"delta": {}, "finish_reason": "stop", "routed_experts": npy(routed)}]}
    sglang = {"choices": [], "sglext": {"routed_experts": flat(routed)}}
    usage = {"choices": [], "usage": USAGE}
    for pieces in ([text, vllm, usage], [text, end, sglang, usage]):
        assert ask(stream(*pieces), on_text=lambda text: None) == counted(routed)


def header(text: str, data: bytes = b"") -> str:
    raw = text.encode()
    start = b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little")
    return base64.b64encode(start + raw + data).decode()


GOOD = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2), }\n"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (npy(routing(), "float32"), "no array of whole numbers with three dimensions"),
        (npy(np.asfortranarray(routing())), "no array of whole numbers"),
        (npy(routing()[0]), "no array of whole numbers"),
        (npy(np.array([[[EXPERTS]]] * 3, dtype=object), "O"), "no array of whole numbers"),
        (header(GOOD, b"\x01" * 7), "another size than its header says"),
        (header(GOOD.replace("2, 2, 2", "999999999, 999999999, 2")), "another size"),
        (header(GOOD + " " * 5000), "no array of whole numbers"),
        (header("__import__('os').system('true')"), "no array of whole numbers"),
        (npy(np.full((4, 2, 2), -1), "int16"), "the numbers -1 to -1"),
        (npy(np.full((4, 2, 2), 60000), "uint16"), "the numbers 60,000 to 60,000"),
        (npy(np.zeros((1, 2000, 2)), "uint8"), "2,000 layers, expected up to 1,024"),
        (base64.b64encode(b"nothing").decode(), "no .npy file"),
        ("no base 64!", "no base64"),
        ([[1, 2]], "a list, expected base64"),
        (7, "a int, expected base64"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_experts_is_ignored_with_one_warning(wrong, why, caplog):
    from agentkit.models.openai import routed_experts

    routed_experts._warn.cache_clear()
    with caplog.at_level(logging.WARNING, "agentkit.models"):
        assert ask(whole({"routed_experts": wrong})) == ()
        assert ask(whole({"routed_experts": wrong})) == ()
    warnings = [record.message for record in caplog.records if "routed_experts" in record.message]
    assert len(warnings) == 1
    assert why in warnings[0]


@pytest.mark.parametrize("wrong", [base64.b64encode(b"12345").decode(), flat(routing(0, 28)), "!"])
def test_numbers_that_are_not_of_these_tokens_are_ignored(wrong):
    assert ask(whole({}, sglext={"routed_experts": wrong})) == ()


def test_an_answer_without_experts_has_no_counts():
    assert ask(whole({})) == ask(whole({"routed_experts": None}, sglext=None)) == ()
