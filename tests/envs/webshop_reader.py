"""Stands in for a language model in the shipped shopper: it knows nothing but the prompts."""

import json
import re
from collections.abc import Callable
from typing import Any

from agentkit_envs.webshop.strategy.wish_parser import parse_wish

from agentkit import FunctionModel, Request

Answers = dict[str, str | Callable[[str, str], str]]
"""By node: a text, or what gives one from the prompt and the observation."""


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def said(prompt: str, name: str) -> Any:
    """The JSON after a name in a prompt; nothing where it says "none"."""
    text = prompt.split(f"{name}: ", 1)[1]
    return json.JSONDecoder().raw_decode(text)[0] if text[0] in "[{" else []


def between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def wanted(_: str, page: str) -> str:
    return json.dumps(parse_wish(page.splitlines()[0].removeprefix("Instruction: ")))


def query(prompt: str, _: str) -> str:
    values = [choice["value"] for choice in said(prompt, "Options")]
    return " ".join([between(prompt, "look for: ", ". Attr"), *said(prompt, "Attributes"), *values])


def compared(prompt: str, page: str) -> str:
    title = between(prompt, "found this product for ", "\nHow promising")
    shared = len(words(title) & words(page.splitlines()[0]))
    return json.dumps({"promise": min(10, shared), "why": f"{shared} words agree"})


def judged(prompt: str, _: str) -> str:
    text = between(prompt, "What you know", "Which requirements").lower()
    unread = "not read yet" in text
    met, missing = [], []
    for name in said(prompt, "Attributes"):
        (met if words(name) <= words(text) else missing).append(name)
    for choice in said(prompt, "Options"):
        (met if choice["value"] in text else missing).append(choice["value"])
    doubts, missing = (missing, []) if unread else ([], missing)
    fits = round(10 * (len(met) + len(doubts) / 2) / max(1, len(met + missing + doubts)))
    return json.dumps({"fits": fits, "met": met, "missing": missing, "unsure": doubts})


def choices(prompt: str, _: str) -> str:
    found = []
    for line in between(prompt, "options of this product:\n", "Which value").splitlines():
        name, _, values = line.removeprefix("- ").partition(": ")
        for choice in said(prompt, "Wanted options"):
            if choice["value"] in values.split("; "):
                found.append({"option": name, "value": choice["value"]})
    return json.dumps(found)


def checked(prompt: str, _: str) -> str:
    price = float(re.search(r"for \$([\d.]+)", prompt)[1])
    limit = re.search(r"dollars: ([\d.]+\d|none)", prompt)[1]
    fits = limit == "none" or price <= float(limit)
    return json.dumps({"price_ok": fits, "would_miss": said(prompt, "that it misses")})


def reflected(prompt: str, _: str) -> str:
    stay = _left(prompt) < 8 or "most promising first:\nnone" in prompt
    verdict = "buy it" if stay else "look elsewhere"
    return json.dumps({"verdict": verdict, "why": "of the steps", "lesson": "read on"})


def _left(prompt: str) -> int:
    return int(re.search(r"Steps left: (\d+)", prompt)[1])


def act(prompt: str, page: str) -> str:
    return json.dumps({"why": "it is next", "action": _next(prompt, page)})


def _next(prompt: str, page: str) -> str:
    if found := re.search(r"Words to search for: (.*)", prompt):
        return f"search[{found[1]}]"
    if "Page: results" in page:
        new, judged = prompt.split("Products you judged")
        return f"click[{_best(new if _left(prompt) >= 8 else judged, prompt)}]"
    if "Page: product" not in page:
        return "click[< Prev]"
    if "verdict on this product: look elsewhere" in prompt:
        return "click[< Prev]"
    unread = said(prompt, "have not read")
    if unread and "not sure of [" in prompt:
        return f"click[{unread[0]}]"
    still = said(prompt, "Still to be chosen")
    return f"click[{still[0]['value']}]" if still else "click[buy now]"


def _best(part: str, prompt: str) -> str:
    """The product with the highest mark of those that can be opened."""
    rated = [(int(mark), asin) for asin, mark in re.findall(r"- (\w+).*?: (\d+) of 10", part)]
    return max(each for each in rated if f"click[{each[1]}]" in prompt)[1]


READER: Answers = {
    "wanted": wanted, "query": query, "compared": compared, "judged": judged, "choices": choices,
    "checked": checked, "reflected": reflected, "act": act,
}  # fmt: skip


def reader(prompts: list[tuple[str, str]], answers: Answers | None = None) -> FunctionModel:
    """A model that answers from the prompts; `prompts` gets (node, prompt) of every call."""
    others = answers if answers is not None else {}

    async def complete(request: Request) -> str:
        node = request.call.node
        prompts.append((node, request.prompt))
        answer = others.get(node, READER[node])
        if isinstance(answer, str):
            return answer
        asked = [m.content for m in request.messages if m.role == "user"]
        return answer(asked[1], asked[0])

    return FunctionModel(complete, name="reader")
