"""What an environment says of a run's episodes: `run`, `show`, `replay` and `run --resume`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import gymnasium
import pytest

from agentkit import load_run
from agentkit.environments.estimates import Estimate, estimate

NAME = "test/Surveyed-v0"
LINES = {
    "furthest place": "5",
    "map": "drawn by hand",
    "Mean place": "5.0 (95% between 5.0 and 5.0, 2 episodes)",
}
OF_ONE = {"Mean place": "5.0 (one episode)"}


class Surveyed(gymnasium.Env[str, str]):
    """A corridor of which a report says how far somebody came, and on which map."""

    action_space = gymnasium.spaces.Text(20)
    observation_space = gymnasium.spaces.Text(200)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        if seed == 13:
            raise RuntimeError("the door is shut")
        self.place = 0
        return "You are at 0.", self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.place += 1
        return f"You are at {self.place}.", 1.0, self.place == 5, False, self._info()

    def _info(self) -> dict[str, Any]:
        return {"actions": ["east", "west"], "place": self.place, "map": "drawn by hand"}

    @staticmethod
    def report(infos: Sequence[dict[str, Any]]) -> dict[str, str | Estimate]:
        furthest = max(info["place"] for info in infos)
        cut = sum("cut_off" in info for info in infos)
        lines = {
            "furthest place": str(furthest),
            "map": infos[-1]["map"],
            "Mean place": estimate(fmean, [info["place"] for info in infos]),
        }
        return {**lines, "cut off": str(cut)} if cut else lines


class Mute(Surveyed):
    """A corridor whose report fails."""

    @staticmethod
    def report(infos: Sequence[dict[str, Any]]) -> dict[str, str]:
        raise KeyError("score")


@pytest.fixture(autouse=True)
def surveyed(folder: Path) -> Iterator[None]:
    """The environment, and an agent that plays it."""
    agent = (folder / "walker.yaml").read_text()
    (folder / "walker.yaml").write_text(agent.replace("test/Corridor-v0", NAME))
    gymnasium.register(NAME, Surveyed)
    yield
    gymnasium.registry.pop(NAME, None)


@pytest.fixture
def run(invoke) -> str:
    """A run of two episodes."""
    assert invoke("run", "walker.yaml", "--episodes", "2", "--out", "run").exit_code == 0
    return "run"


def kill(folder: str) -> None:
    """Leave `run.json` as a process does that is killed."""
    path = Path(folder, "run.json")
    about = json.loads(path.read_text())
    del about["totals"]
    path.write_text(json.dumps(about | {"status": "running"}))


def said(text: str) -> dict[str, str]:
    """The lines of the report in what a command printed."""
    lines = [line.strip() for line in text.splitlines()]
    starts = [(label, line) for label in LINES for line in lines if line.startswith(f"{label} ")]
    return {label: line.removeprefix(label).strip() for label, line in starts}


def test_a_run_a_shown_run_and_a_replay_say_the_same(invoke, run):
    """`show` and `replay` said "return 1.0" and not what data that was reached on."""
    assert load_run(run).about["totals"]["report"] == LINES
    assert said(invoke("show", run).stdout) == LINES
    replayed = invoke("replay", run, "--out", "again")
    assert said(replayed.stdout) == LINES
    assert load_run("again").about["totals"]["report"] == LINES
    assert said(invoke("show", "again").stdout) == LINES


def test_a_replay_that_differs_says_what_it_came_to(invoke, run):
    episode = Path(run, "episodes", "0001.jsonl")
    episode.write_text(episode.read_text().replace('"value":"east"', '"value":"west"', 1))
    result = invoke("replay", run)
    assert result.exit_code == 1
    assert said(result.stdout) == LINES


def test_a_record_says_it_without_the_environment(invoke, run):
    del gymnasium.registry[NAME]
    result = invoke("show", run)
    assert result.exit_code == 0
    assert said(result.stdout) == LINES
    assert result.stderr == ""


def test_of_a_killed_run_it_is_made_from_what_was_recorded(invoke, run):
    kill(run)
    episode = Path(run, "episodes", "0001.jsonl")
    episode.write_bytes(episode.read_bytes()[:-40])
    Path(run, "episodes", "0000.jsonl").unlink()
    assert said(invoke("show", run).stdout) == LINES | OF_ONE
    del gymnasium.registry[NAME]
    result = invoke("show", run)
    assert result.exit_code == 0
    assert said(result.stdout) == {}
    assert result.stderr == (
        f"note: what the environment says of the episodes is not shown: '{NAME}' is not installed "
        "here\n"
    )
    gymnasium.register(NAME, "nowhere_to_be_found.env:Surveyed")
    result = invoke("show", run)
    assert result.exit_code == 0
    assert "needs a package that is not installed: No module named 'nowhere_" in result.stderr


def test_a_run_that_goes_on_does_not_say_what_was_reached_before(invoke):
    assert invoke("run", "walker.yaml", "--steps", "2", "--out", "run").exit_code == 0
    assert said(invoke("show", "run").stdout)["furthest place"] == "2"
    about = Path("run", "run.json").read_text()
    assert invoke("run", "--resume", "run", "--steps", "4").exit_code == 0
    assert said(invoke("show", "run").stdout)["furthest place"] == "4"
    killed = json.loads(about) | {"status": "running"}
    Path("run", "run.json").write_text(json.dumps(killed))
    assert said(invoke("show", "run").stdout)["furthest place"] == "4"


def test_a_run_with_nothing_left_says_it_in_json(invoke, run):
    assert json.loads(invoke("run", "--resume", run, "--json").stdout)["report"] == LINES
    kill(run)
    assert json.loads(invoke("run", "--resume", run, "--json").stdout)["report"] == LINES
    assert load_run(run).about["totals"]["report"] == LINES


def test_a_report_that_fails_leaves_the_run_as_it_is(invoke):
    """The command ended in a traceback."""
    del gymnasium.registry[NAME]
    gymnasium.register(NAME, Mute)
    result = invoke("run", "walker.yaml", "--out", "run", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["report"] == {}
    note = f"note: what the environment says of the episodes is not shown: the report of '{NAME}'"
    assert f"{note} raised KeyError: 'score'" in result.stderr
    shown = invoke("show", "run")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("walker: done\n")
    assert note in shown.stderr


def test_an_episode_that_was_never_begun_is_not_reported_on(invoke):
    """A run with one went on into a traceback: there was nothing that the environment had said."""
    began = invoke("run", "walker.yaml", "--episodes", "2", "--seed", "12", "--out", "run")
    assert began.exit_code == 1
    assert said(began.stdout) == LINES | OF_ONE
    again = invoke("run", "--resume", "run")
    assert again.exit_code == 1
    assert said(again.stdout) == LINES | OF_ONE
    assert said(invoke("show", "run").stdout) == LINES | OF_ONE


def test_a_report_knows_which_episodes_might_have_gone_on(invoke, run):
    """Such an episode counted as lost."""
    ended = invoke("run", "walker.yaml", "--steps", "3", "--out", "steps")
    assert ended.exit_code == 0
    assert "cut off" not in load_run("steps").about["totals"]["report"]
    cut = ["run", "walker.yaml", "--episodes", "2", "--budget-steps", "7", "--out", "cut"]
    assert invoke(*cut).exit_code == 3
    assert load_run("cut").about["totals"]["report"]["cut off"] == "1"
    kill(run)
    episode = Path(run, "episodes", "0001.jsonl")
    episode.write_bytes(episode.read_bytes()[:-40])
    assert "cut off" in invoke("show", run).stdout


def test_programs_get_numbers_with_their_intervals_of_the_run_and_of_each_episode(invoke, folder):
    for status in ("played", "nothing left"):
        arguments = ["walker.yaml", "--episodes", "3", "--out", "numbers"]
        command = arguments if status == "played" else ["--resume", "numbers"]
        told = json.loads(invoke("run", *command, "--json").stdout)
        exactly = {"value": 5.0, "low": 5.0, "high": 5.0, "episodes": 3}
        assert told["numbers"] == {"return": told["numbers"]["return"], "mean_place": exactly}
        assert told["numbers"]["return"]["value"] == told["totals"]["reward"] / 3
        assert [one["numbers"]["return"] for one in told["episodes"]] == [5.0] * 3
        assert told["report"]["Mean place"] == "5.0 (95% between 5.0 and 5.0, 3 episodes)"
        if status == "played":
            assert [one["numbers"]["mean_place"] for one in told["episodes"]] == [5.0] * 3
