"""How a small language model plays the shipped agents, beside chance and the rules.

    python tests/bench/small_model.py [AGENT ...] [--model local:smollm2] [--episodes 10]
        [--steps 20] [--seconds 3600] [--parallel 2] [--out FOLDER]

Every agent plays `--episodes` episodes of at most `--steps` decisions (webshop and miniwob: of at
most 10, webshop_decide: of 15; essay: of one). Runs are recorded in `--out`; what is there already
is read and not played again, and a run that was stopped goes on. `--seconds` bounds each run with
the model; the table says how many decisions it had, finished episodes or not. Essay and browser
have no reward: they tell how answers parse. `AGENT:written` lets an agent that decides write its
choice instead, and `AGENT:no-examples` decide without its examples.

`parsed at once` counts prompt nodes whose first answer could be used, `retried` the further
attempts a hundred nodes, `otherwise` and `cut off` the nodes that ended so, of all prompt nodes.
Chance picks one of the listed actions for each decision.
"""

import argparse
import contextlib
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from agentkit import Agent, Graph, Limits, Node, Plan, events, load_agent, rollout_sync
from agentkit.agentfile.dump import dump_agent
from agentkit.agentfile.load import shipped_agents
from agentkit.environments.estimates import estimate
from agentkit.messages import NOTHING_USED, Usage
from agentkit.record.reader import load_run

SHORT: Final = {"webshop": 10, "webshop_decide": 15, "miniwob": 10, "miniwob_decide": 10}
"""The most decisions of an episode that ends early when it goes well."""
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "written": {"decide": False},
    "no-examples": {"examples": ()},
}
"""What is changed at the prompt nodes of an agent, by the name behind its own."""
COMPARED: Final = ("crafter_decide:written", "crafter_decide:no-examples")
PAGE: Final = """<!doctype html><title>Town library</title><h1>Town library</h1>
<p>Lending, reading and quiet rooms.</p>
<nav><a href="#news">News</a> <a href="#hours">Opening hours</a></nav>
<section id="news"><h2>News</h2><p>The reading circle meets on Monday.</p></section>
<section id="hours"><h2>Opening hours</h2><p>Tuesday to Saturday, 10 to 18.</p></section>
<form><label>Search the catalogue <input name="q"></label> <button>Search</button></form>"""
"""What the browser agent is shown, from a server on this machine."""


@dataclass
class Played:
    """What a run came to."""

    decisions: int = 0
    nodes: int = 0
    at_once: int = 0
    retried: int = 0
    otherwise: int = 0
    cut: int = 0
    failed: int = 0
    seconds: float = 0.0
    usage: Usage = NOTHING_USED
    rewards: list[float] = field(default_factory=list)
    endings: dict[str, int] = field(default_factory=dict)


def read(folder: Path) -> Played:
    """Count what a recorded run says."""
    run, played = load_run(folder), Played()
    for episode in run.episodes:
        for event in run.events(episode):
            match event:
                case events.NodeRetried():
                    played.retried += 1
                case events.NodeFinished(completion=None):
                    pass
                case events.NodeFinished():
                    played.nodes += 1
                    played.at_once += event.status == "ok" and event.attempt == 1
                    played.otherwise += event.status == "otherwise"
                    played.cut += event.status == "cut"
                case events.NodeFailed():
                    played.nodes += 1
                    played.failed += 1
                case events.StepFinished():
                    played.decisions += 1
                case events.EpisodeFinished():
                    played.seconds += event.seconds
                    played.usage += event.usage
                    played.rewards.append(event.reward)
                    why = event.reason.splitlines()[0] if event.reason else event.status
                    played.endings[why] = played.endings.get(why, 0) + 1
    return played


def varied(name: str, folder: Path) -> str:
    """Return the agent's name, or the file of a variant, which is written into a folder."""
    base, _, variant = name.partition(":")
    if not variant:
        return base
    agent = load_agent(base)
    changes = VARIANTS[variant]
    nodes = [one if one.function else replace(one, **changes) for one in agent.graph.nodes]
    texts = {"system": agent.graph.system, "context": agent.graph.context}
    graph = Graph(nodes, **{name: text.source if text else "" for name, text in texts.items()})
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{base}_{variant.replace('-', '_')}.yaml"
    file.write_text(dump_agent(agent.replace(graph=graph)), encoding="utf-8")
    return str(file)


