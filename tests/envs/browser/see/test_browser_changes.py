"""What is told about a page that changed."""

from agentkit_envs.browser.see.changes import changes
from agentkit_envs.browser.see.view import Box, Element

BUTTON = Element("button", "Menu", "e1")
FIELD = Element("textbox", "Name", "e2")
TEXT = Element("text", "words")


def test_a_page_that_is_as_before_has_no_changes() -> None:
    assert changes([BUTTON, FIELD], [BUTTON, FIELD]) == ()


def test_lines_that_are_gone_come_before_those_that_are_new() -> None:
    item = Element("link", "Help", "e3", depth=4, url="/help")
    assert changes([BUTTON, TEXT], [item, BUTTON]) == (
        '- text "words"',
        '+ e3 link "Help" -> "/help"',
    )


def test_what_reads_differently_is_gone_and_new() -> None:
    filled = Element("textbox", "Name", "e2", value="Bob")
    assert changes([FIELD], [filled]) == ('- e2 textbox "Name"', '+ e2 textbox "Name" = "Bob"')


def test_place_depth_and_keyboard_are_no_changes() -> None:
    moved = Element("textbox", "Name", "e2", depth=3, states=("focused",), box=Box(1, 2, 3, 4))
    assert changes([BUTTON, FIELD], [moved, BUTTON]) == ()


def test_a_text_that_comes_a_second_time_is_new_once() -> None:
    assert changes([TEXT], [TEXT, TEXT]) == ('+ text "words"',)


def test_long_texts_are_cut() -> None:
    (line,) = changes([], [Element("text", "x" * 500)])
    assert line == f'+ text "{"x" * 59}…"'


def test_many_changes_are_bounded_and_counted() -> None:
    old = [Element("button", f"old {n}", f"e{n}") for n in range(100)]
    new = [Element("button", f"new {n}", f"e{n}") for n in range(100, 200)]
    told = changes(old, new)
    assert len(told) == 25
    assert [line[0] for line in told] == ["-"] * 12 + ["+"] * 12 + ["."]
    assert told[-1] == "... and 176 more lines"
    assert changes(old, new[:3])[-4:] == (
        '+ e100 button "new 100"',
        '+ e101 button "new 101"',
        '+ e102 button "new 102"',
        "... and 79 more lines",
    )
