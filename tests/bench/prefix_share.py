"""How much of the input of the shipped Crafter agents extends an earlier request's beginning.

    python tests/bench/prefix_share.py [--steps 100] [--seeds 0 1 2]

The agents are played by the rule-based expert and recorded on disk; what is measured are the
requests as a language model would get them, by `agentkit profile`. Tokens are estimated at four
characters each; only whole blocks of 128 tokens count.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agentkit import Limits, Plan, RunWriter, load_agent, load_run, rollout
from agentkit.profiling import Profile, profile_run
from agentkit.rollouts.metadata import about_run

AGENTS = {"crafter": 0.8, "crafter_list": None}
"""The agents, and the share that is aimed at."""


def play(name: str, steps: int, seed: int) -> Profile:
    """Play and record one episode, and profile the record."""
    agent = load_agent(name)
    agent = agent.replace(limits=Limits(steps=steps))
    plan = Plan(seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        writer = RunWriter(out, about_run(agent, plan))
        summary = asyncio.run(rollout(agent, plan, writer=writer))
        writer.finish(summary.status, summary.totals())
        return profile_run(load_run(out))


def overall(profiles: dict[str, list[Profile]]) -> Table:
    """One line an agent: the sums of its episodes."""
    table = Table(title="input tokens that extend an earlier request")
    for column in ("agent", "requests", "input tokens", "share", "worst seed", "aim", "new a call"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for name, played in profiles.items():
        prefixes = [profile.prefix for profile in played]
        tokens = sum(prefix.input_tokens for prefix in prefixes)
        repeated = sum(prefix.repeated_tokens for prefix in prefixes)
        requests = sum(prefix.requests for prefix in prefixes)
        aim = AGENTS[name]
        table.add_row(
            name,
            f"{requests:,}",
            f"{tokens:,}",
            f"{repeated / tokens:.1%}",
            f"{min(prefix.share or 0.0 for prefix in prefixes):.1%}",
            "" if aim is None else f"{aim:.0%}",
            f"{(tokens - repeated) / requests:.0f}",
        )
    return table


def by_node(name: str, profile: Profile) -> Table:
    """One line a node."""
    table = Table(title=f"{name}, node by node (first seed)")
    for column in ("node", "requests", "tokens a call", "share", "differs first in"):
        table.add_column(column, justify="left" if column == "node" else "right")
    for node in profile.nodes:
        prefix = node.prefix
        if prefix is None:
            continue
        place = max(prefix.differs_in, key=prefix.differs_in.__getitem__)
        table.add_row(
            node.node,
            f"{prefix.requests:,}",
            f"{prefix.input_tokens / prefix.requests:.0f}",
            f"{prefix.share or 0.0:.1%}",
            place,
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100, help="steps an episode")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    profiles = {name: [play(name, given.steps, seed) for seed in given.seeds] for name in AGENTS}
    console = Console(width=100)
    console.print(overall(profiles))
    for name, played in profiles.items():
        console.print(by_node(name, played[0]))


if __name__ == "__main__":
    main()
