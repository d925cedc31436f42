"""Bring an element to where the mouse can hit it; if it cannot be hit, all is as it was before.

Playwright scrolls a covered element to one end of its surroundings after the other, as long as it
has time, and once more after that. Where the page would then be left depends on how fast the
machine is. So Playwright is asked only when nothing covers the element: the ends are tried here,
and what was scrolled in vain is put back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from playwright.async_api import Error
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agentkit_envs.browser.act.action_context import ActionContext, CannotAct
from agentkit_envs.browser.act.element_facts import read_facts
from agentkit_envs.browser.act.element_lookup import PROBE, Found, why_covered
from agentkit_envs.browser.see.scripts import script

COVERED_S: Final = 1.0
"""How long to wait for what covers an element to go away."""
PAUSE_S: Final = 0.1
"""Between looks at it."""
_SCROLLING: Final = script(__package__, "scroll_into_view.js").strip()
_ALIGNMENTS: Final = ("", "end", "center", "start")
"""Where in its surroundings an element may stand; first where it is, if it is in view."""


@asynccontextmanager
async def in_reach(context: ActionContext, *found: Found) -> AsyncIterator[None]:
    """For acting on elements with the mouse, where nothing covers them.

    Raises:
        CannotAct: Something covers one of them, and did not go away.
    """
    before = [await one.handle.evaluate_handle(f"e => {_SCROLLING}.places(e)") for one in found]
    try:
        for one in found:
            if one.facts.covered or one.facts.out:
                await _uncover(context, one)
        yield
    except (CannotAct, PlaywrightTimeout):
        with suppress(Error):  # another page is there, or none
            for places in before:
                await places.evaluate(f"places => {_SCROLLING}.restore(places)")
        raise


async def _uncover(context: ActionContext, found: Found) -> None:
    """Scroll to where nothing covers the element, as soon as there is such a place."""
    until_s = max(context.left_s - COVERED_S, PAUSE_S)
    covers: list[Found] = []
    while not covers or context.left_s > until_s:
        for block in _ALIGNMENTS:
            await found.handle.evaluate(f"(e, block) => {_SCROLLING}.align(e, block)", block)
            facts = read_facts(await found.handle.evaluate(PROBE))
            if not facts.covered:
                return
            covers.append(replace(found, facts=facts))
        await asyncio.sleep(PAUSE_S)
    raise CannotAct(why_covered(covers[0]))
