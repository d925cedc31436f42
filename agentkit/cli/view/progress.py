"""What a command says while a run goes on: a live picture, plain lines, or nothing."""

from types import TracebackType
from typing import Protocol, Self

from agentkit.cli.view.run_view import RunView
from agentkit.events import Event


class Progress(Protocol):
    """Shows a run as it happens."""

    tells_endings: bool
    """Whether it leaves on the screen how each episode ended, and why."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show the last state, and stop."""
        ...

    def on_event(self, episode: int, event: Event) -> None:
        """An event happened; the view has it already."""
        ...

    def refresh(self) -> float:
        """Show the present state; returns the seconds to wait before the next time."""
        ...

    def say(self, text: str) -> None:
        """Tell the user something at once."""
        ...


def choose(run_view: RunView, title: str) -> Progress:
    """The live view on a terminal, plain lines elsewhere; both write to stderr."""
    import os
    import sys

    from agentkit.cli.view.plain_progress import PlainProgress

    if not sys.stderr.isatty() or os.environ.get("TERM", "") in ("", "dumb"):
        return PlainProgress(run_view)
    from agentkit.cli.view.live import LiveProgress

    return LiveProgress(run_view, title)
