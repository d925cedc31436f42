"""Answers that share a batch are those that transformers gives one by one, for every family."""

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from tiny_checkpoints import MIXTURES, make_checkpoint

from agentkit import Decision, Message, Question, Request, Sampling
from agentkit.errors import ModelError
from agentkit.messages import Completion
from agentkit.models.hosted import Settings
from agentkit.models.local.transformers.chat import prompt_ids
from agentkit.models.local.transformers.model import TransformersModel

TOKENS = 24
PLAIN = Sampling(temperature=0, max_tokens=TOKENS)
every_family = pytest.mark.parametrize("family", MIXTURES)
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 10, "maximum": 99}},
    "required": ["n"],
    "additionalProperties": False,
}


@contextmanager
def running(folder: Path, **settings: object) -> Iterator[TransformersModel]:
    chosen = {"threads": 1, "dtype": "float32", "context": 512, **settings}
    model = TransformersModel(folder.name, folder, Settings(**chosen))
    try:
        yield model
    finally:
        model.close()


def request(text: str, sampling: Sampling = PLAIN, **fields: object) -> Request:
    return Request((Message("user", text),), sampling, **fields)


def texts(count: int = 8) -> list[str]:
    """Prompts of different lengths."""
    more = ("The graph is long. " * (5 * n % 7) for n in range(count))
    return [f"{n}. Which node comes next? {rest}" for n, rest in enumerate(more)]


def ask(model: TransformersModel, requests: Sequence[Request]) -> list[Completion]:
    async def all_at_once() -> list[Completion]:
        return await asyncio.gather(*(model.complete(one) for one in requests))

    return asyncio.run(all_at_once())


def of_generate(model: TransformersModel, text: str) -> str:
    """The answer of transformers' own `generate`, asked alone."""
    with model._get_engine().alone() as loaded:
        ids = prompt_ids(loaded.tokenizer, (Message("user", text),))
        shape = torch.ones(1, len(ids), dtype=torch.long)
        out = loaded.model.generate(
            torch.tensor([ids]),
            attention_mask=shape,
            max_new_tokens=TOKENS,
            do_sample=False,
            eos_token_id=sorted(loaded.end_ids),
        )
        return loaded.tokenizer.decode(out[0][len(ids) :], skip_special_tokens=True)


@every_family
def test_in_a_batch_answers_are_those_that_come_one_by_one(family, tiny):
    with running(tiny(family)) as model:
        together = ask(model, [request(text) for text in texts()])
        again = ask(model, [request(text) for text in texts()])
        alone = [of_generate(model, text) for text in texts()]
    assert [one.text for one in together] == alone
    assert [one.text for one in again] == alone


def test_each_answer_of_a_batch_has_its_own_sampling_seed_stop_and_grammar(tiny):
    wishes = [
        {"sampling": PLAIN},
        {"sampling": Sampling(temperature=1.5, seed=1, max_tokens=TOKENS)},
        {"sampling": Sampling(temperature=1.5, seed=2, max_tokens=TOKENS)},
        {"sampling": Sampling(temperature=0.7, top_p=0.5, seed=1, max_tokens=9)},
        {"sampling": PLAIN, "schema": SCHEMA},
        {"sampling": Sampling(temperature=2, seed=5, max_tokens=TOKENS), "schema": SCHEMA},
        {"sampling": PLAIN, "extra": {"repetition_penalty": 1.8}},
    ]
    requests = [request("Which node?", **wish) for wish in wishes]
    with running(tiny()) as model:
        alone = [ask(model, [one])[0].text for one in requests]
        together = [one.text for one in ask(model, requests * 2)]
        word = alone[0].split()[3]
        stopped = request("Which node?", Sampling(temperature=0, max_tokens=TOKENS, stop=(word,)))
        (cut,) = ask(model, [stopped])
    assert together == alone * 2
    assert len(set(alone[:4] + alone[6:])) == 5
    assert all(10 <= json.loads(text)["n"] <= 99 for text in alone[4:6])
    assert (cut.text, cut.finish_reason) == (alone[0].partition(word)[0], "stop")


def test_the_beginning_that_prompts_share_is_read_once(tiny):
    shown = Message("system", "The map has a river, a hill, a forest and a cave. " * 16)
    asked = [Request((shown, Message("user", f"What of {n}?")), PLAIN) for n in range(6)]
    with running(tiny()) as model:
        first = ask(model, asked[:1])[0].usage
        others = [one.usage for one in ask(model, asked[1:])]
    assert first.cached_tokens == 0
    assert all(one.cached_tokens > 0.8 * one.input_tokens for one in others)


def test_answers_that_have_no_room_together_are_the_same_and_their_experts_are_counted_once(tiny):
    """Some are put off, and what was read of them is read again."""
    asked = [
        request(f"{n}. " + "word " * (90 + 6 * n), Sampling(temperature=0, max_tokens=60))
        for n in range(12)
    ]
    with running(tiny(), telemetry="experts") as model:
        together = ask(model, asked)
        alone = [ask(model, [one])[0] for one in asked]
    assert [one.text for one in together] == [one.text for one in alone]
    for one in together:
        used = one.usage
        read = used.input_tokens - used.cached_tokens + used.output_tokens - 1
        assert {sum(layer) for layer in one.experts} == {2 * read}


