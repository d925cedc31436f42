"""A tab of the real Chromium for the tests of what is seen."""

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from agentkit_envs.browser.engine import Engine, shared_engine
from agentkit_envs.browser.see.element_lines import write_line
from agentkit_envs.browser.see.labels import listening_script
from agentkit_envs.browser.see.page_reader import PageReading, read_page
from agentkit_envs.browser.see.references import References
from playwright.async_api import BrowserContext, Page

T = TypeVar("T")


class Tab:
    """A tab that shows what it is given; it reaches no server."""

    def __init__(self, engine: Engine, context: BrowserContext, page: Page) -> None:
        self.engine = engine
        self.context = context
        self.page = page
        self.references = References()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine on the tab gives."""
        return self.engine.run(work, 60)

    def show(self, html: str) -> None:
        """Show a page, of which nothing was seen before."""
        self.references = References()
        self.run(self.page.goto("about:blank"))
        self.run(self.page.set_content(html))

    def look(self, **options: Any) -> PageReading:
        """Look at the page."""
        return self.run(read_page(self.page, self.references, **options))

    def evaluate(self, script: str) -> Any:
        """What a script says in the page."""
        return self.run(self.page.evaluate(script))


@contextmanager
def tab(width: int = 400, height: int = 300) -> Iterator[Tab]:
    """A tab that is open for as long as the block lasts."""
    with shared_engine() as engine:
        context = engine.run(engine.new_context(viewport={"width": width, "height": height}), 60)
        try:
            engine.run(context.add_init_script(listening_script()), 60)
            yield Tab(engine, context, engine.run(context.new_page(), 60))
        finally:
            engine.run(context.close(), 60)


def lines(look: PageReading) -> list[str]:
    """What is said of the page."""
    return ["  " * element.depth + write_line(element) for element in look.elements]
