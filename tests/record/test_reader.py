"""Reading records that were damaged, cut off or not written by AgentKit."""

import json
import os
import re

import pytest

from agentkit import RunWriter, TraceError, comparable, load_run
from agentkit.events import Event, MemoryWritten, NodeFinished, StepFinished, StepStarted
from agentkit.messages import Completion, Usage

STARTED = '{"event":"step_started","time":1.0,"step":0}\n'
SECOND = '{"event":"step_started","time":2.0,"step":1}\n'
TORN = '{"event":"step_started","ti'


@pytest.fixture
def read(tmp_path):
    """A reader of an episode whose file has exactly this text."""
    writer = RunWriter(tmp_path / "run", {})
    writer.finish("done", {})

    def read(text: str):
        (tmp_path / "run" / "episodes" / "0000.jsonl").write_text(text)
        return list(load_run(tmp_path / "run").events(0))

    return read


def test_an_empty_file_is_an_episode_without_events(read, tmp_path):
    assert read("") == []
    assert load_run(tmp_path / "run").episodes == [0]


def test_an_episode_that_is_not_there_is_named(tmp_path):
    RunWriter(tmp_path / "run", {}).finish("done", {})
    assert load_run(tmp_path / "run").episodes == []
    with pytest.raises(TraceError, match=r"0003\.jsonl"):
        list(load_run(tmp_path / "run").events(3))


def test_one_torn_last_line_is_left_out(read):
    assert [event.step for event in read(STARTED + SECOND + TORN)] == [0, 1]
    assert read(TORN) == []


def test_two_torn_lines_are_damage_because_a_kill_tears_only_the_last(read):
    with pytest.raises(TraceError, match=r"0000\.jsonl:2 is damaged"):
        read(STARTED + TORN + "\n" + TORN)


def test_a_torn_line_that_more_was_written_after_is_damage(read):
    with pytest.raises(TraceError, match=r"0000\.jsonl:1 is damaged"):
        read(TORN + "\n" + SECOND)
    with pytest.raises(TraceError, match=r"0000\.jsonl:2 is damaged"):
        read(STARTED + TORN + "\n")


@pytest.mark.parametrize("line", ["7", "null", "[]", '"text"', "{}", '{"step": 0}'])
def test_a_line_that_is_no_event_is_named(read, line):
    with pytest.raises(TraceError, match=r"0000\.jsonl:2 is damaged"):
        read(f"{STARTED}{line}\n{SECOND}")


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ('{"event":"step_started","time":1.0}', "step_started has no step"),
        (
            '{"event":"limit_reached","time":1.0,"step":0,"limit":"steps"}',
            "limit_reached has no value",
        ),
        (
            '{"event":"memory_written","time":1.0,"step":0,"node":"a","value":1}',
            "memory_written has no key",
        ),
        ('{"event":"step_started","step":0}', "step_started has no time"),
    ],
)
def test_an_event_without_one_of_its_fields_is_named_with_the_field(read, line, missing):
    with pytest.raises(TraceError, match=rf"0000\.jsonl:2 is damaged: {missing}"):
        read(f"{STARTED}{line}\n{SECOND}")


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('{"event":"step_started","time":1.0,"step":"x"}', "step_started.step is a value of the"),
        ('{"event":"step_started","time":"x","step":0}', "step_started.time is a value of the"),
        ('{"event":"node_flew","time":1.0,"step":0}', "node_flew: Invalid value 'node_flew'"),
        (
            '{"event":"step_failed","time":1.0,"step":0,"failures":{},"usage":[1]}',
            "step_failed.usage is a value of the type array, expected object",
        ),
        (
            '{"event":"step_failed","time":1.0,"step":0,"failures":{},"usage":{"calls":0.5}}',
            "step_failed.usage.calls is a value of the type float, expected int",
        ),
    ],
)
def test_a_field_of_a_wrong_kind_is_named_with_its_line(read, line, wrong):
    with pytest.raises(TraceError, match=rf"0000\.jsonl:2 is damaged: {re.escape(wrong)}"):
        read(f"{STARTED}{line}\n{SECOND}")


