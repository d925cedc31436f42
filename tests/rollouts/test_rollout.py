import asyncio
import json
import threading
import time

import gymnasium
import pytest
from records import records

from agentkit import (
    AccessError,
    Agent,
    Completion,
    CompletionFile,
    EchoModel,
    EnvSpec,
    Graph,
    InputError,
    Limits,
    Memory,
    Node,
    Plan,
    Request,
    RunWriter,
    TraceError,
    Usage,
    comparable,
    load_run,
    rollout,
    rollout_sync,
)
from agentkit.events import Event, StepFinished

CORRIDOR = EnvSpec("test/Corridor-v0", {"length": 3, "noise": True})


NO_LIMITS, ONE = Limits(), Plan()


def player(
    act="east", *, env=CORRIDOR, limits=NO_LIMITS, memory=None, nodes=(), **options
) -> Agent:
    options.setdefault("model", lambda request: act)
    graph = Graph([*nodes, Node("act", "Go? {{ observation }}", output={"choice": "actions"})])
    return Agent(graph, env=env, limits=limits, memory=memory, action="act", **options)


def play(agent: Agent, plan=ONE, **options):
    return asyncio.run(rollout(agent, plan, **options))


def record(agent: Agent, folder, plan=ONE, **options):
    writer = RunWriter(folder, {"agent": agent.name})
    summary = play(agent, plan, writer=writer, **options)
    writer.finish(summary.status, summary.totals())
    return summary, load_run(str(folder))


def test_an_episode_ends_when_the_environment_says_so():
    (episode,) = play(player()).episodes
    assert (episode.status, episode.reason, episode.steps) == ("done", "terminated", 3)
    assert episode.reward == 1.0
    assert episode.usage.calls == 3


def test_limits_end_the_episode_and_are_its_status():
    (episode,) = play(player(limits=Limits(calls=2))).episodes
    assert (episode.status, episode.reason) == ("limit", "calls: 2")


def test_an_episode_of_as_many_steps_as_it_may_have_is_done():
    (episode,) = play(player(limits=Limits(steps=2))).episodes
    assert (episode.status, episode.reason) == ("done", "truncated at 2 steps")


def test_ten_actions_in_a_row_that_are_not_understood_end_the_episode():
    agent = Agent(
        Graph([Node("act", "{{ observation }}")]), model=lambda request: "fly", env=CORRIDOR
    )
    (episode,) = play(agent).episodes
    assert (episode.status, episode.steps) == ("limit", 10)
    assert "not understood" in episode.reason


def test_episodes_have_consecutive_seeds_and_a_failed_one_does_not_end_the_others():
    def model(request: Request) -> str:
        if request.call.episode == 1:
            raise ValueError("down")
        return "east"

    summary = play(player(model=model), Plan(episodes=3, seed=7))
    assert [e.seed for e in summary.episodes] == [7, 8, 9]
    assert [e.status for e in summary.episodes] == ["done", "failed", "done"]
    assert "node 'act'" in summary.episodes[1].reason
    assert summary.status == "failed"


def test_an_agent_without_environment_runs_its_graph_once():
    agent = Agent(Graph([Node("a", "About {{ topic }}")]), model="echo", inputs={"topic": "rain"})
    assert play(agent).episodes[0].action == "About rain"


def test_missing_inputs_and_missing_environments_are_refused_before_anything_runs():
    graph = Graph([Node("a", "About {{ topic }}")])
    with pytest.raises(InputError, match=r"inputs=\{'topic': \.\.\.\}"):
        play(Agent(graph, model="echo", inputs={"topic": None}))
    with pytest.raises(InputError, match="reads observation"):
        play(Agent(Graph([Node("a", "{{ observation }}")]), model="echo"))
    with pytest.raises(InputError, match="unknown environment 'test/Coridor-v0'"):
        play(player(env=EnvSpec("test/Coridor-v0")))
    with pytest.raises(InputError, match="Corridor-v0"):
        play(player(env=EnvSpec("test/Corridor-v0", {"lenght": 3})))


def test_environment_arguments_are_filled_in_from_inputs_and_keep_their_type():
    env = EnvSpec("test/Corridor-v0", {"length": "{{ far }}"})
    assert play(player(env=env, inputs={"far": 2})).episodes[0].steps == 2


