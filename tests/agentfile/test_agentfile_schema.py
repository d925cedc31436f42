"""The JSON Schema that editors check agents by."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from agentkit.agentfile.agent_fields import agent_schema
from agentkit.agentfile.dump import dump_agent
from agentkit.agentfile.load import load_agent, shipped_agents

SCHEMA_FILE = Path(__file__).parents[2] / "agents" / "agent.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(agent_schema())


def accepts(text: str) -> bool:
    value: Any = yaml.safe_load(text)
    return VALIDATOR.is_valid(value)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(agent_schema())


def fields_of(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}.{field}", part)
        for name, table in schema["$defs"].items()
        for field, part in table.get("properties", {}).items()
    ]


@pytest.mark.parametrize(("name", "field"), fields_of(agent_schema()))
def test_every_field_has_a_description_and_an_example_that_is_right(
    name: str, field: dict[str, Any]
) -> None:
    """Editors offer them; most fields had none."""
    assert field["description"]
    assert field["examples"]
    validator = VALIDATOR.evolve(schema={"$defs": agent_schema()["$defs"], **field})
    for example in field["examples"]:
        validator.validate(example)


def test_the_file_for_editors_is_up_to_date() -> None:
    """Made by `agentkit schema > agents/agent.schema.json`."""
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == agent_schema()


@pytest.mark.parametrize("file", shipped_agents(), ids=lambda file: file.stem)
def test_it_accepts_every_shipped_agent_as_written_and_as_dumped(file: Path) -> None:
    assert accepts(file.read_text(encoding="utf-8"))
    assert accepts(dump_agent(load_agent(file)))


@pytest.mark.parametrize("file", shipped_agents(), ids=lambda file: file.stem)
def test_shipped_agents_name_it_in_their_first_line(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=agent.schema.json"


@pytest.mark.parametrize(
    "text",
    [
        "[one, two: three]",
        "nodes: [one, {two: {prompt: three, output: {a: str}, check: {that: output}}}]",
        "nodes: {a: x, b: {function: f, with: {n: 1}, after: [a]}}\nenv: {id: e, size: 3}",
        "nodes: [x]\nmodels: {m: {use: echo, temperature: 0.5, stop: [a]}}\nmodel: m",
        "nodes: [x]\nmodels: {m: {use: 'openai:x', base_url: h, price: {input: 1, output: 0.5}}}",
        "nodes: [x]\nmodels: {m: {use: 'openai:x', retries: 0, timeout_s: 0.5}}",
        "nodes: [x]\nmemory: {a: null}\nkeep: {a: run}\nlimits: {steps: 3}\naction: prompt_1",
        "nodes: [x]\nlimits: {cost_usd: 0.5, seconds: 60, run: {calls: 3, tokens: 9, cost_usd: 0}}",
        "nodes: {größe: x}",
        "nodes: {a: {prompt: x, output: [str]}, b: {prompt: x, output: '[str]'}}",
        "nodes: {a: {prompt: x, output: {choice: actions}}, b: {prompt: x, output: yes_no}}",
        "nodes: {a: {prompt: x, output: {x: 'str | null', y: 'one of [a, b]', z: {u: [int]}}}}",
        "nodes: {a: {prompt: x, output: {why: str, go: {choice: actions}, n: [{choice: [a]}]}}}",
        "nodes: {a: {prompt: x, output: {score: [1, 5]}}}",
        "nodes: {a: {prompt: x, output: {score: {1: bad, 2: good}}}}",
        "nodes: {a: {prompt: x, output: {why: str, q: {score: [1, 5]}, score: int}}}",
        "nodes: {a: {prompt: x, output: {type: [str], max_items: 5}}}",
        "nodes: {a: {prompt: [{user: x, assistant: y}, {user: z}], system: '', examples: e.yaml}}",
        "nodes: {a: {prompt: x, examples: [{user: x, assistant: {why: y, n: 3}}]}}",
        "nodes: {a: {prompt: x, output: {why: {type: str, max_length: 80}, n: {type: int}}}}",
    ],
)
def test_it_accepts_what_the_loader_reads(text: str) -> None:
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        "nodes: [x]\ncolour: blue",
        "nodes: {a: {promt: x}}",
        "nodes: [a: {promt: x}]",
        "nodes: [Plan: x]",
        "nodes: {Plan: x}",
        "nodes: [a: x, {b: y, c: z}]",
        "nodes: []",
        "nodes: [42]",
        "nodes: {a: null}",
        "model: echo",
        "nodes: {a: {prompt: x, reuse: maybe}}",
        "nodes: {a: {prompt: x, attempts: 0}}",
        "nodes: {a: {prompt: x, recall: b}}",
        "nodes: {a: {prompt: [{usr: x}]}}",
        "nodes: {a: {prompt: x, examples: [{user: x}]}}",
        "nodes: {a: {prompt: x, output: txt}}",
        "nodes: {a: {prompt: x, output: {x: strr}}}",
        "nodes: {a: {prompt: x, check: {say: y}}}",
        "nodes: [x]\nlimits: {stepz: 3}",
        "nodes: [x]\nlimits: {run: {run: {steps: 3}}}",
        "nodes: [x]\nlimits: {run: {tokens: 0}}",
        "nodes: [x]\nkeep: {a: always}",
        "nodes: [x]\nenv: {size: 3}",
        "nodes: [x]\nversion: 2",
        "nodes: [x]\nmodels: {m: {temperature: 0}}",
        "nodes: [x]\nmodels: {m: {use: 'openai:x', retries: 1.5}}",
        "nodes: [x]\nmodels: {m: {use: 'openai:x', price: {input: 1}}}",
    ],
)
def test_it_refuses_common_mistakes(text: str) -> None:
    assert not accepts(text)


def test_every_field_is_described() -> None:
    schema = agent_schema()
    tables = [table for table in schema["$defs"].values() if "properties" in table]
    assert len(tables) == 14
    for table in tables:
        for name, field in table["properties"].items():
            assert field["description"].endswith("."), name
            assert field["title"], name


def test_an_editor_is_offered_the_words_of_an_output() -> None:
    forms = agent_schema()["$defs"]["node"]["properties"]["output"]["anyOf"]
    assert forms[0]["enum"] == ["text", "number", "integer", "yes_no", "code", "json", "action"]


def test_every_example_is_valid() -> None:
    for table in agent_schema()["$defs"].values():
        for field in table.get("properties", {}).values():
            for example in field.get("examples", ()):
                whole = {**field, "$defs": agent_schema()["$defs"]}
                jsonschema.validate(example, whole)
