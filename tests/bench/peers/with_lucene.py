"""Lucene itself, as the original WebShop uses it: Anserini 0.14.3, the jar inside pyserini 0.17.0.

It needs Java (a JDK). Time and memory are those of the Java processes.
"""

import json
import resource
import subprocess
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from search_worker import SearchEngine, documents, peak_mb, serve

JAR = str(
    distribution("pyserini").locate_file("pyserini/resources/jars/anserini-0.14.3-fatjar.jar")
)
JAVA = ("java", "-Xmx2g", "-cp", JAR)


class Lucene(SearchEngine):
    def __init__(self) -> None:
        self._seconds = 0.0
        self._process: subprocess.Popen[str] | None = None

    def build(self, texts: Path, folder: Path) -> None:
        source = folder / "source"
        source.mkdir()
        with (source / "documents.jsonl").open("w", encoding="utf-8") as file:
            for asin, text, _ in documents(texts):
                print(json.dumps({"id": asin, "contents": text}), file=file)
        command = [*JAVA, "io.anserini.index.IndexCollection", "-collection", "JsonCollection"]
        command += ["-generator", "DefaultLuceneDocumentGenerator", "-threads", "1"]
        command += ["-input", str(source), "-index", str(folder / "index")]
        subprocess.run(command, check=True, capture_output=True)
        (source / "documents.jsonl").unlink()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._seconds = used.ru_utime + used.ru_stime

    def open(self, folder: Path) -> None:
        texts = folder.parent / "texts.jsonl"
        self._positions = {asin: place for place, (asin, _, _) in enumerate(documents(texts))}
        self._process = subprocess.Popen(
            [*JAVA, str(Path(__file__).with_name("LuceneSearch.java")), str(folder / "index")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def search(self, query: dict[str, Any], limit: int) -> Any:
        if not self._process or not self._process.stdin or not self._process.stdout:
            raise RuntimeError("Java does not run")
        print(limit, query["text"], file=self._process.stdin, flush=True)
        nanoseconds, *asins = self._process.stdout.readline().split()
        self._seconds += int(nanoseconds) / 1e9
        return asins

    def positions(self, found: Any) -> list[int]:
        return [self._positions[asin] for asin in found]

    def clock(self) -> float:
        return self._seconds

    def peak_mb(self) -> float:
        if self._process:
            return peak_mb(self._process.pid)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


serve(Lucene(), "pyserini")
