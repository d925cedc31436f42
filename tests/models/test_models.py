"""One suite over every model, then what each is for."""

import asyncio

import pytest

from agentkit import (
    Call,
    Completion,
    EchoModel,
    FunctionModel,
    Graph,
    InputError,
    Message,
    Model,
    ModelError,
    Node,
    Request,
    RulesModel,
    ScriptedModel,
    ScriptExhausted,
    StepError,
    Usage,
    get_model,
)


def request(text: str = "Hello there", **call: object) -> Request:
    return Request((Message("system", "S"), Message("user", text)), call=Call(**call))


def ask(model: Model, *args: str, **call: object) -> Completion:
    return asyncio.run(model.complete(request(*args, **call)))


MODELS = {
    "echo": EchoModel(),
    "script": ScriptedModel({"n": "fixed"}),
    "function": FunctionModel(lambda request: "fixed"),
    "async function": FunctionModel(lambda request: asyncio.sleep(0, "fixed")),
    "rules": RulesModel(lambda request: "fixed"),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_follows_the_protocol(name):
    model = MODELS[name]
    assert isinstance(model, Model)
    completion = ask(model, node="n")
    assert isinstance(completion, Completion)
    assert completion.text
    assert completion.usage.calls == 1
    assert completion.usage.cost_usd == 0.0
    assert completion.model == model.name
    assert completion.finish_reason == "stop"


@pytest.mark.parametrize("name", MODELS)
def test_every_model_answers_many_at_once(name):
    async def many() -> list[Completion]:
        calls = (MODELS[name].complete(request(node="n")) for _ in range(50))
        return await asyncio.gather(*calls)

    assert len(asyncio.run(many())) == 50


def test_echo_gives_back_the_prompt_and_streams_it():
    heard: list[str] = []
    asked = Request((Message("user", "Hi {{ x }}"),), on_text=heard.append)
    assert asyncio.run(EchoModel().complete(asked)).text == "Hi {{ x }}"
    assert heard == ["Hi {{ x }}"]


def test_an_exhausted_script_raises_showing_the_prompt_that_got_no_answer():
    model = ScriptedModel(["one"])
    assert ask(model).text == "one"
    with pytest.raises(ScriptExhausted, match="Hello there"):
        ask(model, node="plan", step=3)


def test_script_entries_answer_by_episode_step_node_item_and_attempt():
    model = ScriptedModel(
        [
            {"node": "n", "step": 1, "attempt": 2, "text": "second try"},
            {"node": "n", "step": 1, "text": "first try"},
            {"text": "anything"},
        ]
    )
    assert ask(model, node="n", step=1).text == "first try"
    assert ask(model, node="n", step=1, attempt=2).text == "second try"
    assert ask(model, node="m").text == "anything"


def test_scripts_load_from_json_and_json_lines(tmp_path):
    (tmp_path / "a.json").write_text('{"n": "x", "m": ["1", "2"]}')
    model = get_model("script:a.json", folder=tmp_path)
    assert [ask(model, node=n).text for n in ("n", "m", "m", "n")] == ["x", "1", "2", "x"]
    (tmp_path / "a.jsonl").write_text('{"node": "n", "text": "y"}\n\n{"text": "z"}\n')
    model = get_model("script:a.jsonl", folder=tmp_path)
    assert [ask(model, node=n).text for n in ("n", "o")] == ["y", "z"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[1", "line 1"),
        ("a.json", "3", "expected a list"),
        ("a.jsonl", '{"text": "x"}\n{', "line 2"),
        ("a.jsonl", '{"txt": "x"}', "unknown key 'txt'"),
        ("a.json", '{"a": "x", "b": {"key": "y"}}', "a.json: the answers of the node 'b' are no"),
        ("a.json", '{"b": ["x", 3]}', "node 'b' are no text and no list of texts"),
        ("a.json", '["x", 3]', "a.json: script entry 2 is no text"),
        ("none.json", None, "No such file"),
    ],
)
def test_a_script_that_cannot_be_read_says_where(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        get_model(f"script:{name}", folder=tmp_path)


def test_a_function_that_returns_no_text_is_a_model_error():
    with pytest.raises(ModelError, match="returned a int"):
        ask(FunctionModel(lambda request: 3))


def test_unknown_models_are_named_with_what_there_is():
    with pytest.raises(InputError, match=r"unknown model 'ecko'\. Did you mean 'echo'\?"):
        get_model("ecko")
    with pytest.raises(InputError, match="no environment"):
        get_model("rules")
    with pytest.raises(InputError, match="has no rule-based expert"):
        get_model("rules", env_id="test/Corridor-v0")
    with pytest.raises(InputError, match="an id, a Model or a function"):
        get_model(3)


def test_the_model_none_answers_nothing():
    with pytest.raises(InputError, match="node 'plan' has no model to answer it: name one"):
        ask(get_model("none"), node="plan")


@pytest.mark.parametrize("written", ["openai: gpt-5", " echo", "langchain:openai :gpt-5"])
def test_a_space_around_a_name_is_refused_with_the_id_without_it(written):
    tidy = written.replace(" ", "")
    with pytest.raises(InputError, match=f"write '{tidy}'"):
        get_model(written)


@pytest.mark.parametrize("tokens", [10**30, -1, "7", None])
def test_a_model_that_counts_tokens_without_sense_is_named(tokens):
    def model(request):
        return Completion("fine", Usage(tokens, 1))

    with pytest.raises(StepError, match="function:model returned a Completion with Usage"):
        Graph([Node("a", "Well?")]).run_sync(model=model)
