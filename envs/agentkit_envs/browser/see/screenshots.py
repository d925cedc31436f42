"""Pictures of the window, with the elements marked that actions can name.

The marks are drawn on the picture, never into the page, which therefore cannot see them.
"""

import asyncio
import io
from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import Error, Page

from agentkit_envs.browser.see.roles import acts, distance
from agentkit_envs.browser.see.view import Box, Element

_TRIES: Final = 5
"""Chromium refuses a picture now and then on a machine under load, and gives the next one."""
_PAUSE_S: Final = 0.1
_COLOURS: Final = ("#0b5fff", "#b3261e", "#0a7d33", "#8e24aa", "#a85b00", "#00696f")
"""One after the other, so that marks side by side differ; white is readable on each."""
_POINTED: Final = "#ff0050"
_FONT_SIZE: Final = 12
_PADDING: Final = 2


async def picture(
    page: Page, elements: Sequence[Element] = (), marks: bool = False, pointed: str | None = None
) -> bytes:
    """The window as a PNG file.

    Args:
        page: The tab that is shown.
        elements: Those of the last look, taken with boxes.
        marks: Whether a box with its reference is drawn around what can be acted on.
        pointed: The reference of an element that is framed because it is acted on.

    Raises:
        playwright.async_api.Error: The page does not let itself be shown.
    """
    file = await _shot(page)
    framed = [one for one in elements if pointed is not None and one.ref == pointed and one.box]
    if not framed and not marks:
        return file
    return await asyncio.to_thread(_draw, file, elements if marks else (), framed)


async def _shot(page: Page) -> bytes:
    for _ in range(_TRIES - 1):
        try:
            return await page.screenshot(scale="css")
        except Error as error:
            if "capture screenshot" not in error.message:
                raise
        await asyncio.sleep(_PAUSE_S)
    return await page.screenshot(scale="css")


def _draw(file: bytes, marked: Sequence[Element], framed: Sequence[Element]) -> bytes:
    with Image.open(io.BytesIO(file)) as opened:
        image = opened.convert("RGB")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(_FONT_SIZE)
    for number, (ref, box) in enumerate(_marks(marked, image.size)):
        _mark(draw, font, ref, box, _COLOURS[number % len(_COLOURS)])
    for element in framed:
        if element.box is not None:
            draw.rectangle(_corners(element.box, grown=3), outline=_POINTED, width=3)
    drawn = io.BytesIO()
    image.save(drawn, format="PNG", compress_level=1)
    return drawn.getvalue()


def _marks(elements: Sequence[Element], size: tuple[int, int]) -> Iterator[tuple[str, Box]]:
    for element in elements:
        box = element.box
        if (
            element.ref is not None
            and box is not None
            and acts(element)
            and distance(element, size) == 0
        ):
            yield element.ref, box


def _mark(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    ref: str,
    box: Box,
    colour: str,
) -> None:
    """A frame around the element, and its reference where it covers little of it."""
    draw.rectangle(_corners(box), outline=colour, width=1)
    _, _, width, height = draw.textbbox((0, 0), ref, font=font)
    width, height = width + 2 * _PADDING, height + _PADDING
    x, y = max(box.x, 0), box.y - height if box.y >= height else max(box.y, 0)
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + _PADDING, y), ref, fill="white", font=font)


def _corners(box: Box, grown: float = 0) -> tuple[float, float, float, float]:
    right, bottom = box.x + max(box.width, 1), box.y + max(box.height, 1)
    return box.x - grown, box.y - grown, right + grown, bottom + grown
