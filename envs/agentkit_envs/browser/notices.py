"""What happened beside the actions, in plain sentences."""

import json
from typing import Final

MOST: Final = 20
"""How many different sentences are kept between two observations."""
LONGEST: Final = 200
"""How many characters of a page's own text are quoted."""


class Notices:
    """Collects sentences; the same one again is counted."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._more = 0

    def add(self, sentence: str) -> None:
        """Keep a sentence, if there is still room."""
        if sentence in self._counts or len(self._counts) < MOST:
            self._counts[sentence] = self._counts.get(sentence, 0) + 1
        else:
            self._more += 1

    def drain(self) -> list[str]:
        """The sentences since the last call."""
        counts, more = self._counts, self._more
        self._counts, self._more = {}, 0
        sentences = [
            sentence if count == 1 else f"{sentence} ({count} times)"
            for sentence, count in counts.items()
        ]
        if more:
            sentences.append(f"{more} more such messages are not shown.")
        return sentences


def quote(text: str) -> str:
    """A page's text on one line, in quotes that it cannot end, and not too long."""
    words = " ".join(text.split())
    if len(words) > LONGEST:
        words = words[: LONGEST - 1] + "…"
    return json.dumps(words, ensure_ascii=False)
