"""A film: an animated WebP file that grows by one picture at a time.

After every picture the file is whole: it can be watched while it grows, and a process that is
killed leaves all but the last picture. Only what changed since the picture before is stored.
"""

import io
import struct
from collections.abc import Iterator
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from PIL.Image import Image

HOLD: Final = 4
"""The last picture is shown so many times as long as the others."""
MOST_PIXELS: Final = 1920
"""Wider or higher pictures are made smaller."""
_SMALL: Final = 150_000
"""Up to so many pixels, time is spent on making them few bytes."""
_LARGE: Final = 300_000
"""More bytes than this: a photograph, which is stored with a small loss."""
_LONGEST_MS: Final = (1 << 24) - 1
_HEADER: Final = 12
_CHUNK: Final = 8
_CANVAS: Final = 24
"""Where width and height of the film stand."""
_DURATION: Final = _CHUNK + 12
"""Where in the chunk of a picture the time stands that it is shown for."""


class Film:
    """A film that is made, or gone on with.

    Args:
        path: The file. One that is there already and is no film of ours is begun anew.
        fps: How many pictures are shown a second.

    Raises:
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path = path
        self._shown_ms = max(20, min(round(1000 / fps), _LONGEST_MS // HOLD))
        self._size: tuple[int, int] | None = None
        self._frames: list[int] = []
        """Where the chunk of each picture begins."""
        self._end = 0
        self._last: Image | None = None
        """The last picture, if this process added it."""
        if path.exists():
            with path.open("rb") as file:
                self._read(file)

    def __len__(self) -> int:
        return len(self._frames)

    def cut(self, length: int) -> None:
        """Leave out the pictures after the first few.

        Raises:
            OSError: The file cannot be written.
        """
        if length >= len(self._frames):
            return
        self._end = self._frames[length]
        self._last = None
        del self._frames[length:]
        self._size = self._size if self._frames else None
        with self.path.open("r+b") as file:
            file.truncate(self._end)
            file.seek(4)
            file.write(struct.pack("<I", self._end - 8))
            if self._frames:
                file.seek(self._frames[-1] + _DURATION)
                file.write(_three(HOLD * self._shown_ms))

    def append(self, picture: "Image") -> None:
        """Add a picture; one of another size than the first is fitted in.

        Raises:
            OSError: The file cannot be written.
        """
        picture = self._fitted(picture.convert("RGB"))
        left, top, right, bottom = _changed(self._last, picture)
        body = _still(picture.crop((left, top, right, bottom)))
        place = (left // 2, top // 2, right - left - 1, bottom - top - 1, HOLD * self._shown_ms)
        frame = b"".join(map(_three, place)) + b"\x02" + body
        if not self._frames:
            self._begin(picture.size)
        with self.path.open("r+b") as file:
            file.seek(self._end)
            file.write(_chunk(b"ANMF", frame))
            end = file.tell()
            file.truncate(end)
            if self._frames:
                file.seek(self._frames[-1] + _DURATION)
                file.write(_three(self._shown_ms))
            file.seek(4)
            file.write(struct.pack("<I", end - 8))
        self._frames.append(self._end)
        self._end, self._last = end, picture

    def _begin(self, size: tuple[int, int]) -> None:
        """Write what stands in front of the pictures."""
        width, height = size
        about = b"\x02\0\0\0" + _three(width - 1) + _three(height - 1)
        head = _chunk(b"VP8X", about) + _chunk(b"ANIM", b"\0\0\0\xff\0\0")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(head)) + b"WEBP" + head)
        self._size, self._end = size, _HEADER + len(head)

    def _fitted(self, picture: "Image") -> "Image":
        """A picture in the size of the film, which is that of the first one."""
        from PIL import Image

        if self._size is None and max(picture.size) > MOST_PIXELS:
            picture.thumbnail((MOST_PIXELS, MOST_PIXELS))
        if self._size is None or picture.size == self._size:
            return picture
        whole = Image.new("RGB", self._size)
        picture.thumbnail(self._size)
        whole.paste(picture)
        return whole

    def _read(self, file: BinaryIO) -> None:
        """Find the pictures of a file that is there."""
        head = file.read(_CANVAS + 6)
        if head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X" or len(head) < _CANVAS + 6:
            return
        size = _number(head, _CANVAS) + 1, _number(head, _CANVAS + 3) + 1
        for name, start, end in _chunks(file, 8 + int.from_bytes(head[4:8], "little")):
            if name == b"ANMF":
                self._frames.append(start)
                self._size, self._end = size, end


def _changed(before: "Image | None", now: "Image") -> tuple[int, int, int, int]:
    """The part of a picture that is other than before; it begins at even numbers."""
    from PIL import ImageChops

    if before is None:
        return 0, 0, *now.size
    box = ImageChops.difference(before, now).getbbox() or (0, 0, 1, 1)
    return box[0] & ~1, box[1] & ~1, box[2], box[3]


def _still(picture: "Image") -> bytes:
    """The chunks of a picture by itself."""
    buffer = io.BytesIO()
    small = picture.width * picture.height <= _SMALL
    quality, method = (50, 2) if small else (20, 0)
    picture.save(buffer, "WEBP", lossless=True, quality=quality, method=method)
    if buffer.tell() > _LARGE:
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=90, method=2)
    return buffer.getvalue()[_HEADER:]


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _chunks(file: BinaryIO, whole: int) -> Iterator[tuple[bytes, int, int]]:
    """The name of each whole chunk of a file, and where it begins and ends."""
    start, size = _HEADER, file.seek(0, SEEK_END)
    while start + _CHUNK <= min(whole, size):
        file.seek(start)
        name, length = struct.unpack("<4sI", file.read(_CHUNK))
        end = start + _CHUNK + length + length % 2
        if end > min(whole, size):
            return
        yield name, start, end
        start = end


def _three(number: int) -> bytes:
    """A number in three bytes."""
    return number.to_bytes(3, "little")


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")
