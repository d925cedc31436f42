"""Progress as a live picture in a terminal."""

import time
from typing import Any, Final, Self

from rich.console import Console
from rich.live import Live

from agentkit.cli.view.frame import frame
from agentkit.cli.view.progress import Progress
from agentkit.cli.view.run_view import RunView
from agentkit.events import Event

_FASTEST_S: Final = 0.1
_SHARE: Final = 10
"""Drawing may take one part in so many of the time."""


class LiveProgress(Progress):
    """Draws the view on stderr, at most ten times a second."""

    tells_endings = False

    def __init__(self, run_view: RunView, title: str) -> None:
        super().__init__(run_view)
        self._title = title
        self._console = Console(stderr=True)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start()
        self.refresh()
        return self

    def __exit__(self, *raised: Any) -> None:
        """Leave the last state on the screen."""
        self.refresh()
        self._live.stop()

    def on_event(self, episode: int, event: Event) -> None:
        """Events are seen at the next refresh."""

    def refresh(self) -> float:
        """Draw the view."""
        started_s = time.thread_time()
        height = max(self._console.height - 1, 5)
        self._live.update(frame(self._run_view, self._title, height), refresh=True)
        return max(_FASTEST_S, _SHARE * (time.thread_time() - started_s))

    def say(self, text: str) -> None:
        """Show a line under the picture."""
        self._run_view.notice = text
        self.refresh()
