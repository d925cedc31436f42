"""Agents from YAML: what each field becomes, and where files are found."""

from pathlib import Path

import pytest

from agentkit.agent import Limits
from agentkit.agentfile.agent_fields import NODE
from agentkit.agentfile.load import find_agent, load_agent, parse_agent, shipped_agents
from agentkit.env_spec import EnvSpec
from agentkit.errors import InputError
from agentkit.graph.node import MISSING, NODE_FIELDS, Check, Node

GRAPH = """\
version: 1
name: player
model: strong
models:
  strong: {use: echo, temperature: 0, stop: [END]}
  fast: echo
inputs: {size: 3, topic: null}
system: You play {{ topic }} of size {{ size }}.
context: |
  {{ observation }}
memory: {facts: [], subgoal: null}
keep: {facts: run}
nodes:
  seen: What matters now?
  stale:
    prompt: "Subgoal: {{ memory.subgoal }}. {{ seen }} Is it reached?"
    model: fast
    output: yes_no
  plan:
    when: stale or memory.subgoal is none
    prompt: Plan by {{ seen }}.
    output: {subgoal: str, steps: [str]}
    initial: {subgoal: start, steps: []}
    save: {subgoal: output.subgoal}
    check: {that: output.steps | length > 0, say: give a step}
    attempts: 2
    otherwise: null
  answers:
    each: plan.steps
    prompt: "{{ item }}"
    recall: [seen]
    after: [stale]
    temperature: 0.5
    max_tokens: 10
    reuse: true
    with_context: false
  act:
    prompt: Act on {{ answers }}.
    output: {choice: [yes, no]}
action: "{{ act }} {{ stale }}"
limits: {steps: 500}
"""


def test_a_list_is_one_conversation_from_top_to_bottom() -> None:
    agent = parse_agent("model: echo\nnodes:\n  - One?\n  - two: Two?\n  - three: {prompt: 3?}\n")
    assert agent.graph.nodes == (
        Node("prompt_1", "One?"),
        Node("two", "Two?", recall=("prompt_1",)),
        Node("three", "3?", recall=("prompt_1", "two")),
    )
    assert agent.action.source == "{{ three }}" if agent.action else False


def test_the_smallest_file_is_a_list_of_prompts() -> None:
    agent = parse_agent("- Hello\n- Again\n", model="echo")
    assert [node.name for node in agent.graph.nodes] == ["prompt_1", "prompt_2"]


def double(x: int) -> int:
    return 2 * x


def test_in_a_list_functions_are_ordered_but_not_recalled() -> None:
    text = "model: echo\nnodes:\n  - a: A\n  - f: {function: f, with: {x: 2}}\n  - c: C\n"
    agent = parse_agent(text, functions={"f": double})
    _, function, last = agent.graph.nodes
    assert (function.recall, function.after) == ((), ("a",))
    assert (last.recall, last.after) == (("a",), ("f",))


def test_in_a_list_a_node_may_say_itself_what_it_recalls() -> None:
    agent = parse_agent("model: echo\nnodes:\n  - a: A\n  - b: {prompt: B, recall: []}\n")
    assert agent.graph.nodes[1] == Node("b", "B", after=("a",))


def test_every_field_of_a_graph_is_read() -> None:
    agent = parse_agent(GRAPH, inputs={"topic": "chess"}, check_environment=False)
    assert agent.name == "player"
    assert agent.inputs == {"size": 3, "topic": "chess"}
    assert agent.limits == Limits(steps=500)
    assert agent.memory.start == {"facts": [], "subgoal": None}
    assert agent.memory.keep == {"facts": "run"}
    assert agent.source == GRAPH
    nodes = {node.name: node for node in agent.graph.nodes}
    assert nodes["plan"] == Node(
        "plan",
        "Plan by {{ seen }}.",
        when="stale or memory.subgoal is none",
        output={"subgoal": "str", "steps": ["str"]},
        initial={"subgoal": "start", "steps": []},
        save={"subgoal": "output.subgoal"},
        check=(Check("output.steps | length > 0", "give a step"),),
        attempts=2,
        otherwise=None,
    )
    assert nodes["answers"] == Node(
        "answers",
        "{{ item }}",
        each="plan.steps",
        recall=("seen",),
        after=("stale",),
        temperature=0.5,
        max_tokens=10,
        reuse=True,
        with_context=False,
    )
    assert nodes["act"].output == {"choice": ["yes", "no"]}
    assert nodes["act"].otherwise is MISSING
    strong = agent.binding.models["strong"]
    assert (strong.sampling.temperature, strong.sampling.stop) == (0, ("END",))


