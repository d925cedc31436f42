"""What the rule-based shopper answers to each node, from the values that its prompt reads."""

from collections.abc import Sequence
from typing import Any

from agentkit_envs.experts import Missing, Variables, value
from agentkit_envs.webshop.pages.prompt_reader import read
from agentkit_envs.webshop.strategy.decision import Decision, Situation, decide
from agentkit_envs.webshop.strategy.expected_reward import PRICE, SAID, Worth, affordable
from agentkit_envs.webshop.strategy.named_options import Choice
from agentkit_envs.webshop.strategy.wish_parser import ANYTHING, Wish, parse_wish
from agentkit_envs.webshop.strategy.word_matching import support

_VERDICTS = {
    "search": "search again",
    "open": "look elsewhere",
    "read": "read more",
    "choose": "buy it",
    "buy": "buy it",
}
_OUT_OF = 10
"""The highest mark of a product."""


def situation(variables: Variables) -> Situation:
    """What the shopper knows."""
    instruction = read(value(variables, "observation")).instruction
    return Situation(value(variables, "notes"), value(variables, "wanted"), instruction)


def wanted(variables: Variables) -> Wish:
    """What the instruction asks for."""
    return parse_wish(read(value(variables, "observation")).instruction)


def query(variables: Variables) -> str:
    """The next words to search for."""
    return situation(variables).query or ANYTHING[0]


def compared(variables: Variables) -> dict[str, Any]:
    """How promising one product of the results is, by its title and price alone."""
    now, item = situation(variables), value(variables, "item")
    found = now.worths[item["asin"]]
    price = affordable(item["price"], now.wish["price_limit"])
    told = [name for name in found.met if name != PRICE]
    told += [choice["value"] for choice in now.wish["options"] if _says(item["title"], choice)]
    why = f"the title tells of {_listed(told)}"
    return {"promise": _mark(found), "why": "the price is too high" if price == 0 else why}


def judged(variables: Variables) -> dict[str, Any]:
    """How well the product on the page fits, from all that was read about it."""
    found = _here(situation(variables))
    return {
        "fits": _mark(found),
        "met": list(found.met),
        "missing": list(found.missing),
        "unsure": list(found.unsure),
    }


def choices(variables: Variables) -> list[dict[str, str]]:
    """The values to choose on the product's page."""
    picked = _here(situation(variables)).picked.values
    return [{"option": name, "value": chosen} for name, chosen in picked.items()]


def checked(variables: Variables) -> dict[str, Any]:
    """What a purchase would miss, whatever is chosen."""
    now = situation(variables)
    price = affordable(now.notes["here"]["price"], now.wish["price_limit"])
    return {"price_ok": price > 0, "would_miss": list(_here(now).missing)}


def reflected(variables: Variables) -> dict[str, str]:
    """What to do about a requirement that a purchase would miss."""
    now = situation(variables)
    decision, asin = decide(now), now.notes["product"]
    verdict = _VERDICTS[decision.aim] if decision.asin in ("", asin) else "look elsewhere"
    lesson = f"{asin} misses {_listed(_here(now).missing)}"
    return {"verdict": verdict, "why": decision.why, "lesson": lesson}


def act(variables: Variables) -> dict[str, str]:
    """The action, and why."""
    decision: Decision = decide(situation(variables))
    return {"why": decision.why, "action": decision.action}


def _here(now: Situation) -> Worth:
    """What is thought of the product that the page is about."""
    asin = now.notes["product"]
    if asin is None:
        raise Missing("a page about a product")
    return now.worths[asin]


def _mark(found: Worth) -> int:
    return round(_OUT_OF * found.value)


def _says(title: str, choice: Choice) -> bool:
    return support(choice["value"], title) > SAID


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none of the requirements"
