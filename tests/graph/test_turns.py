"""Examples, prompts of several turns, and system texts of a node's own: what is sent, and when."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, Graph, Message, Node, RunWriter, SpecError, load_run, rollout_sync
from agentkit.agentfile.dump import dump_agent
from agentkit.agentfile.load import load_agent, parse_agent
from agentkit.messages import Request
from agentkit.preview.preview import render
from agentkit.record.step_state import StepState
from agentkit.rollouts.metadata import about_run
from agentkit.rollouts.plan import Plan
from agentkit.rollouts.recorded_setup import recorded_agent

CHOICE = {"choice": ["left", "right"]}
EXAMPLES = [
    {"user": "A wall on the left.", "assistant": "right"},
    {"user": "A wall on the right.", "assistant": "left"},
]


def listening(answer: Callable[[Request], str]) -> tuple[list[Request], Callable[[Request], str]]:
    asked: list[Request] = []

    def model(request: Request) -> str:
        asked.append(request)
        return answer(request)

    return asked, model


def said(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(message.role, message.content.partition("\n")[0]) for message in messages]


def problem(node: Node, **options: Any) -> str:
    with pytest.raises(SpecError) as caught:
        Graph([node], **options)
    return "\n".join(one.message for one in caught.value.problems)


def test_examples_stand_between_the_system_text_and_the_context() -> None:
    asked, model = listening(lambda request: "left")
    graph = Graph(
        [Node("act", "Where?", output=CHOICE, examples=EXAMPLES)],
        system="You walk.",
        context="Goal: {{ goal }}",
    )
    graph.run_sync({"goal": "out"}, model=model)
    assert said(asked[0].messages) == [
        ("system", "You walk."),
        ("user", "A wall on the left."),
        ("assistant", "right"),
        ("user", "A wall on the right."),
        ("assistant", "left"),
        ("user", "Goal: out"),
        ("user", "Where?"),
    ]


def test_an_answer_of_an_example_may_be_a_value() -> None:
    asked, model = listening(
        lambda request: '{"why": "x", "n": 1}' if request.call.node == "a" else "no"
    )
    nodes = [
        Node(
            "a",
            "?",
            output={"why": "str", "n": "int"},
            examples=[{"user": "q", "assistant": {"why": "ä", "n": 2}}],
        ),
        Node("b", "?", output="yes_no", after=["a"], examples=[{"user": "q", "assistant": True}]),
    ]
    Graph(nodes).run_sync(model=model)
    assert asked[0].messages[1].content == '{"why": "ä", "n": 2}'
    assert asked[1].messages[1].content == "yes"


@pytest.mark.parametrize(
    ("examples", "part"),
    [
        ([{"user": "x"}], "example 1 needs 'user' and 'assistant'"),
        (
            [EXAMPLES[0], {"user": "x", "assistant": "up"}],
            "the answer of example 2 is none: 'up' is not",
        ),
        ([{"user": "x", "assistant": ""}], "'assistant' of example 1 has no text"),
        ([{"user": 3, "assistant": "left"}], "'user' of example 1 has no text"),
        ([{"user": "{{ goal }}", "assistant": "left"}], "'{{ goal }}' is not filled in"),
        ([{"question": "x"}], "number 1: expected a list such as"),
        ("examples.yaml", "expected a list such as [{user:"),
        ([{"user": "x", "assistant": {1, 2}}], "the answer of example 1 is no JSON"),
        ([{"user": "x", "assistant": "left"}] * 1001, "1,000 is the most"),
    ],
)
def test_an_example_that_cannot_be_is_refused_with_its_number(examples: Any, part: str) -> None:
    node = Node("act", "{{ goal }}", output=CHOICE, examples=examples)
    assert part in problem(node, inputs=["goal"])


def test_an_example_may_show_braces_that_name_nothing() -> None:
    node = Node("act", "x", examples=[{"user": "{{ other }} {goal}", "assistant": "{{ x }}"}])
    assert Graph([node], inputs=[]).inputs == frozenset()


def test_a_prompt_may_be_turns_with_names_to_fill_in() -> None:
    asked, model = listening(lambda request: "left")
    turns = [
        {"user": "You are at {{ place }}.", "assistant": "I see {{ look }}."},
        {"user": "Where do you go?"},
    ]
    nodes = [
        Node("look", "Look."),
        Node("act", turns, output=CHOICE),
        Node("end", "Bye.", recall=["act"]),
    ]
    graph = Graph(nodes)
    assert graph.inputs == {"place"}
    assert graph.digraph.has_edge("look", "act")
    result = graph.run_sync({"place": "home"}, model=model)
    spoken = [
        ("user", "You are at home."),
        ("assistant", "I see left."),
        ("user", "Where do you go?"),
    ]
    assert said(asked[1].messages) == spoken
    assert "exactly one of these options" in asked[1].prompt
    assert said(asked[2].messages) == [*spoken, ("assistant", "left"), ("user", "Bye.")]
    state = StepState()
    for event in result.trace:
        state.take(event)
    assert state.turns == result.state.turns


@pytest.mark.parametrize(
    ("prompt", "part"),
    [
        ([], "the last turn of a prompt is the user's"),
        ([{"user": "x", "assistant": "y"}], "the last turn of a prompt is the user's"),
        ([{"user": ""}], "'user' of turn 1 must be a text"),
        ([{"usr": "x"}], "expected a turn such as {user: What now?}"),
        ([{}], "number 1: expected a text, or a list of turns"),
        ("", "the prompt is empty"),
        ([{"user": "{{ nowhere }}"}], "unknown name 'nowhere'"),
    ],
)
def test_turns_that_cannot_be_asked_are_refused(prompt: Any, part: str) -> None:
    assert part in problem(Node("act", prompt), inputs=[])


def test_a_system_text_of_a_node_replaces_that_of_the_agent() -> None:
    asked, model = listening(lambda request: "x")
    nodes = [
        Node("a", "A?"),
        Node("b", "B?", after=["a"], system="You judge {{ a }}."),
        Node("c", "C?", after=["b"], system=""),
    ]
    Graph(nodes, system="You play.").run_sync(model=model)
    assert [said(request.messages)[0] for request in asked] == [
        ("system", "You play."),
        ("system", "You judge x."),
        ("user", "C?"),
    ]


def test_what_a_text_of_a_nodes_own_costs_is_noted() -> None:
    nodes = [
        Node("a", "A?"),
        Node("b", "B?"),
        Node("c", "{{ a }} {{ b }}", examples=EXAMPLES),
        Node("d", "{{ c }}", system="You judge step {{ step }}."),
    ]
    graph = Graph(nodes, context="Goal: {{ goal }}")
    assert [(note.node, note.field) for note in graph.notes] == [("c", "examples"), ("d", "system")]
    assert "the context is read anew" in graph.notes[0].message
    (warning,) = graph.warnings
    assert (warning.node, warning.field) == ("d", "system")
    assert "changes with step" in warning.message
    same = [Node("a", "A?", examples=EXAMPLES), Node("b", "{{ a }}", examples=EXAMPLES)]
    assert not Graph(same).notes
    assert not Graph(nodes[2:3], inputs=["a", "b"]).notes


FILE = """version: 1
name: walker
model: echo
inputs:
  place: home
