"""What logs and spans show of an error's text."""

import pytest

from agentkit.redaction import brief

TEXTS = {
    "the server could not answer (503)": "the server could not answer (503)",
    "'go up' is not one of the options. Answer with one of: up": (
        "'...' is not one of the options. Answer with one of: up"
    ),
    "expected a number, found \"it's 'big'\".": 'expected a number, found "...".',
    "it isn't what the model's server said": "it isn't what the model's server said",
    "found 'I don't know'!": "found '...'!",
    "no answer left. The prompt was:\nMy secret": "no answer left. The prompt was:",
    "refused: sk-proj-0123456789abcdef is wrong": "refused: [key] is wrong",
    "  \n ": "",
    "": "",
}


@pytest.mark.parametrize("text", TEXTS)
def test_quotations_keys_and_further_lines_are_left_out(text):
    assert brief(text) == TEXTS[text]


def test_a_long_text_is_cut():
    assert brief("x" * 1000) == "x" * 197 + "..."


def test_a_quotation_of_several_lines_is_left_out_whole():
    assert brief("found 'one\ntwo' here\nmore") == "found '...' here"
