"""Words under the pictures of a film."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

_LEAST_WIDTH: Final = 280
_WIDE: Final = 800
"""From this width on, the letters are larger: such a picture is often shown smaller than it is."""
_BACKGROUND: Final = (24, 24, 27)
_FOREGROUND: Final = (244, 244, 245)


def captioned(picture: "Image", words: str) -> "Image":
    """A picture with a line of words under it; what is too long is cut.

    The line is there without words too, so that all pictures of a film have one size.
    """
    from PIL import Image, ImageDraw, ImageFont

    width = max(picture.width, _LEAST_WIDTH)
    letters = 20 if width >= _WIDE else 14
    whole = Image.new("RGB", (width, picture.height + 2 * letters), _BACKGROUND)
    whole.paste(picture, ((width - picture.width) // 2, 0))
    font = ImageFont.load_default(letters)
    place = 8, picture.height + letters
    ImageDraw.Draw(whole).text(place, _fitted(words, width - 16, font), _FOREGROUND, font, "lm")
    return whole


def _fitted(words: str, width: int, font: "FreeTypeFont | BitmapFont") -> str:
    """As many of the words as there is room for."""
    words = words[:width]  # no letter is narrower than a pixel
    if font.getlength(words) <= width:
        return words
    while words and font.getlength(f"{words}...") > width:
        words = words[:-1]
    return f"{words}..."
