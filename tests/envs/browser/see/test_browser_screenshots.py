"""Pictures of pages, with marks that pages cannot see."""

import io
from collections.abc import Iterator

import pytest
from agentkit_envs.browser.see.screenshots import picture
from agentkit_envs.browser.see.view import Box, Element
from envs.browser_looks import Tab, tab
from envs.browser_pages import needs_chromium
from PIL import Image, ImageChops

pytestmark = needs_chromium

PAGE = """<body style="margin:0;background:#fff">
<button style="position:absolute;left:100px;top:80px;width:60px;height:40px">Ok</button>
<p style="position:absolute;left:250px;top:80px;width:60px;height:40px;margin:0">words</p>
<a href="#x" style="position:absolute;left:10px;top:2000px">far</a>"""
BUTTON = Box(100, 80, 60, 40)
WORDS = Box(250, 80, 60, 40)


@pytest.fixture(scope="module")
def shown() -> Iterator[Tab]:
    """A tab with a button, a text, and a link outside the window."""
    with tab() as opened:
        opened.show(PAGE)
        yield opened


def opened(file: bytes) -> Image.Image:
    """The picture of a file."""
    image = Image.open(io.BytesIO(file))
    assert image.format == "PNG"
    return image.convert("RGB")


def differs(one: Image.Image, other: Image.Image) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of where two pictures differ."""
    return ImageChops.difference(one, other).getbbox()


def test_a_picture_has_the_size_of_the_window(shown: Tab) -> None:
    assert opened(shown.run(picture(shown.page))).size == (400, 300)


def test_marks_frame_what_can_be_acted_on_in_the_window(shown: Tab) -> None:
    plain = opened(shown.run(picture(shown.page)))
    seen = shown.look(boxes=True)
    assert [(element.ref, element.name) for element in seen.elements] == [
        ("e1", "Ok"),
        ("e2", "words"),
        ("e3", "far"),
    ]
    marked = opened(shown.run(picture(shown.page, seen.elements, marks=True)))
    left, top, right, bottom = differs(plain, marked) or (0, 0, 0, 0)
    assert (left, right, bottom) == (100, 161, 121)
    assert 60 <= top < 80, "the reference stands above the element"


def test_marks_are_not_in_the_page(shown: Tab) -> None:
    before = shown.evaluate("document.documentElement.outerHTML")
    shown.run(picture(shown.page, shown.look(boxes=True).elements, marks=True, pointed="e1"))
    assert shown.evaluate("document.documentElement.outerHTML") == before


def test_the_element_that_is_pointed_at_is_framed(shown: Tab) -> None:
    plain = opened(shown.run(picture(shown.page)))
    framed = opened(shown.run(picture(shown.page, shown.look(boxes=True).elements, pointed="e2")))
    left, top, right, bottom = differs(plain, framed) or (0, 0, 0, 0)
    assert left < WORDS.x < left + 10
    assert top < WORDS.y < top + 10
    assert right - 10 < WORDS.x + WORDS.width < right
    assert bottom - 10 < WORDS.y + WORDS.height < bottom


@pytest.mark.parametrize("pointed", [None, "e2", "e9"])
def test_without_a_place_nothing_is_drawn(shown: Tab, pointed: str | None) -> None:
    plain = shown.run(picture(shown.page))
    elements = [Element("button", "Ok", "e1"), Element("text", "words", "e2")]
    assert (
        differs(opened(plain), opened(shown.run(picture(shown.page, elements, True, pointed))))
        is None
    )


@pytest.mark.parametrize("box", [Box(0, 0, 400, 10), Box(390, 290, 50, 50), Box(-5, -5, 6, 6)])
def test_marks_at_the_edge_of_the_window_stay_in_the_picture(shown: Tab, box: Box) -> None:
    element = Element("button", "", "e1234", box=box)
    image = opened(shown.run(picture(shown.page, [element], marks=True, pointed="e1234")))
    assert image.size == (400, 300)
    assert differs(opened(shown.run(picture(shown.page))), image) is not None


def test_where_nothing_is_pointed_at_elements_without_a_reference_are_not_framed(
    shown: Tab,
) -> None:
    """Once the options of a closed list, which have no place, left a red speck in the corner."""
    plain = shown.run(picture(shown.page))
    elements = [Element("option", "red", box=Box(0, 0, 0, 0))]
    assert shown.run(picture(shown.page, elements)) == plain
