"""How well the rule-based Crafter player plays: `python tests/bench/crafter_expert.py`.

It plays without an agent around it: the same functions that answer the nodes of the shipped
agents, and no trace. It is rule-based, not a language model.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import Pool

from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.crafter.score import crafter_score, progress, success_rates
from agentkit_envs.crafter.strategy.player import play

from agentkit.environments.estimates import estimate


@dataclass(frozen=True)
class Episode:
    """What one episode came to."""

    total: float
    successes: dict[str, bool]
    steps: int
    decisions: int
    seconds: float
    """Time spent deciding, without the environment."""
    death: str
    """What the player died of, or an empty string."""


def run_episode(settings: tuple[int, int, int]) -> Episode:
    """Play one episode: (seed, cells on a side, game steps)."""
    seed, area, length = settings
    env = CrafterEnv(area=(area, area), length=length)
    observation, info = env.reset(seed=seed)
    total, decisions, seconds = 0.0, 0, 0.0
    over, memory, before = False, None, env.scene
    while not over:
        start = time.perf_counter()
        action, memory = play(observation, memory)
        seconds += time.perf_counter() - start
        decisions += 1
        before = env.scene
        observation, reward, died, ended, info = env.step(action)
        total += float(reward)
        over = died or ended
    successes = {name: count > 0 for name, count in info["achievements"].items()}
    death = _cause(before, env.scene) if env.scene.vitals["health"] == 0 else ""
    return Episode(total, successes, info["game_steps"], decisions, seconds, death)


def _cause(before, after) -> str:  # type: ignore[no-untyped-def]
    """What the last blow was, as far as the last two scenes tell."""
    if after.standing_on == "lava":
        return "lava"
    around = {after.view[3 + dy][4 + dx] for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0))}
    if "zombie" in around:
        return "zombie"
    if any(name.startswith("arrow") for row in before.view + after.view for name in row):
        return "arrow"
    empty = [name for name in ("food", "drink", "energy") if after.vitals[name] == 0]
    return f"no {empty[0]}" if empty else "unknown"


def report(episodes: Sequence[Episode], wall_s: float) -> None:
    """Print the tables."""
    rows = [
        ("return", lambda some: sum(e.total for e in some) / len(some)),
        ("Crafter score %", lambda some: crafter_score([e.successes for e in some])),
        ("BALROG progress %", lambda some: progress([e.successes for e in some])),
    ]
    print(f"\n{'':20}{'value':>8}   95% interval (bootstrap over episodes)")
    for name, statistic in rows:
        found = estimate(statistic, episodes)
        print(f"{name:20}{found.value:8.1f}   {found.low:.1f} to {found.high:.1f}")
    print(f"\n{'achievement':22}episodes with it, %")
    for name, rate in success_rates([e.successes for e in episodes]).items():
        print(f"{name:22}{rate:5.0f}")
    steps = sum(e.steps for e in episodes)
    decisions = sum(e.decisions for e in episodes)
    all_made = sum(all(e.successes.values()) for e in episodes)
    deaths = Counter(e.death for e in episodes if e.death)
    print(f"\nall 22 achievements    {all_made} of {len(episodes)} episodes")
    print(f"deaths                 {dict(deaths.most_common())}")
    print(f"mean length            {steps / len(episodes):.0f} game steps")
    print(f"decisions              {decisions / len(episodes):.0f} an episode")
    print(f"deciding               {decisions / sum(e.seconds for e in episodes):.0f} decisions/s")
    print(f"wall time              {wall_s:.0f} s")


def main() -> None:
    """Read the arguments, play, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--area", type=int, default=64, help="cells on a side")
    parser.add_argument("--length", type=int, default=10000, help="game steps in an episode")
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    print(
        f"Rule-based player, not a language model. Crafter {arguments.area}x{arguments.area}, "
        f"at most {arguments.length} steps, seeds {seeds[0]} to {seeds[-1]}."
    )
    start = time.perf_counter()
    settings = [(seed, arguments.area, arguments.length) for seed in seeds]
    with Pool(arguments.workers) as pool:
        episodes = pool.map(run_episode, settings, chunksize=1)
    report(episodes, time.perf_counter() - start)


if __name__ == "__main__":
    main()
