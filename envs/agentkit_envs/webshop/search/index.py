"""Lucene's BM25 over the texts of a catalogue: exact scores, from arrays that stay on disk."""

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agentkit_envs.webshop.search import array_files, bm25, builder
from agentkit_envs.webshop.search.analyzer import tokens

_ROUNDING = 1 + 1e-6
"""More than rounding to single precision can add to a sum."""


@dataclass(frozen=True, slots=True)
class _Term:
    """One term of a query."""

    number: int
    weight: np.float32
    bound: float
    """The most that it adds to any score."""


class SearchIndex:
    """Finds the documents that say the words of a query, best first.

    Postings are sorted by term, then by document: term `t` has those from `starts[t]` to
    `starts[t + 1]`, each a document's position in `documents` and how often it says the term in
    `counts`. `bounds[t]` is the greatest count times inverse among them. `lengths` has the length
    code of each document, `ranks` its place in the order of identifiers. `slots` is a hash table
    of terms, whose texts stand in `term_bytes` and end at `term_ends`.
    """

    def __init__(self, folder: Path) -> None:
        numbers, arrays = array_files.load(folder)
        self._size = numbers["documents"]
        self._with_tokens = numbers["documents_with_tokens"]
        self._inverses = bm25.inverses(numbers["tokens"], self._with_tokens)
        self._documents = arrays["documents"]
        self._counts = arrays["counts"]
        self._starts = arrays["starts"]
        self._bounds = arrays["bounds"]
        self._lengths = arrays["lengths"]
        self._ranks = arrays["ranks"]
        self._term_bytes = arrays["term_bytes"]
        self._term_ends = arrays["term_ends"]
        self._slots = arrays["slots"]
        self._spare: list[NDArray[np.float64]] = []

    @classmethod
    def build(cls, documents: Iterable[tuple[str, str]], folder: Path) -> None:
        """Write the index of documents into a folder.

        Args:
            documents: The asin and the text of each product, in the order of the catalogue; read
                once, one by one.
            folder: Where the files go; it is made if it is not there.
        """
        builder.build(documents, folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The index in a folder, for reading; several processes can share it.

        Raises:
            IndexUnusable: It holds no index of this version, or a damaged one.
        """
        return cls(folder)

    def __len__(self) -> int:
        """How many documents there are."""
        return self._size

    def search(self, query: str, limit: int = 50) -> list[tuple[int, float]]:
        """The best documents for a query: position and score, best first, ties by asin.

        Args:
            query: Words; a document need not have all of them. A word said twice counts twice.
            limit: How many documents at most.
        """
        if limit < 1:
            raise ValueError(f"limit is {limit}, expected 1 or more")
        terms = self._terms(query)
        if not terms:
            return []
        documents, sums = self._best(terms, limit)
        scores = sums.astype(np.float32)
        best = _top(scores, self._ranks[documents], limit)
        return [(int(documents[i]), float(scores[i])) for i in best]

    def _terms(self, query: str) -> list[_Term]:
        """The terms of a query that some document has, those that can add most first."""
        found = []
        for token, times in Counter(tokens(query)).items():
            number = self._number(token.encode())
            if number is None:
                continue
            having = int(self._starts[number + 1] - self._starts[number])
            weight = np.float32(times) * bm25.idf(self._with_tokens, having)
            found.append(_Term(number, weight, float(bm25.shares(weight, self._bounds[number]))))
        return sorted(found, key=lambda term: (-term.bound, term.number))

    def _number(self, term: bytes) -> int | None:
        size = len(self._slots)
        slot = zlib.crc32(term) % size
        while (number := int(self._slots[slot])) >= 0:
            begin = int(self._term_ends[number - 1]) if number else 0
            if self._term_bytes[begin : int(self._term_ends[number])].tobytes() == term:
                return number
            slot = (slot + 1) % size
        return None

    def _best(self, terms: list[_Term], limit: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Documents, among them the best ones, and their sums.

        Terms that add much are rare and come first. As soon as the rest together cannot lift a
        new document over the best ones so far, only those that still can get there are looked up.
        Sums are in double precision and in one order, so they are the same for every limit.
        """
        rests = [*accumulate((term.bound for term in reversed(terms)), initial=0.0)][::-1]
        sums = self._zeros()
        threshold = 0.0
        parts = []
        taken = 0
        while taken < len(terms) and rests[taken] * _ROUNDING >= threshold:
            documents, shares = self._postings(terms[taken])
            places = documents.astype(np.intp)  # numpy would do it for each use
            before = sums.take(places)
            after = before + shares
            sums[places] = after
            parts.append(places[before == 0])
            threshold = max(threshold, _least_of_best(after, limit))
            taken += 1
        met = np.concatenate(parts)
        candidates = np.sort(_promising(met, sums.take(met), rests[taken], limit)[0])
        reached = sums.take(candidates)
        sums[met] = 0
        self._spare.append(sums)
        for term, rest in zip(terms[taken:], rests[taken + 1 :], strict=True):
            self._look_up(term, candidates, reached)
            candidates, reached = _promising(candidates, reached, rest, limit)
        return candidates, reached

    def _zeros(self) -> NDArray[np.float64]:
        """A zero for each document; used again, because fresh memory is slow at first."""
        try:
            return self._spare.pop()
        except IndexError:
            return np.zeros(self._size)

    def _postings(self, term: _Term) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The documents that have a term, and what it adds to each."""
        here = slice(int(self._starts[term.number]), int(self._starts[term.number + 1]))
        documents = self._documents[here]
        inverses = self._inverses[self._lengths[documents]]
        counts = self._counts[here].astype(np.float32)
        return documents, bm25.shares(term.weight, counts * inverses)

    def _look_up(
        self, term: _Term, candidates: NDArray[np.intp], sums: NDArray[np.float64]
    ) -> None:
        """Add what a term adds to the sums of some documents, which are in their order."""
        here = slice(int(self._starts[term.number]), int(self._starts[term.number + 1]))
        documents = self._documents[here]
        mine, places = _shared(candidates.astype(documents.dtype), documents)
        inverses = self._inverses[self._lengths[candidates[mine]]]
        counts = self._counts[here][places].astype(np.float32)
        sums[mine] += bm25.shares(term.weight, counts * inverses)


def _shared(
    first: NDArray[np.int32], second: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the numbers stand that are in both; each has its numbers once, in order."""
    if len(first) > len(second):
        return _shared(second, first)[::-1]
    places = np.minimum(np.searchsorted(second, first), len(second) - 1)
    same = np.flatnonzero(second[places] == first)
    return same, places[same]


def _least_of_best(sums: NDArray[np.float64], limit: int) -> float:
    """The sum that the last of the best ones has; 0 when there are fewer."""
    return float(np.partition(sums, -limit)[-limit]) if len(sums) >= limit else 0.0


def _promising(
    candidates: NDArray[np.intp], sums: NDArray[np.float64], rest: float, limit: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Those that can still be among the best when `rest` at most is added to each."""
    kept = (sums + rest) * _ROUNDING >= _least_of_best(sums, limit)
    return candidates[kept], sums[kept]


def _top(scores: NDArray[np.float32], ranks: NDArray[np.int32], limit: int) -> NDArray[np.intp]:
    """Where the best scores are, best first, and lower ranks before higher ones."""
    chosen = np.arange(len(scores))
    if len(scores) > limit:
        least = np.partition(scores, -limit)[-limit]
        above, equal = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
        missing = limit - len(above)
        equal = equal[np.argpartition(ranks[equal], missing - 1)[:missing]]
        chosen = np.concatenate([above, equal])
    return chosen[np.lexsort((ranks[chosen], -scores[chosen]))]
