"""Words: an environment of other values as one of texts."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, SupportsFloat

import gymnasium
from gymnasium import spaces
from gymnasium.envs.registration import load_env_creator
from gymnasium.error import ResetNeeded

from agentkit_envs.checks import listed, near, refuse
from agentkit_envs.text import AnyText
from agentkit_envs.words.layout import NO_PARTS, Layout, layout
from agentkit_envs.words.parts import Line, NotUnderstood, Picture
from agentkit_envs.words.reader import Reader

LONGEST = 20_000
"""Characters of an observation; the rest is left out, and that is said."""


class Words(gymnasium.Env[str, str]):
    """Any Gymnasium environment in words: FrozenLake, Taxi, Blackjack, MiniGrid or your own.

    ## Description
    The environment stays as it is. What it shows is described in words, and what it takes is read
    from words: `left` for 0, or `up; 0.5` for an action of two parts.

    ## Action Space
    Any text that says a value of the environment's own action space. Where that is one choice, the
    name of an action, or its number without `names`; case, quotes and a full stop do not matter.
    Of several parts, their values in order, with `;` or new lines between, or each with its name
    (`speed: 2`); a list of numbers has commas or spaces between. A text that says no value changes
    nothing: the observation says so, and what would be one.

    ## Observation Space
    A line for each part of what the environment shows, with its name where it has one. Arrays of
    up to 500 numbers are written row by row. A larger array that is a picture is in
    `info["image"]`, for models that see; of other large arrays, and of graphs, `describe` must
    make a text. At most 20,000 characters.

    ## Reward
    The environment's own.

    ## Episode End
    The environment's own.

    ## Information
    All that the environment's own `info` has, and
    - `actions` (list of str): the actions, where they are one choice of at most 100; those that
      the environment's own `action_mask` allows, where it gives one. Else None.
    - `grammar` (str): what actions look like; only where `actions` is None.
    - `understood` (bool): whether the last text was an action; true after a reset.
    - `game_steps` (int): actions carried out since the episode began.
    - `image` (uint8 array, height x width x 3): the picture; only where the environment shows one.

    ## Arguments
    - `env`: the id of the environment, or in Python the environment itself.
    - `names` (None): the names of the actions, in the order of their numbers. Of an action of
      several parts a list of names for each, or a mapping from a part's name to the names of its
      values (null for numbers).
    - `fields` (None): the same for observations. Of a single number that means several things,
      such as row and column, a mapping from each one's name to its names, or to how many there
      are, the slowest first: `{row: 4, column: 4}`.
    - `describe` (None): in Python, a function from the environment's observation to a text, in
      place of all that.
    - `render_mode` (None): how the environment is shown.
    - `arguments`: whatever else is given goes to the environment.

    ## Seeds
    As the environment has it.

    ## Version
    - v1: the first.
    """

    metadata = {"render_modes": ["human", "rgb_array"]}  # noqa: RUF012

    def __init__(
        self,
        env: str | gymnasium.Env[Any, Any],
        names: Any = None,
        fields: Any = None,
        describe: Callable[[Any], str] | None = None,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        if describe is not None and not callable(describe):
            raise ValueError(f"describe is a function, given in Python, not {describe!r}")
        if describe is not None and fields is not None:
            raise ValueError("fields name what is described; describe does all of that itself")
        self._env = _made(env, render_mode, arguments)
        try:
            _check_spaces(self._env)
            self._actions = Reader(self._env.action_space, names)
            self._seen = NO_PARTS if describe else _observed(self._env.observation_space, fields)
        except BaseException:
            if isinstance(env, str):
                self._env.close()
            raise
        self._describe = describe
        self.render_mode = self._env.render_mode
        self.metadata = self._env.metadata
        self.resumable = bool(getattr(self._env.unwrapped, "resumable", True))
        self.action_space = AnyText(self._actions.examples)
        self.observation_space = AnyText()
        self._text: str | None = None
        self._info: dict[str, Any] = {}
        self._game_steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode of the environment."""
        super().reset(seed=seed)
        self._game_steps = 0
        return self._told(*self._env.reset(seed=seed, options=options))

    def step(self, action: str) -> tuple[str, SupportsFloat, bool, bool, dict[str, Any]]:
        """Carry out the action that a text says."""
        if self._text is None:
            raise ResetNeeded("call reset() before anything else")
        if not isinstance(action, str):
            raise TypeError(f"an action is a text, not {action!r}")
        try:
            value = self._actions.read(action)
        except NotUnderstood as error:
            said = f"Nothing happened: '{_cut(action, 200)}' is not understood: {error}"
            info = {**self._info, "understood": False}
            return f"{said}\n{self._text}", 0.0, False, False, info
        observation, reward, terminated, truncated, info = self._env.step(value)
        self._game_steps += 1
        text, info = self._told(observation, info)
        return text, reward, terminated, truncated, info

    def parse_action(self, text: str) -> str:
        """Return the action that a text says: of one choice its name, else the text.

        Raises:
            ValueError: It says none; with what was expected.
        """
        return self._actions.canonical(text)

    def render(self) -> Any:
        """Return what the environment's own `render` does."""
        return self._env.render()

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _told(self, observation: Any, info: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The observation in words, and the info with what an agent needs to act."""
        actions = self._actions.listed(info.get("action_mask"))
        self._info = {
            **info,
            "actions": actions,
            "understood": True,
            "game_steps": self._game_steps,
        }
        if actions is None:
            self._info["grammar"] = self._actions.grammar
        self._text = _cut(self._in_words(observation), LONGEST)
        return self._text, dict(self._info)

    def _in_words(self, observation: Any) -> str:
        if self._describe is not None:
            text = self._describe(observation)
            if not isinstance(text, str):
                raise TypeError(f"describe returned {text!r}, expected a text")
            return text
        lines = []
        for (name, part), value in zip(
            self._seen.parts, self._seen.split(observation), strict=True
        ):
            words = part.say(value)
            if isinstance(part, Picture):
                self._info["image"] = value
            if name or not isinstance(part, Line):
                space = "\n" if "\n" in words else " "
                words = f"{name or 'observation'}:{space}{words}"
            lines.append(words)
        return "\n".join(lines)


def _check_spaces(env: gymnasium.Env[Any, Any]) -> None:
    for name in ("action_space", "observation_space"):
        space = getattr(env, name, None)
        if not isinstance(space, spaces.Space):
            raise ValueError(f"{name} of {env} is {space!r:.60}, expected one of gymnasium.spaces")


def _observed(space: spaces.Space[Any], fields: Any) -> Layout:
    """The parts of observations.

    Raises:
        ValueError: The fields do not fit, or an observation cannot be put into words.
    """
    try:
        found = layout(space, fields, "observations")
    except ValueError as error:
        way_out = "" if fields else ". In Python, describe=... makes a text of an observation"
        raise ValueError(f"{error}{way_out}") from error
    pictures = [name for name, part in found.parts if isinstance(part, Picture)]
    if len(pictures) > 1:
        raise ValueError(
            f"observations: there are {len(pictures)} pictures, {', '.join(pictures)}, and "
            "info['image'] holds one: wrap the environment so that it shows one of them"
        )
    return found


def _made(
    env: object, render_mode: str | None, arguments: Mapping[str, Any]
) -> gymnasium.Env[Any, Any]:
    """The environment itself.

    Raises:
        ValueError: There is none of that id, or it does not take the arguments.
    """
    if isinstance(env, gymnasium.Env):
        given = [*arguments, *(["render_mode"] if render_mode else [])]
        if given:
            raise ValueError(f"{', '.join(given)}: give this to the environment where it is made")
        return env
    if not isinstance(env, str):
        raise ValueError(f"env is the id of an environment, such as 'FrozenLake-v1', not {env!r}")
    module, colon, env_id = env.rpartition(":")
    if colon:  # Gymnasium would import it, and an agent's file may not
        raise ValueError(f"env is an id alone, '{env_id}': import {module} with --import {module}")
    if env_id not in gymnasium.registry:
        raise ValueError(
            f"there is no environment '{env_id}' (if a module of yours registers it, name that "
            f"with --import MODULE){near(env_id, list(gymnasium.registry))}"
        )
    if render_mode is not None:
        arguments = {**arguments, "render_mode": render_mode}
    _check_arguments(env_id, arguments)
    try:
        return gymnasium.make(env_id, disable_env_checker=True, **arguments)
    except gymnasium.error.Error as error:
        raise ValueError(str(error)) from error


def _check_arguments(env_id: str, arguments: Mapping[str, Any]) -> None:
    entry = gymnasium.spec(env_id).entry_point
    creator: Any = load_env_creator(entry) if isinstance(entry, str) else entry
    parameters = {} if creator is None else inspect.signature(creator).parameters
    if creator is None or any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return
    known = [*parameters, "max_episode_steps"]
    refuse(
        f"{env_id} takes no argument '{name}': there are {listed(known)}{near(name, known)}"
        for name in arguments
        if name not in known
    )


def _cut(text: str, longest: int) -> str:
    more = len(text) - longest
    return f"{text[:longest]}... ({more:,} more characters)" if more > 0 else text
