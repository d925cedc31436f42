"""bm25s with Lucene's formula and parameters, given our tokens; saved, then memory-mapped."""

from pathlib import Path
from typing import Any

import bm25s
from search_worker import SearchEngine, documents, serve


class Bm25s(SearchEngine):
    def build(self, texts: Path, folder: Path) -> None:
        numbers: dict[str, int] = {}
        ids = [
            [numbers.setdefault(token, len(numbers)) for token in tokens.split()]
            for _, _, tokens in documents(texts)
        ]
        engine = bm25s.BM25(k1=0.9, b=0.4, method="lucene")
        engine.index(bm25s.tokenization.Tokenized(ids, numbers), show_progress=False)
        engine.save(folder)

    def open(self, folder: Path) -> None:
        self._engine = bm25s.BM25.load(folder, mmap=True)

    def search(self, query: dict[str, Any], limit: int) -> Any:
        found, _ = self._engine.retrieve([query["tokens"]], k=limit, show_progress=False)
        return found[0]

    def positions(self, found: Any) -> list[int]:
        return [int(position) for position in found]


serve(Bm25s(), "bm25s")
