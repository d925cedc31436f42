"""The mouse and the keyboard: on elements, and at places of the window."""

import asyncio
from typing import Any, Final, cast

from playwright.async_api import ElementHandle

from agentkit_envs.browser.act.action_context import ActionContext, CannotAct
from agentkit_envs.browser.act.element_lookup import Found, find, where_to_click, why_unusable
from agentkit_envs.browser.act.moving import use_mouse
from agentkit_envs.browser.act.scroll_into_view import in_reach
from agentkit_envs.browser.see.scripts import clean, script

SCROLL: Final = clean(script(__package__, "scroll.js"))
PIECE: Final = 25
"""Letters that are typed at once."""
KEY_S: Final = 0.01
"""How long a letter takes at most, on a busy machine."""
DRAG_STEPS: Final = 8
"""Moves of the mouse on the way; what can be dragged often begins to follow after some."""


async def click(context: ActionContext) -> None:
    """Click an element."""
    found = await _clickable(context)
    async with in_reach(context, found):
        await use_mouse(context, found, "click", **await _how(context, found))


async def dblclick(context: ActionContext) -> None:
    """Click an element twice."""
    found = await _clickable(context)
    async with in_reach(context, found):
        await use_mouse(context, found, "dblclick", **await _how(context, found))


async def hover(context: ActionContext) -> None:
    """Move the mouse over an element, a disabled one too."""
    found = await find(context, context.action.text("bid"))
    if not found.facts.shown:
        raise CannotAct(f"{found.what} cannot be used: it is hidden now")
    async with in_reach(context, found):
        await use_mouse(context, found, "hover")


async def drag_and_drop(context: ActionContext) -> None:
    """Drag one element onto another."""
    start = await find(context, context.action.text("from_bid"))
    end = await find(context, context.action.text("to_bid"))
    for found in (start, end):
        if not found.facts.shown:
            raise CannotAct(f"{found.what} cannot be used: it is hidden now")
    page = context.page
    source, target = (page.locator(f"aria-ref={context.refs[found.ref]}") for found in (start, end))
    async with in_reach(context, start, end):
        await source.drag_to(target, steps=DRAG_STEPS, timeout=context.left_ms)


async def scroll(context: ActionContext) -> None:
    """Scroll the page, or the part of it that holds an element."""
    right, down = context.action.number("delta_x"), context.action.number("delta_y")
    if not right and not down:
        raise CannotAct("scrolling by 0 pixels does nothing")
    found: Found | None = None
    if context.action.arguments["bid"] is not None:
        found = await find(context, context.action.text("bid"))
    if await _scrolled(context, found.handle if found else None, right, down):
        return
    if found is not None and found.facts.shown:
        # Some pages, such as maps, follow the wheel though nothing of them scrolls.
        async with in_reach(context, found):
            await found.handle.hover(timeout=context.left_ms)
        await context.page.mouse.wheel(right, down)
        return
    raise CannotAct("nothing scrolled: the page is at its end there")


async def scroll_at(context: ActionContext) -> None:
    """Turn the wheel at a place."""
    await mouse_move(context)
    right, down = context.action.number("dx"), context.action.number("dy")
    if not right and not down:
        raise CannotAct("scrolling by 0 pixels does nothing")
    await context.page.mouse.wheel(right, down)


async def mouse_move(context: ActionContext) -> None:
    """Move the mouse to a place."""
    await context.page.mouse.move(*place(context, "x", "y"))


async def mouse_click(context: ActionContext) -> None:
    """Click at a place."""
    await context.page.mouse.click(*place(context, "x", "y"), button=_button(context))


async def mouse_dblclick(context: ActionContext) -> None:
    """Click twice at a place."""
    await context.page.mouse.dblclick(*place(context, "x", "y"), button=_button(context))


async def mouse_down(context: ActionContext) -> None:
    """Press a button at a place and hold it."""
    await mouse_move(context)
    await context.page.mouse.down(button=_button(context))


async def mouse_up(context: ActionContext) -> None:
    """Let a button go at a place."""
    await mouse_move(context)
    await context.page.mouse.up(button=_button(context))


async def mouse_drag_and_drop(context: ActionContext) -> None:
    """Drag from one place to another."""
    mouse = context.page.mouse
    start, end = place(context, "from_x", "from_y"), place(context, "to_x", "to_y")
    await mouse.move(*start)
    await mouse.down()
    await mouse.move(*end, steps=DRAG_STEPS)
    await mouse.up()


async def keyboard_press(context: ActionContext) -> None:
    """Press keys where the keyboard is."""
    await context.page.keyboard.press(context.action.text("key"))


async def keyboard_down(context: ActionContext) -> None:
    """Hold a key."""
    await context.page.keyboard.down(context.action.text("key"))


async def keyboard_up(context: ActionContext) -> None:
    """Let a key go."""
    await context.page.keyboard.up(context.action.text("key"))


async def keyboard_type(context: ActionContext) -> None:
    """Type a text, key by key, as far as the time allows."""
    text = context.action.text("text")
    for at in range(0, len(text), PIECE):
        # In pieces: what Playwright was told to type it goes on typing, time or not.
        if context.left_s < PIECE * KEY_S:
            raise CannotAct(
                f"only {at:,} of {len(text):,} letters were typed in {context.timeout_s:g} s: "
                "fill and keyboard_insert_text put in a text at once"
            )
        await context.page.keyboard.type(text[at : at + PIECE])


async def keyboard_insert_text(context: ActionContext) -> None:
    """Put in a text at once."""
    await context.page.keyboard.insert_text(context.action.text("text"))


async def noop(context: ActionContext) -> None:
    """Wait."""
    wait_s = context.action.number("wait_ms") / 1000
    await asyncio.sleep(min(wait_s, context.left_s))
    if wait_s > context.timeout_s:
        raise CannotAct(f"it waited {context.timeout_s:g} s, as long as one action may take")


async def _clickable(context: ActionContext) -> Found:
    found = await find(context, context.action.text("bid"))
    if found.facts.tag == "option" and not found.facts.shown:
        raise CannotAct(f"{found.what} is in a closed list: use select_option on the list")
    if problem := why_unusable(found):
        raise CannotAct(problem)
    return found


async def _how(context: ActionContext, found: Found) -> dict[str, Any]:
    # Without modifiers Playwright leaves those alone that keyboard_down holds; with an empty list
    # it lets them go.
    modifiers = list(context.action.texts("modifiers"))
    how = {"button": _button(context), "modifiers": modifiers or None}
    return {**how, **await where_to_click(found)}


def _button(context: ActionContext) -> Any:
    return context.action.text("button")


def place(context: ActionContext, across: str, down: str) -> tuple[float, float]:
    """Return the place that two parameters name; raises `CannotAct` outside of the window."""
    x, y = context.action.number(across), context.action.number(down)
    size = context.page.viewport_size
    if size is not None and not (0 <= x < size["width"] and 0 <= y < size["height"]):
        raise CannotAct(
            f"({x:g}, {y:g}) is outside of the window, which is {size['width']} wide and "
            f"{size['height']} high"
        )
    return x, y


async def _scrolled(
    context: ActionContext, handle: ElementHandle | None, right: float, down: float
) -> bool:
    """Whether anything moved."""
    if handle is None:
        return cast(bool, await context.page.evaluate(SCROLL, [None, right, down]))
    return cast(
        bool,
        await handle.evaluate(f"(e, [x, y]) => ({SCROLL})([e, x, y])", [right, down]),
    )
