"""A browser as one player uses it: open a page, act by texts, look. From any thread.

Both environments are made of this. It hands the work to the engine's thread, waits no longer than
a bound, and turns what a page can do wrong into words.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from playwright.async_api import Error, Page

from agentkit_envs.browser.act.actions import Action, ActionError, parse_action, parse_actions
from agentkit_envs.browser.act.execution import Done, carry_out
from agentkit_envs.browser.act.settling import QUIET_S
from agentkit_envs.browser.engine import Engine, shared_engine
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.gate import Gate
from agentkit_envs.browser.guard.notices import without_user
from agentkit_envs.browser.see.changes import changes
from agentkit_envs.browser.see.references import References
from agentkit_envs.browser.see.rendered_frames import Film, black
from agentkit_envs.browser.see.screenshots import picture
from agentkit_envs.browser.see.view import Element, LastAction, View
from agentkit_envs.browser.session import Session
from agentkit_envs.browser.tab_reader import TabReading, read_tab

T = TypeVar("T")

LOG: Final = logging.getLogger("agentkit.browser")
SLACK_S: Final = 60.0
"""What a wait for the engine is given beyond the bounds inside of it, before it is given up."""
REFUSED: Final = "Refused: "
"""How a notice of what the allow-list kept out begins."""
MOST_REFUSED: Final = 100
"""So much of what was refused is kept of an episode."""
_TIMES: Final = re.compile(r" \(\d+ times\)(?=: )")


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of an action text."""

    last: LastAction
    """The text, and why it did nothing or not all."""
    message: str | None = None
    """What it tells the user."""
    infeasible: str | None = None
    """Why it says that the task cannot be done."""


