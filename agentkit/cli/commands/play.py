"""`agentkit play`: a person plays an environment in the terminal."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from agentkit.cli import options
from agentkit.cli.app import INTERRUPTED
from agentkit.cli.arguments import read_inputs
from agentkit.cli.view.terminal import echo, read_line
from agentkit.cli.view.words import count, score
from agentkit.environments.answers import reset_env, step_env
from agentkit.environments.make import CUT_OFF, call_env, env_report, open_env
from agentkit.errors import InputError, suggest
from agentkit.plugins import env_ids, ids_by_short_name, registered_id

if TYPE_CHECKING:
    import gymnasium

HELP: Final = ("?", "help")
"""What a person types to see the actions, first the shortest way."""
QUIT: Final = ("quit", "exit", "q")
"""What a person types to leave the game."""
_NUMBER: Final = re.compile("#?([0-9]+)")


@click.command("play")
@click.argument("env", metavar="ENV")
@options.seed
@click.option(
    "--set",
    "arguments",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give the environment an argument; NAME=@FILE takes the text of a file. Can be repeated.",
)
@options.imports
@click.pass_context
def command(ctx: click.Context, env: str, seed: int, arguments: tuple[str, ...]) -> None:
    """Play one episode of ENV yourself: an id that agentkit envs lists, or its short name.

    Type an action and press Enter. Where the actions are listed, the number of one will do, as in
    #1. ? or help shows the list again; quit, exit, q or Ctrl-D ends the game. A word that is an
    action itself is taken as that. Actions can also come from a file or a pipe, one a line.

    \b
    Examples:
      agentkit play crafter
      agentkit play agentkit/Crafter-v1 --seed 3 --set length=500
      agentkit play webshop --seed 7 --set products=500
      agentkit play crafter < my_actions.txt
    """
    ctx.exit(play_by_hand(env, seed, arguments))


def play_by_hand(name: str, seed: int, arguments: Sequence[str]) -> int:
    """Let a person play one episode; returns the exit code.

    Args:
        name: The environment's id, or its short name.
        seed: The episode's seed.
        arguments: The environment's arguments, as `name=value`.

    Raises:
        InputError: There is no such environment, it refuses its arguments, or speaks no text.
        EnvError: It raised.
    """
    from agentkit.agentfile.env_check import environment_problems
    from agentkit.env_spec import EnvSpec

    env_id = find_env(name)
    given, problems = read_inputs(arguments, "--set")
    env_spec = EnvSpec(env_id, dict.fromkeys(given))
    problems += [problem.message for problem in environment_problems(env_spec, ())]
    if problems:
        raise InputError("\n".join(problems))
    env = call_env(partial(open_env, env_id, given))
    game = Game(env_id, env)
    try:
        game.begin(seed)
        status = game.play()
        game.sum_up(status)
    finally:
        env.close()
    return INTERRUPTED if status == "interrupted" else 0


def find_env(name: str) -> str:
    """The id of an environment, given that or its short name (`crafter`, case does not matter).

    Raises:
        InputError: None has this name, or several have, or its module is not imported.
    """
    import gymnasium

    ids = env_ids()
    name = registered_id(name)
    if name in gymnasium.registry:
        return name
    short = ids_by_short_name(ids)
    found = short.get(name.lower(), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"'{name}' can be {' or '.join(found)}: write one of these")
    near = suggest(name, set(ids)) or suggest(name.lower(), set(short))
    near = near or suggest(name, set(gymnasium.registry))
    raise InputError(f"unknown environment '{name}'.{near} Known: {', '.join(ids) or 'none'}")


class Game:
    """One episode that a person plays."""

    def __init__(self, env_id: str, env: "gymnasium.Env[Any, Any]") -> None:
        self._id = env_id
        self._env = env
        self._info: Mapping[str, Any] = {}
        self._actions: list[str] = []
        self._listed: list[str] = []
        self._decisions = 0
        self._misunderstood = 0
        self._return = 0.0

    def begin(self, seed: int) -> None:
        """Start the episode and show its first observation.

        Raises:
            EnvError: The environment raised, or what it shows is no text.
        """
        observation, info = call_env(partial(reset_env, self._env, seed))
        echo(f"{self._id}, seed {seed}: type an action and press Enter", bold=True)
        self._show(observation, info)
        echo(f"{HELP[0]} shows what can be typed, {QUIT[0]} or Ctrl-D ends the game", dim=True)

    def play(self) -> str:
        """Play until the episode ends or the player does; returns how, as a run's status.

        Raises:
            InputError: What was typed is no text.
            EnvError: The environment raised.
        """
        try:
            while (text := self._typed()) is not None:
                if self._step(text):
                    return "done"
        except KeyboardInterrupt:
            echo()
            return "interrupted"
        return "limit"

    def sum_up(self, status: str) -> None:
        """Show what the game came to."""
        from agentkit.cli.view import closing

        steps = count(self._decisions, "decision")
        ending = "the episode is over" if status == "done" else "the game was left"
        lines = [("return", score(self._return))]
        info = self._info if status == "done" else {**self._info, CUT_OFF: True}
        lines += [(label, str(said)) for label, said in env_report(self._id, [info]).items()]
        if self._misunderstood:
            lines.append(("not understood", count(self._misunderstood, "action")))
        closing.show_facts(f"{self._id}: {ending} after {steps}", lines, status)

    def _typed(self) -> str | None:
        """The next action, or None when there is no more."""
        while True:
            try:
                text = read_line("> ").strip()
            except EOFError:
                echo()
                return None
            except UnicodeDecodeError as error:
                raise InputError("the actions cannot be read: they are not UTF-8 text") from error
            if text in self._actions:
                return text
            if text.lower() in QUIT:
                return None
            if text.lower() in HELP:
                self._help()
            elif self._actions and (number := _NUMBER.fullmatch(text)):
                if action := self._numbered(text, int(number[1])):
                    return action
            elif text:
                return text

    def _numbered(self, text: str, number: int) -> str | None:
        """The action with a number of the list; None, and why, where there is none."""
        if not 1 <= number <= len(self._actions):
            echo(f"no action is {text}: type {HELP[0]} for the list", fg="yellow")
            return None
        action = self._actions[number - 1]
        if text == str(number):  # an observation may have numbers of its own
            echo(f"{text} alone is no action here: for {action} type #{text}", fg="yellow")
            return None
        echo(f"  {action}", dim=True)
        return action

    def _step(self, action: str) -> bool:
        """Let the environment answer; says whether the episode is over."""
        outcome = call_env(partial(step_env, self._env, action))
        observation, reward, terminated, truncated, info = outcome
        self._decisions += 1
        self._return += reward
        if reward:
            echo(f"reward {score(reward)}, so far {score(self._return)}", fg="green")
        if not info.get("understood", True):
            self._misunderstood += 1
            if not _explains(observation, action):
                near = suggest(action, set(self._actions))
                echo(f"not understood: '{action}'.{near} Type {HELP[0]} for the list", fg="yellow")
        over = terminated or truncated
        self._show(observation, info, over)
        return over

    def _show(self, observation: str, info: Mapping[str, Any], over: bool = False) -> None:
        """Show an observation, and the actions where they are others than before."""
        self._info = info
        self._actions = list(info.get("actions") or ())
        echo(observation)
        if self._actions != self._listed and not over:
            self._list()

    def _help(self) -> None:
        """Show what can be typed."""
        if grammar := self._info.get("grammar"):
            echo(str(grammar), fg="cyan")
        self._list()
        number = " or its number (#1)" if self._actions else ""
        ends = f"{', '.join(QUIT)} or Ctrl-D ends the game"
        echo(f"type an action{number}; {' or '.join(HELP)} shows this; {ends}", dim=True)

    def _list(self) -> None:
        """Show the actions with their numbers."""
        self._listed = self._actions
        if not self._actions:
            echo("the environment gives no list of actions here: any text may be one", dim=True)
            return
        width = shutil.get_terminal_size().columns - 1
        for line in wrap_text([f"#{n} {text}" for n, text in enumerate(self._actions, 1)], width):
            echo(line, fg="cyan")


def _explains(observation: str, action: str) -> bool:
    """Whether an observation speaks of an action itself: a second hint could contradict it."""
    return any(f"{quote}{action}{quote}" in observation for quote in "\"'`")


def wrap_text(items: Sequence[str], width: int) -> Iterator[str]:
    """Items side by side, three spaces between them, none of them broken."""
    line = ""
    for item in items:
        if line and len(line) + 3 + len(item) > width:
            yield line
            line = ""
        line = f"{line}   {item}" if line else item
    if line:
        yield line
