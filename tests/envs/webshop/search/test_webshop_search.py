"""The search index beside a reference that is written as the formulas are: one number at a time."""

import json
import math
import random
import re
import tracemalloc
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from agentkit_envs.webshop.search import IndexUnusable, SearchIndex
from agentkit_envs.webshop.search.analyzer import tokens
from agentkit_envs.webshop.search.bm25 import LENGTHS, length_codes
from agentkit_envs.webshop.search.builder import build
from envs.webshop_data import DATA, needs_data
from hypothesis import given, settings
from hypothesis import strategies as st

F = np.float32
WORDS = st.sampled_from(["red", "blue", "shirt", "shirts", "shoe", "dress", "the", "soft's", "x"])
TEXTS = st.lists(WORDS, max_size=60).map(" ".join)
SHELVES = st.lists(TEXTS, max_size=40).flatmap(
    lambda texts: st.permutations(range(len(texts))).map(
        lambda order: [(f"B{place:03}", text) for place, text in zip(order, texts, strict=True)]
    )
)


def stored_length(length: int) -> int:
    """A length after Lucene's code for it: 24 are free, then four leading bits are kept."""
    rest = length - 24
    if rest < 16:
        return length
    shift = rest.bit_length() - 4
    return 24 + (rest >> shift << shift)


def expected(documents: list[tuple[str, str]], query: str) -> list[tuple[int, float]]:
    """The whole ranking, by the rules of the data's README."""
    said = [Counter(tokens(text)) for _, text in documents]
    lengths = [counts.total() for counts in said]
    number = sum(length > 0 for length in lengths)
    average = F(sum(lengths) / max(number, 1))
    scores: dict[int, float] = {}
    for term, times in Counter(tokens(query)).items():
        having = sum(term in counts for counts in said)
        weight = F(times) * F(math.log(1 + (number - having + 0.5) / (having + 0.5)))
        for position, counts in enumerate(said):
            if term in counts:
                length = F(stored_length(lengths[position]))
                inverse = F(1) / (F(0.9) * ((F(1) - F(0.4)) + F(0.4) * length / average))
                share = weight - weight / (F(1) + F(counts[term]) * inverse)
                scores[position] = scores.get(position, 0.0) + float(share)
    ranking = [(position, float(F(score))) for position, score in scores.items()]
    return sorted(ranking, key=lambda found: (-found[1], documents[found[0]][0]))


def built(documents: list[tuple[str, str]], folder: Path) -> SearchIndex:
    SearchIndex.build(documents, folder)
    return SearchIndex.open(folder)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(deadline=None, max_examples=50)
@given(SHELVES, TEXTS, st.integers(1, 50))
def test_ranking_and_scores_are_those_of_the_formulas(documents, query, limit):
    with TemporaryDirectory() as folder:
        index = built(documents, Path(folder))
        assert len(index) == len(documents)
        assert index.search(query, limit) == expected(documents, query)[:limit]


def test_a_larger_shelf_is_searched_as_the_formulas_say(tmp_path):
    """Large enough for terms that are only looked up for the documents that can still win."""
    draw = random.Random(5)
    words = [f"word{i}" for i in range(200)]
    shares = [1 / i for i in range(1, 201)]
    documents = [
        (f"B{draw.random()}", " ".join(draw.choices(words, shares, k=draw.randint(1, 60))))
        for _ in range(600)
    ]
    index = built(documents, tmp_path)
    for _ in range(20):
        query = " ".join(draw.choices(words, shares, k=draw.randint(1, 20)))
        ranking = expected(documents, query)
        for limit in (1, 10, 50):
            assert index.search(query, limit) == ranking[:limit]


def test_ties_are_in_the_order_of_asins_also_where_the_limit_cuts_them(tmp_path):
    documents = [(asin, "red shirt") for asin in ("B3", "B1", "A9", "B2", "B10")]
    index = built(documents, tmp_path)
    assert [position for position, _ in index.search("shirt")] == [2, 1, 4, 3, 0]
    assert [position for position, _ in index.search("shirt", 3)] == [2, 1, 4]


@pytest.mark.parametrize("others", [0, 1, 5, 6])
def test_sums_that_only_rounding_makes_equal_are_ties(tmp_path, others):
    """The sum of B1 is a little below that of B9 until both are stored in single precision."""
    rest = [(f"C{i}", "shirt") for i in range(others)]
    index = built([("B9", "red shoe"), ("B1", "blue dress"), *rest], tmp_path)
    for limit in (1, 2):
        assert index.search("red red red blue dress dress", limit)[0][0] == 1


def test_a_word_said_twice_counts_twice(tmp_path):
    index = built([("A", "red shirt"), ("B", "blue shirt"), ("C", "green shoe")], tmp_path)
    once, twice = (dict(index.search(query))[0] for query in ("red", "red red"))
    assert twice == 2 * once


@pytest.mark.parametrize("query", ["", "the of and", "unknown", "?! --", "zzz the"])
def test_a_query_without_known_words_finds_nothing(tmp_path, query):
    assert built([("A", "red shirt")], tmp_path).search(query) == []


@pytest.mark.parametrize("documents", [[], [("A", "")], [("A", "the"), ("B", " ")]])
def test_a_shelf_without_words_can_be_searched(tmp_path, documents):
    index = built(documents, tmp_path)
    assert len(index) == len(documents)
    assert index.search("red") == []


def test_a_limit_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="limit is 0, expected 1 or more"):
        built([("A", "red")], tmp_path).search("red", 0)


