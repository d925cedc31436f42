"""What a program gives of a wrong kind is refused in words, at once."""

import asyncio

import pytest

from agentkit import (
    Agent,
    Check,
    CompletionFile,
    EchoModel,
    Graph,
    InputError,
    Limits,
    Memory,
    Node,
    OpenAIModel,
    Plan,
    Price,
    RunWriter,
    ScriptedModel,
    Settings,
    SpecError,
    dump_agent,
    fork,
    get_model,
    load_agent,
    load_run,
    parse_agent,
    profile_run,
    render,
    replay,
    rollout_sync,
)

GRAPH = Graph([Node("a", "x", save={"log": "output"})])
MEMORY = {"log": []}


def test_one_check_may_stand_without_a_list_as_in_yaml():
    node = Node("n", "How many?", output="integer", check=Check("output > 2", "too few"))
    answers = iter("135")
    result = Graph([node]).run_sync(model=lambda request: next(answers))
    assert (result["n"], result.usage.calls) == (3, 2)
    assert node.checks == (Check("output > 2", "too few"),)
    with pytest.raises(SpecError, match=r"check: expected Check\(that, say\), or a list of them"):
        Graph([Node("n", "x", check="output > 2")])


@pytest.mark.parametrize(
    ("kind", "call"),
    [(EchoModel, r"EchoModel\(\)"), (OpenAIModel, r"OpenAIModel\(\.\.\.\)"),
     (ScriptedModel, r"ScriptedModel\(\.\.\.\)")],
)  # fmt: skip
def test_a_class_is_no_model(kind, call):
    message = f"{kind.__name__} is a class: write {call}"
    for use in (
        lambda: get_model(kind),
        lambda: GRAPH.run_sync(model=kind, memory=MEMORY),
        lambda: Agent(GRAPH, model=kind, memory=MEMORY),
        lambda: Agent(GRAPH, model="m", models={"m": kind}, memory=MEMORY),
        lambda: Agent(GRAPH, model={"use": kind}, memory=MEMORY),
    ):
        with pytest.raises(InputError, match=message):
            use()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"memory": Memory}, "memory: expected a mapping of keys .* found <class"),
        ({"memory": ["log"]}, "memory: expected a mapping"),
        ({"inputs": "topic"}, "inputs: expected a mapping of names to values, found 'topic'"),
        ({"models": ["echo"]}, "models: expected a mapping"),
        ({"functions": len}, "functions: expected a mapping"),
        ({"functions": {"f": 3}}, "expected a function, found 3"),
        ({"limits": 10}, r"limits: expected Limits, such as Limits\(steps=100\), found 10"),
        ({"run_limits": Limits}, "run_limits: expected Limits, .* found <class"),
        ({"graph": [Node("a", "x")]}, r"graph: expected a Graph, such as Graph\(\["),
        ({"action": 3}, "action: expected the name of a node"),
        ({"name": 3}, "name: expected a text"),
        ({"folder": 3}, "folder: expected a path"),
    ],
)
def test_arguments_of_an_agent(given, message):
    with pytest.raises(SpecError, match=message):
        Agent(**{"graph": GRAPH, "model": "echo", "memory": MEMORY} | given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"memory": Memory(MEMORY)}, r"a Memory is for an Agent; give its values, memory\.start"),
        ({"memory": ["log"]}, "memory: expected a mapping of names to values, found"),
        ({"inputs": "x"}, "inputs: expected a mapping"),
        ({"models": "echo"}, "models: expected a mapping"),
        (
            {"cache": "kept.db"},
            r"cache: expected a cache, such as CompletionFile\(path\), found 'ke",
        ),
        ({"cache": CompletionFile}, "cache: expected a cache, .* found <class"),
        ({"functions": {"f": "g"}}, "expected a function, found 'g'"),
    ],
)
def test_arguments_of_a_graph(given, message):
    with pytest.raises(InputError, match=message):
        GRAPH.run_sync(**{"model": "echo", "memory": MEMORY} | given)
    if "inputs" not in given:
        with pytest.raises(InputError, match=message):
            GRAPH.as_runnable(**{"model": "echo", "memory": MEMORY} | given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"agent": GRAPH}, "agent: expected an Agent, found <Graph: a"),
        ({"plan": 3}, r"plan: expected a Plan, such as Plan\(episodes=10\), found 3"),
        ({"plan": Plan}, "plan: expected a Plan, .* found <class"),
        ({"cache": "kept.db"}, "cache: expected a cache"),
        ({"writer": "runs/x"}, r"writer: expected a RunWriter, such as RunWriter\('runs/first'\)"),
    ],
)
def test_arguments_of_a_rollout(given, message):
    agent = Agent(GRAPH, model="echo", memory=MEMORY)
    with pytest.raises(InputError, match=message):
        rollout_sync(**{"agent": agent} | given)


