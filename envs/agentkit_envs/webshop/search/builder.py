"""Turns texts into the arrays of a search index.

Memory grows with the number of documents and of different words, not with the texts.
Tokens are collected as numbers. Whenever there are enough of them they are sorted and counted into
a run on disk; at the end the runs are merged, some terms at a time.
"""

import tempfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentkit_envs.webshop.search import array_files, bm25
from agentkit_envs.webshop.search.analyzer import REMEMBERED, piece_tokens

RUN = 4_000_000
"""So many tokens take about 200 MB while they are sorted."""
_PIECES = 1 << 20
"""Pieces of text whose terms are remembered."""


class _Terms(dict[str, tuple[int, ...]]):
    """The numbers of the terms in each piece of text; looking up a short one adds it."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, int] = {}

    def __missing__(self, piece: str) -> tuple[int, ...]:
        if len(self) >= _PIECES:
            self.clear()
        numbers = self.numbers
        found = tuple(numbers.setdefault(term, len(numbers)) for term in piece_tokens(piece))
        if len(piece) <= REMEMBERED:
            self[piece] = found
        return found


class _Run(NamedTuple):
    """Postings of some documents, sorted by term, then by document."""

    having: NDArray[np.int64]
    """For each term, how many of the documents have it."""
    documents: NDArray[np.int32]
    counts: NDArray[np.uint32]


def build(documents: Iterable[tuple[str, str]], folder: Path, run: int = RUN) -> None:
    """Write the index of documents, each an identifier and a text, into a folder.

    Args:
        documents: Read once, one by one.
        folder: Is made if it is not there.
        run: Tokens sorted at a time, and postings merged at a time; the index does not depend on
            it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / array_files.LIST).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="runs") as runs_folder:
        reader = _Reader(Path(runs_folder), run)
        reader.read(documents)
        arrays = _merged(reader, folder)
    arrays["lengths"] = array_files.save(folder, "lengths", bm25.length_codes(reader.lengths))
    arrays["ranks"] = array_files.save(folder, "ranks", _ranks(reader.identifiers))
    arrays |= _saved_terms(list(reader.terms.numbers), folder)
    numbers = {
        "documents": len(reader.lengths),
        "documents_with_tokens": reader.with_tokens,
        "tokens": reader.tokens,
    }
    array_files.finish(folder, numbers, arrays)


