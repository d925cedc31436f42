"""Streams of server-sent events are read as the WHATWG's standard says."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.models.openai.answers import Unreadable
from agentkit.models.openai.event_stream import LARGEST_EVENT, EventStream

STREAMS = {
    "one": (b"data: a\n\n", ["a"]),
    "no space": (b"data:a\n\n", ["a"]),
    "one space only is taken off": (b"data:  a\n\n", [" a"]),
    "several lines of data": (b"data: a\ndata:\ndata: b\n\n", ["a\n\nb"]),
    "CR": (b"data: a\r\rdata: b\r\r", ["a", "b"]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
    "CRLF and LF": (b"data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
    "comments": (b": hello\n\n:\n\ndata: a\n: more\ndata: b\n\n", ["a\nb"]),
    "no data": (b"data\n\ndata:\n\nevent: ping\n\nretry: 3000\n\nid: 7\n\ndata: a\n\n", ["a"]),
    "unknown fields": (b'{"x": 1}\nDATA: z\ndata: a\nfoo\n\n', ["a"]),
    "no empty line at the end": (b"data: a\n\ndata: b\n", ["a", "b"]),
    "no line end at the end": (b"data: a\n\ndata: b", ["a", "b"]),
    "nothing": (b"", []),
}


def read(*chunks: bytes) -> list[str]:
    stream = EventStream()
    events = [event for chunk in chunks for event in stream.feed(chunk)]
    return [event.data.decode() for event in [*events, *stream.end()]]


@pytest.mark.parametrize(("sent", "data"), STREAMS.values(), ids=STREAMS.keys())
def test_events_are_what_the_standard_says(sent, data):
    assert read(sent) == data
    assert read(*(sent[i : i + 1] for i in range(len(sent)))) == data


@given(st.sampled_from([sent for sent, _ in STREAMS.values()]), st.lists(st.integers(0, 80)))
def test_where_the_network_cuts_a_stream_changes_nothing(sent, cuts):
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    assert read(*(sent[a:b] for a, b in pairwise(places))) == read(sent)


def test_an_event_has_the_name_that_stands_with_it():
    stream = EventStream()
    events = list(stream.feed(b"event: error\ndata: a\n\ndata: b\n\n"))
    assert [event.kind for event in events] == ["error", "message"]


@pytest.mark.parametrize("line", [b"data: " + b"x" * 2**20 + b"\n", b"x" * 2**20])
def test_an_event_without_an_end_is_given_up(line):
    with pytest.raises(Unreadable, match="larger than 8 MB"):
        read(*[line] * (LARGEST_EVENT // 2**20 + 1))


def test_events_without_number_are_given_up():
    with pytest.raises(Unreadable, match="more than 1,000,000 pieces"):
        read(*[b"data:1\n\n" * 100_000] * 11)
