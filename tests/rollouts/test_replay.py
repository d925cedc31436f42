"""A run is played again from its record, and held against it."""

import asyncio
import json
from pathlib import Path

import gymnasium
import pytest
from full_agent import (
    CORRIDOR,
    Counted,
    answer,
    calls_of,
    cut,
    full_agent,
    line_ends,
    record,
    resume,
)
from records import records

from agentkit import (
    Agent,
    Completion,
    EnvSpec,
    Graph,
    Limits,
    Memory,
    ModelError,
    Node,
    Plan,
    Request,
    RunWriter,
    Sampling,
    comparable,
    load_run,
    replay,
    rollout,
)
from agentkit.models.json_forms import BOUNDS, without_bounds


def silent(request: Request) -> str:
    raise AssertionError("a model was asked")


def replayed(folder: Path, out: Path, **options):
    """Replay with an agent whose model must not be asked."""
    agent = full_agent(silent, **options)
    found = asyncio.run(replay(load_run(folder), RunWriter(out, {}), agent))
    assert not calls_of(agent)
    return found


def rewrite(folder: Path, change, episode: int = 0) -> None:
    """Change the events of an episode's file."""
    path = folder / "episodes" / f"{episode:04d}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        change(line)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_replay_is_the_same_run_and_asks_no_model(tmp_path):
    record(full_agent(), tmp_path / "run", Plan(episodes=3, parallel=2))
    found = replayed(tmp_path / "run", tmp_path / "again")
    assert found.difference is None
    assert (found.episodes, found.steps, found.left_out) == (3, 9, {})
    one, other = load_run(tmp_path / "run"), load_run(tmp_path / "again")
    for index in range(3):
        assert comparable(one.events(index)) == comparable(other.events(index))
    assert found.events == sum(len(comparable(one.events(i))) for i in range(3))
    assert replayed(tmp_path / "again", tmp_path / "once_more").difference is None


@pytest.mark.parametrize(("node", "item"), [("look", None), ("items", 1), ("helper.1", None)])
def test_a_failed_run_fails_again_in_the_same_way(node, item, tmp_path):
    def reply(request: Request) -> str:
        call = request.call
        if (call.node, call.step, call.item) == (node, 1, item):
            raise ModelError("no route")
        return answer(request)

    assert record(full_agent(reply), tmp_path / "run").status == "failed"
    found = replayed(tmp_path / "run", tmp_path / "again")
    assert (found.difference, found.steps, found.left_out) == (None, 2, {})
    assert load_run(tmp_path / "again").about["status"] == "failed"
    assert resume(full_agent(), tmp_path / "run").status == "done"
    assert replayed(tmp_path / "run", tmp_path / "resumed").difference is None


def test_answers_that_could_not_be_used_and_functions_that_failed_do_so_again(tmp_path):
    def broken(text: str) -> str:
        raise ValueError("not today")

    nodes = [
        Node("number", "How many?", output="integer", attempts=2),
        Node("tool", function=broken, with_={"text": "'x'"}),
        Node("end", "{{ number }} {{ tool }}"),
    ]
    agent = Agent(Graph(nodes), model=Counted(lambda request: "many"))
    assert record(agent, tmp_path / "run").status == "failed"
    other = agent.replace(model=Counted(silent))
    found = asyncio.run(
        replay(load_run(tmp_path / "run"), RunWriter(tmp_path / "again", {}), other)
    )
    assert (found.difference, found.steps) == (None, 1)


def test_what_was_not_finished_is_left_out_and_said(tmp_path):
    record(full_agent(), tmp_path / "run")
    ends = line_ends(tmp_path / "run" / "episodes" / "0000.jsonl")
    for number, end in enumerate(ends[:-1:8]):
        folder = cut(tmp_path / "run", tmp_path / "cut", end)
        steps = sum(e["event"] == "environment_stepped" for e in records(load_run(folder), 0))
        found = replayed(folder, tmp_path / f"again{number}")
        assert (found.difference, found.steps) == (None, steps)
        assert found.left_out == {0: f"it was stopped in step {steps}"}


@pytest.mark.parametrize("limits", [Limits(calls=15), Limits(tokens=5000), Limits(steps=2)])
def test_a_run_that_ended_at_a_limit_is_replayed_as_far_as_it_came(limits, tmp_path):
    agent = full_agent(limits=limits)
    status = "done" if limits.steps else "limit"
    assert record(agent, tmp_path / "run").status == status
    found = replayed(tmp_path / "run", tmp_path / "again", limits=limits)
    assert found.difference is None
    assert bool(found.left_out) == (limits.steps is None)
    assert found.steps > 0