def test_pieces_arrive_as_they_come_and_add_up(tiny):
    heard: list[str] = []
    with running(tiny()) as model:
        (answer,) = ask(model, [request("Which node?", on_text=heard.append)])
    assert "".join(heard) == answer.text
    assert len(heard) > 5


@pytest.mark.parametrize("family", ["qwen3_moe", "lfm2_moe"])
def test_an_error_of_the_engine_fails_who_waits_with_the_reason_and_the_next_call_works(
    family, tiny
):
    def broken(*_: object) -> None:
        raise RuntimeError("the card fell off the bus")

    async def all_at_once(model: TransformersModel) -> list[object]:
        calls = [model.complete(request(text)) for text in texts(4)]
        return await asyncio.gather(*calls, return_exceptions=True)

    with running(tiny(family)) as model:
        before = ask(model, [request("Which node?")])
        with model._get_engine().alone() as loaded:
            hook = loaded.model.register_forward_pre_hook(broken)
        failures = asyncio.run(all_at_once(model))
        hook.remove()
        after = ask(model, [request("Which node?")])
    assert all(isinstance(one, ModelError) for one in failures)
    assert all("the card fell off the bus" in str(one) for one in failures)
    assert [one.text for one in after] == [one.text for one in before]


def test_one_answer_that_fails_leaves_the_others_alone(tiny):
    def unheard(text: str) -> None:
        raise RuntimeError("nobody listens")

    async def both(model: TransformersModel) -> list[object]:
        asked = [request("Which node?", on_text=unheard), request("Which node?")]
        return await asyncio.gather(*map(model.complete, asked), return_exceptions=True)

    with running(tiny()) as model:
        failed, answer = asyncio.run(both(model))
        assert str(failed) == "nobody listens"
        assert answer.text == of_generate(model, "Which node?")


@pytest.mark.parametrize("family", ["qwen3_moe", "lfm2_moe"])
def test_a_cancelled_call_frees_its_place(family, tiny):
    async def cancelled(model: TransformersModel) -> None:
        endless = request("Count.", Sampling(temperature=0, max_tokens=400))
        calls = [asyncio.create_task(model.complete(endless)) for _ in range(2)]
        await asyncio.sleep(0.2)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await model.complete(request("Which node?", Sampling(temperature=0, max_tokens=2)))

    with running(tiny(family), max_concurrency=2) as model:
        asyncio.run(cancelled(model))
        runner = model._get_engine()._runners[0]
        assert not (runner._running if family == "qwen3_moe" else runner._turns)


@pytest.mark.parametrize("family", ["qwen3_moe", "lfm2_moe"])
def test_closing_fails_who_waits_and_leaves_no_thread(family, tiny):
    async def closed(model: TransformersModel) -> list[object]:
        endless = request("Count.", Sampling(temperature=0, max_tokens=400))
        calls = [asyncio.create_task(model.complete(endless)) for _ in range(3)]
        await asyncio.sleep(0.2)
        await asyncio.to_thread(model.close)
        return await asyncio.gather(*calls, return_exceptions=True)

    threads = threading.active_count()
    with running(tiny(family)) as model:
        failures = asyncio.run(closed(model))
        assert all("the engine was closed" in str(one) for one in failures), failures
        deadline = time.monotonic() + 10
        while threading.active_count() > threads and time.monotonic() < deadline:
            time.sleep(0.02)
        assert threading.active_count() <= threads


def test_the_memory_is_freed_when_nobody_holds_the_model_any_more(tiny):
    model = TransformersModel("tiny", tiny(), Settings(threads=1, dtype="float32", context=512))
    ask(model, [request("Which node?")])
    with model._get_engine().alone() as loaded:
        weights = weakref.ref(loaded.model)
    del model, loaded
    deadline = time.monotonic() + 10
    while weights() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.05)
    assert weights() is None


