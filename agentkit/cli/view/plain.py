"""Progress as plain lines, for logs and pipes: now and then, and when an episode ends."""

import time
from types import TracebackType
from typing import Final, Self

from agentkit.cli.view import limits
from agentkit.cli.view.board import Board, EpisodeBoard
from agentkit.cli.view.terminal import echo
from agentkit.cli.view.words import count, score, seconds
from agentkit.events import EnvironmentStepped, EpisodeFinished, Event, NodeFinished

_EVERY_STEPS: Final = 100
_EVERY_S: Final = 30.0


class PlainProgress:
    """Writes lines to stderr."""

    tells_endings = True

    def __init__(self, board: Board) -> None:
        self._board = board
        self._said_s: dict[int, float] = {}
        self._held: list[EpisodeBoard] = []
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
        for board in self._held:
            if error is None or str(error) not in board.summary.reason:
                self._say_ending(board)

    def on_event(self, episode: int, event: Event) -> None:
        """Write a line where an event is worth one."""
        board = self._board.episodes[episode]
        if isinstance(event, EnvironmentStepped):
            now = time.perf_counter()
            last = self._said_s.setdefault(episode, now)
            if (event.step + 1) % _EVERY_STEPS and now - last < _EVERY_S:
                return
            self._said_s[episode] = now
            left = limits.standing(self._board.run_limits, self._board.used)
            run = f"; the run: {left}" if left else ""
            self.say(f"episode {episode}: {standing(board)}, last action {event.action}{run}")
        elif isinstance(event, EpisodeFinished):
            if board.summary.status == "failed" and not self._any_begun():
                self._held.append(board)
            else:
                self._say_ending(board)
        elif isinstance(event, NodeFinished) and board.summary.seed is None:
            item = "" if event.item is None else f" item {event.item}"
            self.say(f"{event.node}{item}: answered after {seconds(event.latency_s)}")

    def _any_begun(self) -> bool:
        return any(one.begun and not one.earlier for one in self._board.episodes.values())

    def _say_ending(self, board: EpisodeBoard) -> None:
        self.say(f"episode {board.summary.episode}: {ending(board)}")

    def refresh(self) -> float:
        """Lines come with events; there is nothing to refresh."""
        return _EVERY_S

    def say(self, text: str) -> None:
        """Write one line to stderr."""
        echo(text, err=True)


def standing(board: EpisodeBoard) -> str:
    """How far an episode has come."""
    summary = board.summary
    parts = [count(summary.steps, "step"), f"return {score(summary.reward)}"]
    if board.achievements is not None:
        parts.append(f"achievements {len(board.achievements)} of {board.achievable}")
    return ", ".join(parts)


def ending(board: EpisodeBoard) -> str:
    """How an episode ended; a reason of several lines comes last."""
    parts = [seconds(board.seconds)]
    if board.summary.seed is not None:
        parts.insert(0, standing(board))
    parts.insert(len(parts) if "\n" in board.outcome else 0, board.outcome)
    return ", ".join(parts)