def test_the_record_says_everything_that_happened(tmp_path):
    _, run = record(player(), tmp_path / "run")
    assert run.about["status"] == "done"
    assert run.about["totals"]["steps"] == 3
    events = list(records(run, 0))
    kinds = [event["event"] for event in events]
    assert kinds[:5] == [
        "episode_started",
        "step_started",
        "node_started",
        "node_finished",
        "step_finished",
    ]
    assert kinds[-1] == "episode_finished"
    assert events[2]["messages"][0]["content"].startswith("Go? You are at 0 of 3.")
    assert events[3]["completion"]["text"] == "east"
    stepped = [event for event in events if event["event"] == "environment_stepped"]
    assert [event["action"] for event in stepped] == ["east"] * 3
    assert stepped[-1]["terminated"] is True
    assert "You are at 3" in stepped[-1]["observation"]


def test_a_completion_is_on_disk_before_the_environment_sees_its_action(tmp_path):
    seen: list[str] = []
    folder = tmp_path / "run"

    class Watching(gymnasium.Env[str, str]):
        def reset(self, *, seed=None, options=None):
            return "start", {"actions": ["go"]}

        def step(self, action):
            seen.append((folder / "episodes" / "0000.jsonl").read_text())
            return "end", 0.0, True, False, {}

    gymnasium.register(id="test/Watching-v0", entry_point=Watching)
    record(player("go", env=EnvSpec("test/Watching-v0")), folder)
    assert '"event":"node_finished"' in seen[0]
    assert '"text":"go"' in seen[0]


def test_long_texts_are_written_once_and_read_back_whole(tmp_path):
    nodes = [Node(f"n{i}", f"Question {i}") for i in range(5)]
    graph = Graph(
        [*nodes, Node("act", "{{ n0 }}", after=[n.name for n in nodes])], context="x" * 5000
    )
    agent = Agent(graph, model="echo")
    _, run = record(agent, tmp_path / "run")
    size = (tmp_path / "run" / "episodes" / "0000.jsonl").stat().st_size
    assert size < 12_000
    started = [event for event in records(run, 0) if event["event"] == "node_started"]
    assert all(event["messages"][0]["content"] == "x" * 5000 for event in started)


def test_a_torn_last_line_is_ignored_and_a_damaged_one_is_named(tmp_path):
    _, run = record(player(), tmp_path / "run")
    path = tmp_path / "run" / "episodes" / "0000.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert [e["event"] for e in records(run, 0)][-1] == "environment_stepped"
    path.write_bytes(whole.replace(b'{"event":"step_started"', b'{"event":', 1))
    with pytest.raises(TraceError, match=r"0000\.jsonl:2 is damaged"):
        list(records(run, 0))


def test_a_text_that_is_no_valid_unicode_is_recorded_all_the_same(tmp_path):
    agent = Agent(Graph([Node("a", "?")]), model=lambda request: "half \ud800 pair")
    _, run = record(agent, tmp_path / "run")
    finished = next(e for e in records(run, 0) if e["event"] == "node_finished")
    assert finished["completion"]["text"] == "half ? pair"


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"format": 99}', '{"format": "x"}'])
def test_foreign_folders_are_refused_with_a_reason(tmp_path, content):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(TraceError, match=r"run|newer"):
        load_run(tmp_path)


