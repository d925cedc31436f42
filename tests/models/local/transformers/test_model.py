"""A checkpoint in this process: what an agent may count on, with the real SmolLM2 and a mixture."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_checkpoints import MIXTURES

from agentkit import Agent, Graph, Message, Node, Question, Request, Sampling, StepError, get_model
from agentkit.cli.app import cli
from agentkit.errors import InputError, ModelError
from agentkit.events import NodeFinished
from agentkit.messages import Completion
from agentkit.models.hosted import Settings
from agentkit.models.local.find import find_model
from agentkit.models.local.transformers.experts import expert_shape
from agentkit.models.local.transformers.model import TransformersModel
from agentkit.models.local.transformers.plan import limited
from agentkit.testing import MODEL_CHECKS

SETTINGS = Settings(threads=1, context=1024)
GREEDY = Sampling(temperature=0, max_tokens=8)


@pytest.fixture(scope="module")
def smol(smollm2_folder: Path) -> Iterator[TransformersModel]:
    made = TransformersModel("smollm2-folder", smollm2_folder, SETTINGS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def mixture(tiny: Callable[..., Path]) -> Iterator[TransformersModel]:
    made = TransformersModel("tiny", tiny(), SETTINGS)
    yield made
    made.close()


class Brief:
    """A model with answers of a word, or of what fits into its form."""

    reads_variables = False

    def __init__(self, model: TransformersModel) -> None:
        self.name, self._model = model.name, model
        self.decides, self.most_questions = model.decides, model.most_questions
        self.decide = model.decide

    async def complete(self, request: Request) -> Completion:
        sampling = Sampling(temperature=0, max_tokens=4)
        answer = await self._model.complete(replace(request, sampling=sampling))
        text = answer.text
        if not text.strip():  # random weights may end an answer at once
            text = f"{text}."
            if request.on_text is not None:
                request.on_text(".")
        return replace(answer, text=text, finish_reason="stop", detail="")


def request(text: str, sampling: Sampling = GREEDY, **fields: object) -> Request:
    return Request((Message("user", text),), sampling, **fields)


def ask(model: TransformersModel, *args: object, **fields: object) -> Completion:
    return asyncio.run(model.complete(request(*args, **fields)))


@pytest.mark.parametrize("check", MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("which", ["smol", "mixture"])
def test_it_keeps_what_agents_count_on_of_every_model(which, check, request):
    model = Brief(request.getfixturevalue(which))
    check(lambda: model)


def test_it_answers_counts_its_tokens_and_is_free(smol):
    answer = ask(smol, "Name a fruit.")
    assert answer.model == smol.path.name
    assert answer.finish_reason in ("stop", "length")
    usage = answer.usage
    assert (usage.input_tokens > 20, 0 < usage.output_tokens <= 8) == (True, True)
    assert usage.cost_usd == 0


def test_it_ends_its_turn_by_itself(smol):
    answer = ask(smol, "What is 2 + 2?", Sampling(temperature=0, max_tokens=200))
    assert answer.finish_reason == "stop"
    assert "<|im_end|>" not in answer.text


def test_it_says_what_it_is(smol, mixture):
    smol.load()
    assert smol.description.startswith("llama, 135M parameters, a checkpoint of 269 MB, context ")
    assert smol.description.endswith(" on cpu, 1 thread")
    mixture.load()
    assert mixture.description.startswith("qwen3_moe, 391K parameters, 225K active, ")


@pytest.mark.parametrize(
    ("declared", "question"),
    [
        ("integer", "How many legs has a dog?"),
        ("yes_no", "Is snow white?"),
        ({"choice": ["left", "right"]}, "Which way?"),
        ({"fruit": "str", "price": "int"}, "A fruit and its price."),
        (["str"], "Two fruits."),
    ],
)
def test_an_answer_is_held_to_its_form(smol, declared, question):
    graph = Graph([Node("n", question, output=declared, attempts=1)])
    assert graph.run_sync({}, model=smol)["n"] is not None


def test_a_schema_without_a_grammar_is_left_out_unless_it_has_to_be_held(tiny):
    schema = {"type": "object", "properties": {"n": {"type": "string", "pattern": "(?=a)b"}}}
    free = get_model(f"local:{tiny()}", settings=SETTINGS)
    assert ask(free, "Well?", schema=schema).text
    held = get_model(f"local:{tiny()}", settings=replace(SETTINGS, structured="on"))
    with pytest.raises(ModelError, match="no grammar for its schema"):
        ask(held, "Well?", schema=schema)


def test_a_prompt_that_is_too_long_names_the_node_both_numbers_and_the_setting(tiny):
    agent = Agent(Graph([Node("n", "word " * 900)]), model=f"local:{tiny()}")
    model = get_model(f"local:{tiny()}", settings=Settings(threads=1, context=256))
    with pytest.raises(StepError, match=r"n.*the prompt has .*, and the context is 256"):
        agent.graph.run_sync({}, model=model)


def test_an_answer_that_is_cut_off_at_the_end_of_the_context_names_the_setting(tiny):
    model = get_model(f"local:{tiny()}", settings=Settings(threads=1, context=256))
    answer = ask(model, "word " * 80, Sampling(temperature=0, max_tokens=300))
    assert answer.finish_reason == "length"
    assert "Raise 'context'" in answer.detail


def test_a_picture_is_refused(mixture):
    from agentkit import Image

    shown = Request((Message("user", "What is it?", (Image(b"\x89PNG"),)),), GREEDY)
    with pytest.raises(ModelError, match="no pictures"):
        asyncio.run(mixture.complete(shown))


def test_a_wrong_sampling_setting_is_told_and_the_engine_goes_on(mixture):
    with pytest.raises(ModelError, match="top_k"):
        ask(mixture, "Well?", Sampling(temperature=1), extra={"top_k": -3})
    assert ask(mixture, "Well?").usage.output_tokens


def test_it_decides_by_the_whole_text_of_the_options(smol):
    asked = Question("Which of these is a fruit?", ("a banana", "a hammer", "a cloud"))
    said = asyncio.run(smol.decide(Request((Message("user", "?"),), questions=(asked,))))
    assert said.decision.winner == "a banana"
    assert sum(said.decision.probabilities.values()) == pytest.approx(1)
    assert 0 <= said.decision.other < 1


def test_questions_of_one_request_read_their_shared_beginning_once(smol):
    shown = Message("system", "The map has a river, a hill, a forest and a cave. " * 8)
    asked = tuple(Question(f"Is there a {what}?", ("yes", "no"), "predicate") for what in "abcd")
    several = Request((shown, Message("user", "?")), questions=asked)
    usage = asyncio.run(smol.decide(several)).usage
    assert usage.cached_tokens > 0.6 * usage.input_tokens


@pytest.mark.parametrize("family", MIXTURES)
def test_the_experts_of_an_answer_are_counted_exactly(family, tiny):
    model = TransformersModel("t", tiny(family), replace(SETTINGS, telemetry="experts"))
    shown = "The graph has nodes and the nodes have edges. " * 6

    async def all_at_once() -> list[Completion]:
        return await asyncio.gather(*(model.complete(request(f"{shown} {n}?")) for n in range(5)))

    try:
        answers = [*asyncio.run(all_at_once()), *asyncio.run(all_at_once())]
        config = json.loads((tiny(family) / "config.json").read_text())
        layers, experts, k = expert_shape(config)
        for one in answers:
            used = one.usage
            read = used.input_tokens - used.cached_tokens + used.output_tokens - 1
            assert [sum(layer) for layer in one.experts] == [read * k] * layers
            assert all(len(layer) == experts for layer in one.experts)
        if family not in ("lfm2_moe", "gpt_oss"):
            assert any(one.usage.cached_tokens for one in answers)
    finally:
        model.close()


def test_kept_experts_are_a_setting_and_a_wrong_file_is_told_before_anything_is_asked(
    tiny, tmp_path
):
    keep = tmp_path / "keep.json"
    keep.write_text(json.dumps({"experts": 8, "layers": [[0, 1, 2]] * 3}))
    entry = replace(SETTINGS, expert_keep="keep.json", telemetry="experts")
    model = get_model(f"local:{tiny()}", settings=entry, folder=tmp_path)
    used = ask(model, "Which node?").experts
    assert all(not any(layer[3:]) and sum(layer[:3]) for layer in used)
    model.close()
    keep.write_text(json.dumps({"experts": 8, "layers": [[0]] * 2}))
    wrong = get_model(f"local:{tiny()}", settings=entry, folder=tmp_path)
    with pytest.raises(InputError, match="lists 2 layers, and the model has 3"):
        wrong.check_ready()


def test_a_gguf_file_runs_on_transformers_too(smollm2_file, smol, monkeypatch, smollm2_folder):
    monkeypatch.setenv("XDG_CACHE_HOME", str(smollm2_folder.parents[2]))
    settings = Settings(threads=1, context=1024, engine="transformers")
    model = get_model(f"local:{smollm2_file}", settings=settings)
    model.check_ready()
    assert ask(model, "Name a fruit.").text == ask(smol, "Name a fruit.").text
    model.close()


def test_settings_of_the_other_engine_are_refused(smollm2_file, tiny):
    with pytest.raises(InputError, match="only transformers takes 'dtype'"):
        get_model(f"local:{smollm2_file}", settings=Settings(dtype="float32"))
    with pytest.raises(InputError, match=r"llama\.cpp runs GGUF files"):
        get_model(f"local:{tiny()}", settings=Settings(engine="llamacpp"))
    with pytest.raises(InputError, match=r"unknown 'repeat_penalty'.*repetition_penalty"):
        get_model(f"local:{tiny()}", settings=Settings(extra={"repeat_penalty": 1.1}))


def test_all_who_ask_for_a_checkpoint_share_one_engine_whatever_the_machine_has_free(tiny):
    """What was left open was part of what engines were told apart by."""
    made = [TransformersModel("tiny", tiny(), Settings(context=512)) for _ in range(2)]
    first = made[0]._get_engine()
    other = replace(first.plan, threads=7, cached_tokens=99)
    first.plan = other
    assert made[1]._get_engine() is first
    another = TransformersModel("tiny", tiny(), Settings(context=256))
    assert another._get_engine() is not first


def test_a_dense_model_has_no_experts_to_count_and_says_so_before_an_episode(smollm2_folder):
    model = TransformersModel("smol", smollm2_folder, Settings(telemetry="experts"))
    with pytest.raises(InputError, match=r"it is a dense model\. Leave 'telemetry' out"):
        model.check_ready()


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"top_k": "x"}, "top_k is 'x', expected a whole number above 0"),
        ({"repetition_penalty": -1}, "repetition_penalty is -1, expected a number above 0"),
        ({"min_p": 7}, "min_p is 7, expected a number from 0 to 1"),
    ],
)
def test_a_wrong_value_in_extra_is_told_before_anything_is_asked(tiny, extra, said):
    with pytest.raises(InputError, match=said):
        get_model(f"local:{tiny()}", settings=Settings(extra=extra))


def test_keys_and_values_take_what_the_weights_leave_on_a_gpu(tiny):
    plan = TransformersModel("tiny", tiny(), Settings(context=512))._get_engine().plan
    assert limited(plan, 100, 10**9).cached_tokens == plan.cached_tokens
    assert limited(plan, 100, 125_000).cached_tokens == 1000
    with pytest.raises(InputError, match="room for the keys and values of 400 tokens"):
        limited(plan, 100, 50_000)


def test_nodes_that_decide_at_once_each_have_their_own_tokens_and_experts(tiny):
    """All was booked on the first, where they shared a request."""
    graph = Graph(
        [Node(n, f"Is it {n}?", output="yes_no", decide=True) for n in "ab"],
        context="The graph has nodes. " * 20,
    )
    model = TransformersModel("t", tiny(), replace(SETTINGS, telemetry="experts"))
    try:
        trace = graph.run_sync({}, model=model).trace
    finally:
        model.close()
    told = {one.node: one.completion for one in trace if isinstance(one, NodeFinished)}
    assert all(sum(told[node].experts[0]) and told[node].usage.calls == 1 for node in "ab")
    assert all(told[node].usage.input_tokens > 100 for node in "ab")


def test_check_tells_what_is_wrong_with_a_checkpoint_and_its_settings(tiny, tmp_path):
    agent = tmp_path / "agent.yaml"

    def said(**settings: object) -> tuple[int, str]:
        entry = {"use": f"local:{tiny()}", **settings}
        agent.write_text(json.dumps({"name": "a", "models": {"m": entry}, "model": "m",
                                     "nodes": ["Well?"]}))  # fmt: skip
        result = CliRunner().invoke(cli, ["check", str(agent)])
        return result.exit_code, result.output

    assert said(telemetry="experts")[0] == 0
    for settings, words in (
        ({"context": 5000}, "the model was made for 1,024 tokens at most"),
        ({"expert_keep": "nothing.json"}, "cannot read"),
    ):
        code, output = said(**settings)
        assert (code, words in output) == (2, True), output


def test_a_misspelt_folder_is_told_with_the_right_one(tiny, tmp_path):
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my-model" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="Did you mean 'my-model'"):
        find_model("my-modle", tmp_path)
    with pytest.raises(InputError, match=r"'hf download Qwen/Qwen3-0\.6B' prints the folder"):
        find_model("Qwen/Qwen3-0.6B", tmp_path)
