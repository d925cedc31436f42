"""Bring an element to where the mouse can hit it; if it cannot be hit, all is as it was before.

Playwright scrolls a covered element to one end of its surroundings after the other, as long as it
has time. Where the page would then be left depends on how fast the machine is. So the ends are
tried here, each once, and what was scrolled in vain is put back.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from playwright.async_api import Error
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agentkit_envs.browser.elements import PROBE, Found, why_covered
from agentkit_envs.browser.facts import read_facts
from agentkit_envs.browser.scene import CannotAct, Scene, script

COVERED_MS: Final = 1000.0
"""How long to wait for what covers an element to go away."""
_SCROLLING: Final = script("approach.js").strip()
_ALIGNMENTS: Final = ("", "end", "center", "start")
"""Where in its surroundings an element may stand; first where it is, if it is in view."""


@asynccontextmanager
async def in_reach(scene: Scene, *found: Found) -> AsyncIterator[float]:
    """For acting on elements with the mouse: gives how long Playwright may wait, in milliseconds.

    Raises:
        CannotAct: Something covers one of them, and did not go away.
    """
    covered = [one for one in found if one.facts.covered]
    before = [await one.handle.evaluate_handle(f"e => {_SCROLLING}.places(e)") for one in found]

    async def put_back() -> None:
        with suppress(Error):  # another page is there, or none
            for places in before:
                await places.evaluate(f"places => {_SCROLLING}.restore(places)")

    reached = [await _uncovered(one) for one in covered]
    stuck = next((one for one in reached if one.facts.covered), None)
    if stuck is not None:
        await put_back()
    try:
        yield scene.left_ms if stuck is None else min(scene.left_ms, COVERED_MS)
    except PlaywrightTimeout:
        await put_back()
        if stuck is None:
            raise
        raise CannotAct(why_covered(stuck)) from None


async def _uncovered(found: Found) -> Found:
    """The element where nothing covers it; where something always does, as it was first in view."""
    seen: list[Found] = []
    for block in _ALIGNMENTS:
        await found.handle.evaluate(f"(e, block) => {_SCROLLING}.align(e, block)", block)
        facts = read_facts(await found.handle.evaluate(PROBE))
        seen.append(replace(found, facts=facts))
        if not facts.covered:
            return seen[-1]
    return seen[0]
