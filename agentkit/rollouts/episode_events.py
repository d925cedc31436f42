"""Where the events of an episode go: into its summary, its record, the log, to a listener."""

from collections.abc import Callable

from agentkit.errors import TraceError
from agentkit.events import Event
from agentkit.observability.logs import episode_log
from agentkit.record.run_folder import RunWriter
from agentkit.record.summaries import EpisodeSummary


class EpisodeEvents:
    """Hands each event of an episode on.

    Args:
        agent: The agent's name.
        summary: How the episode goes.
        writer: The writer of its run.
        listener: Called with the episode's number and each event.
    """

    def __init__(
        self,
        agent: str,
        summary: EpisodeSummary,
        writer: RunWriter | None,
        listener: Callable[[int, Event], None] | None,
    ) -> None:
        self._summary = summary
        self._log = episode_log(agent, summary.episode)
        self._listener = listener
        self._writer = None if writer is None else writer.episode(summary.episode)
        self._unwritten: TraceError | None = None

    def emit(self, event: Event) -> None:
        """Hand an event on.

        Raises:
            TraceError: It could not be recorded.
        """
        self._summary.take(event)
        if self._writer is not None:
            try:
                self._writer.emit(event)
            except TraceError as error:
                self._unwritten = self._unwritten or error
                raise
        if self._log is not None:
            self._log(event)
        if self._listener is not None:
            self._listener(self._summary.episode, event)

    def check_written(self) -> None:
        """Refuse to go on once an event could not be recorded.

        Raises:
            TraceError: The first one could not be, whatever a model or function made of that.
        """
        if self._unwritten is not None:
            raise self._unwritten from None

    def sync(self) -> None:
        """Wait until everything that led to an action is on the disk."""
        if self._writer is not None:
            self._writer.sync()

    def close(self) -> None:
        """Close the record."""
        if self._writer is not None:
            self._writer.close()
