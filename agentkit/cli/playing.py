"""Play a run in the terminal: progress while it goes on, and Ctrl-C at any time."""

import asyncio
import signal
from typing import Final

from agentkit.agent import Agent
from agentkit.cli.view.board import Board
from agentkit.cli.view.progress import Progress
from agentkit.events import Event
from agentkit.rollouts import Plan, RunSummary, rollout
from agentkit.trace import RunWriter

PATIENCE_S: Final = 3.0
"""How long calls in flight may take to finish after Ctrl-C."""


def play(
    agent: Agent, plan: Plan, writer: RunWriter | None, board: Board, progress: Progress
) -> bool:
    """Play a run to its end or to Ctrl-C; the board tells how it went.

    Returns:
        Whether the user stopped it.

    Raises:
        InputError: The run cannot start.
        TraceError: The run cannot be recorded.
    """
    with progress:
        try:
            return asyncio.run(_play(agent, plan, writer, board, progress))
        finally:
            board.finish()


async def _play(
    agent: Agent, plan: Plan, writer: RunWriter | None, board: Board, progress: Progress
) -> bool:
    def on_event(episode: int, event: Event) -> None:
        board.on_event(episode, event)
        progress.on_event(episode, event)

    stop = asyncio.Event()
    run = asyncio.create_task(rollout(agent, plan, writer=writer, on_event=on_event, stop=stop))
    ticker = asyncio.create_task(_tick(progress))
    interrupts = _Interrupts(run, stop, progress)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupts)
    try:
        await run
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        ticker.cancel()
    return stop.is_set()


async def _tick(progress: Progress) -> None:
    while True:
        await asyncio.sleep(progress.refresh())


class _Interrupts:
    """The first Ctrl-C starts nothing new; the second, or a wait, gives up what is in flight."""

    def __init__(
        self, run: "asyncio.Task[RunSummary]", stop: asyncio.Event, progress: Progress
    ) -> None:
        self._run = run
        self._stop = stop
        self._progress = progress

    def __call__(self) -> None:
        if self._stop.is_set():
            self._give_up("stopping now")
            return
        self._stop.set()
        self._progress.say("stopping after the calls in flight ... (Ctrl-C again: stop now)")
        late = "the calls in flight take too long: stopping now"
        asyncio.get_running_loop().call_later(PATIENCE_S, self._give_up, late)

    def _give_up(self, why: str) -> None:
        self._progress.say(why)
        self._run.cancel()
