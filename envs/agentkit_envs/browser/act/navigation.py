"""Go to pages: by an address, back and forward, from tab to tab."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from playwright.async_api import Error, Frame, Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agentkit_envs.browser.act.action_context import ActionContext, CannotAct
from agentkit_envs.browser.act.settling import SlowPage
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.notices import named, quote_address, quote_addresses
from agentkit_envs.browser.guard.origins import clean, scheme_of

_WEB = ("http", "https")
_LATER = "interrupted by another navigation"
_TAB_ENDS = ("crash", "has been closed", "Connection closed")

REASONS: Final = {
    "ERR_ABORTED": "it is a file to download, or there is nothing to show",
    "Download is starting": "it is a file to download, or there is nothing to show",
    "ERR_ACCESS_DENIED": "it may not be read",
    "ERR_ADDRESS_UNREACHABLE": "the server cannot be reached",
    "ERR_BLOCKED_BY_CLIENT": "the browser blocked it",
    "ERR_CONNECTION_CLOSED": "the server closed the connection",
    "ERR_CONNECTION_REFUSED": "nothing answers at that address",
    "ERR_CONNECTION_RESET": "the server closed the connection",
    "ERR_CONNECTION_TIMED_OUT": "the server does not answer",
    "ERR_EMPTY_RESPONSE": "the server answered with nothing",
    "ERR_FILE_NOT_FOUND": "there is no such file",
    "ERR_INVALID_AUTH_CREDENTIALS": "it asks for a name and a password, and none can be given here",
    "ERR_INVALID_RESPONSE": "the server's answer cannot be read",
    "ERR_INVALID_URL": "it is no address",
    "ERR_NAME_NOT_RESOLVED": "there is no server of that name",
    "ERR_TIMED_OUT": "the server does not answer",
    "ERR_TOO_MANY_REDIRECTS": "it redirects in a circle",
    "ERR_TUNNEL_CONNECTION_FAILED": "the server cannot be reached, or there is none of that name",
    "ERR_UNSAFE_REDIRECT": "it redirects to where no page may lead",
    "ERR_UNSAFE_PORT": "browsers do not open that port",
}
"""Chromium's names of what went wrong, in plain words."""


async def goto(context: ActionContext) -> None:
    """Open an address in the active tab."""
    here = context.page.url
    base = here if context.session.stands_on(here) else context.session.place
    url = address(context.action.text("url"), base, context.allow)
    refused = context.allow.refuses(url)
    if refused:
        raise CannotAct(not_opened(named(url), refused))
    context.session.place = context.session.place or url
    try:
        await context.page.goto(url, wait_until="domcontentloaded", timeout=context.left_ms)
    except PlaywrightTimeout:
        raise SlowPage(named(url)) from None
    except Error as error:
        _unless_open(named(url), error)


async def go_back(context: ActionContext) -> None:
    """Go to the page before."""
    await _along(context.page, context.page.go_back, context, "before")


async def go_forward(context: ActionContext) -> None:
    """Go to the page after."""
    await _along(context.page, context.page.go_forward, context, "after")


async def new_tab(context: ActionContext) -> None:
    """Open an empty tab."""
    await _of_tabs(context.session.new_tab())


async def tab_focus(context: ActionContext) -> None:
    """Change to a tab."""
    await _of_tabs(context.session.focus_tab(int(context.action.number("index"))))


async def tab_close(context: ActionContext) -> None:
    """Close the active tab."""
    await _of_tabs(context.session.close_tab())


def address(text: str, base: str, allow: AllowList) -> str:
    """The whole address that a text means on the page at `base`.

    A text without a scheme is read as browsers read a link; but where it begins with the name of
    an allowed host, as shop.example/help, it means that host.
    """
    text = clean(text)
    if scheme_of(text) and not _names_host(text, allow):
        return text
    first = text.replace("\\", "/").partition("/")[0]
    if "." in first or ":" in first:
        for scheme in ("https", "http"):
            if allow.refuses(f"{scheme}://{text}") is None:
                return f"{scheme}://{text}"
    whole = urljoin(base, text) if urlsplit(base).scheme in _WEB else text
    if scheme_of(whole) in (*_WEB, "file"):
        return whole
    if scheme_of(text):
        return text
    raise CannotAct(
        f"the text {quote_address(text)} is only a part of an address, and there is no page here "
        "that it could belong to: write it like https://shop.example/page"
    )


def why_not_opened(what: str, message: str) -> str:
    """Why a page did not open, from what Playwright or Chromium says."""
    name = next((name for name in REASONS if name in message), "")
    if name:
        return not_opened(what, REASONS[name])
    if "ERR_CERT" in message or "ERR_SSL" in message:
        return not_opened(what, "its connection is not safe (its certificate is bad)")
    if "invalid URL" in message:
        return not_opened(what, "it is no address")
    code = message.partition("net::")[2].split()
    return not_opened(what, code[0] if code else "the browser does not say why")


def not_opened(what: str, reason: str) -> str:
    """The sentence about a page that did not open; our reasons have bare addresses in them."""
    return f"{what} was not opened: {quote_addresses(reason)}"


def _unless_open(what: str, error: Error) -> None:
    """Say why a page did not open, unless another is on its way or the tab is gone."""
    if any(end in error.message for end in _TAB_ENDS):
        raise error
    if _LATER not in error.message:
        raise CannotAct(why_not_opened(what, error.message)) from None


def _names_host(text: str, allow: AllowList) -> bool:
    """Whether what looks like a scheme is a host with a port, as in localhost:8000/help."""
    rest = text.partition(":")[2]
    return rest[:1].isdecimal() and any(
        allow.refuses(f"{scheme}://{text}") is None for scheme in _WEB
    )


async def _along(
    page: Page, go: Callable[..., Awaitable[Any]], context: ActionContext, where: str
) -> None:
    moves: list[Frame] = []

    def note(frame: Frame) -> None:
        moves.append(frame)

    page.on("framenavigated", note)
    try:
        answer = await go(wait_until="domcontentloaded", timeout=context.left_ms)
    except PlaywrightTimeout:
        raise SlowPage(f"the page {where} this one") from None
    except Error as error:
        _unless_open(f"the page {where} this one", error)
        return
    finally:
        page.remove_listener("framenavigated", note)
    if answer is None and not moves:
        raise CannotAct(f"there is no page {where} this one")


async def _of_tabs(change: Awaitable[Page]) -> None:
    try:
        await change
    except LookupError as error:
        raise CannotAct(str(error)) from None
