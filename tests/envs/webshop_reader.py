"""Stands in for a language model in the shipped shopper: it knows nothing but the prompts."""

import json
import re
from collections.abc import Callable

from agentkit_envs.webshop.strategy.wish_parser import parse_wish

from agentkit import FunctionModel, Request

Answers = dict[str, str | Callable[[str, str], str]]
"""By node: a text, or what gives one from the prompt and the observation."""


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def listed(text: str, name: str) -> list[str]:
    """What stands behind a name in a line, parted by semicolons; nothing where it says "none"."""
    found = between(text, f"{name}: ", "\n")
    return [] if found in ("none", "nothing") else found.split("; ")


def wished_values(page: str) -> list[str]:
    return [one.partition(": ")[2] for one in listed(page, "- options")]


def wanted(_: str, page: str) -> str:
    wish = parse_wish(page.splitlines()[0].removeprefix("Instruction: "))
    values = [choice["value"] for choice in wish["options"]]
    search = " ".join([wish["product"], *wish["attributes"], *values])
    return json.dumps({**wish, "strategy": "be quick", "search": f"search[{search}]"})


def compared(prompt: str, page: str) -> str:
    wish = words(between(page, "Instruction: ", "\n"))
    titles = dict(re.findall(r"^\d+\. (\w+).*\| (.*)$", page, re.MULTILINE))
    entries = []
    for asin in re.findall(r'"(\w+)"', between(prompt, '"product": ', ', "why"')):
        shared = len(words(titles[asin]) & wish)
        why = f"{shared} words agree"
        entries.append({"product": asin, "why": why, "promise": min(10, shared)})
    return json.dumps(entries)


def judged(prompt: str, page: str) -> str:
    text = f"{between(page, 'Product ', 'You can do')} {between(prompt, 'Judge', '- met')}".lower()
    unread = "not read yet" in text
    met, missing = [], []
    for name in listed(page, "- attributes"):
        (met if words(name) <= words(text) else missing).append(name)
    for value in wished_values(page):
        (met if value in text else missing).append(value)
    doubts, missing = (missing, []) if unread else ([], missing)
    fits = round(10 * (len(met) + len(doubts) / 2) / max(1, len(met + missing + doubts)))
    choose = [value for value in wished_values(page) if f'"{value}"' in prompt]
    return json.dumps({"met": met, "missing": missing, "unsure": doubts, "fits": fits,
                       "choose": choose, "lesson": "read on" if missing else ""})  # fmt: skip


def act(prompt: str, page: str) -> str:
    return json.dumps({"why": "it is next", "action": _next(prompt, page)})


def _next(prompt: str, page: str) -> str:
    left = int(between(page, "Steps left: ", "\n"))
    if "Page: results" in page and "Products:\nnone" not in page:
        new, judged = prompt.split("Opened and judged")
        return f"click[{_best(new if left >= 8 else judged, page)}]"
    if "Page: product" in page:
        unread = listed(prompt, "Not read yet of this product")
        if unread and "not sure: nothing" not in prompt.split("Opened and judged")[1]:
            return f"click[{unread[0].split(', ')[0]}]"
        still = listed(prompt, "To be chosen before you buy this product")
        return f"click[{still[0]}]" if still else "click[buy now]"
    if "click[< Prev]" in page:
        return "click[< Prev]"
    return f"search[{' '.join([*listed(page, '- kind of product'), *wished_values(page)])}]"


def _best(part: str, page: str) -> str:
    """The product with the highest mark of those that can be opened."""
    rated = [(int(mark), asin) for asin, mark in re.findall(r"- (\w+).*?: (\d+) of 10", part)]
    shown = re.findall(r"^\d+\. (\w+)", page, re.MULTILINE)
    return max(((mark, asin) for mark, asin in rated if asin in shown), default=(0, shown[0]))[1]


READER: Answers = {"wanted": wanted, "compared": compared, "judged": judged, "act": act}


def reader(
    prompts: list[tuple[str, str]], others: Answers, contexts: dict[str, str]
) -> FunctionModel:
    """A model that answers from the prompts.

    Args:
        prompts: Gets (node, prompt) of every call.
        others: Other answers than these.
        contexts: Gets what stands in front of the prompt, by node.
    """

    async def complete(request: Request) -> str:
        node = request.call.node
        prompts.append((node, request.prompt))
        asked = [m.content for m in request.messages if m.role == "user"]
        contexts[node] = asked[0]
        answer = others.get(node, READER[node])
        return answer if isinstance(answer, str) else answer(asked[1], asked[0])

    return FunctionModel(complete, name="reader")
