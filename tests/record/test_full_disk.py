"""A disk that is full: what was recorded stays readable, and the run can be resumed."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from full_agent import answer, calls_of, full_agent, record, resume, same
from records import records

from agentkit import Agent, Graph, Message, Node, RunWriter, TraceError, load_run, rollout
from agentkit.events import NodeStarted
from agentkit.record.writer import EpisodeWriter

LONG = "What you see is long enough to be written once and referred to later. " * 5


class Disk:
    """A file system of 400 kB that can be filled to its last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (4096, 1):
                try:
                    while filler.write(b"x" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user cannot mount a file system to fill")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_line_that_could_not_be_written_leaves_none_of_its_values_behind(disk):
    """The id of a value was given away before its line was written: the next line referred to a
    value that was never there, and the episode could not be read any more."""
    (disk.folder / "episodes").mkdir()
    writer = EpisodeWriter(disk.folder, 0)
    writer.emit(NodeStarted(0, "a", messages=(Message("user", LONG),)))
    disk.fill()
    lost = LONG * 12  # more than what is left of the last page
    with pytest.raises(TraceError, match="No space left on device"):
        writer.emit(NodeStarted(0, "b", messages=(Message("user", lost),)))
    disk.free()
    writer.emit(NodeStarted(0, "c", messages=(Message("user", lost), Message("user", LONG))))
    writer.emit(NodeStarted(0, "d", messages=(Message("user", lost),)))
    writer.close()
    (disk.folder / "run.json").write_text('{"format": 1}')
    _, third, fourth = records(load_run(disk.folder), 0)
    assert [message["content"] for message in third["messages"]] == [lost, LONG]
    assert [message["content"] for message in fourth["messages"]] == [lost]


@pytest.mark.parametrize("at", [1, 2, 7, 12, 20])
def test_a_full_disk_ends_the_run_and_it_is_resumed_when_there_is_room(disk, tmp_path, at):
    """Whichever call it happens at: no recorded call is made again, and it is the same run."""
    whole = full_agent()
    record(whole, tmp_path / "whole")
    calls = 0

    def filling(request) -> str:
        nonlocal calls
        calls += 1
        if calls == at:
            disk.fill()
        return answer(request)

    folder = disk.folder / "run"
    with (
        pytest.raises(TraceError, match="No space left on device"),
        RunWriter(folder, {"agent": "full"}) as writer,
    ):
        asyncio.run(rollout(full_agent(filling), writer=writer))
    list(load_run(folder).lines(0))
    disk.free()
    again = full_agent()
    summary = resume(again, folder)
    assert summary.status == "done"
    assert same(tmp_path / "whole", folder)
    assert sum(calls_of(again).values()) < sum(calls_of(whole).values())
    assert load_run(folder).about["status"] == "done"


def test_nothing_more_is_asked_once_the_run_cannot_be_recorded(disk):
    """A failed write was one failed node among others, which went on asking and paying."""
    asked: list[str] = []

    async def model(request) -> str:
        asked.append(request.call.node)
        if request.call.node == "fast":
            disk.fill()
            return LONG * 60
        await asyncio.sleep(0.2)
        disk.free()  # so that only this can keep the next one from being asked
        return "later"

    nodes = [Node("slow", "?"), Node("next", "{{ slow }}"), Node("fast", "?")]
    agent = Agent(Graph(nodes), model=model, action="{{ next }}")
    with pytest.raises(TraceError, match="No space left"):
        record(agent, disk.folder / "run")
    assert sorted(asked) == ["fast", "slow"]


def opened(folder: Path) -> list[str]:
    """The files below a folder that this process has open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [str(link) for link in links if str(link.readlink()).startswith(str(folder))]


def test_a_run_whose_first_save_fails_lets_go_of_its_folder(disk):
    """Its lock was kept, and the folder was said to be written by another process."""
    folder = disk.folder / "run"
    disk.fill()
    with pytest.raises(TraceError, match=r"cannot write .*run\.json: No space left"):
        RunWriter(folder, {})
    assert not opened(disk.folder)
    disk.free()
    RunWriter(folder, {}).finish("limit", {})
    disk.fill()
    with pytest.raises(TraceError, match="No space left"):
        RunWriter.resume(load_run(folder), {"note": LONG * 99})
    disk.free()
    RunWriter.resume(load_run(folder)).finish("done", {})
    assert not opened(disk.folder)