@pytest.mark.parametrize(
    ("change", "place", "field"),
    [
        ({"event": "node_finished", "node": "look", "step": 1}, "step 1, node 'look'", "value"),
        ({"event": "memory_written", "step": 0, "key": "n"}, "step 0, node 'note'", "value"),
        ({"event": "environment_stepped", "step": 2}, "step 2", "reward"),
        ({"event": "node_started", "node": "items", "step": 1, "item": 2},
         "step 1, node 'items' item 2", "model"),
        ({"event": "episode_started"}, "", "seed"),
    ],
)  # fmt: skip
def test_the_first_difference_is_named(change, place, field, tmp_path):
    record(full_agent(), tmp_path / "run")

    def alter(line):
        if all(line.get(key) == value for key, value in change.items()):
            line[field] = "777" if isinstance(line[field], str) else 777

    rewrite(tmp_path / "run", alter)
    difference = replayed(tmp_path / "run", tmp_path / "again").difference
    assert difference is not None
    assert (difference.episode, difference.place) == (0, place)
    assert difference.field == f"{change['event']}.{field}"
    assert difference.recorded in (777, "777")
    assert "recorded: 777" in str(difference)


def test_an_edited_agent_shows_where_it_asks_something_else(tmp_path):
    record(full_agent(), tmp_path / "run")
    agent = full_agent(silent)
    graph = Graph(agent.graph.nodes, system="You fly.", context="{{ observation }} {{ reward }}")
    edited = agent.replace(graph=graph)
    writer = RunWriter(tmp_path / "again", {})
    difference = asyncio.run(replay(load_run(tmp_path / "run"), writer, edited)).difference
    assert difference is not None
    assert difference.field.startswith("node_started.messages[0].content")
    assert (difference.recorded, difference.replayed) == ("You walk.", "You fly.")


class Draw(gymnasium.Env[str, str]):
    """Another number each time, and says that it cannot be repeated."""

    resumable = False
    drawn = 0

    def reset(self, *, seed=None, options=None):
        return self._draw(), {"actions": ["east"]}

    def step(self, action):
        text = self._draw()
        if Draw.drawn % 5 == 0:
            raise RuntimeError("no more")
        return text, 1.0, Draw.drawn % 4 == 0, False, {"actions": ["east"]}

    def _draw(self):
        Draw.drawn += 1
        return f"Number {Draw.drawn}."


gymnasium.register(id="test/Draw-v0", entry_point=Draw)


@pytest.mark.parametrize(("first", "status"), [(0, "done"), (4, "failed")])
def test_an_environment_that_does_not_repeat_itself_is_replayed_from_its_answers(
    first, status, tmp_path
):
    env = EnvSpec("test/Draw-v0")
    Draw.drawn = first - 1 if first else 0
    assert record(full_agent(env=env), tmp_path / "run").status == status
    found = replayed(tmp_path / "run", tmp_path / "again", env=env)
    assert found.difference is None
    assert not found.left_out
    assert load_run(tmp_path / "again").about["status"] == status


def test_a_replay_neither_reads_nor_writes_the_memory_file(tmp_path):
    file = tmp_path / "memory.json"
    nodes = [
        Node("note", "n{{ memory.n }}", save={"n": "memory.n + 1"}),
        Node("act", "Go? {{ observation }}", output={"choice": "actions"}),
    ]

    def agent(model) -> Agent:
        memory = Memory({"n": 0}, {"n": "forever"}, file)
        return Agent(Graph(nodes), model=model, memory=memory, env=CORRIDOR, action="act")

    record(agent(Counted(lambda request: "east")), tmp_path / "run", Plan(episodes=2))
    file.write_text("not JSON")
    writer = RunWriter(tmp_path / "again", {})
    found = asyncio.run(replay(load_run(tmp_path / "run"), writer, agent(Counted(silent))))
    assert (found.difference, found.steps) == (None, 6)
    assert file.read_text() == "not JSON"


class Bounding:
    """A model whose server is sent schemas with bounds, as one on this machine is."""

    name = "bounding"
    reads_variables = False

    async def complete(self, request: Request) -> Completion:
        return Completion('{"cities": ["Oslo"], "people": 3}')

    def schema_tokens(self, sampling: Sampling) -> int | None:
        return 100


@pytest.mark.parametrize("bounded_then", [True, False])
def test_bounds_that_nobody_declared_make_no_other_run(tmp_path, bounded_then):
    """A replay of any run on a server of this machine was "not the same"."""
    graph = Graph([Node("a", "?", output={"cities": list[str], "people": int})])
    agent = Agent(graph, model=Bounding())
    asyncio.run(rollout(agent, writer=RunWriter(tmp_path / "run", {})))

    def unbind(line) -> None:
        schema = line.get("schema")
        if schema and not bounded_then:  # a record of before
            line["schema"] = without_bounds(schema, BOUNDS)

    rewrite(tmp_path / "run", unbind)
    found = asyncio.run(
        replay(load_run(tmp_path / "run"), RunWriter(tmp_path / "again", {}), agent)
    )
    assert found.difference is None
