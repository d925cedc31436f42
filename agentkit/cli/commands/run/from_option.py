"""`agentkit run --from`: the recorded step that a run begins with."""

from dataclasses import dataclass
from typing import Any

from agentkit.agent import Agent
from agentkit.cli.arguments import choose_episode, open_run, parse_place
from agentkit.cli.view.terminal import echo
from agentkit.record.reader import Run
from agentkit.record.run_folder import RunWriter
from agentkit.rollouts.fork import begin_fork, check_fork
from agentkit.rollouts.metadata import node_models


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fork comes from."""

    run: Run
    episode: int
    step: int
    seed: int

    @property
    def about(self) -> dict[str, Any]:
        """What `run.json` says of it."""
        return {"run": str(self.run.folder), "episode": self.episode, "step": self.step}

    def other_models(self, agent: Agent) -> str:
        """That the recorded run asked other models than an agent will; empty where it did not."""
        recorded = self.run.about.get("models")
        was = recorded if isinstance(recorded, dict) else {}
        changed = {
            (was[node], now)
            for node, now in node_models(agent).items()
            if was.get(node, now) != now
        }
        if not changed:
            return ""
        listed = "; ".join(f"{before} there, {now} here" for before, now in sorted(changed))
        origin = self.run.about.get("agent")
        given = origin.get("model") if isinstance(origin, dict) else None
        return (
            f"{self.run.folder} asked another model: {listed}. "
            f"--model {given or 'ID'} says which one is asked"
        )

    def begin(self, writer: RunWriter) -> Run:
        """Let a new run begin there; what cannot be begun leaves no folder.

        Raises:
            TraceError: The record is damaged, or the new run cannot be written.
        """
        try:
            copied = begin_fork(self.run, self.episode, self.step, writer)
        except BaseException:
            writer.discard()
            raise
        echo(
            f"going on from step {self.step} of episode {self.episode} of {self.run.folder}",
            err=True,
        )
        return copied


def find_origin(agent: Agent, place: str) -> Origin:
    """The recorded step that the user named.

    Raises:
        InputError: There is no such step, or the agent cannot go on from it.
        TraceError: The record is damaged.
    """
    folder, number, step = parse_place(place)
    run = open_run(folder)
    episode = choose_episode(run, number)
    return Origin(run, episode, step, check_fork(agent, run, episode, step))
