"""JSON of any size is read element by element as the whole would be read at once."""

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from agentkit_envs.webshop.catalogue.json_stream import BrokenJsonError, Element, elements
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def read(folder: Path, text: str | bytes, opening: str = "[", chunk: int = 7) -> list[Element]:
    path = folder / "some.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(elements(path, opening, chunk))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json")


@given(st.lists(VALUES, max_size=5), st.sampled_from([None, 1, 30]), st.integers(1, 60))
def test_a_list_is_what_json_reads(folder: Path, values: list[Any], indent: int | None, chunk: int):
    text = json.dumps(values, indent=indent)
    found = read(folder, text, "[", chunk)
    assert [element.value for element in found] == values
    assert [json.loads(element.text) for element in found] == values
    assert all(e.text.splitlines()[0] in text.splitlines()[e.line - 1] for e in found)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.booleans(), st.integers(1, 60))
def test_an_object_is_what_json_reads(
    folder: Path, values: dict[str, Any], ascii_only: bool, chunk: int
):
    found = read(folder, json.dumps(values, ensure_ascii=ascii_only), "{", chunk)
    assert {element.key: element.value for element in found} == values


@given(st.data())
def test_json_that_is_cut_off_is_broken_and_never_read_half(folder: Path, data: st.DataObject):
    values = data.draw(st.lists(VALUES, min_size=1, max_size=4))
    text = json.dumps(values)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(BrokenJsonError):
        read(folder, text[:cut])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"line 1: broken JSON: expected '\[', found the end"),
        ('[\n1,\n{"a" 1}]', r"line 3: broken JSON: expecting ':' delimiter near '\{.a. 1\}\]'"),
        ("[1 2]", r"expected ',' or '\]', found '2'"),
        ("[1,]", "expecting value"),
        ("[1]\n\n[2]", r"line 3: broken JSON: there is more after the closing '\]'"),
        ('["a\n"]', "line 1: broken JSON: invalid control character"),
        ("[" * 200_000, "it cannot be read"),
        ("[" + "9" * 5000 + "]", "it cannot be read"),
        (b'["\xe9"]', "it is not UTF-8 text"),
    ],
)
def test_what_is_broken_is_told_with_its_line(folder: Path, text: str | bytes, told: str):
    with pytest.raises(BrokenJsonError, match=told):
        read(folder, text)


def test_what_python_writes_as_json_is_read_too(folder: Path):
    """The benchmark's files were written by Python, which writes NaN for a missing number."""
    nan, infinite = read(folder, "\ufeff[NaN, -Infinity]")
    assert nan.value != nan.value
    assert infinite.value == float("-inf")


def test_memory_does_not_grow_with_the_file(folder: Path):
    def peak(path: Path, values: Sequence[str]) -> int:
        path.write_text(json.dumps(values))
        tracemalloc.start()
        try:
            assert sum(1 for _ in elements(path, "[")) == len(values)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = peak(folder / "small.json", ["x" * 1000] * 4_000)
    large = peak(folder / "large.json", ["x" * 1000] * 16_000)
    assert large < small * 1.2
