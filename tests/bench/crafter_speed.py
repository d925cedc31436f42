"""Game steps a second of Crafter in words, beside `crafter.Env` as it is shipped.

Run: OMP_NUM_THREADS=1 python tests/bench/crafter_speed.py
The same random actions are given to each; deaths are followed by a reset, which is timed apart.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import crafter
import numpy as np
from agentkit_envs.crafter.actions import ACTIONS
from agentkit_envs.crafter.env import CrafterEnv

Reset = Callable[[], object]
Step = Callable[[int], bool]


@dataclass(frozen=True)
class Timing:
    """What one contender needed."""

    steps_per_s: float
    """Game steps a second, resets left out: the median of the rounds."""
    reset_ms: float
    """Milliseconds a reset, the first one left out (it compiles): the median."""


def main() -> None:
    """Measure every contender in turn, round after round, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000, help="game steps a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    actions = np.random.default_rng(0).integers(len(ACTIONS), size=options.steps).tolist()
    contenders = {
        "crafter.Env as shipped (64x64 picture)": upstream(),
        "text": ours(),
        "text, remember_map": ours(remember_map=True),
        "text and 64x64 picture": ours(image=True, size=(64, 64)),
        "text and 288x288 picture": ours(image=True),
        "text, 256x256 world": ours(area=(256, 256), length=None),
    }
    rounds = {name: [measure(*both, actions)] for name, both in contenders.items()}
    for _ in range(options.rounds - 1):
        for name, both in contenders.items():
            rounds[name].append(measure(*both, actions))
    show({name: median(times) for name, times in rounds.items()})


def upstream() -> tuple[Reset, Step]:
    """`crafter.Env`, as it comes."""
    env = crafter.Env(seed=1)
    env.reset()
    return env.reset, lambda action: bool(env.step(action)[2])


def ours(**arguments: object) -> tuple[Reset, Step]:
    """`CrafterEnv` with some arguments."""
    env = CrafterEnv(**arguments)
    env.reset(seed=1)

    def step(action: int) -> bool:
        _, _, terminated, truncated, _ = env.step(ACTIONS[action])
        return terminated or truncated

    return env.reset, step


def measure(reset: Reset, step: Step, actions: list[int]) -> Timing:
    """Play all the actions once."""
    stepping, resets, over = 0.0, [], True
    for action in actions:
        if over:
            start = time.perf_counter()
            reset()
            resets.append(time.perf_counter() - start)
        start = time.perf_counter()
        over = step(action)
        stepping += time.perf_counter() - start
    return Timing(len(actions) / stepping, 1000 * statistics.median(resets))


def median(times: list[Timing]) -> Timing:
    """The middle of several rounds."""
    return Timing(
        statistics.median(each.steps_per_s for each in times),
        statistics.median(each.reset_ms for each in times),
    )


def show(timings: dict[str, Timing]) -> None:
    """Print a Markdown table, with ratios to the first row."""
    base = next(iter(timings.values())).steps_per_s
    print("| environment | steps/s | ratio | reset, ms |\n|---|---:|---:|---:|")
    for name, each in timings.items():
        ratio = each.steps_per_s / base
        print(f"| {name} | {each.steps_per_s:,.0f} | {ratio:.2f} | {each.reset_ms:.0f} |")


if __name__ == "__main__":
    main()
