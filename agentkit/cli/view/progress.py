"""What a command says while a run goes on: plain lines, for logs and pipes."""

import time
from contextlib import AbstractContextManager
from typing import Any, Final

from agentkit.cli.view import limit_lines
from agentkit.cli.view.episode_view import EpisodeView
from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.terminal import echo
from agentkit.cli.view.words import count, one_line, score, seconds, unusable
from agentkit.events import EnvironmentStepped, EpisodeFinished, Event, NodeFinished, NodeRetried

_EVERY_STEPS: Final = 100
_EVERY_S: Final = 30.0
_REASON_WIDTH: Final = 150


class Progress(AbstractContextManager["Progress", None]):
    """Shows a run as it happens: lines on stderr, now and then and when an episode ends."""

    tells_endings = True
    """Whether it leaves on the screen how each episode ended, and why."""

    def __init__(self, run_view: RunView) -> None:
        self._run_view = run_view
        self._said_s: dict[int, float] = {}
        self._held: list[EpisodeView] = []
        """Episodes that failed before any began: an error of the whole run may say it all."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Say what was held, unless the error that ends the run says it."""
        for view in self._held:
            if error is None or str(error) not in view.summary.reason:
                self._say_ending(view)

    def on_event(self, episode: int, event: Event) -> None:
        """Write a line where an event is worth one; the view has it already."""
        view = self._run_view.episodes[episode]
        if isinstance(event, EnvironmentStepped):
            now = time.perf_counter()
            last = self._said_s.setdefault(episode, now)
            if (event.step + 1) % _EVERY_STEPS and now - last < _EVERY_S:
                return
            self._said_s[episode] = now
            left = limit_lines.limits_left(self._run_view.run_limits, self._run_view.used)
            run = f"; the run: {left}" if left else ""
            self.say(f"episode {episode}: {_how_far(view)}, last action {event.action}{run}")
        elif isinstance(event, EpisodeFinished):
            if view.summary.status == "failed" and not self._any_begun():
                self._held.append(view)
            else:
                self._say_ending(view)
        elif isinstance(event, NodeFinished | NodeRetried) and view.summary.seed is None:
            item = "" if event.item is None else f" item {event.item}"
            again = ""
            if isinstance(event, NodeRetried):
                again = f", asked again: {one_line(event.error, _REASON_WIDTH)}"
            self.say(f"{event.node}{item}: answered after {seconds(event.latency_s)}{again}")

    def _any_begun(self) -> bool:
        return any(one.begun and not one.earlier for one in self._run_view.episodes.values())

    def _say_ending(self, view: EpisodeView) -> None:
        """Say how an episode ended; a reason of several lines comes last."""
        parts = [seconds(view.seconds)]
        if view.summary.seed is not None:
            parts.insert(0, _how_far(view))
        if said := unusable(view.summary):
            parts.append(f"unusable {said}")
        parts.insert(len(parts) if "\n" in view.outcome else 0, view.outcome)
        self.say(f"episode {view.summary.episode}: {', '.join(parts)}")

    def refresh(self) -> float:
        """Show the present state; returns the seconds to wait before the next time."""
        return _EVERY_S

    def say(self, text: str) -> None:
        """Tell the user something at once."""
        echo(text, err=True)


def _how_far(view: EpisodeView) -> str:
    """How far an episode has come."""
    parts = [count(view.summary.steps, "step"), f"return {score(view.summary.reward)}"]
    if view.achievements is not None:
        parts.append(f"achievements {len(view.achievements)} of {view.achievable}")
    return ", ".join(parts)