@pytest.mark.parametrize(
    "fields",
    [
        '"arguments":[9]',
        '"messages":[7]',
        '"request_key":"zz"',
        '"messages":[{"role":"user","content":"x","images":"abc"}]',
        '"messages":[{"role":"user","content":"x","images":["../../etc/hostname"]}]',
    ],
)
def test_parts_of_a_question_of_a_wrong_kind_are_damage(read, fields):
    with pytest.raises(TraceError, match=r"0000\.jsonl:2 is damaged: node_started"):
        read(f'{STARTED}{{"event":"node_started","time":1.0,"step":0,"node":"a",{fields}}}\n')


def test_a_reference_to_a_value_that_is_not_there_is_named(read):
    event = {"event": "memory_written", "time": 1.0, "step": 0, "node": "a", "key": "k"}
    line = json.dumps({**event, "value": {"$same": 7}})
    with pytest.raises(TraceError, match=r"0000\.jsonl:2 is damaged: a value is missing"):
        read(f"{STARTED}{line}\n")


@pytest.mark.parametrize(
    ("order", "damaged"), [((0, 2, 3, 4, 5), 2), ((1, 2, 3, 4, 5), 1), ((0, 1, 1, 2), 3),
                           ((0, 2, 1, 3), 2)],
)  # fmt: skip
def test_a_line_that_was_taken_out_doubled_or_moved_is_noticed(order, damaged, tmp_path):
    writer = RunWriter(tmp_path / "run", {})
    episode = writer.episode(0)
    for step in range(2):
        episode.emit(StepStarted(step))
        episode.emit(MemoryWritten(step, "a", "map", "x" * 400))
        episode.emit(StepFinished(step, Usage(), 0.1))
    episode.close()
    writer.finish("done", {})
    path = tmp_path / "run" / "episodes" / "0000.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[number] for number in order))
    said = rf"0000\.jsonl:{damaged} is damaged: it was written as line {order[damaged - 1] + 1}, so"
    with pytest.raises(TraceError, match=said):
        list(load_run(tmp_path / "run").events(0))


@pytest.mark.parametrize(
    ("field", "value"),
    [("step", -1), ("step", 10**16), ("latency_s", -0.1), ("latency_s", 1e300), ("time", 1e15),
     ("usage", {"input_tokens": -5}), ("usage", {"calls": 1 << 60}), ("usage", {"cost_usd": -1})],
)  # fmt: skip
def test_a_number_that_cannot_be_is_damage(field, value, read):
    event = {"event": "step_finished", "time": 1.0, "step": 0, "usage": {}, "latency_s": 0.1}
    with pytest.raises(TraceError, match=r"0000\.jsonl:2 is damaged: .*time|number from 0 on"):
        read(STARTED + json.dumps({**event, field: value}) + "\n")


@pytest.mark.parametrize("name", ["run.json", "episodes/0000.jsonl"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(name, read, tmp_path):
    read(STARTED)
    path = tmp_path / "run" / name
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(TraceError, match=f"{name}: it is no regular file"):
        list(load_run(tmp_path / "run").events(0))


def test_further_tries_and_the_cache_of_a_server_make_no_other_run():
    def played(calls: int, cached: int, output: int = 5) -> list[Event]:
        usage = Usage(9, output, cached, calls)
        return [
            NodeFinished(0, "act", None, 1, "ok", "east", Completion("east", usage)),
            NodeFinished(0, "note", None, 1, "ok", "east"),
            StepFinished(0, usage, 0.1),
        ]

    assert comparable(played(1, 0)) == comparable(played(3, 8))
    assert comparable(played(1, 0)) != comparable(played(1, 0, output=6))


@pytest.mark.parametrize(
    ("key", "value"),
    [("agent", 7), ("agent", {"path": 1.5}), ("agent", {"memory_file": "a\0b"}),
     ("agent", {"source": -1}), ("env", {"id": 1}),
     ("plan", []), ("limits", {"run": 3}), ("models", {"a": []}), ("status", None),
     ("resumed", "now"), ("totals", "none"), ("from", 1)],
)  # fmt: skip
def test_what_run_json_says_has_the_kinds_that_are_read_and_written(key, value, tmp_path):
    with pytest.raises(TraceError, match=rf"is damaged: run\.{key}"):
        RunWriter(tmp_path / "other", {key: value})
    RunWriter(tmp_path / "run", {}).finish("done", {})
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(TraceError, match=rf"run\.json is damaged: run\.{key}"):
        load_run(tmp_path / "run")