def test_the_table_has_exactly_the_fields_of_a_node() -> None:
    assert NODE.schema["properties"].keys() == NODE_FIELDS


def test_numbers_booleans_and_null_are_expressions_of_themselves() -> None:
    text = "model: echo\nmemory: {a: 1, b: 1, c: 1}\nnodes:\n  n:\n    prompt: x\n    when: true\n"
    agent = parse_agent(text + "    save: {a: 0, b: null, c: '0'}\n")
    assert agent.graph.nodes[0].when == "true"
    assert agent.graph.nodes[0].save == {"a": "0", "b": "none", "c": "0"}


def test_options_stand_above_the_file() -> None:
    text = "model: nothing\nmemory_file: a.json\nmemory: {k: 1}\nkeep: {k: forever}\nnodes: [x]\n"
    agent = parse_agent(text, model="echo", memory_file=Path("b.json"))
    assert agent.memory.file == Path("b.json")


def test_files_are_named_from_the_folder_of_the_agent(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("model: echo\nmemory: {k: 1}\nmemory_file: k.json\nnodes: [x]\n")
    agent = load_agent(file)
    assert agent.name == "mine"
    assert agent.memory.file == tmp_path / "k.json"


def test_the_environment_takes_arguments_with_inputs() -> None:
    env = "{id: CartPole-v1, max_episode_steps: '{{ size }}'}"
    text = f"model: echo\ninputs: {{size: 9}}\nenv: {env}\nnodes: [x]\n"
    assert parse_agent(text).env == EnvSpec("CartPole-v1", {"max_episode_steps": "{{ size }}"})
    assert parse_agent("model: echo\nenv: CartPole-v1\nnodes: [x]\n").env == EnvSpec("CartPole-v1")


def test_an_unknown_input_is_refused_with_a_suggestion() -> None:
    text = "model: echo\ninputs: {topic: x}\nnodes: ['{{ topic }}']\n"
    with pytest.raises(InputError, match=r"unknown input 'topik'\. Did you mean 'topic'"):
        parse_agent(text, inputs={"topik": 1})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"model: echo\nnodes: [caf\xe9]\n", ":2: byte 0xe9 is not UTF-8"),
        ("nodes: [x]".encode("utf-16"), "saved as UTF-16"),
        (b"#" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(data)
    with pytest.raises(InputError, match=words):
        load_agent(file)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes("\ufeffmodel: echo\nnodes: [x]\n".encode())
    assert load_agent(file).name == "a"


def test_an_agent_is_found_by_path_or_by_name(tmp_path: Path) -> None:
    assert find_agent("essay") in shipped_agents()
    assert find_agent(find_agent("essay")) == find_agent("essay")
    with pytest.raises(InputError, match=r"no shipped agent\. Did you mean 'essay'\?"):
        find_agent("esay")
    with pytest.raises(InputError, match="is a folder"):
        find_agent(tmp_path)


@pytest.mark.parametrize("file", shipped_agents(), ids=lambda file: file.stem)
def test_a_shipped_agent_loads(file: Path) -> None:
    assert load_agent(file).name == file.stem


def test_the_essay_agent_asks_three_questions_in_one_conversation() -> None:
    agent = load_agent("essay", inputs={"topic": "maps"})
    essay = agent.act_sync()
    assert agent.result is not None
    assert "about this topic: maps." in agent.result["points"]
    assert essay.startswith("Write the essay")
    assert agent.graph.nodes[2].recall == ("points", "outline")
