"""A session of the browser with its gate, for tests that call from their own thread."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from agentkit_envs.browser.engine import Engine
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.gate import Gate
from agentkit_envs.browser.session import Session
from playwright.async_api import Error

PATIENCE_S = 20.0


class Visit:
    """A session with its gate, for callers on any thread."""

    def __init__(self, engine: Engine, *allow: str) -> None:
        self.engine = engine
        self.gate = engine.run(Gate.open(AllowList.parse(None, allow)))
        self.session = engine.run(Session.open(engine, self.gate))

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.run(self.session.close())
        self.engine.run(self.gate.close())

    def go(self, *urls: str) -> None:
        """Open pages, each in a tab of its own, without waiting until they are there."""
        self.engine.run(self._go(urls), 60)

    def evaluate(self, code: str, *arguments: Any) -> Any:
        """What a script in the active tab gives, waited for."""
        return self.engine.run(self.session.page.evaluate(code, *arguments), 60)

    async def _go(self, urls: tuple[str, ...]) -> None:
        await asyncio.gather(*(self._open(url) for url in urls))

    async def _open(self, url: str) -> None:
        page = await self.session.page.context.new_page()
        try:
            await page.goto(url, wait_until="commit")
        except Error as error:
            # A refused tunnel, or a page that went elsewhere at once.
            if not re.search("ERR_TUNNEL|ERR_ABORTED|interrupted", error.message):
                raise


def until(condition: Callable[[], Any]) -> bool:
    """Whether a condition holds, if waited for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
