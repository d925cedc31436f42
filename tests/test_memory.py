"""Memory: what it starts with, what it keeps, and the file it keeps it in."""

import asyncio
import json

import pytest

from agentkit import Agent, Graph, InputError, Memory, Node
from agentkit.atomic_files import write_atomic


def counter(file) -> Agent:
    graph = Graph([Node("count", "{{ memory.n }}", save={"n": "memory.n + 1"})])
    return Agent(graph, model="echo", memory=Memory({"n": 0}, {"n": "forever"}, file))


def test_an_agent_that_only_acts_continues_from_its_file(tmp_path):
    """Memory that was not loaded used to overwrite the file with its starting values."""
    file = tmp_path / "memory.json"
    file.write_text('{"n": 5, "other": 1}')
    agent = counter(file)
    assert asyncio.run(agent.act()) == "5"
    agent.reset()
    assert json.loads(file.read_text()) == {"n": 6, "other": 1}
    assert asyncio.run(agent.act()) == "6"


def test_a_file_that_cannot_be_read_is_not_overwritten_by_acting(tmp_path):
    file = tmp_path / "memory.json"
    file.write_text('{"n": 5,,}')
    with pytest.raises(InputError, match="line 1"):
        asyncio.run(counter(file).act())
    with pytest.raises(InputError, match="line 1"):
        Memory({"n": 0}, {"n": "forever"}, file).end({"n": 1})
    assert file.read_text() == '{"n": 5,,}'


def test_starting_values_are_copied_each_time(tmp_path):
    memory = Memory({"notes": ["a"]}, {"notes": "run"})
    for values in (memory.begin(), memory.fresh()):
        values["notes"].append("b")
    assert memory.begin() == memory.fresh() == {"notes": ["a"]}


def test_checking_the_file_leaves_nothing_behind(tmp_path):
    Memory({"n": 0}, {"n": "forever"}, tmp_path / "memory.json").load()
    assert not [*tmp_path.iterdir()]


def test_a_written_file_has_the_permissions_of_the_old_one_or_the_usual_ones(tmp_path):
    """They used to be those of a temporary file: nobody else could read them."""
    usual, path = tmp_path / "usual", tmp_path / "memory.json"
    usual.write_text("")
    write_atomic(path, b"{}")
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o640)
    write_atomic(path, b"[]")
    assert path.stat().st_mode & 0o777 == 0o640
    assert {file.name for file in tmp_path.iterdir()} == {"usual", "memory.json"}


def test_a_file_that_holds_none_of_these_states_was_written_by_somebody_else(tmp_path):
    file = tmp_path / "memory.json"
    memory = Memory({"n": 0, "seen": []}, {"n": "forever", "seen": "forever"}, file)
    states = [{"n": 1, "seen": ["a"]}, {"n": 2, "seen": ["a", "b"]}]
    assert memory.holds(states)
    for text, holds in (
        ("{}", True),
        ('{"n": 2, "seen": ["a", "b"], "other": 7}', True),
        ('{"n": 1}', True),
        ('{"n": 1, "seen": ["a", "b"]}', False),
        ('{"n": 3}', False),
    ):
        file.write_text(text)
        assert memory.holds(states) is holds, text
