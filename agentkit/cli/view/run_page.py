"""A recorded run in the terminal: its sums, its episodes, and every step of one."""

import shlex
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from agentkit.cli.arguments import choose_episode, open_run
from agentkit.cli.env_report import recorded_report
from agentkit.cli.imports import given_imports
from agentkit.cli.run_options import option_of
from agentkit.cli.view.limit_lines import listed_both
from agentkit.cli.view.step_page import StepPrinter
from agentkit.cli.view.summary import film_facts, unusable_facts
from agentkit.cli.view.terminal import Row, echo, echo_facts, echo_pair, echo_table
from agentkit.cli.view.words import count, money, one_line, score, seconds, spoken, tokens
from agentkit.environments.recorder import picture_of
from agentkit.errors import InputError, TraceError, suggest
from agentkit.limits import Limits
from agentkit.messages import NOTHING_USED
from agentkit.record.episode_state import read_episode
from agentkit.record.reader import Run, load_run
from agentkit.record.summaries import EpisodeSummary


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
    printer = StepPrinter(step, node, full, partial(picture_of, folder, chosen))
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
    echo_pair(name, f": {_status(about)}", bold=True)
    echo_facts(_facts(about), width=10)
    paid, summaries, rows, in_flight = NOTHING_USED, [], [], 0
    for number in run.episodes:
        record = read_episode(run, number)
        summary = record.summary(number)
        rows.append(_row(summary, record.finished is not None))
        summaries.append(summary)
        paid += record.used
        in_flight += sum(tries for _, tries in record.in_flight)
    if rows:
        echo_table("Episodes", rows)
    for summary in summaries:
        if summary.status == "failed":
            echo(f"\nepisode {summary.episode} failed: {summary.reason}", fg="red")
    echo()
    lines = [*recorded_report(run, summaries).lines.items()]
    lines += [("tokens", tokens(paid)), ("cost", money(paid.cost_usd))]
    if in_flight:
        calls = count(in_flight, "call")
        lines.append(("in flight", f"{calls} without an answer, not in these sums"))
    lines += unusable_facts(summaries)
    lines += film_facts(run.folder)
    if about.get("status") != "done" and isinstance(agent, dict):
        limits = {one.reason.split(":")[0] for one in summaries if one.status == "limit"}
        options = sorted({option_of(limit) for limit in limits} - {""})
        more = [word for option in options for word in (option, "MORE")]
        command = ["agentkit", "run", "--resume", str(run.folder), *more, *given_imports()]
        lines.append(("go on", shlex.join(command)))
    echo_facts(lines, width=1 + max(9, *(len(label) for label, _ in lines)))
    if run.episodes:
        echo(f"look closer: agentkit show {run.folder} --episode {run.episodes[0]} --step 0")


def _status(about: Mapping[str, Any]) -> str:
    status = str(about.get("status", "?"))
    if status != "running":
        return status
    return "running, or was killed before its end"


def _facts(about: Any) -> Iterator[tuple[str, str]]:
    yield "started", str(about.get("started", "?"))
    if isinstance(origin := about.get("from"), dict):
        yield "forked", ":".join(str(origin.get(key)) for key in ("run", "episode", "step"))
    if resumed := about.get("resumed"):
        yield "resumed", ", ".join(map(str, resumed))
    env = about.get("env")
    if isinstance(env, dict):
        yield "played", str(env.get("id"))
    models = about.get("models")
    if isinstance(models, dict):
        yield "models", ", ".join(dict.fromkeys(map(str, models.values())))
    if isinstance(agent := about.get("agent"), dict) and agent.get("path"):
        yield "file", str(agent["path"])
    if given := about.get("inputs"):
        yield "inputs", "; ".join(f"{name}={one_line(spoken(given[name]), 60)}" for name in given)
    plan = about.get("plan")
    if isinstance(plan, dict) and env is not None:
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


_LONGEST_REASON = 48


def _row(summary: EpisodeSummary, ended: bool) -> Row:
    reason = "" if summary.status == "failed" else one_line(summary.reason, _LONGEST_REASON)
    status = summary.status if ended else "unfinished"
    played = summary.seed is not None
    return {
        "episode": f"{summary.episode}: {status}" + (f" ({reason})" if reason else ""),
        "seed": str(summary.seed) if played else "",
        "steps": f"{summary.steps:,}" if played else "",
        "return": score(summary.reward) if played else "",
        "calls": f"{summary.usage.calls:,}",
        "asked again": f"{summary.retried:,}" if summary.retried else "",
        "unsure": f"{summary.unsure:,}" if summary.unsure else "",
        "otherwise": f"{summary.otherwise:,}" if summary.otherwise else "",
        "cut off": f"{summary.cut:,}" if summary.cut else "",
        "cost": money(summary.cost_usd) if summary.cost_usd != 0 else "",
        "time": seconds(summary.seconds),
    }


def show_runs(folder: Path) -> None:
    """Print the runs in a folder, one a line; what is wrong with a damaged one stands below.

    Raises:
        InputError: There is none.
    """
    paths = sorted(path.parent for path in folder.glob("*/run.json"))
    if not paths:
        raise InputError(f"{folder} is no run, and has none in it: no run.json")
    rows, damaged = [], []
    for path in paths:
        try:
            about = load_run(path).about
        except TraceError as error:
            damaged.append(str(error))
            continue
        agent, totals = about.get("agent") or "?", about.get("totals") or {}
        numbers = totals.get("numbers") or {}
        returns = numbers.get("return") or {}
        models = dict.fromkeys((about.get("models") or {}).values())
        rows.append(
            {
                "run": f"{path.name}: {agent if isinstance(agent, str) else agent.get('name')}",
                "models": one_line(", ".join(models), _LONGEST_REASON),
                "status": _status(about),
                "episodes": f"{totals['episodes']:,}" if "episodes" in totals else "",
                "steps": f"{totals['steps']:,}" if totals.get("steps") else "",
                "mean return": score(returns["value"]) if "value" in returns else "",
                "cost": money(totals.get("cost_usd")) if totals.get("cost_usd") != 0 else "",
            }
        )
    if rows:
        echo_table(f"Runs in {folder}", rows)
    for why in damaged:
        echo(why, err=True, fg="red")
    echo(f"\nlook closer: agentkit show {paths[-1]}")
