"""Sentences about what happened beside the actions."""

from agentkit_envs.browser.guard.notices import LONGEST, MOST, Notices, quote
from hypothesis import given
from hypothesis import strategies as st


def test_the_same_sentence_is_counted_and_each_is_given_once() -> None:
    notices = Notices()
    for sentence in ("One.", "Two.", "One."):
        notices.add(sentence)
    assert notices.drain() == ["One. (2 times)", "Two."]
    assert notices.drain() == []


def test_more_than_fits_is_said_in_one_sentence() -> None:
    notices = Notices()
    for number in range(MOST + 7):
        notices.add(f"{number}.")
    notices.add("0.")
    sentences = notices.drain()
    assert len(sentences) == MOST + 1
    assert sentences[0] == "0. (2 times)"
    assert sentences[-1] == "7 more such messages are not shown."


@given(st.text())
def test_a_quoted_text_is_one_short_line(text: str) -> None:
    quoted = quote(text)
    assert len(quoted.splitlines()) == 1
    assert quoted[0] == quoted[-1] == '"'
    assert len(quoted) <= 6 * LONGEST + 2
