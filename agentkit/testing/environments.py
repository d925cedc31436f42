"""What every environment promises that agents play in."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from agentkit.environments.answers import reset_env, step_env
from agentkit.environments.estimates import Estimate
from agentkit.environments.fast_forward import repeats_itself
from agentkit.environments.make import action_parser, call_env, describe_info
from agentkit.environments.spaces import check_spaces
from agentkit.testing.promises import require, run_checks
from agentkit.values import json_copy

if TYPE_CHECKING:
    import gymnasium

MakeEnv = Callable[[], "gymnasium.Env[Any, Any]"]
NONSENSE: Final = "dance with the 7 dwarfs"
"""An action that no environment understands."""
_STEPS: Final = 12


def check_env(make: MakeEnv) -> None:
    """Check an environment: Gymnasium's own checks, and what AgentKit counts on besides.

    Its spaces are texts, what `reset` and `step` return has the right form, `info` can be
    recorded, the same seed is the same episode, a text that is no action changes nothing and is
    told of, `parse_action` agrees with itself, it can be closed twice, and its `report` gives
    texts. One that does not repeat itself says `resumable = False`, and is registered with
    `nondeterministic=True`.

    Args:
        make: Makes an environment, such as its class; it is called several times.

    Raises:
        AssertionError: A promise is broken; it lists all that are, with what was found.
    """
    run_checks(ENV_CHECKS, make)


def spaces_are_texts(make: MakeEnv) -> None:
    """Actions and observations are texts, and both spaces are declared."""
    with _made(make) as env:
        for name in ("action_space", "observation_space"):
            require(
                getattr(env, name, None) is not None,
                f"it has no {name}: agentkit_envs.text.AnyText() contains every text",
            )
        check_spaces(type(env.unwrapped).__name__, env, registered=False)


def gymnasium_finds_nothing_to_complain_about(make: MakeEnv) -> None:
    """Gymnasium's checker passes; what needs a screen is left out."""
    from gymnasium.utils.env_checker import check_env as gymnasium_check

    with _made(make) as env:
        needs_screen = "human" in (env.metadata.get("render_modes") or ())
        skipped = needs_screen or env.spec is None  # without one it cannot be made again
        call_env(partial(gymnasium_check, env.unwrapped, skip_render_check=skipped))


def answers_have_the_right_form(make: MakeEnv) -> None:
    """`reset` and `step` return texts, numbers and flags, to actions and to nonsense."""
    with _made(make) as env:
        _episode(env, seed=0)


def info_can_be_recorded(make: MakeEnv) -> None:
    """What `info` has, arrays aside, comes back from a record as it was."""
    with _made(make) as env:
        for *_, info in _episode(env, seed=0):
            for key, value in describe_info(info).items():
                try:
                    back = json_copy(value)
                except (TypeError, ValueError) as error:
                    raise AssertionError(f"info[{key!r}] is no JSON value: {error}") from error
                require(
                    back == value,
                    f"info[{key!r}] is {value!r}, and a record gives {back!r} back: "
                    "say lists for tuples and texts for keys",
                )


def same_seed_is_the_same_episode(make: MakeEnv) -> None:
    """A seed and the actions bring an episode back, whatever was played before."""
    with _made(make) as env, _made(make) as other:
        if not repeats_itself(env):
            return
        first = _episode(env, seed=3)
        _require_same(first, _episode(other, seed=3), "in another environment")
        _episode(other, seed=8)
        _require_same(first, _episode(other, seed=3), "after another episode")


def nonsense_changes_nothing_and_is_told_of(make: MakeEnv) -> None:
    """A text that is no action costs nothing, and the observation says that it is none."""
    with _made(make) as env:
        observation, before = _reset(env, 0)
        require(before.get("understood", True), "info['understood'] is False after reset()")
        said, reward, terminated, truncated, after = _step(env, NONSENSE)
        if before.get("actions") is None and after.get("understood", True):
            return  # every text may be an action
        require(
            not after.get("understood", True),
            f"info['understood'] is not False after '{NONSENSE}', which is none of info['actions']",
        )
        require(
            not (reward or terminated or truncated),
            f"an action that was not understood gave reward {reward:g}, terminated {terminated}, "
            f"truncated {truncated}; expected 0, False, False",
        )
        require(
            NONSENSE in said and said != observation,
            f"the observation does not repeat what was not understood ('{NONSENSE}'), but is: "
            f"{said[:200]!r}",
        )
        ticks = [info.get("game_steps") for info in (before, after)]
        require(ticks[0] == ticks[1], f"info['game_steps'] went from {ticks[0]} to {ticks[1]}")


