"""Agents as YAML: what is written reads as an equal agent."""

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypedDict

from agentkit.agent import Agent, Limits
from agentkit.agentfile.dump import dump_agent
from agentkit.agentfile.load import load_agent, parse_agent, shipped_agents
from agentkit.env_spec import EnvSpec
from agentkit.errors import InputError
from agentkit.graph.graph import Graph
from agentkit.graph.node import Check, Node
from agentkit.memory import Memory
from agentkit.models.echo import EchoModel
from agentkit.models.hosted import HostedModel, Price
from agentkit.outputs.declaration import compile_output


def assert_equal(agent: Agent, other: Agent) -> None:
    assert other.graph.nodes == agent.graph.nodes
    assert (other.name, other.env) == (agent.name, agent.env)
    assert (other.limits, other.run_limits) == (agent.limits, agent.run_limits)
    assert other.inputs == agent.inputs
    assert (other.memory.start, other.memory.keep) == (agent.memory.start, agent.memory.keep)
    assert other.memory.file == agent.memory.file
    for name in ("model", "models", "action"):
        assert (other.given[name] or None) == (agent.given[name] or None), name
    for field in ("system", "context"):
        one, two = getattr(agent.graph, field), getattr(other.graph, field)
        assert (one and one.source) == (two and two.source)


@pytest.mark.parametrize("file", shipped_agents(), ids=lambda file: file.stem)
def test_a_shipped_agent_survives_the_round_trip(file: Path) -> None:
    agent = load_agent(file)
    assert_equal(agent, parse_agent(dump_agent(agent), folder=file.parent))


def test_a_list_stays_a_list_in_blocks() -> None:
    text = """\
version: 1
name: small
model: echo
inputs:
  topic: maps
nodes:
  - |
    What about {{ topic }}?
    Say it in two lines.
  - essay: Now write.
"""
    assert dump_agent(parse_agent(text)) == text


def test_everything_a_graph_can_say_survives(tmp_path: Path) -> None:
    nodes = [
        Node("seen", "Look.\nWell.", output={"a": "str", "b": ["int | null"]}),
        Node("act", "{{ item }}", each="seen.b", recall=("seen",), check=(Check("output"),)),
        Node("last", "x", after=("act",), save={"k": "0"}, when="true", initial=None, stop=("a",)),
        Node("other", "y", after=("last",), otherwise="no", temperature=0.0, reuse=True),
    ]
    agent = Agent(
        Graph(nodes, system="Be {{ tone }}.", context="At {{ step }}:\n", inputs=["tone"]),
        model="m",
        models={"m": {"use": "echo", "temperature": 0.5}},
        memory=Memory({"k": "12:30"}, {"k": "forever"}, tmp_path / "k.json"),
        inputs={"tone": "yes"},
        action="{{ act }} {{ last }}",
        env=EnvSpec("CartPole-v1", {"render_mode": None}),
        limits=Limits(7, seconds=0.5),
        run_limits=Limits(calls=100, tokens=10**9, cost_usd=2.5),
        folder=tmp_path,
    )
    text = dump_agent(agent)
    assert "memory_file: k.json" in text
    assert_equal(agent, parse_agent(text, folder=tmp_path))


def test_the_settings_of_a_server_survive() -> None:
    """Settings without a value are left out: null is no number in a file."""
    server = {"base_url": "http://127.0.0.1:8000/v1", "timeout_s": 2.5, "retries": 0}
    limits = {"max_concurrency": 3, "requests_per_minute": None, "tokens_per_minute": 9}
    agent = Agent(
        Graph([Node("a", "x")]),
        model="m",
        models={
            "m": {"use": "openai:q", "temperature": None, **server, **limits},
            "n": {
                "use": "openai:q",
                "price": Price(0.25, 2),
                "structured": "on",
                "extra": {"a": [1]},
            },
            "o": {"use": "langchain:openai:q", "price": {"input": 1, "output": 2, "cached": None}},
        },
    )
    text = dump_agent(agent)
    again = parse_agent(text)
    assert dump_agent(again) == text
    assert "null" not in text
    for name, choice in agent.binding.models.items():
        model, loaded = choice.model, again.binding.models[name].model
        assert isinstance(model, HostedModel)
        assert isinstance(loaded, HostedModel)
        assert (loaded.name, loaded.settings) == (model.name, model.settings)


