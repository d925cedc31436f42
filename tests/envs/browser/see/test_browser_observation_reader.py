"""The text of an observation says all of it: it can be read back."""

import unicodedata

from agentkit_envs.browser.guard.quoting import quote, unquote
from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.browser.see.observation_text import describe
from agentkit_envs.browser.see.view import Element, LastAction, Tab, View
from hypothesis import given, settings
from hypothesis import strategies as st

words = st.text(max_size=30)
refs = st.integers(1, 10**6).map("e{}".format)
elements = st.builds(
    Element,
    role=st.sampled_from(["button", "textbox", "text", "generic", "link", "menuitemcheckbox"]),
    name=words,
    ref=st.none() | refs,
    depth=st.integers(0, 12),
    value=words,
    states=st.lists(
        st.sampled_from(["checked", "checked=mixed", "level=2", "focused", "aria-hidden"]),
        max_size=3,
    ).map(tuple),
    url=words,
    placeholder=words,
)
lasts = st.builds(LastAction, text=words, error=words, understood=st.booleans())
changes = st.builds("{} {}".format, st.sampled_from("+-"), refs)
views = st.builds(
    View,
    goal=words,
    url=words,
    title=words,
    tabs=st.lists(st.builds(Tab, title=words, url=words, active=st.booleans()), min_size=1).map(
        tuple
    ),
    elements=st.lists(elements).map(tuple),
    focused=st.none() | refs,
    last=st.none() | lasts,
    notices=st.lists(words).map(tuple),
    changes=st.none() | st.lists(changes).map(tuple),
    left_out=st.integers(0, 99),
    steps_left=st.none() | st.integers(0, 999),
)


@settings(max_examples=50)
@given(views)
def test_what_is_described_can_be_read(view: View) -> None:
    assert read(describe(view, size=10**6)) == view


@settings(max_examples=50)
@given(views, st.integers(0, 3000))
def test_a_small_size_leaves_out_lines_and_says_how_many(view: View, size: int) -> None:
    shown = read(describe(view, size))
    assert shown.left_out - view.left_out == len(view.elements) - len(shown.elements)


def test_characters_that_nobody_sees_are_escaped_and_can_be_read() -> None:
    """They turn a text around or hide orders; the joiners of scripts and emoji stay."""
    joiners = "\u200c\u200d"
    unseen = [chr(at) for at in range(0x110000) if unicodedata.category(chr(at)) == "Cf"]
    assert {"\u202e", "\u2066", "\u200b", "\ufeff", "\U000e0049"} < set(unseen)
    written = quote("a" + "".join(unseen) + "z")
    assert {one for one in written if unicodedata.category(one) == "Cf"} == set(joiners)
    assert unquote(written) == "a" + "".join(unseen) + "z"
    view = View("", "", "pay \u202e99\u202c", elements=(Element("text", "a\U000e0049\U0001f600b"),))
    text = describe(view)
    assert 'text "a\\udb40\\udc49\U0001f600b"' in text
    assert read(text).elements == view.elements
    assert read(text).title == view.title


@given(words, words)
def test_a_window_with_one_tab_says_nothing_of_tabs(title: str, url: str) -> None:
    view = View("", url, title, tabs=(Tab(title, url, active=True),))
    assert "Tabs:" not in describe(view)
    assert read(describe(view)) == view
    assert read(describe(View("", url, title))) == view
