"""Play a run again from its record: no model is asked, and everything must come out the same."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from typing import TYPE_CHECKING, Any, Final

from agentkit.about import node_models
from agentkit.agenda import Agenda, summarize
from agentkit.agent import Agent
from agentkit.checkpoint import Checkpoint, replayed_checkpoint
from agentkit.episode_record import EpisodeRecord, Paid, read_episode
from agentkit.events import Event
from agentkit.forking import copy_beginning
from agentkit.reading import INCIDENTS, TIMES, Record, Run, load_run
from agentkit.rebuilding import recorded_env
from agentkit.recorded import recorded_agent, recorded_plan
from agentkit.rollouts import Plan, rollout
from agentkit.run_folder import RunWriter
from agentkit.silent import silenced
from agentkit.summaries import EpisodeSummary, RunSummary

if TYPE_CHECKING:
    import gymnasium

_NATURAL: Final = ("steps", "actions not understood in a row")
"""The limits that a replay reaches by itself."""
_CLOSE: Final = 1e-9
"""Sums of costs may differ by so much, as a share, when they are added in another order."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay first differs from the record."""

    episode: int
    place: str
    """The step and the node, in words."""
    field: str
    """What differs."""
    recorded: Any
    replayed: Any

    def __str__(self) -> str:
        where = f"episode {self.episode}{', ' if self.place else ''}{self.place}"
        was, now = _shown(self.recorded, self.replayed)
        return f"{where}: {self.field}\n  recorded: {was}\n  replayed: {now}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A replay held against its record."""

    episodes: int
    """How many episodes were compared."""
    steps: int
    """How many steps."""
    events: int
    """How many events."""
    left_out: Mapping[int, str]
    """Of episodes whose end is not compared: why."""
    difference: Difference | None
    """Where they first differ; None when they are the same."""


