"""What a record holds, and when it is written."""

import asyncio
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import gymnasium
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import records

from agentkit import (
    Agent,
    Completion,
    EnvSpec,
    Graph,
    Image,
    InputError,
    ModelError,
    Node,
    Plan,
    Request,
    RunWriter,
    TraceError,
    Usage,
    load_run,
    rollout,
)
from agentkit.events import EpisodeFinished, Event, NodeAdded, NodeStarted, NodeText
from agentkit.record.writer import EpisodeWriter

CORRIDOR = EnvSpec("test/Corridor-v0", {"length": 2})


def record(agent: Agent, writer: RunWriter, **options):
    summary = asyncio.run(rollout(agent, writer=writer, **options))
    writer.finish(summary.status, summary.totals())
    return summary, list(records(load_run(writer.folder), 0))


def test_everything_is_on_the_disk_before_the_environment_sees_an_action(tmp_path):
    happened: list[str] = []

    class NotingEpisode(EpisodeWriter):
        def sync(self) -> None:
            happened.append("sync")
            super().sync()

    class NotingRun(RunWriter):
        def episode(self, index: int) -> EpisodeWriter:
            return NotingEpisode(self.folder, index)

    class Twice(gymnasium.Env[str, str]):
        def reset(self, *, seed=None, options=None):
            return "start", {}

        def step(self, action):
            happened.append("step")
            return "on", 0.0, happened.count("step") == 2, False, {}

    gymnasium.register(id="test/Twice-v0", entry_point=Twice)
    agent = Agent(Graph([Node("a", "Go")]), model="echo", env=EnvSpec("test/Twice-v0"))
    record(agent, NotingRun(tmp_path / "run", {}))
    assert happened[:4] == ["sync", "step", "sync", "step"]


def walker(answers: list[str], env: EnvSpec = CORRIDOR) -> Agent:
    """An agent whose action in each step is the next of the answers."""
    return Agent(
        Graph([Node("act", "{{ observation }}")]),
        model=lambda request: answers[request.call.step],
        env=env,
    )


def test_an_action_that_was_understood_starts_the_count_of_misunderstood_ones_anew(tmp_path):
    lost = ["fly"] * 9
    summary, events = record(
        walker([*lost, "west", *lost, "east", *lost, "east"]), RunWriter(tmp_path / "a", {})
    )
    assert (summary.episodes[0].status, summary.episodes[0].steps) == ("done", 30)
    assert "limit_reached" not in [event["event"] for event in events]
    summary, events = record(
        walker([*lost, "west", *lost, "fly", "east"]), RunWriter(tmp_path / "b", {})
    )
    assert (summary.episodes[0].status, summary.episodes[0].steps) == ("limit", 20)
    assert "limit_reached" in [event["event"] for event in events]


def test_the_record_of_a_failed_step_has_every_completion_that_was_paid_for(tmp_path):
    def model(request: Request) -> Completion:
        call = request.call
        if call.node == "broken" or call.item == 1:
            raise ModelError("no route")
        number = "no" if call.item is None else "ABC"[call.item]
        return Completion(
            f"{call.node} {number} {'!' * call.attempt}", Usage(calls=1, cost_usd=1.0)
        )

    nodes = [
        Node("good", "?"),
        Node("items", "{{ item }}", each="[10, 20, 30]"),
        Node("wrong", "?", output="integer", attempts=2),
        Node("broken", "?"),
        Node("child", "{{ broken }}"),
        Node("end", "{{ child }}{{ items }}{{ wrong }}{{ good }}"),
    ]
    summary, events = record(Agent(Graph(nodes), model=model), RunWriter(tmp_path / "run", {}))
    assert summary.episodes[0].status == "failed"
    paid = {event["completion"]["text"] for event in events if event.get("completion")}
    assert paid == {"good no !", "items A !", "items C !", "wrong no !", "wrong no !!"}
    (failed,) = (event for event in events if event["event"] == "step_failed")
    unanswered = 2
    assert (failed["usage"]["calls"], failed["usage"]["cost_usd"]) == (5 + unanswered, 5.0)
    assert {"items", "wrong", "broken"} <= failed["failures"].keys()