def its_reading_of_actions_is_settled(make: MakeEnv) -> None:
    """`parse_action`, where there is one, gives texts that it leaves as they are, or ValueError."""
    with _made(make) as env:
        _, info = _reset(env, 0)
        parse = action_parser(env)
        if parse is None:
            return
        for action in info.get("actions") or ():
            said = call_env(partial(parse, action))
            require(
                isinstance(said, str) and call_env(partial(parse, said)) == said,
                f"parse_action({action!r}) gave {said!r}, which it does not leave as it is",
            )
        if info.get("actions") is None:
            return  # every text may be an action
        with suppress(ValueError):
            said = parse(NONSENSE)
            raise AssertionError(
                f"parse_action({NONSENSE!r}) gave {said!r}, expected a ValueError with the reason"
            )


def a_report_gives_texts_and_numbers(make: MakeEnv) -> None:
    """`report` of episodes, where there is one, gives texts and `Estimate`s by label."""
    with _made(make) as env:
        report = getattr(type(env.unwrapped), "report", None)
        if report is None:
            return
        infos = [_episode(env, seed)[-1][-1] for seed in (0, 1)]
        said = call_env(partial(report, [describe_info(info) for info in infos]))
        right = all(
            isinstance(label, str) and isinstance(one, (str, Estimate))
            for label, one in dict(said).items()
        )
        require(
            said and right,
            f"report() gave {said!r}, expected texts and numbers (Estimate) by label",
        )


def it_can_be_closed_twice(make: MakeEnv) -> None:
    """Closing again, and before anything was done, does no harm."""
    env = call_env(make)
    call_env(env.close)
    call_env(env.close)


ENV_CHECKS: Final[tuple[Callable[[MakeEnv], None], ...]] = (
    spaces_are_texts,
    gymnasium_finds_nothing_to_complain_about,
    answers_have_the_right_form,
    info_can_be_recorded,
    same_seed_is_the_same_episode,
    nonsense_changes_nothing_and_is_told_of,
    its_reading_of_actions_is_settled,
    a_report_gives_texts_and_numbers,
    it_can_be_closed_twice,
)
"""The checks that `check_env` runs, each a function of what makes the environment."""


@contextmanager
def _made(make: MakeEnv) -> "Iterator[gymnasium.Env[Any, Any]]":
    with closing(call_env(make)) as env:
        yield env


def _reset(env: "gymnasium.Env[Any, Any]", seed: int) -> Any:
    return call_env(partial(reset_env, env, seed))


def _step(env: "gymnasium.Env[Any, Any]", action: str) -> Any:
    return call_env(partial(step_env, env, action))


def _episode(env: "gymnasium.Env[Any, Any]", seed: int) -> list[tuple[Any, ...]]:
    """All that is told when an action and nonsense take turns; the last part is the info."""
    told = [_reset(env, seed)]
    env.action_space.seed(seed)
    for number in range(_STEPS):
        actions = told[-1][-1].get("actions")
        action = actions[number % len(actions)] if actions else env.action_space.sample()
        told.append(_step(env, NONSENSE if number % 2 else action))
        if told[-1][2] or told[-1][3]:
            break
    return told


def _require_same(first: list[tuple[Any, ...]], second: list[tuple[Any, ...]], when: str) -> None:
    for step, (was, now) in enumerate(zip_longest(first, second, fillvalue=())):
        was, now = ((*told[:-1], describe_info(told[-1])) if told else () for told in (was, now))
        require(
            was == now,
            f"{when} the same seed and actions gave something else in step {step}:\n"
            f"{str(was)[:300]}\n{str(now)[:300]}",
        )
