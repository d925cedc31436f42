"""tantivy in one thread, with its own BM25; the argument says whose words: its English, or ours.

Queries are plain words, any of which may match, as the shop's searches are.
"""

import re
import sys
from pathlib import Path
from typing import Any

import tantivy
from search_worker import SearchEngine, documents, serve

HEAP = 256_000_000
OURS = sys.argv[1] == "ours"
TOKENIZER = "whitespace" if OURS else "en_stem"


class Tantivy(SearchEngine):
    def build(self, texts: Path, folder: Path) -> None:
        schema = (
            tantivy.SchemaBuilder()
            .add_text_field("text", tokenizer_name=TOKENIZER, index_option="freq")
            .add_unsigned_field("position", stored=True)
            .build()
        )
        writer = tantivy.Index(schema, str(folder)).writer(HEAP, num_threads=1)
        for position, (_, text, tokens) in enumerate(documents(texts)):
            written = tantivy.Document(text=tokens if OURS else text)
            written.add_unsigned("position", position)
            writer.add_document(written)
        writer.commit()
        writer.wait_merging_threads()

    def open(self, folder: Path) -> None:
        self._index = tantivy.Index.open(str(folder))
        self._searcher = self._index.searcher()

    def search(self, query: dict[str, Any], limit: int) -> Any:
        return self._searcher.search(self._query(query), limit, count=False).hits

    def _query(self, query: dict[str, Any]) -> Any:
        if not OURS:  # signs and words in capitals would be commands
            words = re.sub(r"[^\w']+|'", " ", query["text"].lower())
            return self._index.parse_query(words, ["text"])
        terms = [
            tantivy.Query.term_query(self._index.schema, "text", token) for token in query["tokens"]
        ]
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])

    def positions(self, found: Any) -> list[int]:
        return [self._searcher.doc(address)["position"][0] for _, address in found]


serve(Tantivy(), "tantivy")
