"""What a program gives of a wrong kind is refused in words, at once."""

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
    RunWriter,
    ScriptedModel,
    SpecError,
    get_model,
    load_agent,
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
