"""The `prompt` observation: a view in plain words. `prompt_reader.read` is the way back."""

import json
from collections.abc import Iterator

from agentkit_envs.webshop.pages.page import PAGE_SIZE
from agentkit_envs.webshop.pages.view import LastAction, Listing, Option, View

NONE = "none"
INSTRUCTION = "Instruction: "
LAST = "Last action: "
LEFT = "Steps left: "
PRODUCTS = "Products:"
OPTIONS = "Options (a value is chosen by clicking it):"
CHOSEN = " (chosen)"
SEEN = " (opened before)"
ACTIONS = "You can do: search[words]"
OVER = "The visit is over."
NO_STEPS = "The visit is over: no steps are left, and nothing was bought."
HEADS = {
    "description": "Description:",
    "features": "Features:",
    "reviews": "Reviews:",
    "attributes": "Attributes:",
}


def describe(view: View) -> str:
    """The whole observation: the wish, the page, what was done, what can be done."""
    lines = [
        f"{INSTRUCTION}{view.instruction}",
        f"Page: {_page(view)}",
        f"{LAST}{_last(view.last)}",
        f"{LEFT}{'no limit' if view.steps_left is None else view.steps_left}",
        "",
        *_body(view),
        _actions(view),
    ]
    return "\n".join(lines)


def quoted(text: str, marks: str) -> str:
    """The text, in quotes where it could not be told from the words around it."""
    odd = not text or text.startswith('"') or text.endswith(CHOSEN)
    return json.dumps(text, ensure_ascii=False) if odd or any(m in text for m in marks) else text


def _page(view: View) -> str:
    if view.kind == "results":
        words = json.dumps(view.query, ensure_ascii=False)
        pages = max(1, -(-view.total // PAGE_SIZE))
        return f"results, page {view.number} of {pages}, {view.total} products found for {words}"
    return {"index": "search", "item": "product", "done": "order placed"}.get(
        view.kind, f"{view.kind} of the product"
    )


def _last(last: LastAction | None) -> str:
    if last is None:
        return NONE
    given = json.dumps(last.text, ensure_ascii=False)
    return f"{given} {'worked' if last.worked else 'changed nothing'}: {last.told}"


def _body(view: View) -> Iterator[str]:
    if view.kind == "results":
        yield PRODUCTS
        first = (view.number - 1) * PAGE_SIZE + 1
        yield from (_listing(n, item) for n, item in enumerate(view.products, first))
        if not view.products:
            yield NONE
        yield ""
    elif view.kind != "index":
        yield f"Product {view.asin}: {view.title}"
        yield from _item(view) if view.kind == "item" else _details(view)
        yield ""


def _listing(number: int, item: Listing) -> str:
    seen = SEEN if item.seen else ""
    return f"{number}. {item.asin}{seen} | {item.price} | {item.title}"


def _item(view: View) -> Iterator[str]:
    yield f"Price: {view.price}"
    yield f"Rating: {view.rating}"
    if view.options:
        yield OPTIONS
    yield from (_option(option) for option in view.options)


def _option(option: Option) -> str:
    values = [
        quoted(value, ";") + (CHOSEN if value == option.chosen else "") for value in option.values
    ]
    return f"- {quoted(option.name, ':')}: {'; '.join(values)}"


def _details(view: View) -> Iterator[str]:
    if view.kind == "done":
        bought = [f"{quoted(name, ':;')}: {quoted(value, ';')}" for name, value in view.bought]
        yield f"Bought with: {'; '.join(bought) or 'no options'}"
        yield f"Score: {view.reward} of 1"
        return
    yield HEADS[view.kind]
    yield from (f"- {text}" for text in view.details)
    if not view.details:
        yield NONE


def _actions(view: View) -> str:
    if view.kind == "done":
        return OVER
    if view.steps_left == 0:
        return NO_STEPS
    clicks = ["click[identifier of a product]"] if view.products else []
    clicks += ["click[value of an option]"] if view.options else []
    clicks += [f"click[{button}]" for button in view.buttons]
    return ", ".join([ACTIONS, *clicks])
