"""What happened beside the actions, in plain sentences."""

import re
from typing import Final

from agentkit_envs.browser.guard.quoting import said

MOST: Final = 20
"""How many different sentences are kept between two observations."""
LONGEST: Final = 200
"""How many characters of a page's own text are quoted."""
LONGEST_ADDRESS: Final = 80
"""The same of an address: a long one is more likely to be words for the reader than a place."""
_USER: Final = re.compile(r"^((?:https?|wss?|ftp):[/\\]*)[^/\\?#]*@", re.IGNORECASE)
_ADDRESSES: Final = re.compile(r"(?<!['\"])\b(?:https?|file)://[^\s;,'\"]+")


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
    return said(text, LONGEST)


def quote_address(url: str) -> str:
    """An address in quotes, which may hold words of a page; without a name and password in it."""
    return said(without_user(url), LONGEST_ADDRESS)


def without_user(url: str) -> str:
    """An address without the name and password that may be in it."""
    return _USER.sub(r"\1", url)


def named(url: str) -> str:
    """An address in one of our sentences: none begins with a quote, for the words of pages do."""
    return f"the address {quote_address(url)}"


def quote_addresses(sentence: str) -> str:
    """A sentence of ours with each address in it in quotes."""
    return _ADDRESSES.sub(lambda found: quote_address(found[0]), sentence)
