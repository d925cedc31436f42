"""Playwright's snapshot becomes elements, and its references become ours."""

import pytest
from agentkit_envs.browser.see.aria_snapshot import parse_snapshot
from agentkit_envs.browser.see.references import References
from agentkit_envs.browser.see.view import Box, Element

SNAPSHOT = """\
- 'heading "Head: one" [level=1] [ref=e2] [box=8,21,1264,38]'
- paragraph [ref=e3]:
  - text: para with bold and
  - 'link "link: \\"q\\"" [ref=e4] [cursor=pointer] [box=168,-81,64,19]':
    - /url: /x?a=1#z
- textbox "Name" [active] [ref=e6]:
  - /placeholder: Your name
  - text: "Bob: #1"
- textbox [ref=e8]: secret
- paragraph [ref=e35]: "- button \\"fake\\" [ref=e99]"
- generic [ref=e43]: "\\x07 back\\\\slash"
- 'tab "T: ''x''" [selected] [ref=e63]': inner y"""


def test_every_form_of_line_is_read() -> None:
    assert parse_snapshot(SNAPSHOT) == [
        Element("heading", "Head: one", "e2", 0, states=("level=1",), box=Box(8, 21, 1264, 38)),
        Element("paragraph", ref="e3"),
        Element("text", "para with bold and", depth=1),
        Element(
            "link",
            'link: "q"',
            "e4",
            1,
            states=("clickable",),
            url="/x?a=1#z",
            box=Box(168, -81, 64, 19),
        ),
        Element(
            "textbox", "Name", "e6", value="Bob: #1", states=("focused",), placeholder="Your name"
        ),
        Element("textbox", ref="e8", value="secret"),
        Element("paragraph", '- button "fake" [ref=e99]', "e35"),
        Element("generic", "\x07 back\\slash", "e43"),
        Element("tab", "T: 'x'", "e63", value="inner y", states=("selected",)),
    ]


def test_an_empty_snapshot_has_no_elements() -> None:
    assert parse_snapshot("") == []


@pytest.mark.parametrize("line", ["button", '- \'link "x"', '- "button"', "- button [ref=e1"])
def test_a_line_of_no_known_form_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="snapshot: line 2: "):
        parse_snapshot(f"- text: x\n{line}\n- 7")


def test_elements_keep_their_references_and_new_ones_get_new_numbers() -> None:
    references = References()
    first = [Element("button", "A", "e5"), Element("text", "t"), Element("link", "B", "f1e5")]
    assert [element.ref for element in references.number("page", first)] == ["e1", None, "e2"]
    later = [Element("link", "B", "f1e5"), Element("button", "C", "e9")]
    assert [element.ref for element in references.number("page", later)] == ["e2", "e3"]
    assert references.playwright == {"e2": "f1e5", "e3": "e9"}
    assert references.given("e1")
    assert not references.given("e4")


def test_the_same_reference_of_another_tab_is_another_element() -> None:
    references = References()
    elements = [Element("button", "A", "e5")]
    assert references.number("one", elements)[0].ref == "e1"
    assert references.number("two", elements)[0].ref == "e2"
    assert references.number("one", elements)[0].ref == "e1"
