"""What the rule-based shopper answers to each node of an agent, from what it knows."""

from collections.abc import Sequence
from typing import Any

from agentkit_envs.webshop.pages.page import NEXT, PREVIOUS
from agentkit_envs.webshop.strategy.decision import Situation, decide
from agentkit_envs.webshop.strategy.expected_reward import PRICE, SAID, Worth, affordable
from agentkit_envs.webshop.strategy.named_options import Choice
from agentkit_envs.webshop.strategy.word_matching import support

_OUT_OF = 10
"""The highest mark of a product."""
_STRATEGY = (
    "Search for the kind of product and its options, open the products whose titles tell of most "
    "of the wish, and buy the first that meets all of it."
)


def wanted(now: Situation) -> dict[str, Any]:
    """Return what the instruction asks for, how to get it, and the first action."""
    return {**now.wish, "strategy": _STRATEGY, "search": decide(now).action}


def compared(now: Situation) -> list[dict[str, Any]]:
    """Return how promising each new product of the results is, by its title and price alone."""
    return [_compared(now, item) for item in now.notes["fresh"]]


def _compared(now: Situation, item: dict[str, Any]) -> dict[str, Any]:
    found = now.worths[item["asin"]]
    price = affordable(item["price"], now.wish["price_limit"])
    told = [name for name in found.met if name != PRICE]
    told += [choice["value"] for choice in now.wish["options"] if _says(item["title"], choice)]
    why = "the price is too high" if price == 0 else f"the title tells of {_listed(told)}"
    return {"product": item["asin"], "why": why, "promise": _mark(found)}


def judged(now: Situation) -> dict[str, Any]:
    """Return how well the product of the page fits, and which of its values to choose."""
    asin = now.notes["product"]
    found = now.worths[asin]
    return {
        "met": list(found.met),
        "missing": list(found.missing),
        "unsure": list(found.unsure),
        "fits": _mark(found),
        "choose": list(found.picked.values.values()),
        "lesson": f"{asin} misses {_listed(found.missing)}" if found.missing else "",
    }


def act(now: Situation) -> dict[str, str]:
    """Return the action, and why."""
    decision = decide(now)
    return {"why": decision.why, "action": decision.action}


def click(now: Situation) -> str:
    """Return which offer of the page to take, as the notes name it.

    Instead of a search in other words, it is the best that the page leads to.
    """
    action, listed = decide(now).action, now.notes["listed"]
    if action.startswith("search[") and now.notes["kind"] != "results":
        return PREVIOUS
    if action.startswith("search["):
        left = [asin for asin in listed if now.products[asin]["options"] is None]
        best = max(left, key=lambda asin: now.worths[asin].value, default=NEXT)
        action = f"click[{best}]"
    names = (name for name, does in now.notes["offers"].items() if does == action)
    return next(names, action)


def _mark(found: Worth) -> int:
    return round(_OUT_OF * found.value)


def _says(title: str, choice: Choice) -> bool:
    return support(choice["value"], title) > SAID


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none of the requirements"
