"""Addresses of pages. One says everything of a visit, so the shop keeps nothing between requests.

/12                                               the search page of goal 12
/12/search?q=red+lamp&page=2                      results
/12/item?q=red+lamp&page=2&asin=B1&option.color=red    a product, one of its options chosen
/12/reviews?...                                   more about it, with the same values
/12/buy                                           the same values, sent with POST
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from agentkit_envs.webshop.web.refusal import Refusal

OPTION = "option."
"""What stands before an option's name, so that no option is taken for another value."""
_MOST_DIGITS = 9
_LONGEST_QUERY = 2_000
"""Thousands of words would keep the server from its other shoppers for seconds."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a shopper is."""

    session: int
    """The number of the goal."""
    query: str = ""
    """The words of the search."""
    number: int = 1
    """The page of its results."""
    asin: str = ""
    """The product; empty before one is opened."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The option values that are chosen, by option name."""

    @property
    def index(self) -> str:
        """The search page."""
        return f"/{self.session}"

    def results(self, number: int | None = None) -> str:
        """A page of the results, this one by default."""
        page = self.number if number is None else number
        return self._url("search", [("q", self.query), ("page", str(page))])

    def item(self, asin: str | None = None) -> str:
        """A product's page: this one's with what is chosen, or another's."""
        fields = self.fields if asin is None else self._of_product(asin)
        return self._url("item", [*fields, *(self._chosen if asin is None else [])])

    def action(self, name: str) -> str:
        """Where a form of a product's page sends its values."""
        return f"/{self.session}/{name}"

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What such a form sends besides the options."""
        return self._of_product(self.asin)

    @property
    def _chosen(self) -> list[tuple[str, str]]:
        return [(f"{OPTION}{name}", value) for name, value in self.options.items()]

    def _of_product(self, asin: str) -> list[tuple[str, str]]:
        return [("q", self.query), ("page", str(self.number)), ("asin", asin)]

    def _url(self, name: str, values: Iterable[tuple[str, str]]) -> str:
        return f"/{self.session}/{name}?{urlencode(list(values))}"


def parse_session(text: str, count: int) -> int:
    """The number of a goal.

    Raises:
        Refusal: There is no such goal.
    """
    if not _is_number(text) or int(text) >= count:
        raise Refusal(
            404, "No such goal", f"Goals have the numbers 0 to {count - 1:,}; '{text}' is none."
        )
    return int(text)


def parse_address(session: int, values: Iterable[tuple[str, str]]) -> Address:
    """The address that a request's values make.

    Raises:
        Refusal: The page is no number from 1, or the search is longer than anybody's.
    """
    given = dict(values)
    query = given.get("q", "")
    if len(query) > _LONGEST_QUERY:
        told = f"A search has at most {_LONGEST_QUERY:,} characters; this one has {len(query):,}."
        raise Refusal(400, "Too long a search", told, Address(session).index)
    page = given.get("page", "1")
    if not _is_number(page) or int(page) < 1:
        told = f"Pages of results are counted from 1; '{page}' is none."
        raise Refusal(400, "No such page of results", told, Address(session).index)
    chosen = {
        name.removeprefix(OPTION): value for name, value in given.items() if name.startswith(OPTION)
    }
    return Address(session, query, int(page), given.get("asin", ""), chosen)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
