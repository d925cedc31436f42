"""Fill in forms: fields, checkboxes, lists of options, the keyboard on an element."""

from difflib import get_close_matches
from typing import Final

from playwright.async_api import Error

from agentkit_envs.browser.act.action_context import ActionContext, CannotAct
from agentkit_envs.browser.act.element_facts import Facts
from agentkit_envs.browser.act.element_lookup import Found, find_usable, where_to_click
from agentkit_envs.browser.act.moving import use_mouse
from agentkit_envs.browser.act.scroll_into_view import in_reach
from agentkit_envs.browser.guard.quoting import said

FORMATS: Final = {
    "color": "#ff8800",
    "date": "2026-12-31",
    "datetime-local": "2026-12-31T23:59",
    "month": "2026-12",
    "number": "12.5",
    "range": "12.5",
    "time": "23:59",
    "week": "2026-W53",
}
"""An example of what each kind of field takes."""
NOT_WRITTEN: Final = {
    "button": "click it",
    "checkbox": "use check or uncheck",
    "file": "use upload_file",
    "image": "click it",
    "radio": "use check",
    "reset": "click it",
    "submit": "click it",
}
"""What to do with inputs that take no text."""
TAKES: Final = """(given, text) => {
  const field = given.control || given;
  const other = document.createElement("input");
  other.type = field.type;
  if (field.type === "range") {
    Object.assign(other, { min: field.min, max: field.max, step: field.step });
  }
  other.value = text;
  if (field.type === "range") return text !== "" && Number(other.value) === Number(text);
  return field.type === "color" ? other.value === text.toLowerCase() : other.value !== "";
}"""
"""Whether a field of that kind would hold a text; it leaves the field itself alone."""
LIMITS: Final = "e => [e.min || '0', e.max || '100', e.step || '1']"
"""From where to where a slider goes, and by which steps."""
_LISTED = 20


async def fill(context: ActionContext) -> None:
    """Replace what a field holds."""
    menu = context.action.arguments["enable_autocomplete_menu"] is True
    await _write(context, context.action.text("value"), typed=1 if menu else 0)


async def clear(context: ActionContext) -> None:
    """Empty a field."""
    await _write(context, "")


async def check(context: ActionContext) -> None:
    """Tick a checkbox or choose a radio button."""
    await _set(context, await _checkable(context), True)


async def uncheck(context: ActionContext) -> None:
    """Remove the tick of a checkbox."""
    found = await _checkable(context)
    if found.facts.radio:
        raise CannotAct(
            f"{found.what} is a radio button: choose another of its group to take it back"
        )
    await _set(context, found, False)


async def select_option(context: ActionContext) -> None:
    """Choose options of a list by their words or values."""
    found = await find_usable(context, context.action.text("bid"))
    if found.facts.tag != "select":
        raise CannotAct(
            f"{found.what} is no list that select_option can use: click it, then click the option"
        )
    wanted = context.action.texts("options")
    if len(wanted) > 1 and not found.facts.multiple:
        raise CannotAct(f"{found.what} takes one option, not {len(wanted)}")
    indexes = [_option(found, name) for name in wanted]
    await found.handle.select_option(index=indexes, timeout=context.left_ms)


async def press(context: ActionContext) -> None:
    """Press keys with the keyboard on an element."""
    found = await find_usable(context, context.action.text("bid"))
    if found.facts.labels:
        await _focus(found)
    field = await found.field()
    await field.press(context.action.text("key_comb"), timeout=context.left_ms)


async def focus(context: ActionContext) -> None:
    """Put the keyboard on an element."""
    await _focus(await find_usable(context, context.action.text("bid")))


async def _focus(found: Found) -> None:
    field = await found.field()
    await field.focus()
    if not await field.evaluate("e => e.matches(':focus-within')"):
        raise CannotAct(f"{found.what} cannot have the keyboard")


async def _set(context: ActionContext, found: Found, ticked: bool) -> None:
    """Tick a box or take its tick away, by its label where that stands for it."""
    async with in_reach(context, found):
        if not found.facts.labels:
            await use_mouse(context, found, "check" if ticked else "uncheck")
            return
        if found.facts.checked == ticked:
            return
        await use_mouse(context, found, "click", **await where_to_click(found))
    field = await found.field()
    try:
        left = await field.is_checked() != ticked
    except Error:  # it has done what it does, and is gone
        return
    if left:
        raise CannotAct(f"{found.what} was clicked, but the page left it as it was")


async def _write(context: ActionContext, text: str, typed: int = 0) -> None:
    """Replace what a field holds; so many letters at the end are typed as keys."""
    found = await find_usable(context, context.action.text("bid"))
    problem = _why_not_written(found.facts)
    if problem:
        raise CannotAct(f"{found.what} {problem}")
    kind = found.facts.type
    if text and kind in FORMATS and not await found.handle.evaluate(TAKES, text.strip()):
        form = f"write it like {FORMATS[kind]}"
        if kind == "range":
            least, most, step = (said(str(one), 20) for one in await found.handle.evaluate(LIMITS))
            form = f"write a number from {least} to {most}, in steps of {step}"
        raise CannotAct(
            f"{found.what} is a field for a {kind} and does not take {said(text)}: {form}"
        )
    if found.facts.labels and kind in FORMATS:  # nobody could see it
        field = await found.field()
        await field.fill(text, force=True, timeout=context.left_ms)
        return
    if not typed or kind in FORMATS:
        await found.handle.fill(text, timeout=context.left_ms)
        return
    await found.handle.fill(text[:-typed], timeout=context.left_ms)
    await found.handle.type(text[-typed:], timeout=context.left_ms)


def _why_not_written(facts: Facts) -> str:
    if facts.tag == "select":
        return "is a list of options: use select_option"
    instead = NOT_WRITTEN.get(facts.type)
    if instead:
        return f"takes no text: {instead}"
    if not facts.writable:
        return "is no field that a text can be written in"
    return "cannot be changed: it is for reading only" if facts.readonly else ""


async def _checkable(context: ActionContext) -> Found:
    found = await find_usable(context, context.action.text("bid"))
    if not found.facts.checkable:
        raise CannotAct(f"{found.what} is no checkbox and no radio button: click it")
    return found


def _option(found: Found, wanted: str) -> int:
    """The place of an option by its words, else by its value, else by its words in any case."""
    options = found.facts.options
    words, values = [option.words for option in options], [option.value for option in options]
    tidy = " ".join(wanted.split())
    lower = [name.lower() for name in words]
    for names, name in ((words, tidy), (values, wanted), (lower, tidy.lower())):
        if name in names:
            place = names.index(name)
            if options[place].disabled:
                raise CannotAct(f"the option {said(wanted)} of {found.what} is disabled")
            return place
    near = get_close_matches(tidy.lower(), lower, n=1)
    hint = f" Did you mean {said(words[lower.index(near[0])])}?" if near else ""
    listed = ", ".join(said(name, 40) for name in words[:_LISTED])
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    raise CannotAct(
        f"{found.what} has no option {said(wanted)}.{hint} It has: {listed or 'none'}{more}"
    )
