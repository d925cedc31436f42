"""Runs that people can watch: in a window, or as pictures and a film in the run's folder."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import gymnasium
import painted
import pytest
from PIL import Image, ImageSequence
from records import records

from agentkit import (
    Agent,
    EnvError,
    EnvSpec,
    Graph,
    InputError,
    Limits,
    Node,
    Plan,
    RunWriter,
    TraceError,
    load_run,
    replay,
    rollout,
)
from agentkit.environments.recorder import Recorder, films
from agentkit.record.summaries import RunSummary
from agentkit.rollouts.fork import begin_fork
from agentkit.rollouts.recorded_setup import recorded_plan

GRAPH = Graph([Node("act", "{{ observation }} Where to?", output={"choice": "actions"})])
RECORD = Plan(record=True)
ENDLESS = Limits()


@pytest.fixture(scope="module", autouse=True)
def environments() -> None:
    painted.register()


def agent(env: str = "Painted", limits: Limits = ENDLESS, **arguments: object) -> Agent:
    spec = EnvSpec(f"test/{env}-v0", arguments)
    return Agent(GRAPH, model=lambda request: "east", env=spec, limits=limits)


def play(folder: Path, player: Agent, plan: Plan = RECORD, *, again: bool = False) -> RunSummary:
    """Play a run, or go on with it."""
    writer = RunWriter.resume(load_run(folder)) if again else RunWriter(folder, {})
    summary = asyncio.run(rollout(player, plan, writer=writer))
    writer.finish(summary.status, summary.totals())
    return summary


@contextmanager
def another_version(env: str, **arguments: object) -> Iterator[None]:
    """An environment that was installed anew, and is another one under the same id."""
    kwargs = gymnasium.spec(f"test/{env}-v0").kwargs
    kwargs.update(arguments)
    try:
        yield
    finally:
        kwargs.clear()


def brightness(picture: Image.Image) -> int:
    """What a painted environment said with a picture."""
    width = picture.width
    return int(picture.convert("RGB").getpixel((width // 2, painted.SIZE[0] // 2))[0])


def stills(folder: Path, episode: int = 0) -> dict[str, int]:
    """The pictures of an episode by their names."""
    found = {}
    for path in sorted((folder / f"pictures/{episode:04d}").iterdir()):
        with Image.open(path) as picture:
            found[path.name] = brightness(picture)
    return found


def film(folder: Path, episode: int = 0) -> list[int]:
    with Image.open(folder / f"pictures/{episode:04d}.webp") as frames:
        return [brightness(frame) for frame in ImageSequence.Iterator(frames)]


def test_every_step_has_its_picture_and_the_episode_a_film(tmp_path):
    assert play(tmp_path / "run", agent()).status == "done"
    names = [f"{step:04d}.png" for step in range(6)]
    assert stills(tmp_path / "run") == dict(zip(names, range(0, 60, 10), strict=True))
    assert film(tmp_path / "run") == [0, 10, 20, 30, 40, 50]
    assert films(tmp_path / "run") == [tmp_path / "run/pictures/0000.webp"]


def test_pictures_between_two_steps_stand_between_theirs(tmp_path):
    play(tmp_path / "run", agent("Drawn", length=2))
    assert stills(tmp_path / "run") == {
        "0000.png": 0,
        "0000_1.png": 5,
        "0001.png": 10,
        "0001_1.png": 15,
        "0002.png": 20,
    }
    assert film(tmp_path / "run") == [0, 5, 10, 15, 20]


def test_a_picture_says_what_was_done_and_earned(tmp_path):
    play(tmp_path / "run", agent("Drawn", length=1))
    said = {}
    for path in (tmp_path / "run/pictures/0000").iterdir():
        with Image.open(path) as picture:
            said[path.name] = picture.info["Description"]
    words = "0: east   reward 1"
    assert said == {"0000.png": "start", "0000_1.png": words, "0001.png": words}


def test_a_film_is_as_fast_as_its_environment_says(tmp_path):
    play(tmp_path / "run", agent())
    with Image.open(tmp_path / "run/pictures/0000.webp") as frames:
        frames.load()
        assert frames.info["duration"] == 250


def test_episodes_at_once_have_a_film_each(tmp_path):
    play(tmp_path / "run", agent(), replace(RECORD, episodes=3, parallel=3))
    assert [path.name for path in films(tmp_path / "run")] == [
        "0000.webp",
        "0001.webp",
        "0002.webp",
    ]
    assert [film(tmp_path / "run", episode) for episode in range(3)] == [
        [0, 10, 20, 30, 40, 50]
    ] * 3


@pytest.mark.parametrize("env", ["Painted", "Drawn"])
def test_a_run_that_goes_on_ends_with_the_film_of_one_that_nobody_stopped(tmp_path, env):
    play(tmp_path / "whole", agent(env))
    play(tmp_path / "run", agent(env, Limits(steps=3)))
    before = {path: path.stat().st_ino for path in (tmp_path / "run/pictures/0000").iterdir()}
    play(tmp_path / "run", agent(env), again=True)
    assert film(tmp_path / "run") == film(tmp_path / "whole")
    assert stills(tmp_path / "run") == stills(tmp_path / "whole")
    assert {path: path.stat().st_ino for path in before} == before, "written again"


def test_what_a_killed_process_left_of_an_unrecorded_step_is_not_kept(tmp_path):
    play(tmp_path / "run", agent(limits=Limits(steps=2)))
    folder = tmp_path / "run/pictures"
    Image.new("RGB", painted.SIZE[::-1], "white").save(folder / "0000/0003.png")
    Image.new("RGB", painted.SIZE[::-1], "white").save(folder / "0000/0002_1.png")
    play(tmp_path / "run", agent(limits=Limits(steps=4)), again=True)
    assert list(stills(tmp_path / "run").values()) == [0, 10, 20, 30, 40]
    assert film(tmp_path / "run") == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("lost", ["0000.webp", "0000/0001.png"])
def test_pictures_that_are_missing_are_taken_again(tmp_path, lost):
    play(tmp_path / "run", agent(limits=Limits(steps=2)))
    (tmp_path / "run/pictures" / lost).unlink()
    play(tmp_path / "run", agent(limits=Limits(steps=4)), again=True)
    assert list(stills(tmp_path / "run").values()) == [0, 10, 20, 30, 40]
    assert film(tmp_path / "run") == [0, 10, 20, 30, 40]


def test_a_run_can_be_recorded_from_the_middle_on_and_has_all_pictures(tmp_path):
    play(tmp_path / "run", agent(limits=Limits(steps=2)), Plan())
    assert films(tmp_path / "run") == []
    play(tmp_path / "run", agent(), again=True)
    assert film(tmp_path / "run") == [0, 10, 20, 30, 40, 50]


def test_an_episode_that_starts_over_begins_a_new_film(tmp_path):
    play(tmp_path / "run", agent("Forgetful", Limits(steps=4)))
    assert len(film(tmp_path / "run")) == 5
    with another_version("Forgetful", length=2):
        play(tmp_path / "run", agent("Forgetful"), again=True)
    assert film(tmp_path / "run") == [0, 10, 20]
    assert list(stills(tmp_path / "run")) == ["0000.png", "0001.png", "0002.png"]


def test_a_resumed_episode_that_cannot_be_brought_back_keeps_its_pictures(tmp_path):
    play(tmp_path / "run", agent(limits=Limits(steps=3)))
    with another_version("Painted", length=99):
        assert play(tmp_path / "run", agent(), again=True).status == "failed"
    assert film(tmp_path / "run") == [0, 10, 20, 30]


def test_a_fork_has_the_pictures_of_the_steps_it_begins_with(tmp_path):
    play(tmp_path / "run", agent(), Plan())
    writer = RunWriter(tmp_path / "fork", {})
    begin_fork(load_run(tmp_path / "run"), 0, 3, writer)
    asyncio.run(rollout(agent(), RECORD, writer=writer))
    assert film(tmp_path / "fork") == [0, 10, 20, 30, 40, 50]


def test_a_replay_takes_no_pictures(tmp_path):
    play(tmp_path / "run", agent())
    run = load_run(tmp_path / "run")
    assert recorded_plan(run).record
    found = asyncio.run(replay(run, RunWriter(tmp_path / "again", {}), agent()))
    assert found.difference is None
    assert not (tmp_path / "again/pictures").exists()


def test_a_run_that_is_over_can_be_filmed_by_a_replay(tmp_path):
    play(tmp_path / "run", agent("Drawn", length=2), Plan())
    writer = RunWriter(tmp_path / "again", {})
    player = agent("Drawn", length=2)
    found = asyncio.run(replay(load_run(tmp_path / "run"), writer, player, record=True))
    assert found.difference is None
    assert film(tmp_path / "again") == [0, 5, 10, 15, 20]


def test_a_run_that_does_not_repeat_itself_cannot_be_filmed_afterwards(tmp_path):
    play(tmp_path / "run", agent("Forgetful"))
    run = load_run(tmp_path / "run")
    writer = RunWriter(tmp_path / "again", {})
    with pytest.raises(InputError, match=r"does not repeat itself .* there is nothing to see"):
        asyncio.run(replay(run, writer, agent("Forgetful"), record=True))


def test_what_is_recorded_is_the_same_run(tmp_path):
    play(tmp_path / "plain", agent(), Plan())
    play(tmp_path / "run", agent())
    plain, recorded = (load_run(tmp_path / name) for name in ("plain", "run"))
    kinds = [[event["event"] for event in records(run, 0)] for run in (plain, recorded)]
    assert kinds[0] == kinds[1]


def test_an_environment_without_pictures_is_refused_before_anything_is_played(tmp_path, corridor):
    player = Agent(GRAPH, model=lambda request: "east", env=EnvSpec(corridor))
    writer = RunWriter(tmp_path / "run", {})
    with pytest.raises(InputError, match=r"'test/Corridor-v0' gives no pictures: .*, and has none"):
        asyncio.run(rollout(player, RECORD, writer=writer))
    assert not any((tmp_path / "run/episodes").iterdir())


def test_without_an_environment_there_is_nothing_to_see(tmp_path):
    player = Agent(Graph([Node("say", "Hello")]), model="echo")
    writer = RunWriter(tmp_path / "run", {})
    with pytest.raises(InputError, match="record=True needs an environment, and agent has none"):
        asyncio.run(rollout(player, RECORD, writer=writer))
    with pytest.raises(InputError, match="show=True needs an environment"):
        asyncio.run(rollout(player, Plan(show=True)))


def test_pictures_need_a_folder_to_be_kept_in():
    with pytest.raises(InputError, match="rollout needs a writer"):
        asyncio.run(rollout(agent(), RECORD))


def test_an_environment_that_gives_no_picture_after_all_fails_its_episode(tmp_path):
    [episode] = play(tmp_path / "run", agent("Blank")).episodes
    assert episode.status == "failed"
    assert "render() gave NoneType, expected a picture" in episode.reason


def test_pictures_that_cannot_be_written_end_the_run(tmp_path):
    writer = RunWriter(tmp_path / "run", {})
    (tmp_path / "run/pictures").write_text("a file in the way")
    with pytest.raises(TraceError, match=r"cannot write the pictures in .*pictures/0000: "):
        asyncio.run(rollout(agent(), RECORD, writer=writer))


def test_a_window_is_opened_for_who_asks_for_it():
    one = asyncio.run(rollout(agent("Windowed", length=1))).episodes[0]
    assert one.status == "done"
    seen = []
    player = Agent(
        GRAPH,
        model=lambda request: seen.append(request.variables["observation"]) or "east",
        env=EnvSpec("test/Windowed-v0", {"length": 1}),
    )
    asyncio.run(rollout(player, Plan(show=True)))
    assert seen == ["You are at 0 of 1. Seen as human."]


def test_an_environment_without_a_window_says_what_it_has():
    with pytest.raises(InputError, match=r"opens no window: .* has rgb_array\. record=True keeps"):
        asyncio.run(rollout(agent(), Plan(show=True)))


def test_without_a_screen_the_environment_says_why():
    with pytest.raises(InputError, match="'test/Screenless-v0': there is no screen here"):
        asyncio.run(rollout(agent("Screenless"), Plan(show=True)))


def test_a_window_is_not_asked_for_by_who_goes_on_with_the_run(tmp_path):
    play(tmp_path / "run", agent("Windowed", length=1), Plan(show=True))
    assert not recorded_plan(load_run(tmp_path / "run")).show


def test_a_run_is_shown_or_recorded():
    with pytest.raises(InputError, match="choose one of show and record"):
        Plan(show=True, record=True)


def test_an_array_that_is_no_picture_is_named(tmp_path):
    class Faint(painted.Painted):
        def render(self):
            return painted.painted(0) / 255

    env = Faint()
    env.reset()
    with pytest.raises(EnvError, match=r"what the environment's render\(\) gave is no picture: "):
        Recorder(tmp_path, 0, env).begin()
