"""What to do next: search, open a product, read about it, choose its options, buy it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from agentkit_envs.webshop.notes import update_notes
from agentkit_envs.webshop.pages.prompt_reader import read
from agentkit_envs.webshop.strategy.expected_reward import Worth, worth
from agentkit_envs.webshop.strategy.price_limit import without_price
from agentkit_envs.webshop.strategy.wish_parser import ANYTHING, Wish, parse_wish, queries

Aim = Literal["search", "open", "read", "choose", "buy"]
"""What an action is for; going back to a product to buy it is for buying, too."""

_ENOUGH = 0.95
"""A product of this worth is bought without looking for a better one."""
_BETTER = 0.01
_RANK = 0.05
"""What a later place among the results costs, times the root of the place."""
_SEARCHES = 2
"""So many searches are made before the choice is made among what they found."""
_PATIENCE = 25
"""Without a limit it shops as if it had so many steps, because every visit must come to an end."""
_BUY = "click[Buy Now]"
_BACK = "click[< Prev]"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and what it is for."""

    aim: Aim
    asin: str
    """The product that it is about, or an empty string."""
    action: str
    why: str


@dataclass(frozen=True)
class Situation:
    """What the shopper knows."""

    notes: Mapping[str, Any]
    wish: Wish
    instruction: str

    @classmethod
    def after(cls, before: "Situation | None", observation: str) -> "Situation":
        """Return what is known after an observation.

        Args:
            before: What was known before; None at the start of an episode.
            observation: What the shop shows, in the mode `prompt`.

        Raises:
            ReadingError: It is no such observation.
        """
        notes = update_notes(observation, before.notes if before else None)
        if before is not None:
            return cls(notes, before.wish, before.instruction)
        instruction = read(observation).instruction
        return cls(notes, parse_wish(instruction), instruction)

    @cached_property
    def words(self) -> str:
        """The instruction without its price limit."""
        return without_price(self.instruction)[1]

    @cached_property
    def products(self) -> Mapping[str, Any]:
        """What the notes have of each product."""
        return self.notes["products"]  # type: ignore[no-any-return]

    @cached_property
    def worths(self) -> dict[str, Worth]:
        """What each product is probably worth."""
        return {asin: worth(known, self.wish, self.words) for asin, known in self.products.items()}

    @cached_property
    def steps_left(self) -> int:
        """Decisions before the episode is cut off, or its patience ends. The end of the patience
        cuts nothing off: there is always time to choose an option before buying.
        """
        left: int | None = self.notes["steps_left"]
        return max(2, _PATIENCE + 1 - int(self.notes["steps"])) if left is None else left

    @cached_property
    def best(self) -> str | None:
        """The best of the products that were opened."""
        opened = [asin for asin, known in self.products.items() if known["options"] is not None]
        return max(opened, key=self._order, default=None)

    @cached_property
    def promising(self) -> str | None:
        """The product to open next, if any is left."""
        fresh = [asin for asin, known in self.products.items() if known["options"] is None]
        return max(fresh, key=self._promise, default=None)

    @cached_property
    def query(self) -> str | None:
        """The next words to search for, if any are left."""
        tried = {query.lower() for query in self.notes["searches"]}
        left = (query for query in queries(self.wish, self.words) if query not in tried)
        return next(left, None)

    def _order(self, asin: str) -> tuple[float, float]:
        return round(self.worths[asin].value, 3), -self._rank(asin)

    def _promise(self, asin: str) -> float:
        return self.worths[asin].value - _RANK * self._rank(asin)

    def _rank(self, asin: str) -> float:
        """How far down the results a product is; 0 is the top."""
        places = [place for _, place in self.products[asin]["places"]]
        return min((math.sqrt(place) for place in places), default=4.0)

    def steps_to(self, asin: str) -> int:
        """How many steps lead to a product's page."""
        if asin == self.notes["product"]:
            return 0 if self.notes["kind"] == "item" else 1
        return 1 if asin in self.notes["listed"] and self.notes["kind"] == "results" else 2

    def steps_to_buy(self, asin: str) -> int:
        """How many steps it takes to choose a product's options and buy it, on its page."""
        picked = self.worths[asin].picked.values
        if self.products[asin]["options"] is None:
            return 1 + len(self.wish["options"])
        done: Mapping[str, str] = self.notes["chosen"] if asin == self.notes["product"] else {}
        return 1 + sum(done.get(name) != value for name, value in picked.items())