def test_lengths_have_lucenes_codes():
    lengths = np.concatenate([np.arange(5000), 2 ** np.arange(13, 31), 2 ** np.arange(13, 31) - 1])
    decoded = LENGTHS[length_codes(lengths)]
    assert decoded.tolist() == [stored_length(int(length)) for length in lengths]


def test_the_index_is_the_same_however_often_it_is_built_and_whatever_fits_in_memory(tmp_path):
    """Terms come up in later runs that earlier ones do not know; a run can end at any document."""
    documents = [
        (f"B{i % 7}{i}", f"shirt number{i % 13} size{i // 9} " * (i % 4)) for i in range(90)
    ]
    build(documents, tmp_path / "whole")
    build(documents, tmp_path / "again")
    build(iter(documents), tmp_path / "runs", run=25)
    assert files(tmp_path / "again") == files(tmp_path / "whole")
    assert files(tmp_path / "runs") == files(tmp_path / "whole")


def test_long_pieces_of_text_are_not_remembered(tmp_path):
    """Sellers write lines without white space; the memory filled up with them."""
    tokens("red")  # loads the stemmer
    tracemalloc.start()
    try:
        build(((f"B{i}", f"red{i}" + "-" * 100_000) for i in range(20)), tmp_path)
        index = SearchIndex.open(tmp_path)
        assert all(len(index.search(f"red{i}" + "+" * 100_000)) == 1 for i in range(20))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_counts_above_255_are_kept(tmp_path):
    documents = [("A", "red " * 300 + "blue"), ("B", "red blue"), ("C", "red " * 70000)]
    index = built(documents, tmp_path)
    assert index.search("red blue") == expected(documents, "red blue")


def test_an_index_whose_building_was_interrupted_is_not_opened(tmp_path):
    built([("A", "red")], tmp_path)

    def documents():
        yield "A", "red shirt"
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="the power went"):
        SearchIndex.build(documents(), tmp_path)
    with pytest.raises(IndexUnusable, match=re.escape("search.json is missing: not built")):
        SearchIndex.open(tmp_path)
    assert not list(tmp_path.glob("runs*"))


def test_missing_and_damaged_files_are_all_told(tmp_path):
    built([("A", "red shirt")], tmp_path)
    (tmp_path / "search_starts.bin").unlink()
    (tmp_path / "search_documents.bin").write_bytes(b"123")
    with pytest.raises(IndexUnusable) as caught:
        SearchIndex.open(tmp_path)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}: no usable search index: 2 problems",
        "  search_documents.bin has 3 bytes, expected 8",
        "  search_starts.bin is missing",
        "It must be built anew.",
    ]


def test_files_that_do_not_fit_each_other_are_told(tmp_path):
    """As when files of two indexes are mixed: each has the length that the list says."""
    built([("A", "red shirt")], tmp_path)
    built([("A", "red shirt"), ("B", "blue")], tmp_path / "other")
    contents = json.loads((tmp_path / "search.json").read_text())
    others = json.loads((tmp_path / "other" / "search.json").read_text())
    for name in ("ranks", "starts"):
        contents["arrays"][name] = others["arrays"][name]
        (tmp_path / "other" / f"search_{name}.bin").rename(tmp_path / f"search_{name}.bin")
    (tmp_path / "search.json").write_text(json.dumps(contents))
    with pytest.raises(IndexUnusable) as caught:
        SearchIndex.open(tmp_path)
    assert str(caught.value).splitlines()[1:3] == [
        "  search_starts.bin has 4 numbers, expected 3",
        "  search_ranks.bin has 2 numbers, expected 1",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": 0}, "search.json has format 0, expected 1"),
        ({"numbers": None}, "search.json has no numbers"),
        ({"numbers": {"documents": 1, "tokens": True}}, "search.json has no number 'tokens'"),
        ({"arrays": []}, "search.json has no arrays"),
        ({"arrays": {"counts": {"dtype": "O", "length": 1}}}, "what search_counts.bin holds"),
    ],
)
def test_a_list_of_another_version_or_kind_is_refused(tmp_path, change, problem):
    built([("A", "red shirt")], tmp_path)
    path = tmp_path / "search.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(IndexUnusable, match=re.escape(problem)):
        SearchIndex.open(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\udcff"])
def test_a_list_that_is_none_is_refused(tmp_path, text):
    built([("A", "red shirt")], tmp_path)
    (tmp_path / "search.json").write_text(text, errors="surrogateescape")
    with pytest.raises(IndexUnusable, match=re.escape("search.json")):
        SearchIndex.open(tmp_path)


@needs_data
def test_every_recorded_search_has_its_first_page_in_the_same_order(tmp_path):
    lines = (DATA / "products_1k.jsonl").read_text(encoding="utf-8").splitlines()
    products = [json.loads(line) for line in lines]
    index = built([(product["asin"], contents(product)) for product in products], tmp_path)
    searches = 0
    for line in (DATA / "trajectories.jsonl").read_text(encoding="utf-8").splitlines():
        for step in json.loads(line)["steps"]:
            if step["action"].startswith("search["):
                found = index.search(step["action"].removeprefix("search[")[:-1].lower())
                recorded = re.findall(r"(?<=\[SEP\] )B[0-9A-Z]{9}(?= \[SEP\])", step["observation"])
                assert [products[position]["asin"] for position, _ in found[:10]] == recorded
                assert len(found) == 50
                searches += 1
    assert searches == 206


def contents(product) -> str:
    options = ", and ".join(f"{name}: {', '.join(v)}" for name, v in product["options"].items())
    parts = product["Title"], product["Description"], product["BulletPoints"][0], options
    return " ".join(parts).lower()
