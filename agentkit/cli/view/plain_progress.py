"""Progress as plain lines, for logs and pipes: now and then, and when an episode ends."""

import time
from types import TracebackType
from typing import Final, Self

from agentkit.cli.view import limit_lines
from agentkit.cli.view.episode_view import EpisodeView
from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.terminal import echo
from agentkit.cli.view.words import count, score, seconds
from agentkit.events import EnvironmentStepped, EpisodeFinished, Event, NodeFinished

_EVERY_STEPS: Final = 100
_EVERY_S: Final = 30.0


class PlainProgress:
    """Writes lines to stderr."""

    tells_endings = True

    def __init__(self, run_view: RunView) -> None:
        self._run_view = run_view
        self._said_s: dict[int, float] = {}
        self._held: list[EpisodeView] = []
        """Episodes that failed before any began: an error of the whole run may say it all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say what was held, unless the error that ends the run says it."""
        for run_view in self._held:
            if error is None or str(error) not in run_view.summary.reason:
                self._say_ending(run_view)

    def on_event(self, episode: int, event: Event) -> None:
        """Write a line where an event is worth one."""
        run_view = self._run_view.episodes[episode]
        if isinstance(event, EnvironmentStepped):
            now = time.perf_counter()
            last = self._said_s.setdefault(episode, now)
            if (event.step + 1) % _EVERY_STEPS and now - last < _EVERY_S:
                return
            self._said_s[episode] = now
            left = limit_lines.limits_left(self._run_view.run_limits, self._run_view.used)
            run = f"; the run: {left}" if left else ""
            self.say(
                f"episode {episode}: {progress_words(run_view)}, last action {event.action}{run}"
            )
        elif isinstance(event, EpisodeFinished):
            if run_view.summary.status == "failed" and not self._any_begun():
                self._held.append(run_view)
            else:
                self._say_ending(run_view)
        elif isinstance(event, NodeFinished) and run_view.summary.seed is None:
            item = "" if event.item is None else f" item {event.item}"
            self.say(f"{event.node}{item}: answered after {seconds(event.latency_s)}")

    def _any_begun(self) -> bool:
        return any(one.begun and not one.earlier for one in self._run_view.episodes.values())

    def _say_ending(self, run_view: EpisodeView) -> None:
        self.say(f"episode {run_view.summary.episode}: {ending(run_view)}")

    def refresh(self) -> float:
        """Lines come with events; there is nothing to refresh."""
        return _EVERY_S

    def say(self, text: str) -> None:
        """Write one line to stderr."""
        echo(text, err=True)


def progress_words(run_view: EpisodeView) -> str:
    """How far an episode has come."""
    summary = run_view.summary
    parts = [count(summary.steps, "step"), f"return {score(summary.reward)}"]
    if run_view.achievements is not None:
        parts.append(f"achievements {len(run_view.achievements)} of {run_view.achievable}")
    return ", ".join(parts)


def ending(run_view: EpisodeView) -> str:
    """How an episode ended; a reason of several lines comes last."""
    parts = [seconds(run_view.seconds)]
    if run_view.summary.seed is not None:
        parts.insert(0, progress_words(run_view))
    parts.insert(len(parts) if "\n" in run_view.outcome else 0, run_view.outcome)
    return ", ".join(parts)
