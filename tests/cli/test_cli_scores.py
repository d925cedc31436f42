"""Rewards and returns are shown with the digits that tell a miss from a full reward."""

from collections.abc import Iterator
from typing import Any

import gymnasium
import pytest
from click.testing import CliRunner

from agentkit.cli.app import cli
from agentkit.cli.view.words import score


class Shop(gymnasium.Env[str, str]):
    """A shop where every purchase misses a little."""

    action_space = gymnasium.spaces.Text(20)
    observation_space = gymnasium.spaces.Text(200)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return "a shop", {"actions": ["buy"]}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return "bought", 0.9833333333333333, True, False, {"actions": ["buy"]}


@pytest.fixture(autouse=True)
def shop(folder: Any) -> Iterator[None]:
    gymnasium.register("hand/Misses-v0", entry_point=Shop)
    (folder / "buyer.yaml").write_text(
        "env: hand/Misses-v0\nmodel: script:answers.json\nnodes: {act: '{{ observation }}'}\n"
    )
    (folder / "answers.json").write_text('{"act": "buy"}')
    yield
    del gymnasium.registry["hand/Misses-v0"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.8333333, "0.833"),
        (0.98, "0.98"),
        (0.996, "0.996"),
        (1, "1.0"),
        (18.1, "18.1"),
        (12.0, "12.0"),
        (0.1 + 0.2 - 0.3, "0.0"),
        (-0.0, "0.0"),
        (-0.1, "-0.1"),
        (0.00025, "0.00025"),
        (1234.5, "1234.5"),
    ],
)
def test_a_score_has_the_digits_that_matter(value: float, shown: str) -> None:
    assert score(value) == shown


def test_a_run_shows_a_miss_as_one(invoke: Any) -> None:
    one = invoke("run", "buyer.yaml", "--out", "run")
    assert "1 step, return 0.983, " in one.stderr
    assert "  return     0.983\n" in one.stdout
    several = invoke("run", "buyer.yaml", "--episodes", "2")
    assert "2 of 2 (mean return 0.983)" in several.stdout


def test_the_picture_shows_a_miss_as_one(invoke: Any, folder: Any) -> None:
    invoke("run", "buyer.yaml", "--picture", "run.svg")
    assert "0.983" in (folder / "run.svg").read_text(encoding="utf-8")


def test_the_live_view_shows_a_miss_as_one() -> None:
    from rich.console import Console

    from agentkit.cli.view.frame import frame
    from agentkit.cli.view.run_view import RunView
    from agentkit.events import EnvironmentStepped, EpisodeStarted
    from agentkit.limits import Limits

    for planned, shown in ((1, "0.983  (+0.983)"), (2, "0.983")):
        run_view = RunView(["act"], planned, Limits(steps=9), Limits())
        run_view.on_event(0, EpisodeStarted(0, 0, "a shop", {}, {}))
        run_view.on_event(0, EnvironmentStepped(0, "buy", "more", 0.98333, False, False, {}))
        console = Console(width=100)
        with console.capture() as capture:
            console.print(frame(run_view, "buyer", 20))
        assert shown in capture.get()


def test_a_recorded_run_shows_a_miss_as_one(invoke: Any) -> None:
    invoke("run", "buyer.yaml", "--out", "run")
    assert " 0.983 " in invoke("show", "run").stdout
    assert "reward: 0.983\n" in invoke("show", "run", "--step", "0").stdout


def test_a_game_shows_a_miss_as_one() -> None:
    played = CliRunner().invoke(cli, ["play", "hand/Misses-v0"], input="buy\n")
    assert "reward 0.983, so far 0.983\n" in played.stdout
    assert "return  0.983\n" in played.stdout