async def replay(
    run: Run,
    writer: RunWriter,
    agent: Agent | None = None,
    *,
    on_event: Callable[[int, Event], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Comparison:
    """Play a recorded run again from its completions and function results.

    No model is asked, no memory file is read or written. The environment is played again, unless
    it does not repeat itself: then its recorded answers are taken.

    Args:
        run: The run, from `load_run`.
        writer: Where the replay is recorded.
        agent: The agent; by default the recorded one.
        on_event: Called with the episode's number and each event.
        stop: Once set, the replay ends as soon as it can.

    Returns:
        Whether it was the same run, or where it first differs.

    Raises:
        InputError: The agent cannot be made again.
        TraceError: The record is damaged, or the replay cannot be recorded.
    """
    plot = Replay(run, agent or recorded_agent(run), recorded_plan(run))
    summary = await plot.play(writer, on_event, stop)
    writer.finish(summary.status, summary.totals())
    return plot.compare(load_run(writer.folder))


class Replay:
    """A replay: what it plays, and how it is held against the record.

    Args:
        run: The recorded run.
        agent: The agent.
        plan: The plan of the run.
    """

    def __init__(self, run: Run, agent: Agent, plan: Plan) -> None:
        self.run = run
        self.agent = agent.replace(
            limits=replace(agent.limits, seconds=None),
            run_limits=replace(agent.run_limits, seconds=None, steps=None, calls=None),
        )
        recorded = run.about.get("models")
        known = recorded if isinstance(recorded, dict) else {}
        names = {name: known.get(node, name) for node, name in node_models(self.agent).items()}
        self.agent.binding.exchange_models(lambda model: silenced(model, names))
        self.plan = replace(
            plan, fresh=True, limits=None, allow_unknown_price=True, episodes=len(run.episodes) or 1
        )
        self._until: dict[int, int] = {}
        """Of episodes whose end is not compared: the step from which on; -1 leaves out all."""
        self._left_out: dict[int, str] = {}

    def agenda(self, writer: RunWriter) -> Agenda:
        """What is to be played."""
        return Agenda(
            self.run.episodes,
            begun=self._copied(),
            checkpoint=lambda index: self._checkpoint(index, writer),
        )

    def _copied(self) -> dict[int, tuple[EpisodeSummary, Paid]]:
        """Of a fork: what it begins with, which is not played again."""
        origin = self.run.about.get("from")
        if not isinstance(origin, dict):
            return {}
        beginnings = {
            index: read_episode(self.run, index, before=origin["step"])
            for index in self.run.episodes
        }
        return {i: (summarize(i, record)[0], Paid()) for i, record in beginnings.items()}

    async def play(
        self,
        writer: RunWriter,
        on_event: Callable[[int, Event], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> RunSummary:
        """Play it."""
        return await rollout(
            self.agent, self.plan, writer=writer, on_event=on_event, stop=stop,
            agenda=self.agenda(writer),
        )  # fmt: skip

    def _checkpoint(self, index: int, writer: RunWriter) -> Checkpoint | None:
        record = read_episode(self.run, index, whole=True)
        why = _why_cut(record)
        if why is not None:
            self._left_out[index] = why
            self._until[index] = -1 if record.started is None else record.steps
        forked_at = record.forked_at
        beginning = None
        if forked_at is not None:
            copy_beginning(self.run, index, forked_at, writer, index)
            beginning = read_episode(self.run, index, before=forked_at)
        checkpoint = replayed_checkpoint(self.agent, record, beginning)
        until = None if why is None else record.steps
        return replace(checkpoint, until=until, stand_in=_stand_in(record))

    def compare(self, replayed: Run) -> Comparison:
        """Hold what was played against the record.

        Raises:
            TraceError: One of them cannot be read.
        """
        steps = events = 0
        for index in self.run.episodes:
            was = [*self._compared(self.run, index)]
            now = [*self._compared(replayed, index)]
            difference = _first_difference(index, was, now)
            if difference is not None:
                return Comparison(len(self.run.episodes), steps, events, self._left_out, difference)
            steps += sum(event["event"] in ("step_finished", "step_failed") for event in was)
            events += len(was)
        return Comparison(len(self.run.episodes), steps, events, self._left_out, None)

    def _compared(self, run: Run, index: int) -> Iterator[Record]:
        """The events of an episode as far as it is compared."""
        if index not in run.episodes:
            return
        until = self._until.get(index)
        for event in run.events(index):
            ends = event["event"] in ("episode_finished", "limit_reached")
            left_out = until is not None and (ends or event.get("step", -1) >= until)
            if not left_out and event["event"] not in INCIDENTS:
                yield {key: event[key] for key in event if key not in TIMES}


def _stand_in(record: EpisodeRecord) -> "gymnasium.Env[Any, Any] | None":
    """An environment that answers as the recorded one, where there was one."""
    if record.started is None or record.started["seed"] is None:
        return None
    ending = "" if record.finished is None else str(record.finished["reason"])
    return recorded_env(record.started, record.outcomes, ending)


def _why_cut(record: EpisodeRecord) -> str | None:
    """Why the end of an episode is not compared; None when all of it is."""
    finished, step = record.finished, record.steps
    if finished is None:
        when = "before it began" if record.started is None else f"in step {step}"
        return f"it was stopped {when}"
    status = finished["status"]
    if status == "interrupted":
        return f"it was interrupted in step {step}"
    if status == "limit" and (record.limit is None or record.limit["limit"] not in _NATURAL):
        return f"it was ended in step {step} by a limit ({finished['reason']})"
    if status == "failed" and (record.over is not None or not record.unfinished.ended):
        return f"it failed in step {step}: {finished['reason']}"
    return None


def _first_difference(
    episode: int, recorded: Sequence[Record], replayed: Sequence[Record]
) -> Difference | None:
    """The first event of the record that did not happen in the same way, else one too many."""
    found: dict[tuple[Any, ...], deque[Record]] = {}
    for event in replayed:
        found.setdefault(_key(event), deque()).append(event)
    for was in recorded:
        same = found.get(_key(was))
        if not same:
            instead = (_name(now) for now in replayed if _key(now)[2:] == _key(was)[2:])
            return Difference(
                episode, _place(was), "what happened", _name(was), [*instead, "nothing"][-2:][0]
            )
        difference = _differing(was, same.popleft(), "")
        if difference is not None:
            field, one, other = difference
            return Difference(episode, _place(was), f"{was['event']}{field}", one, other)
    extra = next((event for events in found.values() for event in events), None)
    if extra is None:
        return None
    return Difference(episode, _place(extra), "what happened", "nothing", _name(extra))


def _key(event: Record) -> tuple[Any, ...]:
    """What makes two events one and the same happening."""
    return tuple(event.get(name) for name in ("event", "key", "step", "node", "item", "attempt"))


def _differing(was: Any, now: Any, path: str) -> tuple[str, Any, Any] | None:
    """The first part in which two values differ, with its path."""
    if isinstance(was, dict) and isinstance(now, dict) and was.keys() == now.keys():
        parts = ((f"{path}.{key}", was[key], now[key]) for key in was)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        parts = ((f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(was, now, strict=True)))
    elif was == now or _same_cost(path, was, now):
        return None
    else:
        return path, was, now
    found = (_differing(one, other, part) for part, one, other in parts)
    return next((difference for difference in found if difference is not None), None)


def _same_cost(path: str, was: Any, now: Any) -> bool:
    numbers = isinstance(was, float) and isinstance(now, float)
    return numbers and path.endswith("cost_usd") and isclose(was, now, rel_tol=_CLOSE)


def _place(event: Record) -> str:
    if "step" not in event:
        return ""
    place = f"step {event['step']}"
    if event.get("node"):
        place += f", node '{event['node']}'"
    return place if event.get("item") is None else f"{place} item {event['item']}"


def _name(event: Record) -> str:
    text = str(event["event"]).replace("_", " ")
    return f"{text}: {event['error']}" if "error" in event else text


_SHOWN: Final = 200


def _shown(one: Any, other: Any) -> tuple[str, str]:
    """Two values, of long ones the first part that differs."""
    texts = [value if isinstance(value, str) else repr(value) for value in (one, other)]
    pairs = enumerate(zip(*texts, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(map(len, texts)))
    start = max(0, same - _SHOWN // 2) if max(map(len, texts)) > _SHOWN else 0
    shown = [text[start : start + _SHOWN] for text in texts]
    ends = ["..." if len(text) > start + _SHOWN else "" for text in texts]
    begin = "..." if start else ""
    return f"{begin}{shown[0]}{ends[0]}", f"{begin}{shown[1]}{ends[1]}"
