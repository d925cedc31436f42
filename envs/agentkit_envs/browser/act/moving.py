"""Use the mouse on what moves: Playwright waits until it stands still, which some never do."""

import asyncio
from typing import Any, Final, Literal

from playwright.async_api import Error
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agentkit_envs.browser.act.action_context import ActionContext, CannotAct
from agentkit_envs.browser.act.element_lookup import Found

STILL_MS: Final = 1500.0
"""How long to wait at first for an element to stand still."""
_ANSWER_S: Final = 0.6
"""How long a page may take to say whether an element moves."""
_MOTION: Final = """element => new Promise(done => {
  const where = () => element.getBoundingClientRect();
  const before = where();
  setTimeout(() => {
    const box = where();
    const way = Math.hypot(box.x + box.width / 2 - before.x - before.width / 2,
      box.y + box.height / 2 - before.y - before.height / 2);
    const still = way < 0.5 && box.width === before.width && box.height === before.height;
    done([!still, way < Math.min(box.width, box.height) / 2]);
  }, 150);
})"""
"""Whether an element moves, and so slowly that the mouse still hits it a moment later."""

_LABEL: Final = """element => element.matches("input[type=checkbox], input[type=radio]")
  ? [...element.labels].find(label => label.checkVisibility() && label.getClientRects().length)
  : null"""
"""The label of a box that nobody could hit, such as one that is drawn behind it."""
How = Literal["check", "click", "dblclick", "hover", "uncheck"]


async def use_mouse(context: ActionContext, found: Found, how: How, **options: Any) -> None:
    """Use an element once it stands still, or on the way if it moves slowly enough.

    A checkbox or radio button that the mouse cannot hit is used by its label.

    Raises:
        CannotAct: It moves too fast.
    """
    handle = found.handle
    try:
        await getattr(handle, how)(**options, timeout=min(STILL_MS, context.left_ms))
        return
    except PlaywrightTimeout:
        moves, slowly = await _motion(found)
        if moves and not slowly:
            raise CannotAct(
                f"{found.what} cannot be used: it keeps moving, too fast to be hit"
            ) from None
    if moves:  # without `force` it would be waited for again
        options["force"] = True
    else:
        label = (await handle.evaluate_handle(_LABEL)).as_element()
        handle = label or handle
    await getattr(handle, how)(**options, timeout=context.left_ms)


async def _motion(found: Found) -> tuple[bool, bool]:
    try:
        async with asyncio.timeout(_ANSWER_S):
            told = await found.handle.evaluate(_MOTION)
    except (Error, TimeoutError):  # it is gone, or its page is busy or has a clock of its own
        return False, False
    match told:
        case [bool(moves), bool(slowly)]:
            return moves, slowly
    return False, False
