"""The model in this process: what an agent may count on, with the real SmolLM2."""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit import (
    Agent,
    Decision,
    Graph,
    Message,
    Node,
    Question,
    Request,
    Sampling,
    StepError,
    get_model,
    rollout_sync,
)
from agentkit.errors import InputError, ModelError
from agentkit.messages import Completion
from agentkit.models.hosted import Settings
from agentkit.models.local.llamacpp.model import LlamaCppModel
from agentkit.models.resolve import ModelChooser
from agentkit.outputs.declaration import compile_output
from agentkit.testing import check_model

GREEDY = Sampling(temperature=0, max_tokens=8)


def request(text: str, sampling: Sampling = GREEDY, **fields: object) -> Request:
    return Request((Message("user", text),), sampling, **fields)


def ask(
    model: LlamaCppModel, text: str, sampling: Sampling = GREEDY, **fields: object
) -> Completion:
    return asyncio.run(model.complete(request(text, sampling, **fields)))


def no_more_threads_than(number: int) -> bool:
    """Whether threads that have given their answer end."""
    until = time.monotonic() + 10
    while threading.active_count() > number and time.monotonic() < until:
        time.sleep(0.05)
    return threading.active_count() <= number


class Brief:
    """The model, with answers of a word."""

    reads_variables = False

    def __init__(self, model: LlamaCppModel) -> None:
        self.name = model.name
        self._model = model

    async def complete(self, request: Request) -> Completion:
        sampling = Sampling(temperature=0, stop=(" ", "\n"))
        return await self._model.complete(replace(request, sampling=sampling))


def test_it_keeps_what_agents_count_on_of_every_model(model):
    check_model(lambda: Brief(model))


def test_it_answers_counts_its_tokens_and_is_free(model):
    answer = ask(model, "Name a fruit.")
    assert answer.model == "SmolLM2-135M-Instruct.Q4_1"
    assert answer.finish_reason in ("stop", "length")
    usage = answer.usage
    assert (usage.input_tokens > 20, 0 < usage.output_tokens <= 8) == (True, True)
    assert usage.cost_usd == 0


def test_it_says_what_it_is(model):
    assert model.description == (
        "llama, 135M parameters, a file of 98 MB, context 1,024 tokens, 4 calls at once, about "
        "350 MB of memory, 1 thread"
    )


def test_all_who_ask_for_a_file_share_one_engine(model):
    chooser = ModelChooser()
    entry = {"use": "local:smollm2", "context": 1024, "threads": 1, "max_concurrency": 4}
    chosen = chooser.choose(entry).model
    assert chooser.choose("local:smollm2").model is chosen
    other = get_model("local:smollm2", settings=model.settings)
    for one in (chosen, other):
        assert ask(one, "Name a fruit.").text == ask(model, "Name a fruit.").text
        assert one._get_engine() is model._get_engine()


def test_models_that_share_an_engine_wait_for_its_slots_before_their_time_runs():
    """Eight calls of two models were in four slots, and those that waited there ran out of time."""
    settings = Settings(context=512, threads=1, max_concurrency=2)
    models = [LlamaCppModel("smollm2", settings) for _ in range(2)]
    running, most = 0, 0

    def start() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)

    async def one(model: LlamaCppModel) -> None:
        nonlocal running
        await model.complete(request("Name a fruit.", on_start=start))
        running -= 1

    async def all_at_once() -> None:
        await asyncio.gather(*(one(model) for model in models for _ in range(3)))

    asyncio.run(all_at_once())
    assert most == 2


def test_the_shared_beginning_of_prompts_is_read_once(model):
    shown = "The map has a river, a hill, a forest and a cave. " * 10
    graph = Graph(
        [Node(f"n{i}", f"What of place {i}?", after=[f"n{i - 1}"] if i else []) for i in range(4)],
        context=shown,
    )
    run = graph.run_sync({}, model=Brief(model))
    assert run.usage.cached_tokens > 0.6 * run.usage.input_tokens


