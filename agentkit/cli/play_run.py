"""Play a run in the terminal: progress while it goes on, and Ctrl-C at any time."""

import asyncio
import os
import signal
import sys
import time
from contextlib import redirect_stdout
from types import FrameType
from typing import Any, Final

from agentkit.agent import Agent
from agentkit.cli.view.progress import Progress
from agentkit.cli.view.run_view import RunView
from agentkit.events import Event
from agentkit.models.base import Cache
from agentkit.record.run_folder import RunWriter
from agentkit.rollouts.plan import Plan
from agentkit.rollouts.resume import ResumePlan
from agentkit.rollouts.rollout import rollout

STOP_PATIENCE_S: Final = 3.0
"""How long calls in flight may take to finish after Ctrl-C."""
STUCK_S: Final = 1.0
"""A loop that did nothing for so long after Ctrl-C is held up by an `async def` that blocks."""


def choose_progress(run_view: RunView, title: str) -> Progress:
    """The live view on a terminal, plain lines elsewhere; both write to stderr."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "") in ("", "dumb"):
        return Progress(run_view)
    from agentkit.cli.view.live import LiveProgress

    return LiveProgress(run_view, title)


def play_run(
    agent: Agent,
    plan: Plan,
    writer: RunWriter | None,
    run_view: RunView,
    progress: Progress,
    resume_plan: ResumePlan | None = None,
    cache: Cache | None = None,
) -> bool:
    """Play a run to its end or to Ctrl-C; the view tells how it went.

    Returns:
        Whether the user stopped it.

    Raises:
        InputError: The run cannot start.
        TraceError: The run cannot be recorded.
    """
    interrupts = _Interrupts(progress)
    before = signal.signal(signal.SIGINT, interrupts.on_signal)
    with progress, redirect_stdout(sys.stderr):  # what is printed in the run is no result
        try:
            asyncio.run(_play(agent, plan, writer, run_view, interrupts, resume_plan, cache))
        except KeyboardInterrupt:
            interrupts.stopped = True
        finally:
            run_view.finish()
            signal.signal(signal.SIGINT, before)
    return interrupts.stopped


async def _play(
    agent: Agent,
    plan: Plan,
    writer: RunWriter | None,
    run_view: RunView,
    interrupts: "_Interrupts",
    resume_plan: ResumePlan | None,
    cache: Cache | None,
) -> None:
    progress = interrupts.progress

    def on_event(episode: int, event: Event) -> None:
        run_view.on_event(episode, event)
        progress.on_event(episode, event)

    stop = asyncio.Event()
    playing = rollout(
        agent,
        plan,
        writer=writer,
        on_event=on_event,
        stop=stop,
        cache=cache,
        resume_plan=resume_plan,
    )
    run = asyncio.create_task(playing)
    ticker = asyncio.create_task(_tick(progress))
    interrupts.watch(run, stop)
    try:
        run_view.limit = (await run).limit
    except asyncio.CancelledError:
        if not interrupts.stopped:
            raise
    finally:
        ticker.cancel()


async def _tick(progress: Progress) -> None:
    while True:
        await asyncio.sleep(progress.refresh())


class _Interrupts:
    """The first Ctrl-C starts nothing new; the second, or a wait, gives up what is in flight.

    Both are asked of the event loop. An `async def` that blocks holds up the loop: the third
    Ctrl-C, or the second after a moment, cancels in the middle of that function.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.stopped = False
        """Whether the user stopped the run."""
        self._presses = 0
        self._waiting_s: list[float] = []
        """When Ctrl-C was pressed, for every time that the loop did not answer yet."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, run: "asyncio.Task[Any]", stop: asyncio.Event) -> None:
        """The run that is to be stopped."""
        self._loop = asyncio.get_running_loop()
        self._run = run
        self._stop = stop

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C was pressed."""
        self._presses += 1
        now_s = time.monotonic()
        waiting_s = self._waiting_s
        stuck = bool(waiting_s) and (len(waiting_s) > 1 or now_s - waiting_s[0] > STUCK_S)
        if self._loop is None or self._loop.is_closed() or (self._presses > 3 and not stuck):
            raise KeyboardInterrupt
        self._waiting_s = [*waiting_s, now_s]
        self._loop.call_soon_threadsafe(self._react)
        if stuck:
            self._stop.set()
            raise asyncio.CancelledError

    def _react(self) -> None:
        self._waiting_s = self._waiting_s[1:]
        if self.stopped:
            self._give_up("stopping now")
            return
        self.stopped = True
        self._stop.set()
        self.progress.say("stopping after the calls in flight ... (Ctrl-C again: stop now)")
        late = "the calls in flight take too long: stopping now"
        asyncio.get_running_loop().call_later(STOP_PATIENCE_S, self._give_up, late)

    def _give_up(self, why: str) -> None:
        self.progress.say(why)
        self._run.cancel()
