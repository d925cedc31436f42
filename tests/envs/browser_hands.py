"""A tab that tests act on as an agent does, and ask what has become of it."""

import asyncio
import re
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from agentkit_envs.browser.act.actions import parse_action
from agentkit_envs.browser.act.execution import Done, carry_out
from agentkit_envs.browser.engine import Engine
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.gate import Gate
from agentkit_envs.browser.see.page_reader import read_page
from agentkit_envs.browser.see.references import References
from agentkit_envs.browser.session import Session
from agentkit_envs.browser.tab_reader import LOOKS
from envs.browser_pages import Site
from playwright.async_api import Error

T = TypeVar("T")
_NAMED = re.compile(r"\{(?:(\w+):)?([^}]*)\}")


class Hands:
    """Carries out actions on a site; `{Buy}` in one is the reference of what is called Buy."""

    def __init__(self, engine: Engine, session: Session, allow: AllowList, site: Site) -> None:
        self.engine = engine
        self.session = session
        self.allow = allow
        self.site = site
        self.uploads: Path | None = None
        self.timeout_s = 5.0
        self.thorough = False
        """Whether it looks as `agentkit/Browser-v1` does."""
        self.took_s = 0.0
        self._references = References()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work on the engine's loop."""
        return self.engine.run(work, 30)

    def open(self, html: str, path: str = "/page") -> None:
        """Go to a page with this content."""
        self.site.pages[path] = html
        assert self.do(f"goto('{self.site.url(path)}')").error == ""
        self.look()

    def look(self) -> None:
        """See the page, as an observation does."""
        self.seen = self.wait(self._see()).elements

    def ref(self, name: str, role: str | None = None) -> str:
        """The reference of what was seen with this name; `role:name` if the role matters."""
        found = [
            element.ref
            for element in self.seen
            if element.name == name and role in (None, element.role) and element.ref
        ]
        assert len(found) == 1, f"{name!r} is {found} among {self.seen}"
        return found[0]

    @property
    def references(self) -> Mapping[str, str]:
        """Those of what was seen last."""
        return self._references.playwright

    def do(self, action: str) -> Done:
        """Carry out an action on the page as it was seen last."""
        text = _NAMED.sub(lambda named: self.ref(named[2], named[1]), action)
        began = time.perf_counter()
        done = self.wait(
            carry_out(
                parse_action(text),
                self.session,
                self._references.playwright,
                allow=self.allow,
                timeout_s=self.timeout_s,
                uploads=self.uploads,
            )
        )
        self.took_s = time.perf_counter() - began
        return done

    def works(self, action: str) -> None:
        """Carry out an action that must say no error."""
        done = self.do(action)
        assert done == Done(), done

    def error(self, action: str) -> str:
        """What an action says that must not work, and without waiting for long."""
        done = self.do(action)
        assert done.error
        assert "\n" not in done.error
        return _without_references(done.error)

    def says(self, script: str) -> Any:
        """What a script says in the page."""
        return self.wait(self.session.page.evaluate(script))

    def until(self, script: str) -> None:
        """Wait until a script says something true, on a page that may be another by then."""
        self.wait(self.session.page.wait_for_function(script, timeout=20_000))

    def until_at(self, path: str) -> None:
        """Wait until the active tab is at that address."""
        self.wait(self._until_at(path))

    @property
    def path(self) -> str:
        """The address of the active tab, without the site's."""
        return self.session.page.url.removeprefix(self.site.address)

    async def _until_at(self, path: str) -> None:
        async with asyncio.timeout(20):
            while self.path != path:
                await asyncio.sleep(0.02)

    async def _see(self) -> Any:
        for _ in range(LOOKS):  # a window may close while it is looked at
            page = await self.session.mend()
            with suppress(Error):
                return await read_page(page, self._references, thorough=self.thorough)
        raise AssertionError("no page could be read")


@contextmanager
def hands_on(site: Site, *allow: str) -> Iterator[Hands]:
    """A session that may go to the site, and to what else is allowed."""
    engine = Engine()
    with engine:
        allowed = AllowList.parse(site.address, allow)
        gate = engine.run(Gate.open(allowed), 30)
        session = engine.run(Session.open(engine, gate), 60)
        try:
            yield Hands(engine, session, allowed, site)
        finally:
            engine.run(session.close(), 30)
            engine.run(gate.close(), 30)
    engine.close()


def _without_references(text: str) -> str:
    """References count on from test to test: e17 is e#."""
    return re.sub(r"\be\d+\b", "e#", text)
