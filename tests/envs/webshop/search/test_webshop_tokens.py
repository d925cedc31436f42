"""What texts are searched by; the tables were checked against the analyzer of Lucene 8."""

import time
import unicodedata

import pytest
from agentkit_envs.webshop.search.analyzer import STOP_WORDS, tokens
from agentkit_envs.webshop.search.tokenizer import words
from hypothesis import given
from hypothesis import strategies as st

WORDS = {
    "Men's T-Shirts (2-Pack), size: X-Large": "Men's T Shirts 2 Pack size X Large",
    "material:cotton don't 5'11 o'neill's": "material:cotton don't 5'11 o'neill's",
    "price < 50.00, 1,000.5 and 3.5mm.": "price 50.00 1,000.5 and 3.5mm",
    "a.b.c. a..b 1.a a.1 1,a 1:2 a,b": "a.b.c a b 1 a a 1 1 a 1 2 a b",
    "snake_case __init__ _ 7_up": "snake_case __init__ 7_up",
    "wi-fi/usb&c+d @home #1 *": "wi fi usb c d home 1",
    "crème brûlée cafe\u0301 naïve": "crème brûlée cafe\u0301 naïve",
    "\uff11\uff12 ½ 10℃ 5° \u00d73": "\uff11\uff12 10 5 3",
    "★new★ ✿ ✔soft ❤️love ☆ ☞ ●": "★ new ★ ✔ soft ❤️ love ☞",
    "👩🏽‍🚀 👍🏽👍 🇫🇷🇩🇪 x™ ®": "👩🏽‍🚀 👍🏽 👍 🇫🇷 🇩🇪 x ™ ®",
    "中文 かな カタカナ 한국어 ภาษา": "中 文 か な カタカナ 한국어 ภาษา",
    "שלום צ'ק ארה\"ב": "שלום צ'ק ארה\"ב",
    "soft\u00adhyphen zero\u200bwidth no\u00a0break": "soft\u00adhyphen zero width no break",
}
TOKENS = {
    "Men's shoes": "men shoe",
    "the DOGS\u2019 dog\u2019s dog\uff07S s's": "dog dog dog s",
    "ties flies agreed matting hoping falling": "ti fli agre mat hope fall",
    "relational conditional rationally": "relat condit ration",
    "psychology possibly": "psycholog possibl",
    "as is us by gas": "us ga",
    "İSTANBUL ΣΊΣΥΦΟΣ": "istanbul σίσυφοσ",
}


@pytest.mark.parametrize("text", WORDS)
def test_words_are_those_of_lucene(text):
    assert words(text) == WORDS[text].split()


@pytest.mark.parametrize("text", TOKENS)
def test_tokens_are_those_of_lucene(text):
    assert tokens(text) == TOKENS[text].split()


def test_there_are_lucenes_33_stop_words_and_none_is_a_token():
    assert len(STOP_WORDS) == 33
    assert tokens(" ".join(sorted(STOP_WORDS)).upper()) == []


def test_a_word_that_is_too_long_is_cut_and_its_rest_looked_at_anew():
    assert [len(word) for word in words("a" * 600 + " b")] == [255, 255, 90, 1]
    assert words("a" * 254 + "'" + "b" * 10) == ["a" * 254, "b" * 10]


LONG = {
    "a1" * 300: [255, 255, 90],
    "a'" * 300 + "b": [255, 255, 89],
    "\xfc." * 255 + "a": [255, 255],
    "a" * 250 + "_" * 300 + "b": [255, 255],  # underscores alone are no word
    "_" * 300 + "ab": [255, 1],
    "a" + "\u0301" * 300 + "b": [255, 1],
    "\U0001f469\u200d" * 200: [255, 145],
    "\U0001f1eb" + "\u0301" * 300 + "\U0001f1eb\U0001f1f7": [2],
    "#" + "\u0301" * 300 + "\u20e3a": [1],
    "b " * 200 + "a" * 256: [1] * 200 + [255, 1],
}


@pytest.mark.parametrize("text", LONG)
def test_no_word_is_longer_than_lucene_looks_ahead(text):
    assert [len(word) for word in words(text)] == LONG[text]


@pytest.mark.parametrize(
    "piece", ["a", "a1", "a'", "\xfc.", "\U0001f469\u200d", '\u05e9"', "1,", "\u0e20", "a_", "__b"]
)
def test_a_word_of_a_megabyte_takes_no_longer_than_its_length(piece):
    """Each piece of 255 letters was found by going through all that was left: 60 s and more."""
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    assert len(words(text)) > 3900
    assert time.process_time() - started < 6


@pytest.mark.parametrize("piece", ["_", "\u200d", "'", "a.", "a_", "#", "\u0301", "1,"])
@pytest.mark.parametrize("end", ["", " \xe9", "\xe9"])
def test_long_lines_of_signs_take_no_longer_than_their_length(piece, end):
    """Text of sellers: a line of underscores was gone through from each underscore."""
    started = time.process_time()
    words(piece * 10_000 + end)
    assert time.process_time() - started < 3


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_has_the_same_words_beside_text_that_is_not_plain(text):
    assert words(text) == words(text + " é")[:-1]


@given(st.text("ab'\u20191._: ,-\n\u3000\u200d❤🏽é_", max_size=40))
def test_no_word_goes_across_white_space(text):
    assert words(text) == [word for piece in text.split() for word in words(piece)]


@given(st.text(st.characters()))
def test_any_text_has_tokens_in_lower_case_that_can_be_stored(text):
    for token in tokens(text):
        assert token.encode()
        assert not any(unicodedata.category(letter) in ("Cs", "Zs") for letter in token)