class _Reader:
    """Reads all documents, once, and leaves runs on disk."""

    def __init__(self, folder: Path, run: int) -> None:
        self._folder = folder
        self.run = run
        self._pending = array("i")
        self._first = 0
        self._lengths = array("q")
        self.terms = _Terms()
        self.identifiers: list[bytes] = []
        self.runs = 0

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens in each document."""
        return np.array(self._lengths, np.int64)

    @property
    def tokens(self) -> int:
        """Tokens in all documents."""
        return int(self.lengths.sum())

    @property
    def with_tokens(self) -> int:
        """How many documents have any."""
        return int(np.count_nonzero(self.lengths))

    def read(self, documents: Iterable[tuple[str, str]]) -> None:
        terms_of = self.terms.__getitem__
        pending = self._pending
        for identifier, text in documents:
            before = len(pending)
            pending.extend(chain.from_iterable(map(terms_of, text.split())))
            self._lengths.append(len(pending) - before)
            self.identifiers.append(identifier.encode(errors="surrogatepass"))
            if len(pending) >= self.run:
                self._write_run()
        self._write_run()

    def _write_run(self) -> None:
        """Sort and count the tokens that were collected."""
        lengths = np.array(self._lengths[self._first :], np.int64)
        numbers = np.arange(self._first, self._first + len(lengths))
        keys = np.array(self._pending, np.int64) << 32 | np.repeat(numbers, lengths)
        keys.sort()
        begins = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(begins, append=len(keys))
        keys = keys[begins]
        having = np.bincount(keys >> 32, minlength=len(self.terms.numbers))
        run = _Run(having, (keys & 0xFFFFFFFF).astype(np.int32), counts.astype(np.uint32))
        for name, values in run._asdict().items():
            np.save(self._folder / f"{self.runs}_{name}.npy", values)
        self.runs += 1
        self._first = len(self._lengths)
        del self._pending[:]

    def opened_runs(self) -> list[_Run]:
        """The runs, in the order of the documents; they stay on disk."""

        def values(run: int, name: str) -> Any:
            return np.load(self._folder / f"{run}_{name}.npy", "r")

        return [_Run(*(values(run, name) for name in _Run._fields)) for run in range(self.runs)]


def _merged(reader: _Reader, folder: Path) -> dict[str, Any]:
    """Merge the runs into the files of the postings; gives their lines for the list."""
    runs = reader.opened_runs()
    having = np.zeros(len(reader.terms.numbers), np.int64)
    for run in runs:
        having[: len(run.having)] += run.having
    starts = np.concatenate([[0], np.cumsum(having)])
    most = max((int(run.counts.max(initial=0)) for run in runs), default=0)
    counts_dtype = np.min_scalar_type(most)
    codes = bm25.length_codes(reader.lengths)
    inverses = bm25.inverses(reader.tokens, reader.with_tokens)
    bounds = np.zeros(len(having), np.float32)
    with (
        array_files.path_of(folder, "documents").open("wb") as documents_file,
        array_files.path_of(folder, "counts").open("wb") as counts_file,
    ):
        for first, last, documents, counts in _blocks(runs, starts, reader.run):
            documents.astype("<i4").tofile(documents_file)
            counts.astype(counts_dtype.newbyteorder("<")).tofile(counts_file)
            products = counts.astype(np.float32) * inverses[codes[documents]]
            bounds[first:last] = np.maximum.reduceat(products, starts[first:last] - starts[first])
    postings = int(starts[-1])
    return {
        "documents": array_files.line_of(np.int32, postings),
        "counts": array_files.line_of(counts_dtype, postings),
        "starts": array_files.save(folder, "starts", starts),
        "bounds": array_files.save(folder, "bounds", bounds),
    }


def _blocks(
    runs: list[_Run], starts: NDArray[np.int64], most: int
) -> Iterator[tuple[int, int, NDArray[np.int32], NDArray[np.uint32]]]:
    """The postings of some terms at a time: first term, the one after the last, and the arrays."""
    taken = [0] * len(runs)
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + most, side="right")) - 1
        last = max(last, first + 1)
        size = int(starts[last] - starts[first])
        documents, counts = np.empty(size, np.int32), np.empty(size, np.uint32)
        free = starts[first:last] - starts[first]
        for i, run in enumerate(runs):
            having = np.zeros(last - first, np.int64)
            known = run.having[first:last]
            having[: len(known)] = known
            number = int(having.sum())
            here = np.cumsum(having) - having
            places = np.repeat(free - here, having) + np.arange(number)
            documents[places] = run.documents[taken[i] : taken[i] + number]
            counts[places] = run.counts[taken[i] : taken[i] + number]
            taken[i] += number
            free += having
        yield first, last, documents, counts
        first = last


def _ranks(identifiers: list[bytes]) -> NDArray[np.int32]:
    """For each document, its place in the order of identifiers."""
    order = np.argsort(np.array(identifiers, dtype=np.bytes_), kind="stable")
    ranks = np.empty(len(identifiers), np.int32)
    ranks[order] = np.arange(len(identifiers), dtype=np.int32)
    return ranks


def _saved_terms(terms: list[str], folder: Path) -> dict[str, Any]:
    """Write the terms, one after the other, and a hash table of their numbers."""
    encoded = [term.encode() for term in terms]
    size = 1 << (2 * len(encoded)).bit_length()
    slots = array("i", [-1]) * size
    for number, term in enumerate(encoded):
        slot = zlib.crc32(term) % size
        while slots[slot] >= 0:
            slot = (slot + 1) % size
        slots[slot] = number
    ends = np.cumsum([len(term) for term in encoded], dtype=np.int64)
    return {
        "term_bytes": array_files.save(
            folder, "term_bytes", np.frombuffer(b"".join(encoded), np.uint8)
        ),
        "term_ends": array_files.save(folder, "term_ends", ends),
        "slots": array_files.save(folder, "slots", np.array(slots, np.int32)),
    }
