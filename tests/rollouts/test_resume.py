"""Going on with runs that were stopped: after every event, at every byte, again and again."""

import shutil
from pathlib import Path

import pytest
from full_agent import (
    CALLED,
    answered,
    calls_of,
    cut,
    full_agent,
    in_flight,
    line_ends,
    record,
    resume,
    same,
)

from agentkit import load_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    agent = full_agent()
    summary = record(agent, folder)
    assert summary.status == "done"
    assert max(calls_of(agent).values()) == 1
    return folder


@pytest.mark.slow
def test_a_run_that_is_killed_after_any_event_goes_on_as_if_nothing_had_happened(whole, tmp_path):
    ends = line_ends(whole / "episodes" / "0000.jsonl")
    total = answered(whole)
    assert len(ends) > 80
    in_flight_at_most = 0
    for end in ends:
        folder = cut(whole, tmp_path / "run", end)
        known, lost = answered(folder), in_flight(folder)
        agent = full_agent()
        CALLED.clear()
        summary = resume(agent, folder)
        assert summary.status == "done"
        assert same(whole, folder)
        assert sum(calls_of(agent).values()) == total - known, end
        assert summary.episodes[0].usage.calls == total + lost
        assert load_run(folder).about["totals"]["usage"]["calls"] == total + lost
        in_flight_at_most = max(in_flight_at_most, lost)
    assert in_flight_at_most > 0


@pytest.mark.slow
def test_a_last_line_that_is_torn_at_any_byte_is_cut_off(whole, tmp_path):
    ends = line_ends(whole / "episodes" / "0000.jsonl")
    longest = max(range(40, 60), key=lambda i: ends[i] - ends[i - 1])
    for size in range(ends[longest - 1] + 1, ends[longest], 7):
        folder = cut(whole, tmp_path / "run", size)
        resume(full_agent(), folder)
        assert same(whole, folder)
    for size in range(1, ends[0], 11):
        folder = cut(whole, tmp_path / "run", size)
        resume(full_agent(), folder)
        assert same(whole, folder)


def test_a_run_may_be_killed_again_while_it_is_resumed(whole, tmp_path):
    ends = line_ends(whole / "episodes" / "0000.jsonl")
    total = answered(whole)
    folder = cut(whole, tmp_path / "run", ends[17])
    made, lost = answered(folder), in_flight(folder)
    for extra in (1, 2, 5, 9, 14, 3, 1, 30):
        before = len(line_ends(folder / "episodes" / "0000.jsonl"))
        agent = full_agent()
        resume(agent, folder)
        made += sum(calls_of(agent).values())
        assert same(whole, folder)
        assert made == total
        after = line_ends(folder / "episodes" / "0000.jsonl")
        shutil.move(cut(folder, tmp_path / "cut", after[before + extra]), tmp_path / "next")
        shutil.rmtree(folder)
        shutil.move(tmp_path / "next", folder)
        made = answered(folder)
        lost += in_flight(folder)
    assert resume(full_agent(), folder).episodes[0].usage.calls == total + lost
    assert same(whole, folder)
