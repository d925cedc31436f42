"""`agentkit play`: a person plays an environment, through a pipe and in a terminal."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import gymnasium
import pytest
from click.testing import CliRunner, Result
from test_cli_live import Terminal
from test_cli_steering import STEER, STEERING

from agentkit.cli.app import cli
from agentkit.cli.commands.play import wrap_text
from agentkit.plugins import env_ids


class Corridor(gymnasium.Env[str, str]):
    """A corridor to walk along, and back."""

    action_space = gymnasium.spaces.Text(20)
    observation_space = gymnasium.spaces.Text(200)

    def __init__(self, length: int = 5) -> None:
        self.length = length

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = 0
        return self._text(), self._info(True)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.place += action == "east"
        there = self.place >= self.length
        return self._text(), float(there), there, False, self._info(action == "east")

    def _text(self) -> str:
        return f"You are at {self.place} of {self.length}."

    def _info(self, understood: bool) -> dict[str, Any]:
        return {"actions": ["east"], "understood": understood}


class Spoken(Corridor):
    """A corridor whose actions are a grammar."""

    def _info(self, understood: bool) -> dict[str, Any]:
        return {**super()._info(understood), "grammar": f"east TIMES: walk{STEER}"}


class Doors(Corridor):
    """A corridor whose actions change, without a list at its second place."""

    def _info(self, understood: bool) -> dict[str, Any]:
        lists = [["east", "open 2", STEER], None, ["east", "7"]]
        actions = lists[min(self.place, 2)]
        return {"actions": actions, "understood": understood, "game_steps": self.place}

    def _text(self) -> str:
        return STEER + super()._text()

    @staticmethod
    def report(infos: list[dict[str, Any]]) -> dict[str, str]:
        [info] = infos
        furthest = "left there" if info.get("cut_off") else "the end"
        return {"furthest": f"{info['game_steps']}, {furthest}", STEER: STEER}


class Broken(Corridor):
    """A corridor with a hole."""

    closings = 0

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if action == "stop":
            raise KeyboardInterrupt
        raise RuntimeError("there is a hole")

    def close(self) -> None:
        Broken.closings += 1


class Wordy(Corridor):
    """A corridor that explains itself, and whose actions are words of the prompt."""

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        known = action in ("quit", "help", "?")
        text = self._text() if known else f"'{action}' is no way to walk."
        return text, 0.0, False, False, self._info(known)

    def _info(self, understood: bool) -> dict[str, Any]:
        return {"actions": ["quit", "help", "?"], "understood": understood}


class Numbers(Corridor):
    """An environment that shows no text."""

    def _text(self) -> Any:
        return self.place


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    env_ids()  # what is registered from now on counts as brought by a plug-in
    own = {
        "hand/Doors-v0": Doors,
        "hand/Spoken-v0": Spoken,
        "hand/Broken-v0": Broken,
        "hand/Numbers-v0": Numbers,
    }
    own["hand/Wordy-v0"] = Wordy
    own |= {"hand/Twin-v0": Doors, "hand/Twin-v1": Doors}
    for name, entry_point in own.items():
        gymnasium.register(name, entry_point=entry_point)
    yield
    for name in own:
        del gymnasium.registry[name]


Play = Callable[..., Result]


@pytest.fixture
def play() -> Play:
    """Run `agentkit play` with lines that are piped in."""

    def run(*arguments: str, lines: str | bytes = "") -> Result:
        result = CliRunner().invoke(cli, ["play", *arguments], input=lines)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def test_an_episode_is_played_to_its_end_and_summed_up(play: Play) -> None:
    result = play("test/Corridor-v0", "--set", "length=2", lines="east\neast\neast\n")
    assert result.exit_code == 0
    assert result.stdout == (
        "test/Corridor-v0, seed 0: type an action and press Enter\n"
        "You are at 0 of 2.\n"
        "#1 east   #2 west\n"
        "? shows what can be typed, quit or Ctrl-D ends the game\n"
        "> east\n"
        "You are at 1 of 2.\n"
        "> east\n"
        "reward 1.0, so far 1.0\n"
        "You are at 2 of 2.\n"
        "test/Corridor-v0: the episode is over after 2 decisions\n"
        "  return  1.0\n"
    )


def test_the_end_of_the_input_ends_the_game_with_what_was_reached(play: Play) -> None:
    result = play("test/Corridor-v0", lines="east")
    assert result.exit_code == 0
    assert result.stdout.endswith(
        "test/Corridor-v0: the game was left after 1 decision\n  return  0.0\n"
    )


def test_a_question_mark_shows_the_grammar_where_actions_have_one(play: Play) -> None:
    result = play("hand/Spoken-v0", lines="?\n")
    assert result.stdout.count("east TIMES: walk") == 1
    assert STEER not in result.stdout


def test_the_seed_is_that_of_the_episode(play: Play) -> None:
    played = {
        play("test/Corridor-v0", "--set", "noise=true", "--seed", seed).stdout for seed in "1122"
    }
    assert len(played) == 2


def test_a_number_takes_a_listed_action_and_a_question_mark_lists_them(play: Play) -> None:
    result = play("test/Corridor-v0", lines="#1\n?\n#2\n#3\n\n")
    assert "> #1\n  east\nYou are at 1 of 5.\n> ?\n#1 east   #2 west\n" in result.stdout
    assert "> #2\n  west\nYou are at 0 of 5.\n" in result.stdout
    assert "> #3\nno action is #3: type ? for the list\n> \n> \n" in result.stdout
    assert "after 2 decisions" in result.stdout


def test_a_bare_number_is_not_taken_for_one_of_the_list(play: Play) -> None:
    result = play("test/Corridor-v0", lines="1\n9\n")
    assert "> 1\n1 alone is no action here: for east type #1\n" in result.stdout
    assert "> 9\nno action is 9: type ? for the list\n" in result.stdout
    assert "after 0 decisions" in result.stdout


@pytest.mark.parametrize("word", ["quit", "exit", "q", "QUIT"])
def test_a_word_ends_the_game_at_no_cost(play: Play, word: str) -> None:
    result = play("test/Corridor-v0", lines=f"east\n{word}\neast\n")
    assert result.exit_code == 0
    assert "the game was left after 1 decision\n" in result.stdout
    assert "not understood" not in result.stdout


@pytest.mark.parametrize("word", ["help", "Help", "?"])
def test_help_says_what_can_be_typed_at_no_cost(play: Play, word: str) -> None:
    result = play("test/Corridor-v0", lines=f"{word}\n")
    assert f"> {word}\n#1 east   #2 west\ntype an action or its number (#1); " in result.stdout
    assert "after 0 decisions" in result.stdout


def test_a_command_that_is_an_action_is_taken_as_that(play: Play) -> None:
    result = play("hand/Wordy-v0", lines="quit\nhelp\n?\n")
    assert "after 3 decisions" in result.stdout


def test_an_observation_that_speaks_of_the_action_gets_no_second_hint(play: Play) -> None:
    result = play("hand/Wordy-v0", lines="quitt\n")
    assert "'quitt' is no way to walk." in result.stdout
    assert "not understood: " not in result.stdout
    assert "  not understood  1 action\n" in result.stdout


def test_what_was_not_understood_is_said_with_what_was_meant(play: Play) -> None:
    result = play("test/Corridor-v0", lines="eats\n")
    assert "not understood: 'eats'. Did you mean 'east'? Type ? for the list\n" in result.stdout
    assert "  not understood  1 action\n" in result.stdout


def test_actions_are_listed_anew_where_they_changed(play: Play) -> None:
    result = play("hand/Doors-v0", lines="east\neast\n7\n?\n")
    assert "#1 east   #2 open 2" in result.stdout
    assert result.stdout.count("gives no list of actions here: any text may be one") == 1
    assert result.stdout.count("#1 east   #2 7\n") == 2
    assert "not understood: '7'." in result.stdout, "an action that is a number is itself"
    assert "2, left there\n" in result.stdout


def test_nothing_that_the_environment_says_steers_the_terminal(play: Play) -> None:
    result = play("hand/Doors-v0", lines=f"#2\n{STEER}\n")
    assert not [code for code in STEERING if code in result.stdout]


def test_environments_have_short_names(play: Play) -> None:
    assert play("Doors").stdout.startswith("hand/Doors-v0, seed 0")
    result = play("twin")
    assert result.exit_code == 2
    assert "'twin' can be hand/Twin-v0 or hand/Twin-v1: write one of these" in result.stderr


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("hand/Door-v0", "hand/Doors-v0"),
        ("dors", "doors"),
        ("CartPol-v1", "CartPole-v1"),
    ],
)
def test_an_unknown_environment_is_a_mistake_with_a_suggestion(
    play: Play, name: str, meant: str
) -> None:
    result = play(name)
    assert result.exit_code == 2
    assert f"unknown environment '{name}'. Did you mean '{meant}'? Known: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenght=3"], "unknown argument 'lenght'. Did you mean 'length'?"),
        (["length"], "--set 'length': write name=value"),
        (["length=3", "length=4"], "--set length is given twice"),
        (["length=@nowhere"], "cannot read nowhere"),
    ],
)
def test_a_wrong_argument_is_a_mistake(play: Play, arguments: list[str], message: str) -> None:
    options = [word for argument in arguments for word in ("--set", argument)]
    result = play("test/Corridor-v0", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_all_wrong_arguments_are_listed_together(play: Play) -> None:
    given = ("lenght=3", "noise", "noise=@nowhere", "bla=1")
    result = play("test/Corridor-v0", *(word for text in given for word in ("--set", text)))
    assert result.exit_code == 2
    for message in ("'lenght'", "--set 'noise': write", "noise: cannot read nowhere", "'bla'"):
        assert message in result.stderr


def test_an_environment_that_shows_no_text_although_it_says_so_is_told(play: Play) -> None:
    result = play("hand/Numbers-v0")
    assert result.exit_code == 1
    assert "the observation is 0 (int), expected a text" in result.stderr


def test_an_environment_whose_spaces_are_no_texts_is_refused(play: Play) -> None:
    result = play("FrozenLake-v1")
    assert result.exit_code == 2
    assert "its actions are Discrete(4) and its observations are Discrete(16)" in result.stderr
    assert "{id: agentkit/Words-v1, env: FrozenLake-v1}" in result.stderr


def test_what_an_environment_raises_is_said_in_words_and_it_is_closed(play: Play) -> None:
    before = Broken.closings
    result = play("hand/Broken-v0", lines="east\n")
    assert result.exit_code == 1
    assert "the environment raised RuntimeError: there is a hole" in result.stderr
    assert Broken.closings == before + 1


def test_an_environment_that_was_interrupted_ends_the_game(play: Play) -> None:
    result = play("hand/Broken-v0", lines="stop\n")
    assert result.exit_code == 130
    assert "hand/Broken-v0: the game was left after 0 decisions" in result.stdout


def test_a_pipe_that_is_no_text_is_a_mistake(play: Play) -> None:
    result = play("test/Corridor-v0", lines=b"east\n\xff\xfe\n")
    assert result.exit_code == 2
    assert "the actions cannot be read: they are not UTF-8 text" in result.stderr


def test_in_a_terminal_earlier_lines_come_back_and_control_d_ends(processes: Any) -> None:
    screen = Terminal(processes, "play", "slow/Corridor-v0")
    screen.read_until("ends the game\r\n> ")
    screen.type("east\n")
    screen.read_until("You are at 1.\r\n> ")
    screen.type("\x1b[A\n")
    screen.read_until("You are at 2.\r\n> ")
    screen.type("\x04")
    text = screen.read_to_end()
    assert screen.process.returncode == 0
    assert "the game was left after 2 decisions" in text
    assert "furthest  2" in text


def interrupt(screen: Terminal) -> None:
    """Press Ctrl-C until it is noticed: Python misses one that comes as it begins to wait."""
    for _ in range(3):
        os.killpg(screen.process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            screen.process.wait(timeout=10)
            return


def test_control_c_ends_the_game_with_what_was_reached(processes: Any) -> None:
    screen = Terminal(processes, "play", "slow/Corridor-v0")
    screen.read_until("ends the game\r\n> ")
    screen.type("ea")
    screen.read_until("> ea")
    interrupt(screen)
    text = screen.read_to_end()
    assert screen.process.returncode == 130
    assert "the game was left after 0 decisions" in text
    assert "Traceback" not in text


def test_a_list_of_actions_is_wrapped_between_them() -> None:
    assert list(wrap_text(["1 a", "2 bb", "3 a long one"], 10)) == ["1 a   2 bb", "3 a long one"]
    assert list(wrap_text([], 10)) == []
