"""What an action is carried out with, and what it says when it cannot be."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from playwright.async_api import Page

from agentkit_envs.browser.act.actions import Action
from agentkit_envs.browser.guard.allow_list import AllowList


class CannotAct(Exception):
    """Why an action did nothing, or not all, in a plain sentence."""


class SessionTabs(Protocol):
    """What of a session actions use."""

    place: str
    """The address that a part of one belongs to where the active tab has none; empty if there is
    none yet."""

    @property
    def page(self) -> Page:
        """The active tab."""

    @property
    def tabs(self) -> list[Page]:
        """All tabs in the order of opening."""

    def stands_on(self, url: str) -> bool:
        """Whether a tab at this address shows what is there, and may show it."""

    def why_unreached(self, origin: str) -> str | None:
        """Why an origin was refused or not reached the last time; None if it was reached."""

    async def new_tab(self) -> Page:
        """Open one, which becomes the active one."""

    async def focus_tab(self, index: int) -> Page:
        """Make one the active one; LookupError if there is none."""

    async def close_tab(self, index: int | None = None) -> Page:
        """Close one, the active one unless told."""


@dataclass(frozen=True, slots=True)
class ActionContext:
    """An action with all that it may touch."""

    action: Action
    session: SessionTabs
    refs: Mapping[str, str]
    """Our references to Playwright's."""
    allow: AllowList
    uploads: Path | None
    timeout_s: float
    ends: float
    """The time of the loop at which the action must have been carried out."""

    @property
    def page(self) -> Page:
        """The active tab."""
        return self.session.page

    @property
    def left_s(self) -> float:
        """How long it may still take; never nothing, which Playwright reads as no limit."""
        return max(self.ends - asyncio.get_running_loop().time(), 0.001)

    @property
    def left_ms(self) -> float:
        """The same in milliseconds, as Playwright takes it."""
        return self.left_s * 1000
