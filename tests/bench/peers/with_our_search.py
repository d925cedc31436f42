"""AgentKit's own search, from the texts."""

from pathlib import Path
from typing import Any

from agentkit_envs.webshop.search import SearchIndex
from search_worker import SearchEngine, documents, serve


class Ours(SearchEngine):
    def build(self, texts: Path, folder: Path) -> None:
        SearchIndex.build(((asin, text) for asin, text, _ in documents(texts)), folder)

    def open(self, folder: Path) -> None:
        self._index = SearchIndex.open(folder)

    def search(self, query: dict[str, Any], limit: int) -> Any:
        return self._index.search(query["text"], limit)

    def positions(self, found: Any) -> list[int]:
        return [position for position, _ in found]


serve(Ours(), "")
