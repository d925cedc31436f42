"""A new run begins with the first steps of a recorded one."""

from pathlib import Path

import gymnasium
import pytest
from full_agent import (
    CORRIDOR,
    Counted,
    answer,
    calls_of,
    full_agent,
    in_flight,
    line_ends,
    play,
    record,
    resume,
)
from records import records

from agentkit import (
    Agent,
    EnvSpec,
    Graph,
    Image,
    InputError,
    Limits,
    Memory,
    Node,
    Plan,
    RunWriter,
    comparable,
    fork,
    load_run,
)
from agentkit.rollouts.fork import check_fork
from agentkit.rollouts.metadata import about_run


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> Path:
    """A run of two episodes, the second of seed 8."""
    folder = tmp_path_factory.mktemp("origin") / "run"
    agent, plan = full_agent(), Plan(episodes=2, seed=7)
    writer = RunWriter(folder, about_run(agent, plan))
    play(agent, writer, plan)
    return folder


def forked(agent: Agent, origin: Path, folder: Path, step: int, episode: int = 1):
    run = load_run(origin)
    writer = RunWriter(folder)
    plan = fork(agent, run, episode, step, writer)
    return play(agent, writer, plan)


def of_steps(folder: Path, steps: range, episode: int = 0) -> list[dict]:
    events = comparable(load_run(folder).events(episode))
    return [event for event in events if event.get("step", -1) in steps]


@pytest.mark.parametrize("step", [0, 1, 2])
def test_the_same_agent_plays_on_as_before_and_pays_only_its_own_steps(step, origin, tmp_path):
    agent = full_agent()
    (episode,) = forked(agent, origin, tmp_path / "fork", step).episodes
    assert (episode.status, episode.seed, episode.steps, episode.reward) == ("done", 8, 3, 1.0)
    assert of_steps(tmp_path / "fork", range(3)) == of_steps(origin, range(3), episode=1)
    own = sum(calls_of(agent).values())
    assert episode.usage.calls == own
    about = load_run(tmp_path / "fork").about
    assert about["totals"]["usage"]["calls"] == own
    assert (about["agent"]["name"], about["plan"]["seed"]) == ("full", 8)
    assert {call_step(key) for key in calls_of(agent)} == set(range(step, 3))
    events = list(records(load_run(tmp_path / "fork"), 0))
    marks = [event for event in events if event["event"] == "episode_resumed"]
    assert (marks[0]["source"], marks[0]["step"]) == (str(origin), step)


def call_step(key) -> int:
    """The step in which a question was asked: the context tells the place in the corridor."""
    _, messages = key
    return next((int(m.content.split()[3]) for m in messages if "You are at" in m.content), 0)


def test_an_edited_agent_goes_on_with_its_own_words_and_what_it_still_has(origin, tmp_path):
    nodes = [
        Node("look", "Now look: {{ memory.notes | length }} notes, {{ memory.fresh }}"),
        Node("new", "Before: {{ previous.look }} {{ previous.new }}", initial="never"),
        Node("act", "Where to?", output={"choice": "actions"}, recall=["look"]),
    ]
    memory = Memory({"notes": [], "fresh": "a new key"})
    model = Counted(answer)
    agent = Agent(Graph(nodes), model=model, env=CORRIDOR, memory=memory, action="act")
    (episode,) = forked(agent, origin, tmp_path / "fork", 2).episodes
    assert episode.status == "done"
    events = of_steps(tmp_path / "fork", range(2, 3))
    asked = {e["node"]: e["messages"] for e in events if e["event"] == "node_started"}
    assert asked["look"][-1]["content"] == "Now look: 2 notes, a new key"
    old = {e["node"]: e["value"] for e in of_steps(origin, range(1, 2), 1) if "value" in e}
    assert asked["new"][-1]["content"] == f"Before: {old['look']} never"
    assert of_steps(tmp_path / "fork", range(2)) == of_steps(origin, range(2), episode=1)


def test_a_fork_can_be_killed_resumed_and_forked_again(origin, tmp_path):
    agent = full_agent()
    forked(agent, origin, tmp_path / "fork", 1)
    own = sum(calls_of(agent).values())
    path = tmp_path / "fork" / "episodes" / "0000.jsonl"
    data, ends = path.read_bytes(), line_ends(path)
    copied = next(i for i, line in enumerate(data.splitlines()) if b"episode_resumed" in line)
    for end in ends[copied + 1 :: 6]:
        path.write_bytes(data[:end])
        lost = in_flight(tmp_path / "fork")
        again = full_agent()
        (episode,) = resume(again, tmp_path / "fork", Plan(seed=8)).episodes
        assert (episode.status, episode.usage.calls) == ("done", own + lost)
        assert of_steps(tmp_path / "fork", range(3)) == of_steps(origin, range(3), episode=1)
    forked(full_agent(), tmp_path / "fork", tmp_path / "second", 2, episode=0)
    assert of_steps(tmp_path / "second", range(3)) == of_steps(origin, range(3), episode=1)


