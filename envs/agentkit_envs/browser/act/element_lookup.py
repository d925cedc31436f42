"""Find the element that an action names, and see at once whether it can be acted on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from playwright.async_api import ElementHandle, Error, Position

from agentkit_envs.browser.act.action_context import ActionContext, CannotAct
from agentkit_envs.browser.act.element_facts import Facts, read_facts
from agentkit_envs.browser.see.scripts import clean, script

PROBE: Final = clean(script(__package__, "probe.js"))
_LISTED: Final = 12
"""So many references are all named."""
_NEAR: Final = 4
GONE: Final = "it is gone from the page since the last observation"


@dataclass(frozen=True, slots=True)
class Found:
    """An element of the page, with what was seen of it."""

    ref: str
    handle: ElementHandle
    facts: Facts

    @property
    def what(self) -> str:
        """Such as `e3 (button "Ok")`."""
        return f"{self.ref} ({self.facts.what})"

    async def field(self) -> ElementHandle:
        """Return what it is the label of, or itself."""
        if not self.facts.labels:
            return self.handle
        control = await self.handle.evaluate_handle("e => e.closest('label').control")
        return control.as_element() or self.handle


async def find(context: ActionContext, ref: str) -> Found:
    """The element of a reference; raises `CannotAct` if it is not there."""
    value = context.refs.get(ref)
    if value is None:
        raise CannotAct(f"there is no element {ref} on this page. {_known(context.refs, ref)}")
    try:
        handle = await context.page.query_selector(f"aria-ref={value}")
        facts = read_facts(await handle.evaluate(PROBE) if handle else None)
    except Error as error:
        if "Invalid frame" in error.message or "not attached" in error.message:
            raise CannotAct(f"{ref} cannot be used: {GONE}") from None
        raise
    if handle is None or facts.gone:
        raise CannotAct(f"{ref} cannot be used: {GONE}")
    return Found(ref, handle, facts)


async def find_usable(context: ActionContext, ref: str) -> Found:
    """The same; raises `CannotAct` as well if it is hidden or disabled."""
    found = await find(context, ref)
    problem = why_unusable(found)
    if problem:
        raise CannotAct(problem)
    return found


def why_unusable(found: Found) -> str:
    """Why nobody could use an element as it is now, or ''."""
    facts = found.facts
    if not facts.shown:
        return f"{found.what} cannot be used: it is hidden now"
    if facts.disabled:
        return f"{found.what} cannot be used: it is disabled"
    if facts.inert:
        return (
            f"{found.what} cannot be used: it is inert, as long as the page keeps it so; a dialog "
            "in front may be the reason"
        )
    return ""


async def where_to_click(found: Found) -> dict[str, Position]:
    """Return Playwright's option for a label whose middle is a link; nothing for others.

    What is under it is only known where it stands in the window, so it is looked at anew.
    """
    if not found.facts.labels:
        return {}
    beside = read_facts(await found.handle.evaluate(PROBE)).beside
    return {} if beside is None else {"position": {"x": beside[0], "y": beside[1]}}


def why_covered(found: Found) -> str:
    """Says what covers an element that something covers."""
    return f"{found.what} cannot be used: it is covered by {found.facts.covered}"


async def why_stuck(context: ActionContext, ref: str) -> str:
    """Why Playwright waited in vain for an element."""
    found = await find_usable(context, ref)
    if found.facts.covered:
        return why_covered(found)
    return (
        f"{found.what} did not stand still or did not answer for {context.timeout_s:g} s, or "
        "something covers it"
    )


def _known(refs: Mapping[str, str], wanted: str) -> str:
    if not refs:
        return "It has no elements that can be named"
    names = list(refs)
    if len(names) <= _LISTED:
        return f"It has {', '.join(names)}"
    # The numbers have gaps: those of elements that are gone are never given again.
    number = int(wanted[1:]) if wanted[1:].isdecimal() else 0
    near = sorted(names, key=lambda name: abs(int(name[1:]) - number))[:_NEAR]
    return f"The references nearest to it are {', '.join(sorted(near, key=names.index))}"
