"""Local files in a browser: only those in the listed folders, whatever asks for them."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentkit_envs.browser.guard.allow_list import AllowList

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Route

_FILES = re.compile("^file:", re.IGNORECASE)


async def guard_files(
    context: "BrowserContext", allow: AllowList, refused: Callable[[str], None]
) -> None:
    """Let the pages of a context read the files in listed folders, and no others.

    A file is read by the browser itself, no proxy sees it. Without a listed folder nothing is
    done: a page of the web cannot lead to a file, and agents are refused to go to one. With one
    the pages in it can, so every file is asked about. (Playwright then asks about all requests,
    and turns the browser's cache off, which is why it is not done always.)

    Args:
        context: Before its first page is gone to.
        allow: What has the folders.
        refused: Told the address of every refused file.
    """

    async def judge(route: "Route") -> None:
        if allow.refuses(route.request.url) is None:
            await route.continue_()
            return
        refused(route.request.url)
        await route.abort("accessdenied")

    if allow.folders:
        await context.route(_FILES, judge)
