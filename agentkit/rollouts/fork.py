"""Fork a run: begin a new one with the first steps of a recorded episode."""

from msgspec.structs import replace

from agentkit.agent import Agent
from agentkit.environments.fast_forward import repeats_itself
from agentkit.environments.make import make_env
from agentkit.errors import InputError, advice, listed
from agentkit.events import CallRetried, EpisodeFinished, EpisodeResumed, EpisodeStarted
from agentkit.messages import NOTHING_USED
from agentkit.program.argument_kinds import check_given
from agentkit.record.episode_state import read_episode
from agentkit.record.reader import Run, load_run
from agentkit.record.run_folder import RunWriter
from agentkit.rollouts.metadata import about_run, described_env, env_in_record
from agentkit.rollouts.plan import Plan


def copy_beginning(run: Run, episode: int, step: int, writer: RunWriter, index: int) -> None:
    """Begin an episode of another run with what was recorded before a step.

    Args:
        run: The run to copy from.
        episode: Its episode.
        step: The first step that is not copied.
        writer: Writes the other run.
        index: The episode's number there.

    Raises:
        TraceError: The record is damaged, or the other run cannot be written.
    """
    file = writer.episode(index)
    try:
        for event, time, counts in run.lines(episode):
            left_out = isinstance(event, (EpisodeResumed, CallRetried, EpisodeFinished))
            if left_out or not counts or getattr(event, "step", -1) >= step:
                continue
            if isinstance(event, EpisodeStarted):
                event = replace(event, episode=index)
            file.emit(event, time)
        file.emit(EpisodeResumed(index, step, str(run.folder), NOTHING_USED, 0.0))
    finally:
        file.close()


def check_fork(agent: Agent, run: Run, episode: int, step: int) -> int:
    """Find out whether an agent can go on from a recorded step; returns the episode's seed.

    Raises:
        InputError: The record does not reach the step, the episode was over before it, or the
            agent's environment is another one or cannot be brought back.
        TraceError: The record is damaged.
    """
    if agent.env is None:
        raise InputError(f"{agent.name} has no environment: there is no step to fork it at")
    if episode not in run.episodes:
        raise InputError(f"{run.folder} has no episode {episode}. {_which_episodes(run)}")
    record = read_episode(run, episode, before=step)
    if record.started is None or record.steps < step:
        has = f"steps 0 to {record.steps - 1}" if record.steps else "no finished step"
        raise InputError(
            f"episode {episode} of {run.folder} has no step {step} to go on from: it has {has}"
        )
    if record.over is not None:
        raise InputError(f"episode {episode} of {run.folder} was over before step {step}")
    _check_env(agent, run)
    return record.started.seed or 0


def _which_episodes(run: Run) -> str:
    numbers = [str(number) for number in run.episodes]
    return f"It has: {listed(numbers)}" if numbers else "Nothing was recorded in it"


def check_copied(run: Run) -> None:
    """Refuse to go on with a fork that was stopped while its first steps were copied.

    Raises:
        InputError: They are not all there.
        TraceError: The record is damaged.
    """
    if run.about.get("from") and not any(
        isinstance(event, EpisodeResumed) and event.source
        for episode in run.episodes
        for event in run.events(episode)
    ):
        raise InputError(
            f"{run.folder} was stopped before the steps that it begins with were copied: fork "
            f"again, with {advice('agentkit.fork', '--from')}"
        )


def fork(agent: Agent, run: Run, episode: int, step: int, writer: RunWriter) -> Plan:
    """Let an agent go on from a step of a recorded episode, in a run of its own.

    Args:
        agent: The agent, in the environment of the run; its prompts and models may be others.
        run: The run, from `load_run`.
        episode: Its episode.
        step: The first step that is not copied.
        writer: Writes the new run.

    Returns:
        What `rollout(agent, plan, writer=writer)` has to play: one episode with the same seed.

    Raises:
        InputError: The record does not reach the step, the episode was over before it, or the
            agent's environment is another one or cannot be brought back.
        TraceError: The record is damaged, or the new run cannot be written.
    """
    check_given("agent", agent, Agent, "an Agent")
    check_given("run", run, Run, "a Run, such as load_run('runs/first')")
    check_given("writer", writer, RunWriter, "a RunWriter, such as RunWriter('runs/first')")
    writer.check_unused()
    plan = Plan(seed=check_fork(agent, run, episode, step))
    writer.describe(lambda: about_run(agent, plan))
    writer.note({"from": {"run": str(run.folder), "episode": episode, "step": step}})
    begin_fork(run, episode, step, writer)
    return plan


def begin_fork(run: Run, episode: int, step: int, writer: RunWriter) -> Run:
    """Let a new run begin with the first steps of a recorded episode.

    Returns:
        The new run, as far as it was copied.

    Raises:
        TraceError: The record is damaged, or the new run cannot be written.
    """
    copy_beginning(run, episode, step, writer, 0)
    writer.recorded = load_run(writer.folder)
    return writer.recorded


def _check_env(agent: Agent, run: Run) -> None:
    """Refuse another environment than the recorded one, and one that does not repeat itself."""
    if agent.env is None:
        return
    now, was = described_env(agent.env, agent.inputs), env_in_record(run)
    if was is not None and was != now:
        raise InputError(
            f"{run.folder} was recorded in {was}, and {agent.name} plays in {now}: a fork goes on "
            "in the same environment"
        )
    env = make_env(agent)
    try:
        repeats = repeats_itself(env)
    finally:
        env.close()
    if not repeats:
        raise InputError(
            f"{agent.env.id} does not repeat itself (resumable = False): a run in it cannot be "
            "forked"
        )
