"""Going on with runs that failed, were interrupted or limited, and what stands in the way."""

import asyncio
import json
import shutil
from pathlib import Path

import gymnasium
import pytest
from full_agent import (
    CORRIDOR,
    Counted,
    answer,
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
from records import records

from agentkit import (
    Agent,
    Completion,
    EnvSpec,
    Graph,
    Image,
    InputError,
    Limits,
    Memory,
    ModelError,
    Node,
    Plan,
    Request,
    RunWriter,
    TraceError,
    Usage,
    comparable,
    load_run,
    rollout_sync,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    record(full_agent(), folder)
    return folder


def played(folder: Path, episode: int = 0) -> list[dict]:
    """What was played, without the end and its sums."""
    ends = ("episode_finished", "limit_reached")
    found = comparable(load_run(folder).events(episode))
    return [event for event in found if event["event"] not in ends]


def total_calls(*agents: Agent) -> int:
    return sum(sum(calls_of(agent).values()) for agent in agents)


def failing(node: str, step: int, item: int | None = None):
    """A model that cannot be reached for one question."""

    def reply(request: Request) -> str:
        call = request.call
        if (call.node, call.step, call.item) == (node, step, item):
            raise ModelError("no route")
        return answer(request)

    return reply


@pytest.mark.parametrize(
    ("node", "item"), [("look", None), ("number", None), ("items", 1), ("asked", None)]
)
def test_a_failed_step_is_tried_again_and_only_what_failed_is_asked_anew(
    node, item, whole, tmp_path
):
    node = "helper.1" if node == "asked" else node
    broken = full_agent(failing(node, 1, item))
    assert record(broken, tmp_path / "run").status == "failed"
    again = full_agent(failing(node, 1, item))
    assert resume(again, tmp_path / "run").status == "failed"
    assert total_calls(again) == 1
    mended = full_agent()
    summary = resume(mended, tmp_path / "run")
    assert summary.status == "done"
    assert played(tmp_path / "run") == played(whole)
    assert summary.episodes[0].usage.calls == total_calls(broken, again, mended)
    assert max((calls_of(broken) + calls_of(mended)).values()) == 2
    asked_twice = [n for n in (calls_of(broken) + calls_of(mended)).values() if n == 2]
    assert len(asked_twice) == 1


def test_an_answer_that_could_not_be_used_is_paid_once_and_asked_anew(tmp_path):
    """The earlier attempts come from the record, the last one is made again."""
    replies = iter(["no", "none", "nothing", "7"])
    agent = Agent(
        Graph([Node("act", "How many?", output="integer", attempts=3)]),
        model=lambda request: Completion(next(replies), Usage(calls=1, cost_usd=1.0)),
    )
    assert record(agent, tmp_path / "run").cost_usd == 3.0
    summary = resume(agent, tmp_path / "run")
    assert (summary.status, summary.episodes[0].action, summary.cost_usd) == ("done", "7", 4.0)
    assert summary.usage.calls == 4
    resumed = [e for e in records(load_run(tmp_path / "run"), 0) if e["event"] == "episode_resumed"]
    assert [(e["usage"]["calls"], e["usage"]["cost_usd"]) for e in resumed] == [(1, 1.0)]


def test_a_run_that_was_stopped_by_the_user_goes_on(whole, tmp_path):
    stop = asyncio.Event()

    def reply(request: Request) -> str:
        if request.call.step == 1 and request.call.item == 2:
            stop.set()
        return answer(request)

    stopped = full_agent(reply)
    plan = Plan(episodes=2)
    assert record(stopped, tmp_path / "run", plan, stop=stop).status == "interrupted"
    going_on = full_agent()
    summary = resume(going_on, tmp_path / "run", plan)
    assert [episode.status for episode in summary.episodes] == ["done", "done"]
    assert same(whole, tmp_path / "run")
    counted = calls_of(stopped) + calls_of(going_on)
    assert max(counted.values()) == 1
    assert summary.usage.calls == counted.total()


def test_limits_go_on_from_what_was_used_and_a_higher_one_lets_the_run_go_on(whole, tmp_path):
    folder = tmp_path / "run"
    first = full_agent(limits=Limits(calls=10))
    assert record(first, folder).status == "limit"
    second = full_agent(limits=Limits(calls=15))
    summary = resume(second, folder)
    assert (summary.status, summary.usage.calls) == ("limit", total_calls(first, second))
    assert 10 < summary.usage.calls <= 15
    third = full_agent(limits=Limits(calls=15))
    assert resume(third, folder).status == "limit"
    assert total_calls(third) == 0
    last = full_agent(limits=Limits(steps=3))
    assert resume(last, folder).status == "done"
    assert played(folder) == played(whole)
    assert max((calls_of(first) + calls_of(second) + calls_of(last)).values()) == 1


def test_a_limit_of_the_whole_run_counts_the_episodes_that_were_finished(tmp_path):
    folder, plan = tmp_path / "run", Plan(episodes=3, limits=Limits(steps=4))
    summary = record(full_agent(), folder, plan)
    assert (summary.status, [e.steps for e in summary.episodes]) == ("limit", [3, 1])
    summary = resume(full_agent(), folder, Plan(episodes=3, limits=Limits(steps=5)))
    assert (summary.status, [e.steps for e in summary.episodes]) == ("limit", [3, 2])
    summary = resume(full_agent(), folder, Plan(episodes=3, limits=Limits(steps=99)))
    assert (summary.status, [e.steps for e in summary.episodes]) == ("done", [3, 3, 3])
    record(full_agent(), tmp_path / "whole", Plan(episodes=3))
    for index in range(3):
        assert played(folder, index) == played(tmp_path / "whole", index)


def test_the_time_that_was_played_before_counts(whole, tmp_path):
    folder = cut(whole, tmp_path / "run", line_ends(whole / "episodes" / "0000.jsonl")[40])
    path = folder / "episodes" / "0000.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for number, line in enumerate(lines):
        line["time"] = 1000.0 + number
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = resume(full_agent(), folder, Plan(limits=Limits(seconds=40)))
    assert summary.status == "limit"
    summary = resume(full_agent(limits=Limits(seconds=40)), folder)
    assert summary.status == "limit"
    assert "seconds" in summary.episodes[0].reason
    summary = resume(full_agent(limits=Limits(seconds=4000)), folder)
    assert summary.status == "done"
    assert 40 <= summary.episodes[0].seconds < 60
    assert played(folder) == played(whole)


def say_seed(folder: Path, seed: int) -> None:
    """Let run.json say that the run was begun with this seed."""
    about = json.loads((folder / "run.json").read_text())
    about["plan"]["seed"] = seed
    (folder / "run.json").write_text(json.dumps(about))


def test_another_answer_of_the_environment_is_named_and_the_run_can_still_go_on(whole, tmp_path):
    folder = cut(whole, tmp_path / "run", line_ends(whole / "episodes" / "0000.jsonl")[70])
    lost = in_flight(folder)
    say_seed(folder, 5)  # with which the environment answers otherwise
    summary = resume(full_agent(), folder, Plan(seed=5))
    (episode,) = summary.episodes
    assert episode.status == "failed"
    assert "does not repeat what was recorded at the start: observation was" in episode.reason
    assert episode.usage.calls == answered(folder) + lost > 0
    say_seed(folder, 0)
    assert resume(full_agent(), folder).status == "done"
    assert same(whole, folder)


class Dice(gymnasium.Env[str, str]):
    """Never the same twice, and says so."""

    resumable = False
    throws = 0

    def reset(self, *, seed=None, options=None):
        self.step_count = 0
        return self._thrown(), {"actions": ["east"]}

    def step(self, action):
        self.step_count += 1
        return self._thrown(), 1.0, self.step_count == 4, False, {"actions": ["east"]}

    def _thrown(self):
        Dice.throws += 1
        return f"You threw {Dice.throws}."


gymnasium.register(id="test/Dice-v0", entry_point=Dice)
DICE = EnvSpec("test/Dice-v0")


def test_an_environment_that_does_not_repeat_itself_starts_over_and_says_so(tmp_path):
    folder = tmp_path / "run"
    first = full_agent(failing("act", 2), env=DICE, limits=Limits(steps=4))
    assert record(first, folder).status == "failed"
    second = full_agent(failing("act", 3), env=DICE, limits=Limits(steps=4))
    assert resume(second, folder).status == "failed"
    last = full_agent(env=DICE, limits=Limits(steps=4))
    (episode,) = resume(last, folder).episodes
    assert (episode.status, episode.steps, episode.reward) == ("done", 4, 4.0)
    assert episode.usage.calls == total_calls(first, second, last)
    events = list(records(load_run(folder), 0))
    kinds = [event["event"] for event in events]
    assert kinds[:3] == ["episode_resumed", "episode_resumed", "episode_started"]
    assert [event["step"] for event in events[:2]] == [0, 0]
    assert kinds.count("environment_stepped") == 4
    assert kinds.count("step_started") == 4
    shown = [e["observation"] for e in events if e["event"] == "environment_stepped"]
    thrown = [int(text.split()[2].strip(".")) for text in shown]
    assert thrown == list(range(thrown[0], thrown[0] + 4))


def test_an_answer_that_belongs_to_another_question_is_not_taken(whole, tmp_path):
    ends = line_ends(whole / "episodes" / "0000.jsonl")
    folder = cut(whole, tmp_path / "run", ends[55])
    agent = full_agent()
    graph = Graph(agent.graph.nodes, system="You fly.", context="{{ observation }} {{ reward }}")
    edited = agent.replace(graph=graph)
    (episode,) = resume(edited, folder).episodes
    assert episode.status == "failed"
    assert "node 'look' was asked something else when this was recorded" in episode.reason
    assert "step 1" in episode.reason
    assert resume(full_agent(), folder).status == "done"
    assert same(whole, folder)


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(whole, tmp_path):
    ends = line_ends(whole / "episodes" / "0000.jsonl")
    folder = cut(whole, tmp_path / "run", ends[40])
    path = folder / "episodes" / "0000.jsonl"
    data = bytearray(path.read_bytes())
    data[ends[9] + 5] = 0
    path.write_bytes(data)
    with pytest.raises(TraceError, match=r"0000\.jsonl:11 is damaged"):
        resume(full_agent(), folder)
    assert path.read_bytes() == bytes(data)


def test_one_process_at_a_time_goes_on_with_a_run(whole, tmp_path):
    folder = cut(whole, tmp_path / "run", 0)
    writer = RunWriter.resume(load_run(folder))
    with pytest.raises(TraceError, match="is being written by another process"):
        RunWriter.resume(load_run(folder))
    writer.discard()
    assert load_run(folder).about["status"] == "running"
    assert resume(full_agent(), folder).status == "done"


def test_memory_that_outlives_an_episode_comes_from_the_record(tmp_path):
    plan = Plan(episodes=3)
    whole = full_agent(keep="run")
    record(whole, tmp_path / "whole", plan)
    ends = [line_ends(tmp_path / "whole" / "episodes" / f"000{i}.jsonl") for i in range(3)]
    for end in ends[1][::9]:
        folder = cut(tmp_path / "whole", tmp_path / "run", end, episode=1)
        (folder / "episodes" / "0002.jsonl").unlink()
        agent = full_agent(keep="run")
        assert resume(agent, folder, plan).status == "done"
        for index in range(3):
            assert same(tmp_path / "whole", folder, index)
        assert agent.memory.begin() == whole.memory.begin()


def test_what_an_earlier_episode_learns_late_does_not_undo_what_later_ones_learnt(tmp_path):
    plan = Plan(episodes=2)
    folder = tmp_path / "run"

    def reply(request: Request) -> str:
        if (request.call.episode, request.call.step, request.call.node) == (0, 2, "act"):
            raise ModelError("no route")
        return answer(request)

    assert [e.status for e in record(full_agent(reply, keep="run"), folder, plan).episodes] == [
        "failed",
        "done",
    ]
    later = load_run(folder)
    notes = [e for e in records(later, 1) if e["event"] == "memory_written" and e["key"] == "notes"]
    agent = full_agent(keep="run")
    assert resume(agent, folder, plan).status == "done"
    assert agent.memory.begin()["notes"] == notes[-1]["value"]


def test_memory_kept_forever_counts_as_it_was_recorded_and_is_written_at_the_end(tmp_path):
    file = tmp_path / "memory.json"
    nodes = [
        Node("note", "n{{ memory.n }}", save={"n": "memory.n + 1"}),
        Node("act", "Go? {{ observation }}", output={"choice": "actions"}),
    ]

    def agent() -> Agent:
        memory = Memory({"n": 0}, {"n": "forever"}, file)
        model = Counted(lambda request: "east")
        return Agent(Graph(nodes), model=model, memory=memory, env=CORRIDOR, action="act")

    record(agent(), tmp_path / "whole", Plan(episodes=2))
    assert json.loads(file.read_text()) == {"n": 6}
    ends = line_ends(tmp_path / "whole" / "episodes" / "0001.jsonl")
    folder = cut(tmp_path / "whole", tmp_path / "run", ends[len(ends) // 2], episode=1)
    shutil.copytree(folder, tmp_path / "newer")
    file.write_text('{"n": 3, "other": 1}')  # as episode 0 left it
    resume(agent(), folder, Plan(episodes=2))
    assert same(tmp_path / "whole", folder, 1)
    assert json.loads(file.read_text()) == {"n": 6, "other": 1}

    file.write_text('{"n": 100, "other": 1}')  # another run has written it
    resume(agent(), tmp_path / "newer", Plan(episodes=2))
    assert same(tmp_path / "whole", tmp_path / "newer", 1)
    assert json.loads(file.read_text()) == {"n": 100, "other": 1}


def test_episodes_at_once_that_are_cut_anywhere_go_on_together(tmp_path):
    plan = Plan(episodes=4, parallel=4, seed=2)
    record(full_agent(), tmp_path / "whole", plan)
    folder = tmp_path / "whole"
    for index, share in enumerate((0.0, 0.3, 0.7, 1.0)):
        ends = line_ends(folder / "episodes" / f"000{index}.jsonl")
        size = ends[min(int(len(ends) * share), len(ends) - 1)] if share else 0
        folder = cut(folder, tmp_path / f"cut{index}", size, episode=index)
    assert resume(full_agent(), folder, plan).status == "done"
    for index in range(4):
        assert same(tmp_path / "whole", folder, index)


def test_pictures_of_recalled_questions_come_from_their_files(tmp_path):
    nodes = [
        Node("see", "What is this?", images="info.picture"),
        Node("act", "Where to?", recall=["see"]),
    ]

    class Gallery(gymnasium.Env[str, str]):
        def reset(self, *, seed=None, options=None):
            self.place = 0
            return "start", self._info()

        def step(self, action):
            self.place += 1
            return f"at {self.place}", 0.0, self.place == 3, False, self._info()

        def _info(self):
            return {"picture": Image(b"\x89PNG\r\n\x1a\n" + bytes([self.place]))}

    if "test/Gallery-v0" not in gymnasium.registry:
        gymnasium.register(id="test/Gallery-v0", entry_point=Gallery)

    def agent() -> Agent:
        model = Counted(lambda request: f"{len(request.messages)} messages")
        env = EnvSpec("test/Gallery-v0")
        return Agent(Graph(nodes), model=model, env=env, action="act")

    first = agent()
    record(first, tmp_path / "whole")
    for end in line_ends(tmp_path / "whole" / "episodes" / "0000.jsonl")[::3]:
        folder = cut(tmp_path / "whole", tmp_path / "run", end)
        second = agent()
        resume(second, folder)
        assert same(tmp_path / "whole", folder)
        assert calls_of(second) <= calls_of(first)


def test_actions_that_were_not_understood_before_the_stop_count_on(tmp_path):
    def agent() -> Agent:
        model = Counted(lambda request: "west" if request.call.step == 3 else "fly")
        return Agent(Graph([Node("act", "{{ observation }}")]), model=model, env=CORRIDOR)

    (episode,) = record(agent(), tmp_path / "whole").episodes
    assert (episode.status, episode.steps) == ("limit", 14)
    for end in line_ends(tmp_path / "whole" / "episodes" / "0000.jsonl")[::6]:
        folder = cut(tmp_path / "whole", tmp_path / "run", end)
        resume(agent(), folder)
        assert same(tmp_path / "whole", folder)
    assert resume(agent(), tmp_path / "whole").episodes[0].steps == 14
    kinds = [event["event"] for event in records(load_run(tmp_path / "whole"), 0)]
    assert "episode_resumed" not in kinds


def test_an_episode_that_could_not_begin_begins(tmp_path):
    class Closed(gymnasium.Env[str, str]):
        opens = False

        def reset(self, *, seed=None, options=None):
            if not Closed.opens:
                raise OSError("the door is locked")
            return "inside", {}

        def step(self, action):
            return "done", 1.0, True, False, {}

    gymnasium.register(id="test/Closed-v0", entry_point=Closed)

    def agent() -> Agent:
        return Agent(Graph([Node("a", "?")]), model="echo", env=EnvSpec("test/Closed-v0"))

    (episode,) = record(agent(), tmp_path / "run").episodes
    assert "the door is locked" in episode.reason
    Closed.opens = True
    (episode,) = resume(agent(), tmp_path / "run").episodes
    assert (episode.status, episode.steps, episode.reward) == ("done", 1, 1.0)
    kinds = [event["event"] for event in records(load_run(tmp_path / "run"), 0)]
    assert kinds[:2] == ["episode_resumed", "episode_started"]
    assert kinds.count("episode_finished") == 1
    del gymnasium.registry["test/Closed-v0"]


@pytest.mark.parametrize(
    ("changes", "plan", "message"),
    [
        ({}, {"seed": 8}, r"was begun with Plan\(seed=0\), and this plan has seed=8"),
        ({}, {"fresh": True}, r"Plan\(fresh=False\), and this plan has fresh=True"),
        ({"env": EnvSpec("test/Corridor-v0", {"length": 4, "noise": True})}, {},
         r"length=3, noise=True\), and full plays in test/Corridor-v0\(length=4"),
    ],
)  # fmt: skip
def test_a_program_goes_on_with_a_run_in_its_environment_and_with_its_seeds(
    changes, plan, message, whole, tmp_path
):
    """Another seed was taken in silence: the record named the one, its episodes had the other."""
    folder = cut(whole, tmp_path / "run", 0)
    about = load_run(folder).about
    with (
        pytest.raises(InputError, match=message),
        RunWriter.resume(load_run(folder)) as writer,
    ):
        rollout_sync(full_agent(**changes), Plan(**plan), writer=writer)
    assert load_run(folder).about["status"] == about["status"]
    agent = full_agent().replace(limits=Limits(steps=1))
    with RunWriter.resume(load_run(folder)) as writer:
        rollout_sync(agent, Plan(parallel=2), writer=writer)
    now = load_run(folder).about
    assert (now["plan"]["parallel"], now["limits"]["episode"]["steps"]) == (2, 1)
