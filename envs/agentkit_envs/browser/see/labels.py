"""Labels for what a snapshot would not tell well, there only for as long as it takes.

Pages have things that act without being a button or link: a word that listens to clicks, an icon,
a coloured box. They have checkboxes that nobody can hit, behind a label that stands for them.
Playwright's snapshot has no line for most of them, and no word for some states. So they are given a
label and a role for the moment of the snapshot (`labels.js`), which is read from it and taken away
again.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from playwright.async_api import Error, Frame, JSHandle, Page

from agentkit_envs.browser.guard.quoting import said
from agentkit_envs.browser.see.roles import FIELDS
from agentkit_envs.browser.see.scripts import clean, script
from agentkit_envs.browser.see.view import Element

LOG = logging.getLogger("agentkit.browser")
_LABEL = re.compile("\ue000(\\d+-\\d+)\ue001")
_ROLE = "note"
"""What labels.js says of elements without a role."""
_FIND = clean(script(__package__, "labels.js"))
_LABEL_THEM = clean("found => found.label()")
_RESTORE = clean("found => found.restore()")
_PATIENCE_S = 2.0
"""How long a page may take to answer."""
_FRAME_PATIENCE_S = 0.5
"""How long a frame of it may; one that is loading for ever does not answer at all."""
_STATE = re.compile(r"[a-z]+(=[\w.:+#-]{1,40})?", re.ASCII)
_GONE = "hidden"
"""What labels.js says of a field whose label stands for it."""
_MOST_UNSEEN = 8
"""So many areas, or custom elements, are named in a notice."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a label stands for."""

    name: str
    """The element's own name, if it has one."""
    text: str
    """Its words, as far as they belong to the name of what is around it."""
    label: str
    """How its markup calls it, for one without words."""
    states: tuple[str, ...]
    """What can be done with it."""
    plain: bool
    """Whether it has no role of its own."""
    value: str | None = None
    """What the field holds that it is the label of; None if it is no such label."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the labels stand for, and what can be in no line."""

    marks: Mapping[str, Mark]
    notices: tuple[str, ...]
    """What of the page has no line, in sentences."""


def listening_script() -> str:
    """What must run in every document before its own scripts, for `marked` to know all."""
    return script(__package__, "listening.js")


@asynccontextmanager
async def marked(page: Page) -> AsyncIterator[Marks]:
    """The page with labels, and what they stand for; without them afterwards."""
    labelled = [_Labels(frame) for frame in page.frames]
    try:
        told = await asyncio.gather(*(labels.put(at) for at, labels in enumerate(labelled)))
        yield Marks(
            {key: mark for one in told for key, mark in one.marks.items()},
            tuple(notice for one in told for notice in one.notices),
        )
    finally:
        await asyncio.gather(*(labels.take_away() for labels in labelled))


class _Labels:
    """The labels of a frame.

    A page carries out what it is asked for in order. So labels for which there was no time are
    never put, and those that are put too late are taken away before the snapshot is taken.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._found: JSHandle | None = None

    async def put(self, number: int) -> Marks:
        """Put them, and say what they stand for; none if the frame does not answer in time."""
        frame = self._frame
        try:
            async with asyncio.timeout(_FRAME_PATIENCE_S if frame.parent_frame else _PATIENCE_S):
                self._found = await frame.evaluate_handle(_FIND, number)
                told = await self._found.evaluate(_LABEL_THEM)
            facts = json.loads(told)
            marks = {key: _read_fact(fact) for key, fact in facts["told"].items()}
            return Marks(marks, tuple(_unseen(facts["unseen"], bool(frame.parent_frame))))
        except (Error, TimeoutError):  # it is being left, loading or busy
            await self.take_away()
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            LOG.debug(
                "what labels.js says of %s cannot be read", frame.url
            )  # its own JSON, perhaps
            await self.take_away()
        return Marks({}, ())

    async def take_away(self) -> None:
        """Take them away, or have asked for it."""
        found, self._found = self._found, None
        if found is None:
            return
        try:
            async with asyncio.timeout(_FRAME_PATIENCE_S):
                await found.evaluate(_RESTORE)
                await found.dispose()
        except (Error, TimeoutError):  # it was left, and its labels with it; or it does it later
            return


def _read_fact(fact: Mapping[str, Any]) -> Mark:
    return Mark(
        str(fact["name"]),
        str(fact["text"]),
        str(fact["label"]),
        tuple(str(state) for state in fact["states"] if _STATE.fullmatch(str(state))),
        bool(fact["plain"]),
        str(fact["value"]) if "value" in fact else None,
    )


def _unseen(facts: Mapping[str, Any], in_frame: bool) -> Iterator[str]:
    """Sentences about what of a frame is in no line."""
    for kind, what in (
        ("areas", "An image map has areas without a reference"),
        ("closed", "The inside of custom elements (closed shadow roots) cannot be seen"),
    ):
        found = [
            f"{said(str(name))} at ({x:g}, {y:g})" if x is not None else said(str(name))
            for name, x, y in facts[kind]
        ]
        if found:
            more = f" and {len(found) - _MOST_UNSEEN} more" if len(found) > _MOST_UNSEEN else ""
            how = "in its frame" if in_frame else "mouse_click(x, y) clicks there"
            yield f"{what}: {', '.join(found[:_MOST_UNSEEN])}{more}; {how}."


def unmask(elements: Sequence[Element], marks: Mapping[str, Mark]) -> list[Element]:
    """The elements of a snapshot with what the labels stand for in place of them.

    A field whose label stands for it is left out.
    """
    owners: dict[str, int] = {}
    for at, element in enumerate(elements):
        label = _LABEL.fullmatch(element.name)
        mark = marks.get(label[1]) if label else None
        if label and mark and mark.plain == (element.role == _ROLE):
            owners[label[1]] = at  # others may be called by it; of these it is inside
    return list(_unmasked(elements, marks, set(owners.values())))


def _unmasked(
    elements: Sequence[Element], marks: Mapping[str, Mark], owners: set[int]
) -> Iterator[Element]:
    for at, element in enumerate(elements):
        label = _LABEL.search(element.name)
        if label is None:
            yield element
        elif at in owners and _GONE in marks[label[1]].states:
            continue
        elif at in owners:
            is_leaf = at + 1 == len(elements) or elements[at + 1].depth <= element.depth
            yield _tell(element, marks[label[1]], is_leaf)
        else:
            yield replace(element, name=_read(element.name, marks))


def _tell(element: Element, mark: Mark, is_leaf: bool) -> Element:
    """The element of a label."""
    name, value = mark.name, element.value if mark.value is None else mark.value
    if element.role in FIELDS or mark.value is not None:
        name = name or mark.label
    else:
        if not name or value == name:
            name, value = name or value, ""
        if is_leaf and not any(map(str.isprintable, name + value)):
            name = mark.label
    states = dict.fromkeys((*element.states, *mark.states))
    role = "generic" if mark.plain else element.role
    hint = "" if element.placeholder == name else element.placeholder
    return replace(
        element, role=role, name=name, value=value, states=tuple(states), placeholder=hint
    )


def _read(name: str, marks: Mapping[str, Mark]) -> str:
    """A name that is made of the names of labelled elements."""
    read = _LABEL.sub(lambda label: marks[label[1]].text if label[1] in marks else "", name)
    return " ".join(read.split())
