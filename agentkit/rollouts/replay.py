"""Play a run again from its record: no model is asked, and everything must come out the same."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from agentkit.agent import Agent
from agentkit.environments.fast_forward import recorded_env
from agentkit.events import EpisodeFinished, Event, LimitReached
from agentkit.messages import NOTHING_USED, Usage
from agentkit.models.replay_stub import replay_stub
from agentkit.program.argument_kinds import check_given, check_kind, check_listener
from agentkit.record.diff import Difference, Record, compared, first_difference
from agentkit.record.episode_state import EpisodeState, read_episode
from agentkit.record.reader import Run, load_run
from agentkit.record.run_folder import RunWriter
from agentkit.record.summaries import EpisodeSummary, RunSummary
from agentkit.rollouts.checkpoint import Checkpoint, replayed_checkpoint
from agentkit.rollouts.fork import copy_beginning
from agentkit.rollouts.metadata import node_models
from agentkit.rollouts.plan import Plan
from agentkit.rollouts.recorded_setup import recorded_agent, recorded_plan
from agentkit.rollouts.resume import ResumePlan
from agentkit.rollouts.rollout import rollout

if TYPE_CHECKING:
    import gymnasium

_NATURAL: Final = ("steps", "actions not understood in a row")
"""The limits that a replay reaches by itself."""


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
    record: bool = False,
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
        record: Whether pictures and a film of each episode are kept, as `Plan.record` does.
        on_event: Called with the episode's number and each event.
        stop: Once set, the replay ends as soon as it can.

    Returns:
        Whether it was the same run, or where it first differs.

    Raises:
        InputError: The agent cannot be made again, or there is nothing to take pictures of.
        TraceError: The record is damaged, or the replay cannot be recorded.
    """
    check_given("run", run, Run, "a Run, such as load_run('runs/first')")
    check_given("writer", writer, RunWriter, "a RunWriter, such as RunWriter('runs/first')")
    check_kind("agent", agent, Agent, "an Agent")
    check_listener(on_event)
    plan = replace(recorded_plan(run), record=record)
    rerun = Replay(run, agent or recorded_agent(run), plan)
    with writer:
        await rerun.play(writer, on_event, stop)
    return rerun.compare(load_run(writer.folder))


class Replay:
    """A replay: what it plays, and how it is held against the record.

    Args:
        run: The recorded run.
        agent: The agent.
        plan: The plan of the run. It says whether the replay is shown or recorded as pictures.
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
        self.agent.binding.exchange_models(lambda model: replay_stub(model, names))
        self.plan = replace(
            plan, fresh=True, limits=None, allow_unknown_price=True, episodes=len(run.episodes) or 1
        )
        self._until: dict[int, int] = {}
        """Of episodes whose end is not compared: the step from which on; -1 leaves out all."""
        self._left_out: dict[int, str] = {}

    def resume_plan(self, writer: RunWriter) -> ResumePlan:
        """What is to be played."""
        return ResumePlan(
            self.run.episodes,
            begun=self._copied(),
            checkpoint=lambda index: self._checkpoint(index, writer),
        )

    def _copied(self) -> dict[int, tuple[EpisodeSummary, Usage]]:
        """Of a fork: what it begins with, which is not played again."""
        origin = self.run.about.get("from")
        if not isinstance(origin, dict):
            return {}
        beginnings = {
            index: read_episode(self.run, index, before=origin["step"])
            for index in self.run.episodes
        }
        return {i: (record.summary(i), NOTHING_USED) for i, record in beginnings.items()}

    async def play(
        self,
        writer: RunWriter,
        on_event: Callable[[int, Event], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> RunSummary:
        """Play it."""
        return await rollout(
            self.agent, self.plan, writer=writer, on_event=on_event, stop=stop,
            resume_plan=self.resume_plan(writer),
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
            difference = first_difference(index, was, now)
            if difference is not None:
                return Comparison(len(self.run.episodes), steps, events, self._left_out, difference)
            steps += sum(one["event"] in ("step_finished", "step_failed") for one in was)
            events += len(was)
        return Comparison(len(self.run.episodes), steps, events, self._left_out, None)

    def _compared(self, run: Run, index: int) -> Iterator[Record]:
        """The events of an episode as far as it is compared."""
        if index not in run.episodes:
            return
        until = self._until.get(index)
        for event in run.events(index):
            ends = isinstance(event, (EpisodeFinished, LimitReached))
            left_out = until is not None and (ends or getattr(event, "step", -1) >= until)
            if not left_out and (record := compared(event)) is not None:
                yield record


def _stand_in(record: EpisodeState) -> "gymnasium.Env[Any, Any] | None":
    """An environment that answers as the recorded one, where there was one."""
    if record.started is None or record.started.seed is None:
        return None
    ending = "" if record.finished is None else record.finished.reason
    return recorded_env(record.started, record.outcomes, ending)


def _why_cut(record: EpisodeState) -> str | None:
    """Why the end of an episode is not compared; None when all of it is."""
    finished, step = record.finished, record.steps
    if finished is None:
        when = "before it began" if record.started is None else f"in step {step}"
        return f"it was stopped {when}"
    status = finished.status
    if status == "interrupted":
        return f"it was interrupted in step {step}"
    if status == "limit" and (record.limit is None or record.limit.limit not in _NATURAL):
        return f"it was ended in step {step} by a limit ({finished.reason})"
    if status == "failed" and (record.over is not None or not record.unfinished.ended):
        return f"it failed in step {step}: {finished.reason}"
    return None