def play(agent: str, model: str, folder: Path, options: list[str]) -> Played:
    """Play an agent with the command line, or go on with what was recorded; return what it says."""
    program = [sys.executable, "-m", "agentkit", "run"]
    if (folder / "run.json").exists():
        if load_run(folder).about.get("status") in ("done", "failed", "limit"):
            return read(folder)
        arguments = ["--resume", str(folder)]
    else:
        arguments = [agent, "--model", model, "--out", str(folder), *options]
    done = subprocess.run([*program, *arguments, "--json"], capture_output=True, text=True)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"{agent} with {model} stopped ({done.returncode}):\n{done.stderr}")
    return read(folder)


def play_by_chance(agent: Agent, episodes: int, steps: int) -> list[float]:
    """Return the rewards of a player that picks one of the listed actions for each decision."""

    async def pick(actions: list[str], episode: int, step: int) -> str:
        return random.Random(f"{episode} {step}").choice(actions)

    names = {name: name for name in ("actions", "episode", "step")}
    graph = Graph([Node("act", function=pick, with_=names)])
    player = Agent(graph, env=agent.env, inputs=agent.inputs, limits=Limits(steps=steps))
    summary = rollout_sync(player, Plan(episodes))
    return [episode.reward for episode in summary.episodes]


def rewards(given: list[float]) -> str:
    """The mean of episodes with its interval, or a dash."""
    if not any(given):
        return f"0 (n={len(given)})" if given else "-"
    found = estimate(lambda some: sum(some) / len(some), given)
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


@contextlib.contextmanager
def page() -> Iterator[str]:
    """Serve the page that the browser agent is shown; the address."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "index.html").write_text(PAGE)
        handler = partial(Quiet, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}/"
            server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def row(agent: str, played: Played, chance: list[float], rules: list[float]) -> list[str]:
    """An agent's line of the table."""
    n, decisions, usage = played.nodes, max(played.decisions, 1), played.usage
    return [
        agent,
        f"{len(played.rewards)} / {played.decisions}",
        share(played.at_once, n),
        share(played.retried, n),
        share(played.otherwise, n),
        share(played.cut, n),
        share(played.failed, n),
        f"{played.seconds / decisions:.1f}",
        f"{usage.input_tokens / decisions:,.0f}",
        share(usage.cached_tokens, usage.input_tokens),
        f"{usage.output_tokens / decisions:,.0f}",
        rewards(played.rewards) if chance else "-",
        rewards(chance),
        rewards(rules),
    ]


COLUMNS: Final = (
    "agent", "episodes / decisions", "parsed at once", "retried", "otherwise", "cut off", "failed",
    "s a decision", "tokens in", "cached", "tokens out", "return", "chance", "rules",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [*(path.stem for path in shipped_agents()), *COMPARED]
    parser.add_argument("agents", nargs="*", default=every)
    parser.add_argument("--model", default="local:smollm2")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--parallel", type=int, default=2, help="episodes at once")
    parser.add_argument("--out", type=Path, default=Path("runs/small_model"))
    chosen = parser.parse_args()
    table = Table(title=f"{chosen.model} on the shipped agents")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "agent" else "right")
    with page() as address:
        for name in chosen.agents:
            file = varied(name, chosen.out)
            agent, steps = load_agent(file), min(chosen.steps, SHORT.get(name, chosen.steps))
            options = ["--episodes", str(chosen.episodes), "--fresh"]
            options += ["--parallel", str(chosen.parallel), "--allow-unknown-price"]
            if agent.env is not None:
                options += ["--steps", str(steps)]
            if name == "browser":
                goal = "Find out when the library opens on Saturday, and say it."
                options += ["--input", f"url={address}", "--input", f"goal={goal}"]
            bounded = [*options, "--budget-seconds", str(chosen.seconds)]
            out = chosen.out / name.replace(":", "-")
            played = play(file, chosen.model, Path(f"{out}-model"), bounded)
            chance: list[float] = []
            rules: list[float] = []
            if agent.env is not None and name != "browser":
                chance = play_by_chance(agent, chosen.episodes, steps)
                rules = play(file, "rules", Path(f"{out}-rules"), options).rewards
            table.add_row(*row(name, played, chance, rules))
            endings = ", ".join(f"{count} x {why}" for why, count in played.endings.items())
            print(f"{name}: {endings}", flush=True)
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