def test_an_answer_arrives_in_pieces(model):
    heard: list[str] = []
    answer = ask(model, "Tell me about bees.", on_text=heard.append)
    assert len(heard) > 3
    assert "".join(heard) == answer.text


@pytest.mark.parametrize(
    ("declared", "question"),
    [
        ("yes_no", "Is fire cold?"),
        ({"choice": ["go west", "go east"]}, "Where to?"),
        ({"place": "one of [hill, cave]", "sure": "bool"}, "Where is the gold?"),
    ],
)
def test_an_answer_is_held_to_its_form(model, declared, question):
    output = compile_output(declared)
    sampling = Sampling(temperature=0, max_tokens=40)
    prompt = f"{question}\n\n{output.instruction({})}"
    answer = ask(model, prompt, sampling, schema=output.json_schema({}))
    assert output.parse(answer.text, {}) is not None


def test_a_schema_that_the_engine_does_not_know_is_left_out_and_others_are_not(weights):
    one = LlamaCppModel("smollm2", Settings(context=1024, threads=1, max_concurrency=4))
    assert ask(one, "Name a fruit.", schema={"type": "strange"}).text
    quince = {"type": "object", "properties": {"fruit": {"const": "quince"}}, "required": ["fruit"]}
    answer = ask(one, "Name a fruit.", replace(GREEDY, max_tokens=30), schema=quince)
    assert json.loads(answer.text) == {"fruit": "quince"}


def test_with_the_bounds_that_schemas_get_the_model_ends_its_answer_within_its_tokens(model):
    """Without them its first text filled all 60 tokens, and the answer was cut off."""
    journey = Node(
        "journey",
        "List the steps of a long journey through a forest, and why.",
        output={"why": "str", "steps": ["str"]},
        temperature=0,
        max_tokens=60,
        attempts=1,
    )
    assert Graph([journey]).run_sync(model=model).usage.output_tokens < 60


def test_a_grammar_of_the_request_holds_the_answer(model):
    answer = ask(model, "Name a fruit.", extra={"grammar": 'root ::= "a quince"'})
    assert answer.text == "a quince"


def test_the_same_seed_gives_the_same_answer_and_others_differ(model):
    def told(seed: int | None) -> str:
        sampling = Sampling(temperature=1.2, max_tokens=16, seed=seed)
        return ask(model, "Invent a strange animal.", sampling).text

    assert told(7) == told(7)
    assert len({told(seed) for seed in range(4)}) > 1


def test_numbers_of_more_than_64_bits_are_sent(model):
    """The writer of JSON raised a TypeError of its own."""
    assert ask(model, "Name a fruit.", Sampling(max_tokens=2, seed=2**70)).text
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 10**25}}}
    assert ask(model, "Count.", schema=schema).usage.output_tokens


def test_stop_and_max_tokens_end_an_answer(model):
    assert "," not in ask(model, "Count.", Sampling(temperature=0, max_tokens=20, stop=(",",))).text
    answer = ask(model, "Tell me a long story.", Sampling(max_tokens=3))
    assert (answer.finish_reason, answer.usage.output_tokens) == ("length", 3)


LONG = Sampling(temperature=0, max_tokens=900)


def test_a_cancelled_call_ends_while_it_is_read_and_while_it_is_answered(model):
    """The loop goes on: that it ends would end the call too."""

    async def seconds_to_end(prompt: str, delay_s: float) -> float:
        long = request(prompt, LONG, extra={"ignore_eos": True})
        call = asyncio.create_task(model.complete(long))
        await asyncio.sleep(delay_s)
        calls = list(model._get_engine()._calls)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert call.cancelled()
        began = time.monotonic()
        for thread in calls:
            await asyncio.to_thread(thread.join)
        return time.monotonic() - began

    began = time.monotonic()
    ask(model, "bird " * 700, Sampling(max_tokens=1))  # a third of what the calls would take
    a_part_of_it_s = time.monotonic() - began
    for prompt, delay_s in (("word " * 700, 0.05), ("Tell me a long story.", 0.5)):
        assert asyncio.run(seconds_to_end(prompt, delay_s)) < a_part_of_it_s


