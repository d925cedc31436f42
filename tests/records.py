"""The events of a recorded episode as JSON objects, for tests that hold them against texts."""

from typing import Any

from agentkit.record.line import as_record
from agentkit.record.reader import Run


def records(run: Run, episode: int) -> list[dict[str, Any]]:
    """The events that count, as their lines read."""
    return [as_record(event) for event in run.events(episode)]
