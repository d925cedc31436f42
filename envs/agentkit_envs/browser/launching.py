"""The running Chromium of an engine: started when it is first needed, and again if it dies."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from agentkit_envs.browser.chromium import find_chromium, launch_arguments

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Playwright

LOG: Final = logging.getLogger("agentkit.browser")
LAUNCH_S: Final = 60.0
"""How long a start may take; a machine under load is slow."""
CLOSE_S: Final = 5.0
"""How long Chromium may take to close before its driver is let go, which kills it."""


class LaunchFailed(RuntimeError):
    """Chromium was found, but does not start."""


class Launching:
    """Starts Chromium with Playwright's driver, a program of its own, and ends both.

    Args:
        headless: Without a window.
    """

    def __init__(self, headless: bool) -> None:
        self._headless = headless
        self._driver: Playwright | None = None
        self._browser: Browser | None = None
        self._lock = asyncio.Lock()

    async def browser(self) -> "Browser":
        """The running browser; it is started if there is none, or if it has died.

        Raises:
            ChromiumMissing: There is no Chromium on this machine.
            LaunchFailed: It does not start.
        """
        async with self._lock:  # several episodes begin at once
            return await self._running()

    async def new_context(self, **options: Any) -> "BrowserContext":
        """A new context of the browser, which is started if it is not running.

        Raises:
            ChromiumMissing: There is no Chromium on this machine.
            LaunchFailed: It does not start.
        """
        from playwright.async_api import Error

        browser = await self.browser()
        try:
            return await browser.new_context(**options)
        except Error:  # a dead driver is seen only when it is asked
            async with self._lock:
                if self._browser is browser:
                    await self._end()
                browser = await self._running()
            return await browser.new_context(**options)

    async def close(self) -> None:
        """End the browser and its driver."""
        async with self._lock:
            await self._end()

    async def _running(self) -> "Browser":
        if self._browser is None or not self._browser.is_connected():
            await self._end()
            self._browser = await self._launch()
        return self._browser

    async def _launch(self) -> "Browser":
        from playwright.async_api import Error, async_playwright

        program = find_chromium()
        self._driver = await asyncio.wait_for(async_playwright().start(), LAUNCH_S)
        try:
            return await self._driver.chromium.launch(
                executable_path=program,
                args=launch_arguments(),
                headless=self._headless,
                chromium_sandbox=True,  # Playwright would turn it off; see launch_arguments
                handle_sigint=False,  # Ctrl-C: the process closes its episodes, then the browser
                timeout=LAUNCH_S * 1000,
            )
        except Error as error:
            await self._end()
            raise LaunchFailed(f"{program} does not start: {_reason(error.message)}") from error

    async def _end(self) -> None:
        browser, driver = self._browser, self._driver
        self._browser = self._driver = None
        if browser is not None and browser.is_connected():
            await _within(browser.close(), "Chromium")
        if driver is not None:
            await _within(driver.stop(), "Playwright's driver")


async def _within(ending: Coroutine[Any, Any, None], what: str) -> None:
    """Wait for an end, but not for ever: the process's own end takes along what is left."""
    from playwright.async_api import Error

    try:
        await asyncio.wait_for(ending, CLOSE_S)
    except TimeoutError:
        LOG.warning("%s did not close within %g s", what, CLOSE_S)
    except Error as error:  # it died meanwhile
        LOG.debug("%s had ended: %s", what, type(error).__name__)


def _reason(message: str) -> str:
    """Why Chromium did not start, of all that Playwright says about it."""
    if "No usable sandbox" in message:
        return (
            "it finds no sandbox on this machine. On Debian: apt-get install chromium-sandbox; "
            "elsewhere allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone)"
        )
    if "Missing X server" in message or "$DISPLAY" in message:
        return "there is no screen to show its window on"
    lines = [line.strip() for line in message.splitlines()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it says nothing"])[-1][:300]