def test_a_prompt_that_is_too_long_names_the_node_both_numbers_and_the_setting(model):
    graph = Graph([Node("plan", "word " * 1200)])
    with pytest.raises(StepError) as said:
        graph.run_sync({}, model=model)
    told = str(said.value)
    assert "plan" in told
    assert "the prompt has 1,2" in told
    assert "the context is 1,024" in told
    assert "raise 'context' of the model (the model reads up to 8,192)" in told


def test_an_answer_that_is_cut_off_at_the_end_of_the_context_names_the_setting(weights):
    endless = {"ignore_eos": True}
    small = LlamaCppModel(
        "smollm2", Settings(context=256, threads=1, max_concurrency=1, extra=endless)
    )
    small.load()
    answer = ask(small, "word " * 190, Sampling(temperature=0))
    small.close()
    assert answer.finish_reason == "length"
    assert "at the end of the context, 256 tokens with the prompt; be shorter" in answer.detail
    assert "Raise 'context' of the model" in answer.detail


def test_the_port_that_llama_cpp_opens_is_closed_to_whoever_has_no_key(model):
    address = f"{model._get_engine().address}/v1/chat/completions"
    body = b'{"messages": [{"role": "user", "content": "Hi"}]}'
    headers = {"Content-Type": "application/json", "Origin": "https://example.org"}
    asked = urllib.request.Request(address, body, headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=20)
    assert refused.value.code == 401
    refused.value.close()
    assert ask(model, "Name a fruit.").text


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_closing_fails_who_waits_frees_the_memory_and_leaves_no_thread(model):
    ask(model, "Name a fruit.")  # what is loaded once is loaded
    threads, before = threading.active_count(), resident_mb()
    other = LlamaCppModel("smollm2", Settings(context=4096, threads=1, max_concurrency=2))
    other.load()
    during = resident_mb()
    assert during > before + 150

    async def closed() -> list[object]:
        calls = [
            asyncio.create_task(other.complete(request(f"Story {n}?", LONG))) for n in range(4)
        ]
        await asyncio.sleep(0.5)
        await asyncio.to_thread(other.close)
        return await asyncio.gather(*calls, return_exceptions=True)

    for failure in asyncio.run(closed()):
        assert isinstance(failure, ModelError)
        assert "the engine was closed" in str(failure)
    assert no_more_threads_than(threads)
    assert resident_mb() < before + (during - before) / 3
    assert ask(model, "Name a fruit.").text


def test_it_works_in_loops_of_several_threads(model):
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda n: ask(model, "Name a fruit."), range(3)))
    assert len({answer.text for answer in answers}) == 1


ENDLESS = """
name: endless
model: small
models:
  small: {use: local:smollm2, context: 1024, threads: 1, max_concurrency: 1}
nodes:
  story:
    prompt: Tell me a very long story about a river.
    temperature: 0
    max_tokens: 900
"""


def test_ctrl_c_ends_a_long_answer_at_once_and_nothing_of_llama_cpp_is_shown(tmp_path):
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    command = [sys.executable, "-m", "agentkit", "run", "endless.yaml", "--json"]
    run = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        while not any(tmp_path.glob("runs/*/episodes/0000.jsonl")):
            assert run.poll() is None, run.communicate()
            time.sleep(0.1)
        time.sleep(1)
        began = time.monotonic()
        for _ in range(2):  # the first waits for the answer
            os.kill(run.pid, signal.SIGINT)
            time.sleep(0.5)
        shown, errors = run.communicate(timeout=60)
    finally:
        run.kill()
    assert time.monotonic() - began < 15
    assert run.returncode == 130, errors
    assert "note: local:smollm2: llama, 135M parameters" in errors
    assert json.loads(shown)["status"] == "interrupted"
    assert "srv" not in errors
    assert "llama_" not in errors