@pytest.mark.parametrize(
    ("changes", "step", "message"),
    [
        ({}, 9, "has no step 9 to go on from: it has steps 0 to 2"),
        ({}, 3, "was over before step 3"),
        ({"env": None}, 1, "has no environment"),
        ({"env": EnvSpec("test/Corridor-v0", {"length": 4, "noise": True})}, 1,
         r"length=3, noise=True\), and full plays in test/Corridor-v0\(length=4"),
    ],
)  # fmt: skip
def test_what_cannot_be_forked_is_refused_with_the_reason(changes, step, message, origin):
    agent = full_agent()
    if "env" in changes and changes["env"] is None:
        agent = Agent(Graph([Node("a", "?")]), model="echo", name="full")
    elif changes:
        agent = full_agent(**changes)
    with pytest.raises(InputError, match=message):
        check_fork(agent, load_run(origin), 1, step)


def test_an_episode_that_is_not_there_is_named_with_those_that_are(origin):
    with pytest.raises(InputError, match=r"has no episode 7\. It has: 0, 1"):
        check_fork(full_agent(), load_run(origin), 7, 1)


def test_a_run_that_is_not_there_yet_is_recorded_in_a_folder_of_its_own(origin, tmp_path):
    before = {p: p.read_bytes() for p in origin.rglob("*") if p.is_file()}
    forked(full_agent(), origin, tmp_path / "fork", 1)
    record(full_agent(), tmp_path / "other")
    assert {p: p.read_bytes() for p in origin.rglob("*") if p.is_file()} == before


class Gallery(gymnasium.Env[str, str]):
    """Shows another picture at each place."""

    def reset(self, *, seed=None, options=None):
        self.place = 0
        return "start", self._info()

    def step(self, action):
        self.place += 1
        return f"at {self.place}", 0.0, self.place == 3, False, self._info()

    def _info(self):
        return {"picture": Image(b"\x89PNG\r\n\x1a\n" + bytes([self.place]))}


gymnasium.register(id="test/ForkGallery-v0", entry_point=Gallery)


def test_pictures_are_copied_and_recalled_in_a_fork(tmp_path):
    def agent(seen: list) -> Agent:
        def reply(request):
            seen.append((request.call.step, request.call.node, request.messages))
            return f"{request.call.node}!"

        nodes = [
            Node("see", "What is this?", images="info.picture", when="step != 2", initial="?"),
            Node("act", "Where to?", recall=["see"]),
        ]
        env = EnvSpec("test/ForkGallery-v0")
        return Agent(Graph(nodes), model=Counted(reply), env=env, action="act")

    first, second = [], []
    record(agent(first), tmp_path / "run")
    forked(agent(second), tmp_path / "run", tmp_path / "fork", 2, episode=0)
    assert second == [asked for asked in first if asked[0] == 2]
    assert second[0][2][0].images == (Image(b"\x89PNG\r\n\x1a\n\x01"),)
    pictures = {path.name for path in (tmp_path / "run" / "images").iterdir()}
    assert {path.name for path in (tmp_path / "fork" / "images").iterdir()} == pictures
    assert len(pictures) == 2


def test_a_fork_leaves_the_memory_file_as_it_is(tmp_path):
    """What would have been is not what was learnt since."""
    file = tmp_path / "memory.json"
    nodes = [
        Node("note", "n{{ memory.n }}", save={"n": "memory.n + 1"}),
        Node("act", "Go? {{ observation }}", output={"choice": "actions"}),
    ]

    def agent() -> Agent:
        memory = Memory({"n": 0}, {"n": "forever"}, file)
        model = Counted(lambda request: "east")
        return Agent(Graph(nodes), model=model, memory=memory, env=CORRIDOR, action="act")

    record(agent(), tmp_path / "run")
    record(agent(), tmp_path / "later")
    assert file.read_text() == '{\n  "n": 6\n}\n'
    other = agent()
    forked(other, tmp_path / "run", tmp_path / "fork", 1, episode=0)
    assert other.memory.begin() == {"n": 3}
    resume(agent(), tmp_path / "fork")
    assert file.read_text() == '{\n  "n": 6\n}\n'


def test_copied_steps_do_not_count_against_the_limit_of_the_run(origin, tmp_path):
    agent = full_agent().replace(run_limits=Limits(steps=1))
    summary = forked(agent, origin, tmp_path / "fork", 1)
    assert (summary.status, summary.episodes[0].steps) == ("limit", 2)
