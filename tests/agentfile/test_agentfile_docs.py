"""The YAML reference: its examples load, and it has every field."""

import re
from pathlib import Path

import pytest

from agentkit.agentfile.agent_fields import AGENT, NODE
from agentkit.agentfile.load import parse_agent

PAGE = (Path(__file__).parents[2] / "docs" / "yaml.md").read_text(encoding="utf-8")
EXAMPLES = [
    text
    for note, text in re.findall(r"(<!-- file:.*-->\n)?```yaml\n(.*?)^```$", PAGE, re.S | re.M)
    if text.startswith(("name:", "version:", "nodes:")) and not note
]


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.splitlines()[0])
def test_an_example_loads(text: str) -> None:
    assert parse_agent(text).graph.nodes


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("The fields of an agent", AGENT.schema["properties"]),
        ("The fields of a node", NODE.schema["properties"]),
    ],
)
def test_the_tables_have_exactly_the_fields(heading: str, table: dict[str, object]) -> None:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(table)
