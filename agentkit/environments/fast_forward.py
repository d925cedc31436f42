"""Bring an environment back to where a record ends: its seed, and the recorded actions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentkit.environments.answers import reset_env, step_env
from agentkit.environments.recorder import Recorder
from agentkit.errors import EnvError
from agentkit.events import EnvironmentStepped, EpisodeStarted
from agentkit.record.diff import diff_excerpt
from agentkit.values import as_recorded

if TYPE_CHECKING:
    import gymnasium


def repeats_itself(env: "gymnasium.Env[Any, Any]") -> bool:
    """Whether an environment repeats itself; one that does not has the attribute
    `resumable = False`."""
    return bool(getattr(env.unwrapped, "resumable", True))


def rebuild(
    env: "gymnasium.Env[Any, Any]",
    seed: int | None,
    started: EpisodeStarted,
    outcomes: Sequence[EnvironmentStepped],
    recorder: Recorder | None = None,
) -> tuple[str, Mapping[str, Any], float | None]:
    """Repeat what was recorded, holding every answer of the environment against the record.

    Args:
        env: The environment, as it was made.
        seed: The episode's seed.
        started: How the episode began.
        outcomes: What the environment answered, step by step.
        recorder: Takes the pictures that are missing.

    Returns:
        Observation, info and reward as the next step finds them.

    Raises:
        EnvError: The environment answers otherwise.
    """
    observation, info = reset_env(env, seed)
    reward: float | None = None
    _check_answer("at the start", started, {"observation": observation})
    if recorder is not None:
        recorder.begin(again=True)
    for step, outcome in enumerate(outcomes):
        observation, reward, terminated, truncated, info = step_env(env, outcome.action)
        answer = {
            "observation": observation,
            "reward": reward,
            "terminated": terminated,
            "truncated": truncated,
        }
        _check_answer(f"in step {step}", outcome, answer)
        if recorder is not None:
            recorder.step(outcome.action, reward, again=True)
    return observation, info, reward


def recorded_env(
    started: EpisodeStarted, outcomes: Sequence[EnvironmentStepped], ending: str
) -> "gymnasium.Env[Any, Any]":
    """An environment that answers as another did when it was recorded.

    Args:
        started: How the episode began.
        outcomes: What the environment answered, step by step.
        ending: Why there are no more of them.
    """
    import gymnasium

    answers = iter(outcomes)

    class RecordedEnv(gymnasium.Env[Any, Any]):
        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return started.observation, started.info

        def step(self, action: str) -> Any:
            answer = next(answers, None)
            if answer is None:
                raise EnvError(ending)
            ends = answer.terminated, answer.truncated
            return answer.observation, answer.reward, *ends, answer.info

    return RecordedEnv()


def _check_answer(
    where: str, record: EpisodeStarted | EnvironmentStepped, answer: Mapping[str, Any]
) -> None:
    for name, value in as_recorded(answer).items():
        recorded = getattr(record, name)
        if value != recorded:
            was, now = diff_excerpt(repr(recorded), repr(value))
            raise EnvError(
                f"the environment does not repeat what was recorded {where}: {name} was {was} "
                f"and is {now}. Its version or its data may have changed; an environment that "
                "never repeats itself says so with 'resumable = False'"
            )
