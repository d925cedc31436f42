"""What an environment answers, checked against the form that Gymnasium gives it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import EnvError
from agentkit.program.display import short

if TYPE_CHECKING:
    import gymnasium

Outcome = tuple[str, float, bool, bool, Mapping[str, Any]]
"""Observation, reward, terminated, truncated, info."""

_RESET: Final = ("observation", "info")
_STEP: Final = ("observation", "reward", "terminated", "truncated", "info")
_PLAIN: Final = (str, int, float, bool, type(None))
_DEEPEST: Final = 100
"""Levels of lists and dicts in an info."""


def reset_env(
    env: "gymnasium.Env[Any, Any]", seed: int | None = None
) -> tuple[str, Mapping[str, Any]]:
    """Reset an environment and return observation and info.

    Raises:
        EnvError: The answer has another form, or the observation is no text.
    """
    observation, info = _parts("reset", env.reset(seed=seed), _RESET)
    return _text("reset", observation), checked_info("reset", info)


def step_env(env: "gymnasium.Env[Any, Any]", action: str) -> Outcome:
    """Let an environment carry out an action and return what it answers.

    Raises:
        EnvError: The answer has another form, the observation is no text, the reward no finite
            number, or an end neither true nor false.
    """
    answer = _parts("step", env.step(action), _STEP)
    observation, reward, terminated, truncated, info = answer
    return (
        _text("step", observation),
        _number(reward),
        _flag("terminated", terminated),
        _flag("truncated", truncated),
        checked_info("step", info),
    )


def checked_info(method: str, info: Any) -> Mapping[str, Any]:
    """Return an info that can be recorded, whose known keys have values that can be used.

    Raises:
        EnvError: It is no mapping, a value in it cannot be recorded, or one of a known key is of
            another kind.
    """
    if not isinstance(info, Mapping):
        raise _wrong(method, "info", info, "a dict")
    for key, value in info.items():
        if not isinstance(key, _PLAIN):
            raise _wrong(method, "a key of info", key, "a text")
        _check_recordable(method, key, value)
    actions = info.get("actions")
    listed = isinstance(actions, Sequence) and not isinstance(actions, (str, bytes))
    if actions is not None and not (listed and all(isinstance(one, str) for one in actions)):
        raise _wrong(method, "info['actions']", actions, "a list of texts, or None")
    if not _is_flag(info.get("understood", True)):
        raise _wrong(method, "info['understood']", info["understood"], "True or False")
    return info


def _check_recordable(method: str, key: object, value: Any, depth: int = 1) -> None:
    """Refuse what has no end, keys that are no JSON, and objects that cannot even be shown."""
    if isinstance(value, _PLAIN):
        return
    place = f"info[{key!r}]"
    if depth > _DEEPEST:
        raise _wrong(method, place, "too deep, or contains itself", f"at most {_DEEPEST} levels")
    if isinstance(value, Mapping):
        if keys := [inner for inner in value if not isinstance(inner, _PLAIN)]:
            raise _wrong(method, f"a key of {place}", keys[0], "a text")
        value = value.values()
    elif not isinstance(value, (list, tuple, set, frozenset)):
        try:
            repr(None if hasattr(value, "ndim") else value)
        except Exception as error:
            raise _wrong(method, place, value, "a value that can be shown") from error
        return
    for inner in value:
        if not isinstance(inner, _PLAIN):
            _check_recordable(method, key, inner, depth + 1)


def _shown(value: object) -> str:
    """Return what a value is and looks like, in at most about 120 characters."""
    return f"{short(value, 100)} ({type(value).__name__})"


def _parts(method: str, answer: Any, names: Sequence[str]) -> tuple[Any, ...]:
    if isinstance(answer, tuple) and len(answer) == len(names):
        return answer
    came = f"a tuple of {len(answer)}: " if isinstance(answer, tuple) else ""
    old = method == "step" and isinstance(answer, tuple) and len(answer) == 4
    raise EnvError(
        f"what the environment's {method}() returned cannot be used: it is "
        f"{came}{_shown(answer)}, expected a tuple of {len(names)}: {', '.join(names)}"
        + (". In place of Gym's old 'done' there are terminated and truncated" if old else "")
    )


def _text(method: str, observation: Any) -> str:
    if isinstance(observation, str):
        return observation
    raise _wrong(
        method, "the observation", observation, "a text. agentkit_envs.words puts others into words"
    )


def _number(reward: Any) -> float:
    """A number of Python or numpy."""
    if _is_flag(reward) or isinstance(reward, Real):
        with suppress(OverflowError):  # of a whole number that has hundreds of digits
            if isfinite(number := float(reward)):
                return number
    raise _wrong("step", "the reward", reward, "a finite number")


def _flag(name: str, value: Any) -> bool:
    if _is_flag(value):
        return bool(value)
    raise _wrong("step", name, value, "True or False")


def _is_flag(value: object) -> bool:
    import numpy as np

    return isinstance(value, (bool, np.bool_))


def _wrong(method: str, what: str, value: object, expected: str) -> EnvError:
    return EnvError(
        f"what the environment's {method}() returned cannot be used: {what} is {_shown(value)}, "
        f"expected {expected}"
    )
