"""Which episodes a run has to play, and where each goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agentkit.agent import Agent
from agentkit.errors import InputError, advice
from agentkit.limits import Limits, Spent
from agentkit.messages import Usage
from agentkit.record.episode_state import EpisodeState, covered_s, read_episode
from agentkit.record.reader import Run
from agentkit.record.summaries import EpisodeSummary
from agentkit.rollouts.checkpoint import Checkpoint, calls_in_flight, resumed_checkpoint
from agentkit.rollouts.metadata import described_env, env_in_record
from agentkit.rollouts.plan import Plan

_MISSING: Final[Any] = object()


@dataclass(slots=True)
class ResumePlan:
    """What a run has to play."""

    waiting: Sequence[int]
    """The episodes to play, in order."""
    settled: Sequence[EpisodeSummary] = ()
    """Episodes that were played to their end before."""
    begun: Mapping[int, tuple[EpisodeSummary, Usage]] = field(default_factory=dict)
    """Of the episodes to play, those that were begun before: how far they came, and what their
    finished steps took."""
    checkpoint: Callable[[int], Checkpoint | None] | None = None
    """Where an episode goes on; called in a thread, since it may read a long record. None: every
    episode begins."""
    kept: Mapping[str, Any] | None = None
    """The memory that outlives episodes, from the record; None: it is to be loaded."""
    last_begun: int = -1
    """The last episode that was begun before. An earlier one that goes on keeps what it learns
    for itself: memory passes from each episode to the next."""
    writes_memory: bool = True
    """Whether the memory file is written: not by a fork, and not when another run has written it
    since."""
    forked: bool = False
    """Whether the run begins inside another."""
    copied_steps: int = 0
    """Steps that were made in the other run."""
    used: Spent = field(default_factory=Spent)
    """What all episodes have used."""
    seconds: float = 0.0
    """How long the run has taken."""


def plan_new_run(episodes: int) -> ResumePlan:
    """A run that begins."""
    return ResumePlan(range(episodes))


def make_resume_plan(agent: Agent, run: Run, episodes: int, limits: Limits) -> ResumePlan:
    """What is left of a recorded run.

    Args:
        agent: The agent.
        run: The run.
        episodes: How many it shall have.
        limits: What all of them together may use.

    Raises:
        InputError: An episode has more steps already than it may have.
        TraceError: The record is damaged.
    """
    resume_plan = ResumePlan([])
    waiting, settled, spans = [], [], []
    begun: dict[int, tuple[EpisodeSummary, Usage]] = {}
    for index in sorted({*range(episodes), *run.episodes}):
        record = read_episode(run, index)
        if not record.spans:
            waiting.append(index)
            continue
        _check_steps(agent.limits, record, index)
        in_flight, at_most = calls_in_flight(agent, record)
        summary, used = record.summary(index), record.used + in_flight
        summary.usage = used
        spans += record.spans
        if record.forked_at is not None:
            resume_plan.forked, resume_plan.copied_steps = True, record.forked_at
        resume_plan.used.add(Spent.of(used, record.steps - (record.forked_at or 0)))
        resume_plan.used.add(Spent.of(record.at_most + at_most))
        if record.started is not None:
            resume_plan.last_begun = index
            resume_plan.kept = _kept(agent, record)
            resume_plan.writes_memory = agent.memory.holds([*record.left, record.memory])
        if _is_settled(record, agent.limits, limits):
            settled.append(summary)
        else:
            waiting.append(index)
            begun[index] = summary, record.before + record.committed
    resume_plan.waiting, resume_plan.settled, resume_plan.begun = waiting, settled, begun
    origin = run.about.get("from")
    if resume_plan.forked and not (isinstance(origin, Mapping) and origin.get("writes_memory")):
        resume_plan.writes_memory = False
    resume_plan.seconds = covered_s(spans)
    resume_plan.checkpoint = lambda index: resumed_checkpoint(
        agent, read_episode(run, index), index
    )
    return resume_plan


def check_same_run(agent: Agent, plan: Plan, run: Run) -> None:
    """Refuse to go on with a run in another environment or with other seeds.

    Raises:
        InputError: They are not those of the run.
    """
    planned, was = run.about.get("plan") or {}, env_in_record(run)
    for name in ("seed", "fresh"):
        value = getattr(plan, name)
        if planned.get(name, value) != value:
            raise InputError(
                f"{run.folder} was begun with Plan({name}={planned[name]}), and this plan has "
                f"{name}={value}: a run goes on with the seeds and the memory that it began with"
            )
    now = None if agent.env is None else described_env(agent.env, agent.inputs)
    if was is not None and was != now:
        raise InputError(
            f"{run.folder} was recorded in {was}, and {agent.name} plays in "
            f"{now or 'no environment'}: a run goes on in the same environment"
        )


def _check_steps(limits: Limits, record: EpisodeState, index: int) -> None:
    """Refuse fewer steps than an episode has: a replay would end it where it did not end."""
    if limits.steps is not None and record.steps > limits.steps:
        least = advice(f"Limits(steps={record.steps})", f"--steps {record.steps}")
        raise InputError(
            f"episode {index} has {record.steps:,} steps already, and the limit is "
            f"{limits.steps:,}: give {least} or more"
        )


def _is_settled(record: EpisodeState, limits: Limits, run_limits: Limits) -> bool:
    """Whether an episode came to an end that going on would not change."""
    if record.finished is None:
        return False
    status = record.finished.status
    if record.limit is None or status not in ("done", "limit"):
        return status == "done"
    name, value = record.limit.limit, record.limit.value
    own = run_limits if name.startswith("run.") else limits
    now = getattr(own, name.removeprefix("run."), _MISSING)
    return now is _MISSING or (now is not None and now <= value)


def _kept(agent: Agent, record: EpisodeState) -> dict[str, Any]:
    """What an episode has left in the memory that outlives it."""
    memory = record.step_state.memory
    return {key: memory[key] for key in agent.memory.outlives_episodes if key in memory}
