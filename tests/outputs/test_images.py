"""Pictures: what is taken for one, and how a record keeps them."""

import asyncio
import hashlib
import io

import numpy as np
import PIL.Image
import pytest
from records import records

from agentkit import Agent, Graph, Image, Message, Node, RunWriter, load_run, rollout
from agentkit.errors import RenderError
from agentkit.events import NodeStarted
from agentkit.outputs.images import to_images

PNG = b"\x89PNG\r\n\x1a\n rest"
JPEG = b"\xff\xd8\xff rest"
PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_files_are_taken_as_they_are_with_their_type():
    assert to_images(PNG) == (Image(PNG, "image/png"),)
    assert to_images(JPEG) == (Image(JPEG, "image/jpeg"),)
    assert to_images(Image(JPEG, "image/jpeg")) == (Image(JPEG, "image/jpeg"),)


def test_null_is_no_picture():
    assert to_images(None) == ()
    assert to_images([None, PNG, None]) == (Image(PNG),)


def test_lists_keep_their_order_and_may_be_nested():
    assert to_images([PNG, (JPEG, [PNG])]) == (Image(PNG), Image(JPEG, "image/jpeg"), Image(PNG))
    assert to_images([]) == ()


def test_an_array_becomes_a_png_with_the_same_pixels():
    (image,) = to_images(PIXELS)
    assert image.media_type == "image/png"
    assert image.data.startswith(b"\x89PNG")
    assert np.array_equal(np.asarray(PIL.Image.open(io.BytesIO(image.data))), PIXELS)


@pytest.mark.parametrize(
    "value",
    [
        "picture.png",
        7,
        {"image": PNG},
        b"GIF89a",
        b"",
        PIXELS[0],
        np.zeros((2, 3, 5), np.uint8),
        np.zeros((2, 3, 3), np.complex128),
        [PNG, "picture.png"],
    ],
    ids=str,
)
def test_anything_else_is_refused(value):
    with pytest.raises(RenderError, match=r"^images: "):
        to_images(value)


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / "images").iterdir()}


def test_recorded_pictures_are_files_named_by_their_hash(tmp_path):
    nodes = [
        Node("a", "What is this?", images="png"),
        Node("b", "And these?", images="[png, jpeg]", after=["a"]),
    ]
    agent = Agent(Graph(nodes), model="echo", inputs={"png": PNG, "jpeg": JPEG})
    asyncio.run(rollout(agent, writer=RunWriter(tmp_path / "run", {})))
    png = f"{hashlib.sha256(PNG).hexdigest()}.png"
    jpeg = f"{hashlib.sha256(JPEG).hexdigest()}.jpeg"
    assert files(tmp_path / "run") == {png: PNG, jpeg: JPEG}
    started = [e for e in records(load_run(tmp_path / "run"), 0) if e["event"] == "node_started"]
    pictures = [event["messages"][-1]["images"] for event in started]
    assert pictures == [[f"images/{png}"], [f"images/{png}", f"images/{jpeg}"]]


def test_a_picture_that_comes_again_is_not_written_again(tmp_path):
    writer = RunWriter(tmp_path / "run", {})
    shown = NodeStarted(0, "a", messages=(Message("user", "?", (Image(PNG),)),))
    first, second = writer.episode(0), writer.episode(1)
    first.emit(shown)
    (path,) = (tmp_path / "run" / "images").iterdir()
    before = path.stat()
    first.emit(shown)
    second.emit(shown)
    assert [path] == list((tmp_path / "run" / "images").iterdir())
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    first.close()
    second.close()
    writer.finish("done", {})
