"""A graph that is run again with the same models and functions is not bound anew."""

import inspect
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel
from loopback import LoopbackServer

from agentkit import EchoModel, Graph, Node, SpecError
from agentkit.events import NodeStarted

ONE = Graph([Node("a", "{{ x }}")])


class Adding:
    """A function that counts how often its signature was looked at."""

    looked = 0

    def __call__(self, n: int) -> int:
        return n + 1

    @property
    def __signature__(self) -> inspect.Signature:
        self.looked += 1
        return inspect.Signature([inspect.Parameter("n", inspect.Parameter.KEYWORD_ONLY)])


def test_functions_are_looked_at_once():
    own, named = Adding(), Adding()
    graph = Graph(
        [Node("a", function=own, with_={"n": "x"}), Node("b", function="add", with_={"n": "a"})]
    )
    for x in range(5):
        assert graph.run_sync({"x": x}, functions={"add": named})["b"] == x + 2
    assert (own.looked, named.looked) == (1, 1)


def test_every_run_is_answered_by_the_model_it_was_given():
    """Also by one that stands where another stood in the computer's memory."""
    for number in range(50):
        result = ONE.run_sync({"x": number}, model=lambda request, n=number: f"{n}")
        assert result["a"] == str(number)
    assert len(ONE.bindings) <= 4


def test_other_functions_memory_keys_and_names_of_models_are_another_binding():
    graph = Graph([Node("a", function="f", save={"k": "output"}), Node("b", "?", model="m")])
    wished = {"models": {"m": EchoModel()}, "memory": {"k": 0}}
    assert graph.run_sync(functions={"f": lambda: 1}, **wished)["a"] == 1
    assert graph.run_sync(functions={"f": lambda: 2}, **wished)["a"] == 2
    with pytest.raises(SpecError, match="memory has no key 'k'"):
        graph.run_sync(functions={"f": lambda: 1}, models=wished["models"])
    with pytest.raises(SpecError, match="unknown model 'm'"):
        graph.run_sync(functions={"f": lambda: 1}, models={"n": EchoModel()}, memory={"k": 0})


def test_settings_of_a_model_that_were_changed_count_the_next_time():
    sampled = []

    def model(request) -> str:
        sampled.append(request.sampling.temperature)
        return "x"

    settings = {"use": model, "temperature": 0.1}
    ONE.run_sync({"x": 1}, model="m", models={"m": settings})
    settings["temperature"] = 0.9
    ONE.run_sync({"x": 1}, model="m", models={"m": settings})
    assert sampled == [0.1, 0.9]


def test_a_script_begins_anew_with_every_run(tmp_path: Path):
    script = tmp_path / "script.json"
    script.write_text('["one", "two"]')
    model = f"script:{script}"
    assert [ONE.run_sync({"x": 1}, model=model)["a"] for _ in range(3)] == ["one"] * 3
    named = Graph([Node("a", "?", model=model)])
    assert [named.run_sync()["a"] for _ in range(3)] == ["one"] * 3


def test_an_id_means_what_the_environment_says_at_the_time_of_the_run(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    with LoopbackServer() as first, LoopbackServer() as second:
        for server in (first, first, second):
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            ONE.run_sync({"x": "Hello"}, model="openai:loopback")
        assert (len(first.requests), len(second.requests)) == (2, 1)


def test_the_functions_of_a_run_are_those_it_was_given_whatever_becomes_of_the_mapping():
    functions = {"f": lambda step: step.add(Node("x", function="g")), "g": lambda: 1}
    graph = Graph([Node("a", function="f")])
    graph.run_sync(functions=functions)
    del functions["g"]
    with pytest.raises(Exception, match="unknown function 'g'"):
        graph.run_sync(functions=functions)


def test_a_script_that_an_added_node_names_begins_anew_with_every_run(tmp_path: Path):
    """The binding was kept, and with it the script, whose answers were used up."""
    (tmp_path / "script.json").write_text('["one", "two"]')
    node = Node("x", "?", model=f"script:{tmp_path / 'script.json'}")
    graph = Graph(
        [Node("a", function=lambda step: step.add(node, ["b"])), Node("b", "?", after=["a"])]
    )
    results = [graph.run_sync(model=EchoModel()) for _ in range(3)]
    assert [result["a.1"] for result in results] == ["one"] * 3


def test_a_chat_model_of_langchain_that_was_changed_answers_under_its_new_name():
    """Its name was kept from the first run: records and the cache file took one for the other."""

    class Chat(FakeListChatModel):
        model_name: str

    chat = Chat(responses=["x"], model_name="one")
    names = []
    for chat.model_name in ("one", "two"):
        result = ONE.run_sync({"x": 1}, model=chat)
        names += [event.model for event in result.trace if isinstance(event, NodeStarted)]
    assert "one" in names[0]
    assert "two" in names[1]
