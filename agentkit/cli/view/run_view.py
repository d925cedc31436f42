"""The state of a run as its events tell it; the views read it whenever they like."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from agentkit.cli.view.episode_view import EpisodeView
from agentkit.cli.view.limit_lines import Used
from agentkit.errors import LimitExceeded
from agentkit.events import Event
from agentkit.limits import UNLIMITED, Limits
from agentkit.messages import NOTHING_USED, Usage
from agentkit.record.summaries import EpisodeSummary, RunSummary

if TYPE_CHECKING:
    from agentkit.agent import Agent
    from agentkit.rollouts.plan import Plan
    from agentkit.rollouts.resume import ResumePlan


class RunView:
    """A run so far.

    Args:
        nodes: The nodes of the graph, in order.
        episodes: How many episodes the run shall have.
        limits: The limits of each episode.
        run_limits: The limits of the whole run.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        episodes: int,
        limits: Limits = UNLIMITED,
        run_limits: Limits = UNLIMITED,
    ) -> None:
        self.nodes = tuple(nodes)
        self.planned = episodes
        self.limits = limits
        self.run_limits = run_limits
        self.copied_steps = 0
        """Steps that were made in another run, which this one began inside."""
        self.limit: LimitExceeded | None = None
        """The limit of the run that kept further episodes from being begun."""
        self.episodes: dict[int, EpisodeView] = {}
        self.started_s = time.perf_counter()
        self.seconds: float | None = None
        self.notice = ""

    @classmethod
    def of(cls, agent: "Agent", plan: "Plan", resume_plan: "ResumePlan | None" = None) -> Self:
        """The view of an agent's run, with what it did before if it goes on."""
        names = [node.name for node in agent.graph.nodes]
        view = cls(names, plan.episodes, agent.limits, agent.run_limits)
        if resume_plan is not None:
            view.started_s -= resume_plan.seconds
            view.copied_steps = resume_plan.copied_steps
            for ended in resume_plan.settled:
                view.take_up(ended)
            for stopped, finished_steps in resume_plan.begun.values():
                view.take_up(stopped, finished_steps)
        return view

    def take_up(self, summary: EpisodeSummary, finished_steps: Usage | None = None) -> None:
        """Take in an episode of an earlier sitting.

        Args:
            summary: How far it came.
            finished_steps: What its finished steps took, if it is to go on.
        """
        view = EpisodeView(summary, self.nodes, begun=True, running=False, earlier=True)
        view.usage = summary.usage
        view.finished_steps = finished_steps
        self.episodes[summary.episode] = view

    def on_event(self, episode: int, event: Event) -> None:
        """Take in one event of a run."""
        view = self.episodes.get(episode)
        if view is None:
            view = self.episodes[episode] = EpisodeView(EpisodeSummary(episode, None), self.nodes)
        view.on_event(event)

    def finish(self) -> None:
        """Stop the clock."""
        self.seconds = self.elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began, or that it took."""
        return time.perf_counter() - self.started_s if self.seconds is None else self.seconds

    def status(self, stopped: bool) -> str:
        """How the run ended; one that was stopped before its last episode is interrupted."""
        status = self.summary.status
        cut = stopped and len(self.episodes) < self.planned
        return "interrupted" if cut and status in ("done", "limit") else status

    @property
    def summary(self) -> RunSummary:
        """How the run went, as far as it came."""
        return RunSummary([self.episodes[i].summary for i in sorted(self.episodes)], self.limit)

    @property
    def used(self) -> Used:
        """What the run has used."""
        episodes = self.episodes.values()
        return Used(
            sum(episode.summary.steps for episode in episodes) - self.copied_steps,
            sum((episode.usage for episode in episodes), NOTHING_USED),
            self.elapsed_s,
        )

    @property
    def reached(self) -> LimitExceeded | None:
        """The limit that ended the run, or the one that ended episodes."""
        if self.limit is not None:
            return self.limit
        ended = (one for one in self.episodes.values() if one.summary.status == "limit")
        found = [episode.limit for episode in ended if episode.limit is not None]
        found.sort(key=lambda one: not one.limit.startswith("run."))
        of_run = bool(found) and found[0].limit.startswith("run.")
        if not found or (not of_run and len({(one.limit, one.value) for one in found}) > 1):
            return None
        return LimitExceeded(found[0].limit, found[0].value, found[0].why)