def decide(now: Situation) -> Decision:
    """What to do in a situation."""
    if not now.products:
        return Decision("search", "", f"search[{now.query or ANYTHING[0]}]", "nothing is found yet")
    return _read_more(now) or _search_again(now) or _look_further(now) or _buy_best(now)


def _search_again(now: Situation) -> Decision | None:
    """Search in other words, where the best so far is not good enough: it costs no more steps
    than to go back to the results.
    """
    if now.best is None or now.query is None or now.notes["chosen"]:
        return None
    searched = len(now.notes["searches"]) >= _SEARCHES or now.notes["product"] is None
    needed = 4 + now.steps_to_buy(now.best)
    if searched or now.worths[now.best].value >= _ENOUGH or now.steps_left < needed:
        return None
    return Decision("search", "", f"search[{now.query}]", "other words may find a better one")


def _read_more(now: Situation) -> Decision | None:
    """Read about the product on the page, where that may settle a doubt."""
    asin = now.notes["product"]
    if asin is None or now.best is None or now.notes["kind"] != "item" or now.notes["chosen"]:
        return None
    mine = now.worths[asin]
    needed = now.steps_to(now.best) + now.steps_to_buy(now.best)
    doubtful = mine.unsure and mine.unread and mine.best >= now.worths[now.best].value
    if not doubtful or now.steps_left < needed + 2:
        return None
    why = f"not known yet: {', '.join(mine.unsure)}"
    return Decision("read", asin, f"click[{mine.unread[0].capitalize()}]", why)


def _look_further(now: Situation) -> Decision | None:
    """Open the next product, where it may be better than the best so far."""
    asin = now.promising
    if asin is None or now.notes["chosen"]:
        return None
    if now.best is not None:
        known = now.worths[now.best].value
        better = now.worths[asin].best > known + _BETTER and known < _ENOUGH
        needed = now.steps_to(asin) + 2 + now.steps_to_buy(now.best)
        if not better or now.steps_left < needed:
            return None
    return _go(now, asin, "open", f"{asin} may meet more of the wish than what was seen so far")


def _buy_best(now: Situation) -> Decision:
    """Go to the best product, choose its options and buy it."""
    here, kind = now.notes["product"], now.notes["kind"]
    asin = now.best or now.promising or next(iter(now.products))
    if here is not None and now.steps_left <= now.steps_to(asin):
        asin = here
    if asin != here or kind != "item":
        return _go(now, asin, "buy", f"{asin} meets the wish best of what was seen")
    for name, value in now.worths[asin].picked.values.items():
        if now.notes["chosen"].get(name) != value and now.steps_left > 1:
            return Decision("choose", asin, f"click[{value}]", f"the wish asks for this {name}")
    return Decision("buy", asin, _BUY, "the options are chosen")


def _go(now: Situation, asin: str, aim: Aim, why: str) -> Decision:
    """The next step on the way to a product's page."""
    kind, listed = now.notes["kind"], asin in now.notes["listed"]
    if asin == now.notes["product"] or (kind == "item" and listed):
        return Decision(aim, asin, _BACK, why)
    if kind == "results" and listed:
        return Decision(aim, asin, f"click[{asin}]", why)
    query, _ = min(now.products[asin]["places"], key=lambda place: place[1])
    return Decision(aim, asin, f"search[{query}]", why)