class BrowserClient:
    """A browser for one player, with cookies and storage of its own in every episode.

    Args:
        allow: What may be reached.
        viewport: Width and height of the window, in CSS pixels.
        action_timeout_s: How long an action may take, and reading the page after it.
        dialogs: What is answered to the questions of pages.
        uploads: The folder whose files may be given to pages.
        quiet_s: How long to wait at most, after an action, for the page to be quiet.
        headless: Without a window.
        film: Whether pictures are taken for `film`.
        multi_action: Whether an action text may be several actions.
    """

    def __init__(
        self,
        allow: AllowList,
        *,
        viewport: tuple[int, int] = (1280, 720),
        action_timeout_s: float = 5.0,
        dialogs: Literal["accept", "dismiss"] = "dismiss",
        uploads: Path | None = None,
        quiet_s: float = QUIET_S,
        headless: bool = True,
        film: bool = False,
        multi_action: bool = False,
    ) -> None:
        self.allow = allow
        self.film = Film() if film else None
        self._viewport = viewport
        self._timeout_s = action_timeout_s
        self._dialogs = dialogs
        self._uploads = uploads
        self._quiet_s = quiet_s
        self._headless = headless
        self._parse = parse_actions if multi_action else lambda text: (parse_action(text),)
        self._engine: Engine | None = None
        self._gate: Gate | None = None
        self._session: Session | None = None
        self.forget()

    def forget(self) -> None:
        """Begin an episode: nothing has been seen or refused yet."""
        self.refused: list[str] = []
        """What the allow-list kept out since the page was opened, each once."""
        self._notices: list[str] = []
        self._references = References()
        self._seen: tuple[Element, ...] | None = None
        self._place: tuple[Page, str] | None = None
        if self.film is not None:
            self.film.clear()

    def open(self, url: str) -> str:
        """Begin anew, with nothing kept of before, and go to a page.

        Returns:
            What went wrong all the same, such as that it is still loading or that a window which
            it opened is refused; or ''.

        Raises:
            ConnectionError: No page opened.
        """
        self._end()
        self.forget()
        return self.call(lambda session: self._go(session, url), fresh=True)

    def parse(self, text: str) -> str:
        """Return the one spelling of an action, or of several on a line each.

        Raises:
            ActionError: The text is no action; with what was expected.
        """
        return "\n".join(map(str, self._parse(text)))

    def act(self, text: str) -> Turn:
        """Carry out an action text on the page as it was looked at last.

        Of several actions, those after one that fails or ends the episode are not tried.
        """
        try:
            actions = self._parse(text)
        except ActionError as problem:
            return Turn(LastAction(text, str(problem), understood=False))
        for number, action in enumerate(actions, start=1):
            self.shoot(pointed=next(iter(action.references), None))
            turn = self._act(action, text)
            if turn.last.error and len(actions) > 1:
                error = f"{action.name}, action {number} of {len(actions)}: {turn.last.error}"
                rest = "" if number == len(actions) else "; the actions after it were not tried"
                return replace(turn, last=replace(turn.last, error=error + rest))
            if turn.last.error or turn.message is not None or turn.infeasible is not None:
                break
        return turn

    def _act(self, action: Action, text: str) -> Turn:
        return self.call(lambda session: self._turn(session, action, text))

    def look(
        self,
        *,
        goal: str = "",
        last: LastAction | None = None,
        steps_left: int | None = None,
        root: str | None = None,
        boxes: bool = False,
        thorough: bool = False,
    ) -> View:
        """What is on the page now, and what happened since the last look.

        Args:
            goal: What the view says that is wanted.
            last: The action before.
            steps_left: How many more there may be.
            root: The CSS selector of the part that is shown; None for the whole page.
            boxes: Whether elements say where they stand.
            thorough: Whether to find also what acts without being a button or the like.
        """
        boxes = boxes or self.film is not None  # which marks what is acted on
        reading = self.call(lambda session: self._read(session, root, boxes, thorough))
        seen, told = reading.page_reading, None
        place = (reading.page, seen.url.partition("#")[0])
        if reading.readable:
            if self._seen is not None and self._place == place:
                told = changes(self._seen, seen.elements)
            self._seen, self._place = seen.elements, place
        self._note_refused(reading.notices)
        tabs = tuple(replace(tab, url=without_user(tab.url)) for tab in reading.tabs)
        return View(
            goal, without_user(seen.url), seen.title, tabs, seen.elements, seen.focused, last,
            reading.notices, told, steps_left=steps_left,
        )  # fmt: skip

    def _note_refused(self, notices: Iterable[str]) -> None:
        for notice in notices:
            told = _TIMES.sub("", notice.removeprefix(REFUSED))
            if notice.startswith(REFUSED) and told not in self.refused:
                self.refused = [*self.refused, told][:MOST_REFUSED]

    def picture(self, *, marks: bool = False, pointed: str | None = None) -> bytes:
        """The window as a PNG file; all black if the page does not let itself be shown.

        Args:
            marks: Whether the elements of the last look, taken with boxes, are marked with
                their references.
            pointed: The reference of the element that is pointed at.
        """
        return self.call(lambda session: self._picture(session, marks, pointed))

    def shoot(self, *, pointed: str | None = None) -> None:
        """Add a picture to the film, if one is made."""
        if self.film is not None:
            self.film.add(self.picture(pointed=pointed))

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """What a script, which is ours and never a page's or a model's, says in the page.

        Raises:
            playwright.async_api.Error: It failed, or the page is gone.
        """
        return self.call(lambda session: session.page.evaluate(script, argument))

    def call(self, work: Callable[[Session], Coroutine[Any, Any, T]], *, fresh: bool = False) -> T:
        """What work on the session gives, on the engine's loop; it must bound its own time.

        Raises:
            RuntimeError: Nothing was opened, or it was closed.
        """
        if self._engine is None:
            if not fresh:
                raise RuntimeError("no page is open: call open() first")
            self._engine = shared_engine(self._headless).acquire()
        return self._engine.run(self._in_session(work), self._timeout_s + SLACK_S)

    def close(self) -> None:
        """Close everything that was opened; a later `open` begins anew."""
        self._end()
        if self._engine is not None:
            self._engine.release()
            self._engine = None

    async def _in_session(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        if self._session is None:
            engine = self._engine
            if engine is None:
                raise RuntimeError("no page is open: call open() first")
            self._gate = await Gate.open(self.allow)
            self._session = await Session.open(
                engine, self._gate, viewport=self._viewport, dialogs=self._dialogs
            )
        return await work(self._session)

    async def _go(self, session: Session, url: str) -> str:
        error = (await self._carry_out(session, Action("goto", (("url", url),)))).error
        if error and not any(session.stands_on(tab.url) for tab in session.tabs):
            raise ConnectionError(error)
        return error

    async def _turn(self, session: Session, action: Action, text: str) -> Turn:
        done = await self._carry_out(session, action)
        return Turn(LastAction(text, done.error), done.message, done.infeasible)

    async def _carry_out(self, session: Session, action: Action) -> Done:
        done = await carry_out(
            action,
            session,
            self._references.playwright,
            allow=self.allow,
            timeout_s=self._timeout_s,
            uploads=self._uploads,
            quiet_s=self._quiet_s,
        )
        self._notices += done.notices
        return done

    async def _read(
        self, session: Session, root: str | None, boxes: bool, thorough: bool
    ) -> TabReading:
        reading = await read_tab(
            session, self._references, self._timeout_s, root=root, boxes=boxes, thorough=thorough
        )
        notices, self._notices = self._notices, []
        return replace(reading, notices=(*notices, *reading.notices))

    async def _picture(self, session: Session, marks: bool, pointed: str | None) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await picture(session.page, self._seen or (), marks, pointed)
        except (Error, TimeoutError) as error:
            LOG.debug("no picture of a page could be taken: %s", type(error).__name__)
            return black(self._viewport)

    def _end(self) -> None:
        session, gate = self._session, self._gate
        self._session = self._gate = None
        if self._engine is None or self._engine.closed:
            return

        async def end() -> None:
            if session is not None:
                await session.close()
            if gate is not None:
                await gate.close()

        with suppress(TimeoutError):
            self._engine.run(end(), SLACK_S)
