"""What a decision of the shipped Crafter agents costs, and how much of it comes again.

    python tests/bench/prefix_share.py [--steps 100] [--seeds 0 1 2]

The agents are played by the rule-based expert and recorded on disk; what is measured are the
requests as a language model would get them, by `agentkit profile`. Tokens are estimated at four
characters each; only whole blocks of 128 tokens count.

`hosted` is what OpenAI and Gemini would have in their caches: they keep nothing of beginnings under
1,024 tokens. The costs are at 0.25 USD for a million tokens of input, 0.025 of cached input and 2
of output, with `--written` tokens an answer (yes or no: 2).
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agentkit import Limits, Plan, RunWriter, load_agent, load_run, rollout
from agentkit.events import Event, NodeStarted, StepFinished
from agentkit.profiling import Profile, profile_run
from agentkit.profiling.prefixes import PrefixMeter
from agentkit.rollouts.metadata import about_run

AGENTS = {"crafter": 0.8, "crafter_list": None, "crafter_decide": None}
"""The agents, and the share that is aimed at."""
LEAST_CACHED = 1024 * 4
"""Characters of the shortest beginning that hosted servers keep."""
READ_USD, CACHED_USD, WRITTEN_USD = 0.25e-6, 0.025e-6, 2e-6


@dataclass
class Cost:
    """What the decisions of some episodes cost."""

    decisions: int = 0
    calls: int = 0
    closed: int = 0
    """Calls that are answered with yes or no."""
    read: float = 0
    """Tokens."""
    hosted: float = 0
    """Tokens that a hosted server would have in its cache."""

    def add(self, events: Iterable[Event]) -> None:
        """Count an episode."""
        meter = PrefixMeter()
        for event in events:
            if isinstance(event, StepFinished):
                self.decisions += 1
            if isinstance(event, NodeStarted) and event.messages:
                found = meter.measure(event.messages, event.attempt)
                self.calls += 1
                self.closed += (event.schema or {}).get("enum") == ["yes", "no"]
                self.read += found.characters / 4
                self.hosted += found.repeated / 4 if found.repeated >= LEAST_CACHED else 0

    def usd(self, written: int, cached: bool) -> float:
        """What a thousand decisions cost."""
        kept = self.hosted if cached else 0
        answers = written * (self.calls - self.closed) + 2 * self.closed
        whole = (self.read - kept) * READ_USD + kept * CACHED_USD + answers * WRITTEN_USD
        return 1000 * whole / self.decisions


def play(name: str, steps: int, seed: int, cost: Cost) -> Profile:
    """Play and record one episode, count what it costs, and profile the record."""
    agent = load_agent(name)
    agent = agent.replace(limits=Limits(steps=steps))
    plan = Plan(seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        writer = RunWriter(out, about_run(agent, plan))
        summary = asyncio.run(rollout(agent, plan, writer=writer))
        writer.finish(summary.status, summary.totals())
        run = load_run(out)
        cost.add(run.events(0))
        return profile_run(run)


def costs(found: dict[str, Cost], written: int) -> Table:
    """One line an agent: what a decision costs."""
    table = Table(title="a decision")
    for column in ("agent", "calls", "tokens in", "hosted", "USD for 1,000", "without a cache"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    for name, cost in found.items():
        table.add_row(
            name,
            f"{cost.calls / cost.decisions:.1f}",
            f"{cost.read / cost.decisions:,.0f}",
            f"{cost.hosted / cost.read:.1%}",
            f"{cost.usd(written, cached=True):.2f}",
            f"{cost.usd(written, cached=False):.2f}",
        )
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
    found = {name: Cost() for name in AGENTS}
    profiles = {
        name: [play(name, given.steps, seed, cost) for seed in given.seeds]
        for name, cost in found.items()
    }
    console = Console(width=100)
    console.print(costs(found, given.written))
    console.print(overall(profiles))
    for name, played in profiles.items():
        console.print(by_node(name, played[0]))


if __name__ == "__main__":
    main()
