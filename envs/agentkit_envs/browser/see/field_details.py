"""What a snapshot does not tell of fields, or tells although nobody should read it.

Passwords are hidden, since an observation goes to a model and into logs; a field for files says
which are chosen; the keyboard is followed into custom elements.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from playwright.async_api import Error, Frame, Locator, Page

from agentkit_envs.browser.see.aria_snapshot import parse_snapshot
from agentkit_envs.browser.see.roles import FIELDS
from agentkit_envs.browser.see.scripts import clean, script
from agentkit_envs.browser.see.view import Element

HIDDEN: Final = "•" * 8
"""What is shown for a password, however long it is."""
_SCRIPT: Final = clean(script(__package__, "field_details.js"))
_CHOSEN: Final = "fields => fields.map(field => [...field.files].map(file => file.name).join(', '))"
_PATIENCE_S: Final = 0.5
"""How long a frame may take to answer."""
_MOST: Final = 20
"""So many fields for files of a frame say what is chosen."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a frame says of its fields."""

    secrets: frozenset[str]
    chosen: bool
    within: bool


async def detailed(page: Page, elements: Sequence[Element]) -> tuple[list[Element], bool]:
    """The elements of a snapshot that was just taken, with Playwright's references, and details.

    Also whether Playwright had to look at single elements for it. Then it has forgotten where the
    other references lead, until it takes a snapshot of the whole page again.
    """
    frames = page.frames
    told = await asyncio.gather(*map(_ask, frames))
    secrets = frozenset(one for facts in told if facts for one in facts.secrets)
    known = told[0] is not None, None not in told[1:]
    shown = [_hide(element, secrets, known) for element in elements]
    for frame, facts in zip(frames, told, strict=True):
        if facts is not None and facts.chosen:
            shown = await _with_files(frame, shown)
        if facts is not None and facts.within:
            shown = _with_keyboard(shown, await _reference(frame.locator(":focus").last))
    return shown, any(facts and (facts.chosen or facts.within) for facts in told)


async def _ask(frame: Frame) -> _Told | None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            facts = json.loads(await frame.evaluate(_SCRIPT))
        secrets = frozenset(str(secret) for secret in facts["secrets"] if secret)
        return _Told(secrets, bool(facts["chosen"]), bool(facts["within"]))
    except (Error, TimeoutError):  # it is being left or busy
        return None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):  # it has its own JSON
        return None


def _hide(element: Element, secrets: frozenset[str], known: tuple[bool, bool]) -> Element:
    """Without a password; where a frame did not say which those are, without what was typed."""
    if element.role not in FIELDS or not element.value:
        return element
    is_inner = (element.ref or "").startswith("f")
    is_secret = element.value in secrets or not known[is_inner]
    return replace(element, value=HIDDEN) if is_secret else element


async def _with_files(frame: Frame, elements: Iterable[Element]) -> list[Element]:
    fields = frame.locator("input[type=file]")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            names = [str(name) for name in await fields.evaluate_all(_CHOSEN)]
    except (Error, TimeoutError, TypeError):
        return list(elements)
    chosen = {
        await _reference(fields.nth(at)): name for at, name in enumerate(names[:_MOST]) if name
    }
    return [
        replace(element, value=chosen[element.ref])
        if element.ref is not None and element.ref in chosen
        else element
        for element in elements
    ]


def _with_keyboard(elements: Sequence[Element], ref: str | None) -> list[Element]:
    """The keyboard is with this element, not with the custom element around it."""
    refs = [element.ref for element in elements]
    shown = list(elements)
    if ref is None or ref not in refs:
        return shown
    at = refs.index(ref)
    for around in reversed(range(at)):
        if "focused" in shown[around].states:
            states = tuple(state for state in shown[around].states if state != "focused")
            shown[around] = replace(shown[around], states=states)
            break
    shown[at] = replace(shown[at], states=tuple(dict.fromkeys((*shown[at].states, "focused"))))
    return shown


async def _reference(place: Locator) -> str | None:
    """Playwright's reference of an element of the last snapshot."""
    try:
        seen = parse_snapshot(await place.aria_snapshot(mode="ai", timeout=_PATIENCE_S * 1000))
    except (Error, ValueError):  # it is hidden or gone
        return None
    return seen[0].ref if seen else None
