"""The mouse and the keyboard: on elements, and at places of the window."""

import asyncio
from typing import Any, Final, cast

from playwright.async_api import ElementHandle

from agentkit_envs.browser.approach import in_reach
from agentkit_envs.browser.elements import Found, find, why_unusable
from agentkit_envs.browser.scene import CannotAct, Scene
from agentkit_envs.browser.scripts import script

SCROLL: Final = script("scroll.js")
PIECE: Final = 25
"""Letters that are typed at once."""
KEY_S: Final = 0.01
"""How long a letter takes at most, on a busy machine."""
DRAG_STEPS: Final = 8
"""Moves of the mouse on the way; what can be dragged often begins to follow after some."""


async def click(scene: Scene) -> None:
    """Click an element."""
    found = await _clickable(scene)
    async with in_reach(scene, found):
        await found.handle.click(**_how(scene), timeout=scene.left_ms)


async def dblclick(scene: Scene) -> None:
    """Click an element twice."""
    found = await _clickable(scene)
    async with in_reach(scene, found):
        await found.handle.dblclick(**_how(scene), timeout=scene.left_ms)


async def hover(scene: Scene) -> None:
    """Move the mouse over an element, a disabled one too."""
    found = await find(scene, scene.action.text("bid"))
    if not found.facts.shown:
        raise CannotAct(f"{found.what} cannot be used: it is hidden now")
    async with in_reach(scene, found):
        await found.handle.hover(timeout=scene.left_ms)


async def drag_and_drop(scene: Scene) -> None:
    """Drag one element onto another."""
    start = await find(scene, scene.action.text("from_bid"))
    end = await find(scene, scene.action.text("to_bid"))
    for found in (start, end):
        if not found.facts.shown:
            raise CannotAct(f"{found.what} cannot be used: it is hidden now")
    page = scene.page
    source, target = (page.locator(f"aria-ref={scene.refs[found.ref]}") for found in (start, end))
    async with in_reach(scene, start, end):
        await source.drag_to(target, steps=DRAG_STEPS, timeout=scene.left_ms)


async def scroll(scene: Scene) -> None:
    """Scroll the page, or the part of it that holds an element."""
    right, down = scene.action.number("delta_x"), scene.action.number("delta_y")
    if not right and not down:
        raise CannotAct("scrolling by 0 pixels does nothing")
    found: Found | None = None
    if scene.action.arguments["bid"] is not None:
        found = await find(scene, scene.action.text("bid"))
    if await _scrolled(scene, found.handle if found else None, right, down):
        return
    if found is not None and found.facts.shown:
        # Some pages, such as maps, follow the wheel though nothing of them scrolls.
        async with in_reach(scene, found):
            await found.handle.hover(timeout=scene.left_ms)
        await scene.page.mouse.wheel(right, down)
        return
    raise CannotAct("nothing scrolled: the page is at its end there")


async def mouse_move(scene: Scene) -> None:
    """Move the mouse to a place."""
    await scene.page.mouse.move(*_place(scene, "x", "y"))


async def mouse_click(scene: Scene) -> None:
    """Click at a place."""
    await scene.page.mouse.click(*_place(scene, "x", "y"), button=_button(scene))


async def mouse_dblclick(scene: Scene) -> None:
    """Click twice at a place."""
    await scene.page.mouse.dblclick(*_place(scene, "x", "y"), button=_button(scene))


async def mouse_down(scene: Scene) -> None:
    """Press a button at a place and hold it."""
    await mouse_move(scene)
    await scene.page.mouse.down(button=_button(scene))


async def mouse_up(scene: Scene) -> None:
    """Let a button go at a place."""
    await mouse_move(scene)
    await scene.page.mouse.up(button=_button(scene))


async def mouse_drag_and_drop(scene: Scene) -> None:
    """Drag from one place to another."""
    mouse = scene.page.mouse
    start, end = _place(scene, "from_x", "from_y"), _place(scene, "to_x", "to_y")
    await mouse.move(*start)
    await mouse.down()
    await mouse.move(*end, steps=DRAG_STEPS)
    await mouse.up()


async def keyboard_press(scene: Scene) -> None:
    """Press keys where the keyboard is."""
    await scene.page.keyboard.press(scene.action.text("key"))


async def keyboard_down(scene: Scene) -> None:
    """Hold a key."""
    await scene.page.keyboard.down(scene.action.text("key"))


async def keyboard_up(scene: Scene) -> None:
    """Let a key go."""
    await scene.page.keyboard.up(scene.action.text("key"))


async def keyboard_type(scene: Scene) -> None:
    """Type a text, key by key, as far as the time allows."""
    text = scene.action.text("text")
    for at in range(0, len(text), PIECE):
        # In pieces: what Playwright was told to type it goes on typing, time or not.
        if scene.left_s < PIECE * KEY_S:
            raise CannotAct(
                f"only {at:,} of {len(text):,} letters were typed in {scene.timeout_s:g} s: "
                "fill and keyboard_insert_text put in a text at once"
            )
        await scene.page.keyboard.type(text[at : at + PIECE])


async def keyboard_insert_text(scene: Scene) -> None:
    """Put in a text at once."""
    await scene.page.keyboard.insert_text(scene.action.text("text"))


async def noop(scene: Scene) -> None:
    """Wait."""
    wait_s = scene.action.number("wait_ms") / 1000
    await asyncio.sleep(min(wait_s, scene.left_s))
    if wait_s > scene.timeout_s:
        raise CannotAct(f"it waited {scene.timeout_s:g} s, as long as one action may take")


async def _clickable(scene: Scene) -> Found:
    found = await find(scene, scene.action.text("bid"))
    if found.facts.tag == "option" and not found.facts.shown:
        raise CannotAct(f"{found.what} is in a closed list: use select_option on the list")
    if problem := why_unusable(found):
        raise CannotAct(problem)
    return found


def _how(scene: Scene) -> dict[str, Any]:
    # Without modifiers Playwright leaves those alone that keyboard_down holds; with an empty list
    # it lets them go.
    modifiers = list(scene.action.texts("modifiers"))
    return {"button": _button(scene), "modifiers": modifiers or None}


def _button(scene: Scene) -> Any:
    return scene.action.text("button")


def _place(scene: Scene, across: str, down: str) -> tuple[float, float]:
    x, y = scene.action.number(across), scene.action.number(down)
    size = scene.page.viewport_size
    if size is not None and not (0 <= x < size["width"] and 0 <= y < size["height"]):
        raise CannotAct(
            f"({x:g}, {y:g}) is outside of the window, which is {size['width']} wide and "
            f"{size['height']} high"
        )
    return x, y


async def _scrolled(scene: Scene, handle: ElementHandle | None, right: float, down: float) -> bool:
    """Whether anything moved."""
    if handle is None:
        return cast(bool, await scene.page.evaluate(SCROLL, [None, right, down]))
    return cast(
        bool,
        await handle.evaluate(f"(e, [x, y]) => ({SCROLL.rstrip()})([e, x, y])", [right, down]),
    )
