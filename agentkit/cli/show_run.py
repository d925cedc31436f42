"""A recorded run in the terminal: its sums, its episodes, and every step of one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from agentkit.cli.arguments import choose_episode, open_run
from agentkit.cli.show_step import StepPrinter
from agentkit.cli.view.limits import listed_both
from agentkit.cli.view.words import count, money, seconds, tokens
from agentkit.errors import InputError, TraceError, suggest
from agentkit.limits import Limits
from agentkit.messages import Usage
from agentkit.reading import Record, Run


def show_run(
    folder: Path, episode: int | None, step: int | None, node: str | None, full: bool
) -> None:
    """Print a run, or the steps of one of its episodes.

    Raises:
        TraceError: The run is damaged.
        InputError: The folder is no run, or has no such episode, step or node.
    """
    run = open_run(folder)
    if episode is None and step is None and node is None and not full:
        _show_overview(run)
        return
    chosen = choose_episode(run, episode)
    printer = StepPrinter(step, node, full)
    for record in run.events(chosen):
        printer.print(record)
    if step is not None and step not in printer.steps:
        last = max(printer.steps, default=-1)
        has = f"steps 0 to {last}" if last >= 0 else "no step"
        raise InputError(f"episode {chosen} of {folder} has no step {step}: it has {has}")
    if node is not None and node not in printer.nodes:
        raise InputError(f"no node '{node}' ran there.{suggest(node, printer.nodes)}")


def _show_overview(run: Run) -> None:
    about = run.about
    agent = about.get("agent") or {}
    name = agent.get("name", "?") if isinstance(agent, dict) else str(agent)
    click.echo(f"{click.style(name, bold=True)}: {_status(run)}")
    for label, text in _facts(about):
        click.echo(f"  {label:<9} {text}")
    usage, cost_usd = Usage(), 0.0
    known = True
    for number in run.episodes:
        ending, steps, reward = _ending(run.events(number))
        click.echo(f"  episode {number}: {_outcome(ending, steps, reward)}")
        usage = usage + _usage(ending)
        cost = (ending or {}).get("cost_usd")
        known, cost_usd = known and cost is not None, cost_usd + (cost or 0.0)
    click.echo(f"  tokens    {tokens(usage)}")
    click.echo(f"  cost      {money(cost_usd if known else None)}")
    if run.episodes:
        click.echo(f"look closer: agentkit show {run.folder} --episode {run.episodes[0]} --step 0")


def _status(run: Run) -> str:
    status = str(run.about.get("status", "?"))
    if status != "running":
        return status
    return "running, or was killed before its end"


def _facts(about: Any) -> Iterator[tuple[str, str]]:
    yield "started", str(about.get("started", "?"))
    env = about.get("env")
    if isinstance(env, dict):
        yield "played", str(env.get("id"))
    models = about.get("models")
    if isinstance(models, dict):
        yield "models", ", ".join(dict.fromkeys(map(str, models.values())))
    plan = about.get("plan")
    if isinstance(plan, dict):
        yield "seed", str(plan.get("seed"))
    if limits := "; ".join(_limits(about.get("limits"))):
        yield "limits", limits


def _limits(recorded: Any) -> Iterator[str]:
    if not isinstance(recorded, dict):
        return
    try:
        limits, run_limits = (Limits(**recorded[whose]) for whose in ("episode", "run"))
    except (TypeError, KeyError, InputError) as error:
        raise TraceError(f"the limits in run.json are damaged: {error}") from error
    yield from listed_both(limits, run_limits)


def _ending(events: Iterator[Record]) -> tuple[Record | None, int, float]:
    """The event that ended an episode, if one did; its steps and return, counted."""
    ending, steps, reward = None, 0, 0.0
    for event in events:
        if event["event"] == "environment_stepped":
            steps, reward = event["step"] + 1, reward + event["reward"]
        elif event["event"] == "episode_finished":
            ending = event
    return ending, steps, reward


def _outcome(ending: Record | None, steps: int, reward: float) -> str:
    played = f"{count(steps, 'step')}, return {reward:.1f}"
    if ending is None:
        return f"unfinished, {played}"
    reason = f" ({ending['reason']})" if ending["reason"] else ""
    return f"{ending['status']}{reason}, {played}, {seconds(ending['seconds'])}"


def _usage(ending: Record | None) -> Usage:
    try:
        return Usage(**ending["usage"]) if ending else Usage()
    except TypeError as error:
        raise TraceError(f"an episode's usage is damaged: {error}") from error