def test_a_path_may_be_a_text(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "model: script:s.json\nmemory: {log: []}\nkeep: {log: forever}\n"
        "nodes:\n  a:\n    prompt: x\n    save:\n      log: memory.log + [output]\n"
    )
    (tmp_path / "s.json").write_text('{"a": "y"}')
    agent = load_agent(str(tmp_path / "a.yaml"), memory_file=str(tmp_path / "m.json"))
    with RunWriter(str(tmp_path / "run")) as writer:
        rollout_sync(agent, writer=writer)
    memory = Memory(MEMORY, {"log": "forever"}, str(tmp_path / "m.json"))
    assert memory.begin() == {"log": ["y"]}
    again = Agent(GRAPH, model="script:s.json", memory=MEMORY, folder=str(tmp_path))
    assert again.act_sync() == "y"


AGENT = Agent(GRAPH, model="echo", memory=MEMORY)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda tmp: load_run(None), "folder: expected a path, found None"),
        (lambda tmp: RunWriter(None), "folder: expected a path"),
        (lambda tmp: RunWriter.resume("runs/a"), r"run: expected a Run, such as load_run\('runs/"),
        (lambda tmp: load_agent(None), "path: expected a path"),
        (lambda tmp: CompletionFile(3), "path: expected a path"),
        (lambda tmp: parse_agent({}), "text: expected the YAML of an agent, as a text, found {}"),
        (lambda tmp: dump_agent(GRAPH), "agent: expected an Agent, found <Graph"),
        (lambda tmp: render(GRAPH, "a"), "agent: expected an Agent, found <Graph"),
        (lambda tmp: profile_run("runs/a"), "run: expected a Run, such as load_run"),
        (lambda tmp: fork(AGENT, "runs/a", 0, 1, RunWriter(tmp)), "run: expected a Run"),
        (lambda tmp: asyncio.run(replay("runs/a", RunWriter(tmp))), "run: expected a Run"),
        (lambda tmp: rollout_sync(None), "agent: expected an Agent, found None"),
        (lambda tmp: rollout_sync(AGENT, None), "plan: expected a Plan"),
        (lambda tmp: rollout_sync(AGENT, on_event="print"), "on_event: expected a plain function"),
        (lambda tmp: GRAPH.run_sync(on_event=asyncio.sleep), "found an async def, whose calls no"),
        (lambda tmp: Plan(episodes="3"), "episodes: expected a whole number, found '3'"),
        (lambda tmp: Plan(seed=None), "seed: expected a whole number, found None"),
        (lambda tmp: Plan(limits=3), r"limits: expected Limits, such as Limits\(calls=100\)"),
        (lambda tmp: Limits(steps="3"), "the limit steps: expected a number, found '3'"),
        (lambda tmp: ScriptedModel("yes"), r"answers: one text is \['yes'\], a list"),
        (lambda tmp: ScriptedModel(3), "answers: expected a list of texts or entries"),
        (lambda tmp: OpenAIModel(None), "name: expected the name of a model, found None"),
        (
            lambda tmp: OpenAIModel("m", settings={"timeout_s": 3}),
            r"settings: expected Settings, such as Settings\(timeout_s=60\), found {'timeout_s'",
        ),
        (
            lambda tmp: OpenAIModel("m", settings=Settings(timeout_s="5", retries=-1)),
            "settings: timeout_s: .* found '5'; retries: .* found -1",
        ),
        (
            lambda tmp: OpenAIModel("m", settings=Settings(price=Price(input="1", output=2))),
            "settings: price: input: .* found '1'",
        ),
    ],
)
def test_what_else_a_program_gives(call, message, tmp_path):
    with pytest.raises(InputError, match=message):
        call(tmp_path / "run")


def test_any_number_of_calls_at_once_may_be_said_with_none():
    assert OpenAIModel("m", settings=Settings(max_concurrency=None)).settings.retries == 4


def test_what_is_wrong_in_memory_system_or_context_is_named():
    for make, message in (
        (lambda: Memory({"log": {1}}), r"memory\.log is a set, not a JSON value"),
        (lambda: Memory({"log": []}, {"log": "always"}), r"keep\.log: found 'always', expected"),
        (lambda: Graph([Node("a", "x")], context=3), "context: expected a text, found 3"),
        (lambda: Graph([Node("a", "x")], system=3), "system: expected a text, found 3"),
    ):
        with pytest.raises(SpecError, match=message):
            make()