def test_an_agent_is_refused_before_an_episode_starts(tmp_path, weights):
    (tmp_path / "no.gguf").write_bytes(b"nothing")
    agent = Agent(Graph([Node("n", "?")]), model=LlamaCppModel("no.gguf", folder=tmp_path))
    with pytest.raises(InputError, match="no GGUF file"):
        rollout_sync(agent)


def test_it_decides_by_the_probabilities_of_labels_and_says_what_fell_outside(model):
    """The same in every order of the requests, and in sum 1."""
    where = Question("A wolf comes from the left. Where do you run?", ("left", "right", "up"))
    hot = Question("Is fire hot?", ("yes", "no"), "predicate")

    def decided(question: Question) -> Decision:
        asked = request(question.text, questions=(question,))
        completion = asyncio.run(model.decide(asked))
        assert (completion.usage.output_tokens, completion.usage.cost_usd) == (1, 0.0)
        (decision,) = completion.decisions
        return decision

    first = [decided(where), decided(hot), decided(where)]
    for decision in first:
        assert sum(decision.probabilities.values()) == pytest.approx(1)
        assert 0 < decision.other < 1
        assert min(decision.probabilities.values()) > 0
    # what is read from the cache differs by the rounding of batches
    assert first[0].probabilities == pytest.approx(first[2].probabilities, abs=0.05)


def test_a_graph_is_decided_by_it(model):
    nodes = [
        Node("danger", "Is a wolf dangerous?", output="yes_no", decide=True),
        Node("act", "Where do you go?", output={"choice": ["left", "right"]}, decide=True),
    ]
    result = Graph(nodes, system="You walk.").run_sync(model=model)
    assert result["danger"] in (True, False)
    assert result["act"] in ("left", "right")
    assert {*result.probabilities} == {"danger", "act"}
    assert result.usage.calls == 2


def test_more_options_than_letters_are_decided_by_groups(model):
    options = tuple(f"door {number}" for number in range(30))
    question = Question("Which door?", options)
    completion = asyncio.run(model.decide(request("Which door?", questions=(question,))))
    assert sum(completion.decisions[0].probabilities.values()) == pytest.approx(1)
    assert completion.usage.calls == 3


def test_a_file_on_the_command_line_lies_where_the_user_stands(tmp_path):
    (tmp_path / "no.gguf").write_bytes(b"nothing")
    command = [sys.executable, "-m", "agentkit", "run", "essay", "--model", "local:no.gguf"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path / 'no.gguf'} is no GGUF file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_an_entry_has_fields_of_llama_cpp(weights):
    graph = Graph([Node("a", "Which city is the capital of France?", max_tokens=8)])
    models = {"m": {"use": "local:smollm2", "extra": {"grammar": 'root ::= "Oslo" | "Rome"'}}}
    agent = Agent(graph, model="m", models=models)
    assert agent.act_sync() in ("Oslo", "Rome")


FORKED = """
import asyncio, multiprocessing
from agentkit import Message, Request, Sampling, get_model
from agentkit.errors import ModelError

def ask(model):
    request = Request((Message("user", "Hi"),), Sampling(max_tokens=2))
    try:
        print(bool(asyncio.run(model.complete(request)).text), flush=True)
    except ModelError as error:
        print(error, flush=True)

if __name__ == "__main__":
    model = get_model("local:smollm2")
    for load in (False, True):
        if load:
            ask(model)
        child = multiprocessing.get_context("fork").Process(target=ask, args=(model,))
        child.start()
        child.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_of_a_process_that_has_loaded_is_told_so_and_does_not_hang():
    """It waited for threads that a fork has not, and could not be ended."""
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    forked_before, parent, forked_after = ran.stdout.splitlines()
    assert (forked_before, parent) == ("True", "True"), ran.stderr
    assert "this process was forked from one in which llama.cpp runs" in forked_after