def test_an_error_of_the_one_who_listens_reaches_the_caller_as_itself():
    """Nodes run in a task group; its ExceptionGroup is nobody's business."""

    async def model(request: Request) -> str:
        await asyncio.sleep(0)
        return "x"

    def listen(event: Event) -> None:
        if getattr(event, "node", "") == "b" and type(event).__name__ == "NodeFinished":
            raise ZeroDivisionError("the viewer broke")

    graph = Graph([Node("a", "?"), Node("b", "?"), Node("c", "?")])
    with pytest.raises(ZeroDivisionError, match="the viewer broke"):
        graph.run_sync(model=model, on_event=listen)


HOLDER = """
import sys
from pathlib import Path
from agentkit import RunWriter
writer = RunWriter(Path(sys.argv[1]), {})
print("writing", flush=True)
sys.stdin.readline()
"""


def lock(folder: Path) -> int:
    """Take the folder's lock, as a process does that would write the run."""
    descriptor = os.open(folder / "lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def test_one_process_writes_a_run_and_its_lock_goes_with_it(tmp_path):
    folder = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "writing\n"
        with pytest.raises(BlockingIOError):
            lock(folder)
        with pytest.raises(TraceError):
            RunWriter(folder, {})
        holder.kill()
        holder.wait()
    os.close(lock(folder))
    assert load_run(folder).about["status"] == "running"


def test_a_finished_run_lets_go_of_its_folder(tmp_path):
    writer = RunWriter(tmp_path / "run", {})
    with pytest.raises(BlockingIOError):
        lock(tmp_path / "run")
    writer.finish("done", {})
    os.close(lock(tmp_path / "run"))


def test_a_run_that_never_began_leaves_nothing_behind(tmp_path):
    RunWriter(tmp_path / "run", {}).discard()
    assert not (tmp_path / "run").exists()


def test_a_folder_in_which_nothing_was_recorded_yet_is_empty(tmp_path):
    """A process may be killed right after it has made the folder."""
    folder = tmp_path / "run"
    (folder / "episodes").mkdir(parents=True)
    (folder / "lock").touch()
    (folder / ".run.json.0123456789ab").write_text("{")
    taken = lock(folder)
    with pytest.raises(TraceError, match="written by another process"):
        RunWriter(folder, {})
    os.close(taken)
    RunWriter(folder, {}).finish("done", {})
    assert {path.name for path in folder.iterdir()} == {"episodes", "lock", "run.json"}
    with pytest.raises(TraceError, match="not empty"):
        RunWriter(folder, {})


def test_a_folder_with_anything_else_is_not_touched(tmp_path):
    (tmp_path / "episodes").mkdir()
    (tmp_path / "episodes" / "0000.jsonl").touch()
    with pytest.raises(TraceError, match="not empty"):
        RunWriter(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["episodes"]


def test_a_run_goes_on_from_what_its_folder_says_when_it_is_taken(tmp_path):
    """Another process may have gone on with it since it was read."""
    folder = tmp_path / "run"
    RunWriter(folder, {}).finish("limit", {})
    early = load_run(folder)
    seven = {"run": {"calls": 7}}
    RunWriter.resume(early, {"limits": seven}).finish("limit", {})
    (folder / ".run.json.0123456789ab").write_text("{")
    writer = RunWriter.resume(early)
    about = load_run(folder).about
    assert (about["limits"], len(about["resumed"])) == (seven, 2)
    writer.discard()
    about = load_run(folder).about
    assert (about["status"], about["limits"], len(about["resumed"])) == ("limit", seven, 1)
    assert not list(folder.glob(".run.json.*"))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
LARGE = st.sampled_from(["m" * 300, ["n" * 250], {"map": "o" * 400}, {"$same": 0, "p": "p" * 300}])
JSON = LARGE | st.recursive(
    SCALARS | st.sampled_from([{"$same": 0}, {"$id": 1, "$value": 2}]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
BY_HINT = {
    Any: JSON,
    str: st.text(max_size=8) | st.sampled_from(["t" * 300, "u" * 300]),
    int: st.integers(0, 2**40),
    float: st.floats(0, 2**53),
    bool: st.booleans(),
    bytes: st.sampled_from([b"one", b"two"]),
    type(None): st.none(),
    Mapping[str, Any]: st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    Mapping[str, float]: st.dictionaries(st.text(max_size=5), st.floats(0, 1), max_size=3),
    Mapping[str, str]: st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
}


def values(hint: Any) -> st.SearchStrategy:
    """Values of a field that is declared with this type."""
    if hint in BY_HINT:
        return BY_HINT[hint]
    if is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
        if hint is Image:
            return st.builds(Image, BY_HINT[bytes], st.sampled_from(["image/png", "image/jpeg"]))
        hints = get_type_hints(hint)
        hints.pop("_", None)  # what follows is given by name
        return st.builds(hint, **{name: values(hint) for name, hint in hints.items()})
    inner = get_args(hint)
    if inner and inner[-1] is ...:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    if all(isinstance(text, str) for text in inner):
        return st.sampled_from(inner)
    return st.one_of([values(choice) for choice in inner])


KINDS = [kind for kind in get_args(Event) if kind is not NodeText]


def with_arguments(events: tuple[Event, ...]) -> list[Event]:
    """The events; a record says `{}` for a call without arguments, and keys are digests."""
    return [
        msgspec.structs.replace(
            event, arguments=event.arguments or {}, request_key=event.request_key.encode().hex()
        )
        if isinstance(event, NodeStarted)
        else event
        for event in events
    ]


@given(st.tuples(*(values(kind) for kind in KINDS)).map(with_arguments))
@settings(max_examples=40, deadline=None)
def test_an_event_of_every_kind_reads_back_as_it_was(events):
    with tempfile.TemporaryDirectory() as folder:
        writer = RunWriter(Path(folder) / "run", {})
        episode = writer.episode(0)
        for event in (*events, *events):
            episode.emit(event)
        episode.close()
        writer.finish("done", {})
        found = [*load_run(writer.folder).lines(0)]
        assert [line.event for line in found] == [*events, *events]
        assert all(line.time > 0 for line in found)


def test_a_run_finishes_by_itself_with_the_status_and_sums_of_its_rollout(tmp_path):
    agent = Agent(Graph([Node("a", "?")]), model=lambda request: "x")
    with RunWriter(tmp_path / "run", {}) as writer:
        asyncio.run(rollout(agent, Plan(episodes=3), writer=writer))
    about = load_run(tmp_path / "run").about
    assert (about["status"], about["totals"]["episodes"]) == ("done", 3)
    os.close(lock(tmp_path / "run"))


@pytest.mark.parametrize(
    ("error", "status"),
    [(ZeroDivisionError("mine"), "failed"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_run_whose_program_breaks_off_says_so_and_keeps_its_sums(tmp_path, error, status):
    agent = Agent(Graph([Node("a", "?")]), model=lambda request: "x")

    def program() -> None:
        with RunWriter(tmp_path / "run", {}) as writer:
            asyncio.run(rollout(agent, Plan(episodes=2), writer=writer))
            raise error

    with pytest.raises(type(error)):
        program()
    about = load_run(tmp_path / "run").about
    assert (about["status"], about["totals"]["episodes"]) == (status, 2)
    os.close(lock(tmp_path / "run"))


def test_the_sums_of_a_run_that_fails_are_those_of_what_was_played(tmp_path):
    """A wrong key ends the run: the episodes before it were played and paid for."""

    def model(request: Request) -> Completion:
        if request.call.episode == 2:
            raise InputError("no key")
        return Completion("x", Usage(7, 2, calls=1, cost_usd=0.5))

    agent = Agent(Graph([Node("a", "?")]), model=model)
    with pytest.raises(InputError, match="no key"), RunWriter(tmp_path / "run", {}) as writer:
        asyncio.run(rollout(agent, Plan(episodes=4), writer=writer))
    about = load_run(tmp_path / "run").about
    assert about["status"] == "failed"
    assert about["totals"]["usage"]["input_tokens"] == 14
    assert about["totals"]["cost_usd"] == 1.0


@pytest.mark.parametrize("end", ["finish", "discard"])
def test_letting_go_twice_does_nothing_to_files_that_others_opened(tmp_path, end):
    """The number of the lock's descriptor is given to the next file that anybody opens."""
    with RunWriter(tmp_path / "run", {}) as writer:
        writer.finish("done", {}) if end == "finish" else writer.discard()
        with (tmp_path / "mine").open("w") as mine:
            writer.finish("done", {})
            writer.discard()
            mine.write("still open")
    assert (tmp_path / "mine").read_text() == "still open"
    assert (tmp_path / "run").exists() == (end == "finish")


def test_closing_an_episode_twice_does_nothing_to_files_that_others_opened(tmp_path):
    (tmp_path / "episodes").mkdir()
    writer = EpisodeWriter(tmp_path, 0)
    writer.close()
    with (tmp_path / "mine").open("w") as mine:
        writer.close()
        mine.write("still open")


def test_a_file_whose_disk_refuses_is_closed_all_the_same(tmp_path):
    """Neither the end of the episode nor the last sync can be written."""

    class Refusing(EpisodeWriter):
        def sync(self) -> None:
            raise TraceError("cannot write")

        def emit(self, event: Event) -> None:
            if isinstance(event, EpisodeFinished):
                raise TraceError("cannot write")
            super().emit(event)

    class Refused(RunWriter):
        def episode(self, index: int) -> EpisodeWriter:
            return Refusing(self.folder, index)

    agent = Agent(Graph([Node("a", "?")]), model=lambda request: "x")
    with pytest.raises(TraceError), Refused(tmp_path / "run", {}) as writer:
        asyncio.run(rollout(agent, writer=writer))
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [link for link in links if str(link.readlink()).startswith(str(tmp_path))]


def test_an_error_that_a_function_swallows_ends_the_run_all_the_same(tmp_path):
    """The function went on, the run was done, and its record lacked a line."""

    class Refusing(EpisodeWriter):
        def emit(self, event: Event) -> None:
            if isinstance(event, NodeAdded):
                raise TraceError("cannot write")
            super().emit(event)

    class Refused(RunWriter):
        def episode(self, index: int) -> EpisodeWriter:
            return Refusing(self.folder, index)

    def swallowing(step) -> str:
        try:
            return step.add(Node("x", "?"))
        except Exception:
            return "never mind"

    agent = Agent(Graph([Node("a", function=swallowing)]), model=lambda request: "x")
    with (
        pytest.raises(TraceError, match="cannot write"),
        Refused(tmp_path / "run", {}) as writer,
    ):
        asyncio.run(rollout(agent, writer=writer))
    assert load_run(tmp_path / "run").about["status"] == "failed"


def once(folder: Path, **options) -> Agent:
    """An agent whose run of two episodes is recorded there."""
    agent = Agent(Graph([Node("a", "?")]), model=lambda request: "x")
    with RunWriter(folder, {}) as writer:
        asyncio.run(rollout(agent, Plan(episodes=2), writer=writer, **options))
    return agent


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
def test_a_run_that_is_resumed_and_not_played_is_as_it_was(tmp_path, error):
    once(tmp_path / "run")
    before = load_run(tmp_path / "run").about

    def program() -> None:
        with RunWriter.resume(load_run(tmp_path / "run")):
            if error is not None:
                raise error

    with nullcontext() if error is None else pytest.raises(ZeroDivisionError):
        program()
    assert load_run(tmp_path / "run").about == before


def test_a_run_that_is_stopped_between_episodes_is_interrupted(tmp_path):
    stop = asyncio.Event()

    def listen(episode: int, event: Event) -> None:
        if isinstance(event, EpisodeFinished):
            stop.set()

    once(tmp_path / "run", stop=stop, on_event=listen)
    about = load_run(tmp_path / "run").about
    assert (about["status"], about["totals"]["episodes"]) == ("interrupted", 1)


def test_a_fork_neither_finishes_its_parents_run_nor_keeps_the_folder(tmp_path):
    command = f"""
import os, time
from agentkit import RunWriter, load_run
writer = RunWriter({str(tmp_path / "forked")!r}, {{}})
child = os.fork()
if not child:
    writer.finish("done", {{}})
    time.sleep(60)
time.sleep(0.3)
assert load_run(writer.folder).about["status"] == "running"
writer.finish("limit", {{}})
RunWriter.resume(load_run(writer.folder)).discard()
os.kill(child, 9)
"""
    subprocess.run([sys.executable, "-c", command], check=True, timeout=60)
    assert load_run(tmp_path / "forked").about["status"] == "limit"
