"""What a decision of the shipped Crafter agents costs, and how much of it comes again.

    python tests/bench/prefix_share.py [--steps 100] [--seeds 0 1 2]

The agents are played by the rule-based expert and recorded on disk; what is measured are the
requests as a language model would get them, by `agentkit profile`. Tokens are estimated at four
characters each; only whole blocks of 128 tokens count.

`hosted` is what OpenAI would have in its cache: it keeps nothing of beginnings under 1,024 tokens.
The costs are at 0.25 USD for a million tokens of input, 0.025 of cached input and 2 of output, with
`--written` tokens an answer (yes or no: 2).
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agentkit import Limits, Plan, Price, RunWriter, Usage, load_agent, load_run, rollout
from agentkit.profiling import Profile, profile_run
from agentkit.rollouts.metadata import about_run

AGENTS = {"crafter": 0.8, "crafter_list": None, "crafter_decide": None}
"""The agents, and the share that is aimed at."""
HOSTED = 1024
"""Tokens of the shortest beginning that OpenAI keeps."""
PRICE = Price(input=0.25, cached=0.025, output=2)


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


def costs(profiles: dict[str, list[Profile]], written: int) -> Table:
    """One line an agent: what a decision costs."""
    table = Table(title="a decision")
    for column in ("agent", "calls", "tokens in", "hosted", "USD for 1,000", "without a cache"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for name, played in profiles.items():
        closed = {node.name for node in load_agent(name).graph.nodes if node.output == "yes_no"}
        steps = sum(profile.totals.steps for profile in played)
        calls = sum(profile.totals.calls for profile in played)
        short = sum(n.calls for profile in played for n in profile.nodes if n.node in closed)
        read = sum(profile.prefix.input_tokens for profile in played)
        hosted = sum(profile.prefix.from_floor[HOSTED] for profile in played)
        answers = written * (calls - short) + 2 * short
        usd = [1000 * PRICE.cost_usd(Usage(read, answers, kept)) / steps for kept in (hosted, 0)]
        figures = f"{calls / steps:.1f}", f"{read / steps:,.0f}", f"{hosted / read:.1%}"
        table.add_row(name, *figures, *(f"{one:.2f}" for one in usd))
    return table


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
    parser.add_argument("--written", type=int, default=60, help="tokens an answer")
    given = parser.parse_args()
    profiles = {name: [play(name, given.steps, seed) for seed in given.seeds] for name in AGENTS}
    console = Console(width=100)
    console.print(costs(profiles, given.written))
    console.print(overall(profiles))
    for name, played in profiles.items():
        console.print(by_node(name, played[0]))


if __name__ == "__main__":
    main()