TRICKY = (
    "true|yes|No|null|~|12|1e3|0o17|0x1f|.5|-|- a|a: b|#x|a #b|'|\"|[a]|*a|&b|!c|%d|@e|`f|?|<<|="
)
TEXTS = (
    st.sampled_from(TRICKY.split("|"))
    | st.lists(
        st.sampled_from(["a", " ", "\n", "\t", "é", ":", "#", "\r", "\u2028", "x " * 60])
    ).map("".join)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@st.composite
def agents(draw: st.DrawFn) -> Agent:
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, 5))):
        earlier = [node.name for node in nodes]
        choices = st.lists(st.sampled_from(earlier), max_size=2, unique=True)
        names = draw(choices) if earlier else []
        text = draw(TEXTS).replace("{", "(").strip("\r\n")
        fields: dict[str, Any] = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "output": st.sampled_from(["number", ["str"], {"a": "str"}, {"choice": ["n"]}]),
                    "initial": JSON,
                    "otherwise": JSON,
                    "when": st.sampled_from(["step > 1", "true", "0"]),
                    "attempts": st.integers(1, 5),
                    "temperature": st.floats(0, 2),
                    "stop": st.lists(TEXTS.filter(bool), min_size=1, max_size=2).map(tuple),
                },
            )
        )
        if "output" in fields and "otherwise" in fields:
            fields["otherwise"] = None  # what fits differs by output
        uses = "".join(f"{{{{ {name} }}}}" for name in names)
        kind = draw(st.sampled_from(["recall", "after", "value"]))
        if kind != "value":
            fields[kind] = tuple(names)
        prompt = f"Ask {text}" + (uses if kind == "value" else "")
        nodes.append(Node(f"node_{number}", prompt, **fields))
    memory = draw(st.dictionaries(TEXTS, JSON, max_size=2))
    return Agent(Graph(nodes), model="echo", memory=memory, action=nodes[0].name)


@pytest.mark.parametrize("number", [1e16, 5e-324, -1.5e-7, 1e22, 0.1, -0.0, 3.0])
def test_numbers_of_any_size_survive(number: float) -> None:
    agent = Agent(Graph([Node("a", "x", initial=number)]), model="echo", memory={"k": number})
    assert_equal(agent, parse_agent(dump_agent(agent)))


@settings(max_examples=80, deadline=None)
@given(agents())
def test_any_agent_survives_the_round_trip(agent: Agent) -> None:
    assert_equal(agent, parse_agent(dump_agent(agent)))


def shout(text: str) -> str:
    return text.upper()


class Plan(BaseModel):
    goal: str


class Mood(TypedDict):
    feels: Literal["good", "so, so"]
    marks: list[int]
    why: str | None


@pytest.mark.parametrize(
    ("output", "written"),
    [
        (str, "text"),
        (int, "integer"),
        (float, "number"),
        (bool, "yes_no"),
        (list[str], ["str"]),
        (Literal["a", "go left"], {"choice": ["a", "go left"]}),
        (
            list[Mood],
            [{"feels": 'one of [good, "so, so"]', "marks": ["int"], "why": "str | null"}],
        ),
        ({"goal": str, "steps": list[int] | None}, {"goal": "str", "steps": "[int] | null"}),
        ({"goal": "str|null"}, {"goal": "str|null"}),
        (
            {"why": str, "go": [{"choice": "['a', 'b']"}], "at": {"choice": ["a", "b"]}},
            {"why": "str", "go": [{"choice": "['a', 'b']"}], "at": "one of [a, b]"},
        ),
        (
            {"goal": {"type": str | None, "max_length": 80}, "n": int},
            {"goal": {"type": "str | null", "max_length": 80}, "n": "int"},
        ),
        (
            {"type": [{"type": str, "max_length": 9}], "max_items": 5},
            {"type": [{"type": "str", "max_length": 9}], "max_items": 5},
        ),
    ],
)
def test_types_of_python_are_written_as_yaml_declares_them(output: Any, written: Any) -> None:
    text = dump_agent(Agent(Graph([Node("p", "x", output=output)]), model="echo"))
    node = parse_agent(text).graph.nodes[0]
    assert (node.output if "output:" in text else "text") == written
    assert compile_output(node.output).schema == compile_output(output).schema


def test_a_yaml_file_declares_fields_and_never_a_json_schema() -> None:
    with pytest.raises(InputError, match="unknown type 'object'"):
        parse_agent("nodes: {p: {prompt: x, output: {type: object, title: str}}}", model="echo")


@pytest.mark.parametrize(
    ("node", "model", "words"),
    [
        (Node("f", function=shout, with_={"text": "'a'"}), "echo", "function of node 'f' is Pyth"),
        (Node("p", "x", output=Plan), "echo", "output of node 'p' is Python's Plan"),
        (Node("p", "x", output=dict[str, int]), "echo", "is Python's dict"),
        (Node("p", "x", output={"type": "object"}), "echo", "is Python's JSON Schema"),
        (Node("p", "x", output=list[Mood | None]), "echo", "fields may be null all together"),
        (Node("p", "x"), EchoModel(), "model is a Python object"),
    ],
)
def test_what_yaml_cannot_say_is_named(node: Node, model: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        dump_agent(Agent(Graph([node]), model=model))


def test_a_text_with_a_nul_is_not_written() -> None:
    written = dump_agent(Agent(Graph([Node("a", r"\u0000 and \0")]), model="echo"))
    assert r"\u0000 and \0" in written
    with pytest.raises(InputError, match=r"YAML cannot say this: the character U\+0000"):
        dump_agent(Agent(Graph([Node("a", "b\0")]), model="echo"))
