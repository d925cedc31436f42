"""How well the rule-based shopper buys: `python tests/bench/webshop_expert.py --data DIR`.

It shops without an agent around it: the same functions that answer the nodes of the shipped agent,
and no trace. It is rule-based, not a language model. Beside it stand two shoppers that show what
the numbers mean: one that buys the first product that a search for the instruction finds, as the
rule-based baseline of the paper does, and what the goal's own product with its own options scores,
which nobody can be asked to exceed.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import Pool
from typing import Any

from agentkit_envs.webshop.env import WebShopEnv
from agentkit_envs.webshop.goals.reward import score_purchase
from agentkit_envs.webshop.pages.prompt_reader import read
from agentkit_envs.webshop.report import report
from agentkit_envs.webshop.score import score, successes
from agentkit_envs.webshop.strategy.player import play

from agentkit.environments.estimates import estimate, share

Shopper = Callable[[str, Any], tuple[str, Any]]
"""From an observation and what is remembered to an action and what to remember."""


@dataclass(frozen=True)
class Episode:
    """What one episode came to."""

    reward: float
    own: float
    """What the goal's own product and options score."""
    steps: int
    seconds: float
    """Time spent deciding, without the shop."""
    info: dict[str, Any]


@cache
def open_shop(data: str | None, goals: str, split: str) -> WebShopEnv:
    """The shop of this process."""
    return WebShopEnv(data, goals=goals, split=split)


def first_hit(observation: str, memory: Any) -> tuple[str, Any]:
    """Buy the first product that a search for the instruction finds."""
    view = read(observation)
    if view.kind == "index":
        return f"search[{view.instruction}]", None
    if view.kind == "results" and view.products:
        return f"click[{view.products[0].asin}]", None
    return "click[Buy Now]", None


SHOPPERS: dict[str, Shopper] = {"the rule-based expert": play, "the first hit": first_hit}


def run_episode(settings: tuple[str, int, str | None, str, str]) -> Episode:
    """Play one episode: (shopper, seed, data, goals, split)."""
    name, seed, data, goals, split = settings
    shop = open_shop(data, goals, split)
    observation, info = shop.reset(seed=seed)
    memory, over, reward, steps, seconds = None, False, 0.0, 0, 0.0
    while not over:
        start = time.perf_counter()
        action, memory = SHOPPERS[name](observation, memory)
        seconds += time.perf_counter() - start
        observation, gain, ended, cut, info = shop.step(action)
        reward += float(gain)
        steps += 1
        over = ended or cut
    goal = shop.goals[info["session"]]
    product, price = shop.catalogue.find(goal.asin), shop.catalogue.price(goal.asin)
    named = isinstance(goal.options, Mapping)
    options = goal.options if named else {str(n): v for n, v in enumerate(goal.options)}
    own = score_purchase(product, goal, price, options).reward
    return Episode(reward, own, steps, seconds, info)


def print_row(name: str, rewards: Sequence[float]) -> None:
    """A line of the table."""
    scored, won = estimate(score, rewards), share(successes(rewards), len(rewards))
    print(
        f"{name:28}{scored.value:6.1f}  {scored.low:5.1f} to {scored.high:5.1f}"
        f"{won.value:10.1f}  {won.low:5.1f} to {won.high:5.1f}"
    )


def main() -> None:
    """Read the arguments, shop, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a folder with WebShop's files; else generated products")
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="the first goal of the split")
    parser.add_argument("--split", default="all", help="test, validation, train or all")
    parser.add_argument("--goals", default="synthetic", help="synthetic or human")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    try:
        open_shop(given.data, given.goals, given.split)  # prepared once, before the processes
    except ValueError as error:
        parser.error(str(error))
    seeds = range(given.seed, given.seed + given.episodes)
    start = time.perf_counter()
    played = {}
    with Pool(given.workers) as pool:
        for name in SHOPPERS:
            settings = [(name, seed, given.data, given.goals, given.split) for seed in seeds]
            played[name] = pool.map(run_episode, settings, chunksize=10)
    episodes = played["the rule-based expert"]
    print(f"{episodes[0].info['catalogue']}")
    print(f"goals {seeds[0]} to {seeds[-1]} ({given.goals}), counted in the split {given.split}")
    print(f"\n{'':28} score  95% interval   success, %  95% interval")
    for name, some in played.items():
        print_row(name, [episode.reward for episode in some])
    print_row("the goal's own product", [episode.own for episode in episodes])
    print("\nThe expert, rule-based, not a language model:")
    for name, text in report([episode.info for episode in episodes]).items():
        print(f"{name:16}{text}")
    steps = sum(episode.steps for episode in episodes)
    print(f"{'mean length':16}{steps / len(episodes):.1f} steps, of 15")
    rate = steps / sum(episode.seconds for episode in episodes)
    print(f"{'deciding':16}{rate:.0f} decisions/s")
    print(f"{'wall time':16}{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
