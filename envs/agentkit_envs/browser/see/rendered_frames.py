"""The pictures of an episode that nobody has taken yet."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
"""Height x width x 3: red, green, blue."""


class Film:
    """Keeps pictures as the PNG files that they are, a fiftieth of the size of arrays."""

    def __init__(self) -> None:
        self._files: list[bytes] = []

    def add(self, file: bytes) -> None:
        """Keep a picture."""
        self._files.append(file)

    def clear(self) -> None:
        """Forget what was kept: an episode begins."""
        self._files.clear()

    def take(self) -> list[Picture]:
        """The pictures since the last call."""
        files, self._files = self._files, []
        return [as_array(file) for file in files]


def as_array(file: bytes) -> Picture:
    """A picture file as an array of height x width x 3 bytes."""
    with Image.open(io.BytesIO(file)) as image:
        pixels: Any = np.asarray(image.convert("RGB"))
    found: Picture = pixels.copy()
    return found


def black(size: tuple[int, int]) -> bytes:
    """A PNG file of this width and height without anything on it."""
    file = io.BytesIO()
    Image.new("RGB", size).save(file, format="PNG")
    return file.getvalue()
