"""WebShop's actions as texts: how the original reads them, and how long that takes."""

import re
import time

import pytest
from agentkit_envs.webshop.pages.actions import parse_exactly, parse_forgiving, why_no_action
from hypothesis import example, given
from hypothesis import strategies as st

ORIGINALS = re.compile(r"(.+)\[(.+)\]")
PIECES = st.sampled_from(["search", "click", "[", "]", "a", "B", "\n", "\r", " ", "\u2028"])


@given(st.lists(PIECES, max_size=9).map("".join))
@example("search[a]")
@example("search[a] b]c")
@example("search[[]]")
@example("click[]]")
@example("click[\n]")
def test_an_exact_action_is_read_as_the_originals_pattern_reads_it(text):
    match = ORIGINALS.match(text)
    action = parse_exactly(text)
    if match is None or match[1] not in ("search", "click"):
        assert action is None
    else:
        assert action is not None
        assert (action.verb, action.words) == (match[1], match[2].lower())


@pytest.mark.parametrize("text", ["[", "]", "search[", "[]", "search[a] ", "] search", "click \n"])
@pytest.mark.parametrize("read", [parse_exactly, parse_forgiving, why_no_action])
def test_a_long_text_is_read_in_no_more_time_than_its_length_takes(read, text):
    """A megabyte of brackets was never read to its end."""
    started = time.process_time()
    read("search[a" + text * (1_000_000 // len(text)))
    read(text * (1_000_000 // len(text)))
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("text", "verb", "words"),
    [
        ("Click B01.", "click", "b01"),
        ("click on 'Buy Now'", "click", "buy now"),
        ("click: size (large)", "click", "size (large)"),
        ("click(B01)", "click", "b01"),
        ("Search for: red  lamp", "search", "red lamp"),
        ('search "red lamp"', "search", "red lamp"),
    ],
)
def test_an_action_is_read_also_where_its_brackets_are_missing(text, verb, words):
    action = parse_forgiving(text)
    assert (action.verb, action.words) == (verb, words)


@pytest.mark.parametrize(
    "text", ["search", "click", "search:", "Search results are poor", "search[lamp", "clicking B01"]
)
def test_a_text_that_only_begins_like_an_action_is_none(text):
    """A sentence that begins with "search" is no search for its other words."""
    assert parse_forgiving(text) is None
    assert why_no_action(text)