def test_a_run_is_not_written_into_a_folder_that_has_something_in_it(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(TraceError, match="not empty"):
        RunWriter(tmp_path, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceError, match="cannot record"):
        RunWriter(tmp_path / "file" / "run", {})


def test_parallel_episodes_are_the_same_as_one_after_the_other(tmp_path):
    nodes = [Node("look", "See {{ observation }}")]
    plan = Plan(episodes=6, seed=3)
    _, one = record(player(nodes=nodes), tmp_path / "one", plan)
    _, many = record(player(nodes=nodes), tmp_path / "many", Plan(episodes=6, seed=3, parallel=4))
    for index in one.episodes:
        assert comparable(one.events(index)) == comparable(many.events(index))
    assert len(one.episodes) == 6


NOTE = Node("note", "n{{ memory.n }}", save={"n": "memory.n + 1"})


def counting(keep, file=None):
    def model(request: Request) -> str:
        return "east" if request.call.node == "act" else "x"

    memory = Memory({"n": 0}, {"n": keep}, file)
    return player(nodes=[NOTE], memory=memory, model=model)


def starts(run):
    return [records(run, i)[0]["memory"]["n"] for i in run.episodes]


def test_memory_is_kept_for_an_episode_a_run_or_forever(tmp_path):
    plan = Plan(episodes=2)
    _, run = record(counting("episode"), tmp_path / "a", plan)
    assert starts(run) == [0, 0]
    agent = counting("run")
    _, run = record(agent, tmp_path / "b", plan)
    assert starts(run) == [0, 3]
    _, run = record(agent, tmp_path / "c", plan)
    assert starts(run) == [0, 3]
    file = tmp_path / "memory.json"
    record(counting("forever", file), tmp_path / "d", plan)
    assert json.loads(file.read_text()) == {"n": 6}
    _, run = record(counting("forever", file), tmp_path / "e", plan)
    assert starts(run) == [6, 9]


def test_what_was_committed_is_kept_however_the_episode_ends():
    def model(request: Request) -> str:
        if request.call.node == "act" and request.call.step == 2:
            raise ValueError("down")
        return "east"

    memory = Memory({"n": 0}, {"n": "run"})
    env = EnvSpec("test/Corridor-v0", {"length": 9})
    agent = player(nodes=[NOTE], memory=memory, model=model, env=env)
    (episode,) = play(agent).episodes
    assert episode.status == "failed"
    assert agent.memory.begin() == {"n": 2}


def test_fresh_starts_every_episode_from_the_starting_values_and_writes_no_file(tmp_path):
    file = tmp_path / "memory.json"
    _, run = record(
        counting("forever", file), tmp_path / "a", Plan(episodes=2, parallel=2, fresh=True)
    )
    assert starts(run) == [0, 0]
    assert not file.exists()


def test_parallel_episodes_with_memory_that_outlives_them_are_refused():
    with pytest.raises(InputError, match="plan parallel=1, or say fresh=True"):
        play(counting("run"), Plan(episodes=2, parallel=2))


def test_memory_kept_forever_needs_a_file_and_a_damaged_file_is_not_overwritten(tmp_path):
    with pytest.raises(InputError, match="needs a file"):
        play(counting("forever"))
    file = tmp_path / "memory.json"
    file.write_text('{"n": 6,,}')
    with pytest.raises(InputError, match="line 1"):
        play(counting("forever", file))
    assert file.read_text() == '{"n": 6,,}'


def test_stopping_starts_nothing_new_and_keeps_what_was_reached(tmp_path):
    stop = asyncio.Event()

    def model(request: Request) -> str:
        if request.call.step == 1:
            stop.set()
        return "east"

    summary, run = record(player(model=model), tmp_path / "run", Plan(episodes=3), stop=stop)
    assert [e.status for e in summary.episodes] == ["interrupted"]
    assert run.episodes == [0]
    assert list(records(run, 0))[-1]["status"] == "interrupted"


def test_environments_are_closed_however_the_episode_ends():
    made: list[gymnasium.Env] = []

    class Closing(gymnasium.Env[str, str]):
        closed = False

        def reset(self, *, seed=None, options=None):
            made.append(self)
            return "start", {}

        def step(self, action):
            raise RuntimeError("broken environment")

        def close(self):
            self.closed = True

    gymnasium.register(id="test/Closing-v0", entry_point=Closing)
    agent = Agent(Graph([Node("a", "?")]), model="echo", env=EnvSpec("test/Closing-v0"))
    (episode,) = play(agent).episodes
    assert episode.status == "failed"
    assert "broken environment" in episode.reason
    assert made[0].closed


class Faulty(gymnasium.Env[str, str]):
    """Fails in the way it is told to, in the episode of seed 1."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def reset(self, *, seed=None, options=None):
        self.faulty = seed == 1
        return "start", None if self.faulty and self.fault == "no info" else {}

    def step(self, action):
        if self.faulty and self.fault == "exit":
            raise SystemExit(3)
        if self.faulty and self.fault == "stop iteration":
            raise StopIteration
        if self.faulty and self.fault == "no reward":
            return "end", None, True, False, {}
        return "end", 1.0, True, False, {}

    def close(self):
        if self.faulty and self.fault == "close":
            raise OSError("the door is locked")


gymnasium.register(id="test/Faulty-v0", entry_point=Faulty)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("no info", "info is None"),
        ("exit", "SystemExit: 3"),
        ("stop iteration", "StopIteration"),
        ("no reward", "the reward is None"),
        ("close", "when it was closed, the environment raised OSError: the door is locked"),
    ],
)
def test_a_fault_of_the_environment_fails_its_episode_and_no_other(tmp_path, fault, reason):
    """StopIteration used to hang the run for ever, SystemExit ended it without a word."""
    env = EnvSpec("test/Faulty-v0", {"fault": fault})
    agent = Agent(Graph([Node("a", "?")]), model="echo", env=env)
    summary, run = record(agent, tmp_path / "run", Plan(episodes=3))
    assert [e.status for e in summary.episodes] == ["done", "failed", "done"]
    assert reason in summary.episodes[1].reason
    assert [*records(run, 1)][-1]["status"] == "failed"
    assert summary.episodes[1].reward == (1.0 if fault == "close" else 0.0)


def test_a_rollout_that_is_cancelled_does_not_wait_for_a_stuck_environment():
    stuck, release = threading.Event(), threading.Event()

    class Stuck(gymnasium.Env[str, str]):
        def reset(self, *, seed=None, options=None):
            return "start", {}

        def step(self, action):
            stuck.set()
            release.wait(30)
            return "end", 0.0, True, False, {}

    async def cancelled() -> None:
        task = asyncio.create_task(rollout(agent))
        while not stuck.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        await task

    gymnasium.register(id="test/Stuck-v0", entry_point=Stuck)
    agent = Agent(Graph([Node("a", "?")]), model="echo", env=EnvSpec("test/Stuck-v0"))
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    release.set()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("plan", [{"episodes": 0}, {"parallel": 0}, {"episodes": -1}])
def test_a_plan_that_plays_nothing_is_refused(plan):
    with pytest.raises(InputError, match="expected 1 or more"):
        Plan(**plan)


def test_a_plan_of_more_episodes_than_a_folder_can_hold_is_refused():
    """A damaged record of 10^12 episodes took all memory when it was resumed."""
    with pytest.raises(InputError, match="expected 1,000,000 or fewer"):
        Plan(episodes=10**12)


@pytest.mark.parametrize(
    "plan", [{"seed": -1}, {"seed": 2**63}, {"seed": 2**63 - 1, "episodes": 2}]
)
def test_a_plan_with_a_seed_that_no_environment_or_record_takes_is_refused(plan):
    with pytest.raises(InputError, match=f"seed={plan['seed']}: expected 0 to "):
        Plan(**plan)


def test_a_memory_file_that_could_not_be_written_is_refused_before_anything_is_asked(tmp_path):
    asked = []

    def model(request: Request) -> str:
        asked.append(request)
        return "east"

    (tmp_path / "file").write_text("")
    for file in (tmp_path / "file" / "memory.json", tmp_path):
        memory = Memory({"n": 0}, {"n": "forever"}, file)
        with pytest.raises(InputError, match="memory file"):
            play(player(nodes=[NOTE], memory=memory, model=model))
    assert not asked


def test_memory_that_cannot_be_written_at_the_end_fails_the_episode_and_loses_no_result(tmp_path):
    file = tmp_path / "memory.json"

    def model(request: Request) -> str:
        file.mkdir(exist_ok=True)
        return "east"

    memory = Memory({"n": 0}, {"n": "forever"}, file)
    summary, run = record(player(nodes=[NOTE], memory=memory, model=model), tmp_path / "run")
    (episode,) = summary.episodes
    assert (episode.status, episode.steps, episode.reward) == ("failed", 3, 1.0)
    assert "memory file" in episode.reason
    assert [*records(run, 0)][-1]["reason"] == episode.reason


class Heavy:
    """A model whose modules take long to import."""

    name = "heavy"
    reads_variables = False

    def __init__(self) -> None:
        self.loaded_in: list[str] = []

    def load(self) -> None:
        time.sleep(1.5)
        self.loaded_in.append(threading.current_thread().name)

    async def complete(self, request: Request) -> Completion:
        assert self.loaded_in
        return Completion("east", Usage(calls=1, cost_usd=0.0))


def test_what_a_model_imports_is_loaded_once_before_any_clock_runs():
    """The first call imported its SDK, and a profile blamed the first node for it."""
    model, seen = Heavy(), []
    agent = Agent(Graph([Node("a", "?"), Node("b", "{{ a }}")]), model=model)
    summary = asyncio.run(rollout(agent, Plan(2), on_event=lambda _, event: seen.append(event)))
    assert len(model.loaded_in) == 1
    assert model.loaded_in != [threading.main_thread().name]
    assert max(episode.seconds for episode in summary.episodes) < 1.4


def test_an_episode_whose_listener_breaks_is_not_done_and_goes_on_when_it_is_resumed(tmp_path):
    """A closed pipe ended the run, and its unfinished episode was recorded as done."""

    def listen(episode: int, event: Event) -> None:
        if isinstance(event, StepFinished):
            raise BrokenPipeError("nobody reads")

    agent = Agent(Graph([Node("a", "?")]), model=EchoModel())
    with pytest.raises(BrokenPipeError), RunWriter(tmp_path / "run", {}) as writer:
        asyncio.run(rollout(agent, writer=writer, on_event=listen))
    finished = [
        e for e in records(load_run(tmp_path / "run"), 0) if e["event"] == "episode_finished"
    ]
    assert [(e["status"], e["reason"]) for e in finished] == [
        ("failed", "BrokenPipeError: nobody reads")
    ]
    with RunWriter.resume(load_run(tmp_path / "run")) as writer:
        assert asyncio.run(rollout(agent, writer=writer)).status == "done"


def test_a_writer_records_one_rollout(tmp_path):
    """A second one was written into the files of the first, also after the folder was let go."""
    agent = Agent(Graph([Node("a", "?")]), model=EchoModel())
    with RunWriter(tmp_path / "run") as writer:
        rollout_sync(agent, writer=writer)
        with pytest.raises(TraceError, match="has recorded its run: make a RunWriter for each"):
            rollout_sync(agent, writer=writer)
    events = records(load_run(tmp_path / "run"), 0)
    with pytest.raises(TraceError, match=r"or go on with the run, with RunWriter\.resume"):
        rollout_sync(agent, writer=writer)
    assert records(load_run(tmp_path / "run"), 0) == events


def test_answers_that_could_not_be_used_are_counted_once_for_each_item():
    """The node as a whole has a fallback among its items, and is no answer of its own."""
    node = Node("n", "{{ item }}", each="topics", output="integer", attempts=2, otherwise=0)
    agent = Agent(Graph([node]), model=EchoModel(), inputs={"topics": ["1", "two", "three"]})
    summary = rollout_sync(agent)
    assert (summary.episodes[0].retried, summary.episodes[0].otherwise) == (2, 2)
    assert (summary.totals()["retried"], summary.totals()["otherwise"]) == (2, 2)


class Locked(EchoModel):
    """A model whose key is missing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0

    def check_ready(self) -> None:
        raise AccessError(f"{self.name} needs a key")

    async def complete(self, request: Request) -> Completion:
        self.asked += 1
        return await super().complete(request)


def test_models_without_their_keys_are_all_named_before_any_is_asked(tmp_path):
    one, two = Locked("one"), Locked("two")
    nodes = [Node("a", "?", model="one"), Node("b", "!", model="one"), Node("c", "{{ a }}{{ b }}")]
    agent = Agent(Graph(nodes), model=two, models={"one": one})
    with pytest.raises(AccessError) as said:
        rollout_sync(agent)
    assert sorted(str(said.value).splitlines()) == ["one needs a key", "two needs a key"]
    assert one.asked + two.asked == 0
    with CompletionFile(tmp_path / "kept.db") as cache:  # it may have all the answers
        assert rollout_sync(agent, cache=cache).status == "done"