system: You walk.
nodes:
  look: Look.
  act:
    prompt:
      - user: You are at {{ place }}.
        assistant: I see {{ look }}.
      - user: Where do you go?
    output:
      choice:
        - left
        - right
    system: ''
    examples:
      - user: A wall on the left.
        assistant: right
action: act
"""


def test_a_file_with_turns_survives_the_round_trip() -> None:
    assert dump_agent(parse_agent(FILE)) == FILE
    (messages,) = render(parse_agent(FILE), "act").messages
    assert said(messages)[0] == ("user", "A wall on the left.")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shots.yaml", "- user: A wall on the left.\n  assistant: right\n"),
        ("shots.jsonl", '{"user": "A wall on the left.", "assistant": "right"}\n\n'),
    ],
)
def test_examples_may_stand_in_a_file_beside_the_agents(
    tmp_path: Path, name: str, text: str
) -> None:
    inline = "\n      - user: A wall on the left.\n        assistant: right\n"
    (tmp_path / "walker.yaml").write_text(FILE.replace(inline, f" {name}\n"))
    (tmp_path / name).write_text(text)
    agent = load_agent(tmp_path / "walker.yaml", model=lambda request: "right")
    assert dump_agent(agent.replace(model="echo")) == FILE
    path = tmp_path / "walker.yaml"
    writer = RunWriter(tmp_path / "run", about_run(agent, Plan(), path))
    rollout_sync(agent, writer=writer)
    (tmp_path / name).unlink()
    again = recorded_agent(load_run(tmp_path / "run"), "echo")
    assert again.graph.nodes[1].examples == agent.graph.nodes[1].examples


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("no.yaml", None, "no.yaml: No such file"),
        ("../s.yaml", None, "is not in the folder of the agent's file"),
        ("s.txt", None, "a file of examples ends with .yaml, .yml, .jsonl"),
        ("s.yaml", "user: x", "s.yaml: expected a list of examples"),
        ("s.yaml", "", "s.yaml: expected a list of examples"),
        ("s.yaml", "- user: x\n  user: y", "s.yaml:2:3: 'user' is given twice"),
        ("s.yaml", "- {user: x, assistant: up}", "the answer of example 1 is none"),
        ("s.jsonl", '{"user": "x", "assistant": "left"}\n{', "s.jsonl:2: this line is not JSON"),
        ("s.yaml", "- x" + " " * 1_000_001, "larger than 1 MB"),
    ],
)
def test_what_is_wrong_with_a_file_of_examples_is_said(
    tmp_path: Path, name: str, text: str | None, part: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    choice = json.dumps(CHOICE)
    agent = (
        f"model: echo\nnodes:\n  a:\n    prompt: x\n    output: {choice}\n    examples: {name}\n"
    )
    with pytest.raises(SpecError) as caught:
        parse_agent(agent, folder=tmp_path)
    (found,) = caught.value.problems
    assert part in found.message
    assert (found.line, found.node) == (6, "a")


def test_a_function_has_neither_examples_nor_a_system_text() -> None:
    for options in ({"examples": EXAMPLES}, {"system": "x"}):
        (name,) = options
        node = Node("f", function=len, with_={"obj": "'x'"}, **options)
        assert f"'{name}' needs a prompt" in problem(node)


def test_an_agent_of_python_takes_turns_from_any_mapping() -> None:
    node = Node("act", ({"user": "Hi.", "assistant": "Hello."}, {"user": "Where?"}))
    asked, model = listening(lambda request: "left")
    Agent(Graph([node]), model=model).act_sync()
    assert said(asked[0].messages) == [("user", "Hi."), ("assistant", "Hello."), ("user", "Where?")]
