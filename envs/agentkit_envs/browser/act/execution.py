"""Carry out an action in the browser: whatever comes of it, it ends in time, with words."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from playwright.async_api import Error
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agentkit_envs.browser.act import form_fields, mouse_and_keyboard, navigation, uploads
from agentkit_envs.browser.act.action_context import ActionContext, CannotAct, SessionTabs
from agentkit_envs.browser.act.actions import GRAMMAR, Action
from agentkit_envs.browser.act.element_lookup import why_stuck
from agentkit_envs.browser.act.settling import QUIET_S, SlowPage, Watch
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.notices import named, quote_address
from agentkit_envs.browser.guard.origins import PORTS, read_origin, scheme_of
from agentkit_envs.browser.guard.quoting import said

__all__ = ["Done", "carry_out"]

DEEDS: Final[Mapping[str, Callable[[ActionContext], Awaitable[None]]]] = MappingProxyType(
    {
        deed.__name__: deed
        for deed in (
            mouse_and_keyboard.click,
            mouse_and_keyboard.dblclick,
            mouse_and_keyboard.hover,
            mouse_and_keyboard.scroll,
            mouse_and_keyboard.drag_and_drop,
            mouse_and_keyboard.noop,
            mouse_and_keyboard.scroll_at,
            mouse_and_keyboard.mouse_move,
            mouse_and_keyboard.mouse_click,
            mouse_and_keyboard.mouse_dblclick,
            mouse_and_keyboard.mouse_down,
            mouse_and_keyboard.mouse_up,
            mouse_and_keyboard.mouse_drag_and_drop,
            mouse_and_keyboard.keyboard_press,
            mouse_and_keyboard.keyboard_down,
            mouse_and_keyboard.keyboard_up,
            mouse_and_keyboard.keyboard_type,
            mouse_and_keyboard.keyboard_insert_text,
            form_fields.fill,
            form_fields.clear,
            form_fields.check,
            form_fields.uncheck,
            form_fields.select_option,
            form_fields.press,
            form_fields.focus,
            uploads.upload_file,
            uploads.mouse_upload_file,
            navigation.goto,
            navigation.go_back,
            navigation.go_forward,
            navigation.new_tab,
            navigation.tab_focus,
            navigation.tab_close,
        )
    }
)
"""What carries out each action, by its name."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an action."""

    error: str = ""
    """Why it did nothing, or not all; empty if it worked."""
    message: str | None = None
    """What it tells the user."""
    infeasible: str | None = None
    """Why it says that the task cannot be done."""
    notices: tuple[str, ...] = ()
    """What else is to be known, such as a page that its server does not have."""


async def carry_out(
    action: Action,
    session: SessionTabs,
    refs: Mapping[str, str],
    *,
    allow: AllowList,
    timeout_s: float,
    uploads: Path | None = None,
    quiet_s: float = QUIET_S,
) -> Done:
    """Do what an action says, and wait until the page has done what that began.

    Nothing that a page or a model can do raises, and nothing takes longer than `timeout_s`.

    Args:
        action: What to do.
        session: The tabs of the episode.
        refs: Our references to Playwright's, of the observation that the action follows.
        allow: Where it may go.
        timeout_s: How long it may take, with the waiting.
        uploads: The folder whose files may be given to pages.
        quiet_s: How long to wait at most for the page to be quiet; 0 where it always is.
    """
    if action.name == "send_msg_to_user":
        return Done(message=action.text("text"))
    if action.name == "report_infeasible":
        return Done(infeasible=action.text("reason"))
    # Playwright is given a little less, so that there is time to find out what was wrong.
    reserve_s = min(0.5, 0.15 * timeout_s)
    ends = asyncio.get_running_loop().time() + timeout_s - reserve_s
    context = ActionContext(action, session, refs, allow, uploads, timeout_s, ends)
    watch = Watch(session, ends)
    try:
        async with asyncio.timeout(timeout_s):
            error = await _attempt(context, watch, quiet_s)
            return _done(watch, context, error)
    except TimeoutError:
        if watch.opening:
            return Done(await _late("", watch, context))
        return Done(
            f"the page did not answer within {timeout_s:g} s; if a script keeps it busy, "
            "tab_close() ends it"
        )
    finally:
        watch.end()


async def _attempt(context: ActionContext, watch: Watch, quiet_s: float) -> str:
    """What went wrong, or ''."""
    try:
        # A page that hangs must not keep an agent from leaving it.
        leaves = GRAMMAR[context.action.name].group in ("nav", "tab")
        watch.begin(counting=quiet_s > 0 and not leaves)
        try:
            await DEEDS[context.action.name](context)
        except PlaywrightTimeout:
            if not watch.opening:
                return await _stuck(context)
        await watch.settle(quiet_s)
    except CannotAct as problem:
        return str(problem)
    except SlowPage as slow:
        return await _late(str(slow), watch, context)
    except Error as error:
        return _in_words(error)
    return ""


def _done(watch: Watch, context: ActionContext, error: str) -> Done:
    traffic = watch.traffic
    for url in traffic.addresses:
        if scheme_of(url) == "blob":  # it is in the browser already, made by a page
            continue
        if refused := context.allow.refuses(url):
            return Done(navigation.not_opened(named(url), refused))
    if traffic.failed is not None and "ERR_ABORTED" not in traffic.failed[1]:
        return Done(error or navigation.why_not_opened(named(traffic.failed[0]), traffic.failed[1]))
    notices: tuple[str, ...] = ()
    if traffic.kept_from:  # as a page or as a picture of one, that is not told
        kept = quote_address(traffic.kept_from)
        notices = (f"The browser did not open {kept}: no page may lead to such an address.",)
    answer = traffic.response
    if answer is None or answer.status < 400:
        return Done(error, notices=notices)
    # The answer may be the gate's own. That is not read off it, for a server could write the same.
    web = scheme_of(answer.url) in PORTS
    if web and (reason := context.session.why_unreached(str(read_origin(answer.url)))):
        return Done(error or navigation.not_opened(named(answer.url), reason))
    status = said(f"{answer.status} {answer.status_text}".strip())
    told = f"The server answered {status} to {quote_address(answer.url)}."
    return Done(error, notices=(*notices, told))


async def _stuck(context: ActionContext) -> str:
    """Why Playwright waited in vain."""
    for ref in context.action.references:
        try:
            return await why_stuck(context, ref)
        except CannotAct as problem:
            return str(problem)
        except Error as error:
            return _in_words(error)
    return f"it took longer than {context.timeout_s:g} s"


async def _late(what: str, watch: Watch, context: ActionContext) -> str:
    """Say that a page was not there in time; if nothing of it has come, stay on the one before."""
    within = f"within {context.timeout_s:g} s"
    if watch.opening:
        what = named(watch.opening)
        await watch.stop()
        return f"the server did not answer {within}, so the loading of {what} was stopped"
    return f"{what} is still loading after {context.timeout_s:g} s; noop() waits longer"


def _in_words(error: Error) -> str:
    """What Playwright says, without the log of its steps; a page can have a hand in it."""
    message = error.message.partition("\n")[0]
    if "crash" in message:
        return "the page crashed"
    if "has been closed" in message or "Connection closed" in message:
        return "the page was closed meanwhile"
    if "not attached" in message or "Execution context was destroyed" in message:
        return "the element is gone from the page since the last observation"
    return f"the browser could not do it: {said(message.rpartition('Error: ')[2], 200)}"
