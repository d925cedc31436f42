"""How well the rules of the expert play: `python tests/bench/miniwob_expert.py`.

Each task that has a rule is played with the seeds of ten episodes, without an agent around it: the
same functions that answer the nodes of the shipped agent, and no trace. They are rules, not a
language model, and were made with other seeds (100 and above). A success is a reward above 0;
"full" says how many episodes had the whole reward, for some tasks give a part of it. Tasks that are
won in less than nine of ten episodes, errors in rules, and the tasks without a rule come last.
"""

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import Pool

from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.miniwob.env import MiniWoBEnv
from agentkit_envs.miniwob.strategy.table import RULES, decide
from agentkit_envs.miniwob.tasks import chosen_tasks, groups

from agentkit.environments.estimates import wilson

ENOUGH = 0.9
"""The share of episodes that a task is to be won in."""


@dataclass(frozen=True)
class Episode:
    """What one episode came to."""

    reward: float
    success: bool
    steps: int
    fault: str
    """The first error in a rule, if there was one."""


@dataclass(frozen=True)
class Row:
    """What the episodes of a task came to."""

    task: str
    episodes: tuple[Episode, ...]

    @property
    def won(self) -> int:
        """How many were a success."""
        return sum(episode.success for episode in self.episodes)

    @property
    def full(self) -> int:
        """How many had the whole reward."""
        return sum(episode.reward >= 1 for episode in self.episodes)

    @property
    def is_enough(self) -> bool:
        """Whether it was won often enough."""
        return self.won >= ENOUGH * len(self.episodes)

    @property
    def reward(self) -> float:
        """The mean."""
        return sum(episode.reward for episode in self.episodes) / len(self.episodes)


def play(env: MiniWoBEnv, seed: int) -> Episode:
    """One episode of the only task of an environment."""
    observation, info = env.reset(seed=seed)
    tried: list[str] = []
    facts: list[str] = []
    over = False
    fault = ""
    while not over:
        decision = decide(info["task"], read(observation), tried, facts)
        tried.append(decision.action)
        facts += decision.facts
        fault = fault or decision.fault
        observation, _, terminated, truncated, info = env.step(decision.action)
        over = terminated or truncated
    return Episode(info["score"] or 0.0, info["success"], info["decisions"], fault)


def play_task(settings: tuple[str, int, int]) -> Row:
    """All episodes of a task: (its name, the first seed, how many)."""
    task, seed, count = settings
    env = MiniWoBEnv(task)
    try:
        return Row(task, tuple(play(env, seed + number) for number in range(count)))
    finally:
        env.close()


def print_row(row: Row) -> None:
    """A line of the table."""
    count = len(row.episodes)
    steps = sum(episode.steps for episode in row.episodes) / count
    mark = "" if row.is_enough else "  below"
    parts = f"{row.won:4} of {count}{row.full:6}{row.reward:9.2f}{steps:8.1f}{mark}"
    print(f"{row.task:32}{parts}", flush=True)


def print_total(rows: Sequence[Row], seconds: float) -> None:
    """What all episodes came to, and which tasks were not played."""
    episodes = [episode for row in rows for episode in row.episodes]
    won = sum(episode.success for episode in episodes)
    low, high = wilson(won, len(episodes))
    full = sum(row.full for row in rows)
    enough = sum(row.is_enough for row in rows)
    steps = sum(episode.steps for episode in episodes)
    print(f"\n{len(rows)} tasks, {enough} of them won in at least {ENOUGH:.0%} of the episodes")
    print(
        f"success rate {won / len(episodes):.1%} (95% between {low:.1%} and {high:.1%}), "
        f"{won} of {len(episodes)} episodes; the full reward in {full / len(episodes):.1%}"
    )
    print(f"{steps} actions in {seconds:.0f} s")
    print_faults(rows)
    known = groups()
    for name in ("benchmark", "all"):
        rest = [task for task in known[name] if task not in RULES]
        print(f"\n{len(rest)} of the {len(known[name])} tasks of '{name}' have no rule:")
        print(", ".join(rest))


def print_faults(rows: Sequence[Row]) -> None:
    """The tasks that were won too seldom, and the errors in rules."""
    below = [row.task for row in rows if not row.is_enough]
    print(f"\nwon in less than {ENOUGH:.0%} of the episodes: {', '.join(below) or 'none'}")
    faults = {f"{row.task}: {one.fault}" for row in rows for one in row.episodes if one.fault}
    print(f"errors in rules: {len(faults)}")
    for fault in sorted(faults):
        print(f"  {fault}")


def main() -> None:
    """Read the arguments, play, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="expert", help="a task, a group, or several with commas")
    parser.add_argument("--episodes", type=int, default=10, help="of each task")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    try:
        tasks = chosen_tasks(given.task)
    except ValueError as error:
        parser.error(str(error))
    start = time.perf_counter()
    print(f"seeds {given.seed} to {given.seed + given.episodes - 1} of each task")
    print(f"\n{'':32}success  full   reward   steps")
    rows = []
    with Pool(given.workers) as pool:
        for row in pool.imap(play_task, [(task, given.seed, given.episodes) for task in tasks]):
            print_row(row)
            rows.append(row)
    print_total(rows, time.perf_counter() - start)


if __name__ == "__main__":
    main()
