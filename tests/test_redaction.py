"""What logs and spans show of an error's text."""

import pytest

from agentkit.redaction import brief, masked, redacted

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


def test_words_of_a_server_are_shown_without_keys():
    said = "Incorrect API key provided: sk-proj-12***90. Bearer abc.def and my-own-key\nfailed"
    shown = redacted(said, "my-own-key")
    assert shown == "Incorrect API key provided: [key] Bearer [key] and [key] failed"
    assert len(redacted("x" * 1000)) == 300


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-12ab",
        "sk-abcdefghijklmnopqrst",
        "hf_AbCdEfGhIjKlMnOpQr",
        "gsk_1234abcd",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyD-abc_def",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4",
    ],
)
def test_what_looks_like_a_key_is_not_shown(key):
    assert redacted(f"refused: {key} is wrong") == brief(f"refused: {key} is wrong")
    assert redacted(f"refused: {key} is wrong") == "refused: [key] is wrong"


@pytest.mark.parametrize(
    "words",
    ["'key_facts' is missing", "install sk-learn", "the key-board of Asia", "key_value pairs"],
)
def test_ordinary_words_are_shown(words):
    assert redacted(words) == words


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("    api_key: sk-abc123def", "    api_key: ************"),
        ('  api_key: "hunter2"', '  api_key: "*******"'),
        ("base_url: http://me:pass@host/v1", "base_url: http://*******@host/v1"),
        ("base_url: http://host/v1?api_key=abc", "base_url: http://host/v1?api_key=***"),
        ("max_tokens: 200", "max_tokens: 200"),
        ("prompt: Which key opens the door?", "prompt: Which key opens the door?"),
    ],
)
def test_a_line_of_a_file_is_shown_with_stars_for_keys_and_as_long_as_it_was(line, shown):
    assert masked(line) == shown
    assert len(masked(line)) == len(line)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://127.0.0.1/v1?pass=s3cret", "http://127.0.0.1/v1?pass=[key]"),
        ("http://127.0.0.1/v1?key=s3cret&model=x", "http://127.0.0.1/v1?key=[key]&model=x"),
        ("https://a.b/c?x=1&api-key=s3cret", "https://a.b/c?x=1&api-key=[key]"),
        ("https://a.b/?sig=abc123&x_auth=7", "https://a.b/?sig=[key]&x_auth=[key]"),
        ("https://user:pass@a.b/v1", "https://[key]@a.b/v1"),
        ('{"token": "abc"}', '{"token": "[key]"}'),
        ("max_tokens: 4096 is too many; which key=value?", "max_tokens: 4096 is too many; "
         "which key=value?"),
    ],
)  # fmt: skip
def test_a_value_that_is_called_a_key_is_not_shown(text, shown):
    assert redacted(text) == shown
    stars = masked(text)
    assert len(stars) == len(text)
    assert "s3cret" not in stars