def test_it_works_in_loops_of_several_threads(tiny):
    with running(tiny()) as model:
        expected = ask(model, [request("Which node?")])[0].text
        found: list[str] = []

        def in_a_loop() -> None:
            found.append(ask(model, [request("Which node?")])[0].text)

        threads = [threading.Thread(target=in_a_loop) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert found == [expected] * 4


@every_family
def test_decisions_are_made_between_the_tokens_of_answers(family, tiny):
    question = Question("Which way?", ("left", "right", "up"))
    decided = Request((Message("user", "Which way?"),), questions=(question,))

    async def both(model: TransformersModel) -> tuple[Decision, str]:
        answer = asyncio.create_task(model.complete(request("Which node?")))
        decisions = await asyncio.gather(*(model.decide(decided) for _ in range(3)))
        assert len({str(one.decision) for one in decisions}) == 1
        return decisions[0].decision, (await answer).text

    with running(tiny(family)) as model:
        alone = asyncio.run(model.decide(decided)).decision
        decision, text = asyncio.run(both(model))
        assert decision.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert text == of_generate(model, "Which node?")


@pytest.mark.parametrize("family", ["gpt_oss", "qwen3_moe"])
def test_a_first_decision_and_first_answers_do_not_disturb_each_other(family, tiny):
    """The engine's thread began in the middle of a decision, with another kind of attention."""
    asked = "Which way? " + "The graph is long. " * 40
    decided = Request(
        (Message("user", asked),), questions=(Question(asked, ("left", "right", "up")),)
    )

    async def both(model: TransformersModel) -> tuple[Completion, list[Completion]]:
        decision = asyncio.create_task(model.decide(decided))
        answers = []
        for _ in range(5):
            await asyncio.sleep(0.02)
            answers.append(asyncio.create_task(model.complete(request("Which node?"))))
        return await decision, await asyncio.gather(*answers)

    with running(tiny(family)) as model:
        alone = asyncio.run(model.decide(decided)).decision
    with running(tiny(family), telemetry="experts") as model:
        model.load()
        first, answers = asyncio.run(both(model))
        assert {one.text for one in answers} == {of_generate(model, "Which node?")}
        assert first.decision.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        for one in answers:
            read = one.usage.input_tokens - one.usage.cached_tokens + one.usage.output_tokens - 1
            assert {sum(layer) for layer in one.experts} == {2 * read}


def test_a_decision_after_an_error_of_the_engine_is_what_it_was(tiny):
    def broken(*_: object) -> None:
        raise RuntimeError("the card fell off the bus")

    question = Question("Which way?", ("left", "right", "up"))
    decided = Request((Message("user", "Which way?"),), questions=(question,))
    with running(tiny("gpt_oss")) as model:
        before = asyncio.run(model.decide(decided)).decision
        ask(model, [request("Which node?")])
        with model._get_engine().alone() as loaded:
            hook = loaded.model.register_forward_pre_hook(broken)
        with pytest.raises(ModelError):
            ask(model, [request("Which node?")])
        hook.remove()
        model._get_engine().once("prompts", object).clear()
        after = asyncio.run(model.decide(decided)).decision
    assert after.probabilities == pytest.approx(before.probabilities, abs=1e-5)


def test_a_decision_that_nobody_waits_for_any_more_is_not_made(tiny):
    question = Question("Which way? " + "The graph is long. " * 60, ("left", "right"))

    async def cancelled(model: TransformersModel) -> None:
        asked = [
            Request((Message("user", f"{n}"), Message("user", "?")), questions=(question,))
            for n in range(30)
        ]
        tasks = [asyncio.create_task(model.decide(each)) for each in asked[:-1]]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await model.decide(asked[-1])

    passes: list[object] = []
    with running(tiny(), context=1024, max_concurrency=32) as model:
        with model._get_engine().alone() as loaded:
            loaded.model.register_forward_pre_hook(lambda *_: passes.append(None))
        asyncio.run(cancelled(model))
    assert len(passes) < 30  # all of them take 60


def test_long_texts_of_a_model_with_longrope_are_those_of_generate(tmp_path):
    """In a batch the longest text decided by which angles all others were turned."""
    rope = {
        "rope_type": "longrope", "rope_theta": 10000.0, "factor": 8.0,
        "short_factor": [1.0] * 8, "long_factor": [4.0 + n for n in range(8)],
        "short_mscale": 1.0, "long_mscale": 1.2, "original_max_position_embeddings": 256,
    }  # fmt: skip
    folder = make_checkpoint(tmp_path / "long", "phimoe", rope_parameters=rope)
    asked = [f"{n}. " + "word " * (8 + 19 * n) for n in range(10)]
    for context in (256, 1024):
        fitting = [text for n, text in enumerate(asked) if context > 256 or n < 4]
        with running(folder, context=context) as model:
            together = ask(model, [request(text) for text in fitting])
            assert [one.text for one in together] == [of_generate(model, text) for text in fitting]
    left_open = TransformersModel("long", folder, Settings(threads=1))
    assert left_open._get_engine().plan.context == 256


@pytest.mark.parametrize(
    ("ends", "code"), [("pass", 0), ("os._exit(3)", 3), ("raise KeyboardInterrupt", -2)]
)
def test_a_program_may_end_while_an_answer_is_in_the_making(ends, code, tiny):
    program = (
        "import asyncio, os, sys\n"
        "from agentkit import Message, Request, Sampling, get_model\n"
        f"model = get_model('local:{tiny()}')\n"
        "asked = Request((Message('user', 'Count.'),), Sampling(temperature=0, max_tokens=400))\n"
        "async def main():\n"
        "    call = asyncio.create_task(model.complete(asked))\n"
        "    await asyncio.sleep(3)\n"
        f"    {ends}\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code
    assert "Fatal Python error" not in done.stderr
    assert "terminate called" not in done.stderr
