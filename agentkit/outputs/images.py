"""Pictures that environments give, as a model takes them."""

import io
from typing import Any

from agentkit.errors import RenderError
from agentkit.messages import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def to_images(value: Any) -> tuple[Image, ...]:
    """A picture, a list of them, or null, as images.

    A picture is an Image, the bytes of a PNG or JPEG file, or an array of shape
    (height, width, 3) and dtype uint8, such as `info.image` of an environment.

    Raises:
        RenderError: It is none of these, or an array while Pillow is not installed.
    """
    if value is None:
        return ()
    if isinstance(value, (list, tuple)):
        return tuple(image for item in value for image in to_images(item))
    if isinstance(value, Image):
        return (value,)
    if isinstance(value, bytes) and value.startswith(_PNG):
        return (Image(value),)
    if isinstance(value, bytes) and value.startswith(_JPEG):
        return (Image(value, "image/jpeg"),)
    if getattr(value, "ndim", None) == 3:
        return (Image(_encode(value)),)
    raise RenderError(
        f"images: expected a picture (PNG or JPEG bytes, or an array of height x width x 3), "
        f"found {type(value).__name__}"
    )


def _encode(array: Any) -> bytes:
    try:
        from PIL import Image as Pillow
    except ImportError as error:
        raise RenderError("images: arrays need Pillow: pip install pillow") from error
    buffer = io.BytesIO()
    try:
        Pillow.fromarray(array).save(buffer, format="PNG")
    except (TypeError, ValueError) as error:
        raise RenderError(f"images: this array is no picture: {error}") from error
    return buffer.getvalue()
