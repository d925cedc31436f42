"""The running Chromium of an engine: started when it is first needed, and again if it dies."""

import asyncio
import logging
import os
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agentkit_envs.browser.chromium import find_chromium, launch_arguments
from agentkit_envs.browser.driver_loop import DriverLoop
from agentkit_envs.browser.guard.openers import without_openers

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Playwright

LOG: Final = logging.getLogger("agentkit.browser")
LAUNCH_S: Final = 60.0
"""How long a start may take; a machine under load is slow."""
CLOSE_S: Final = 5.0
"""How long Chromium, and then Playwright's driver, may take to close before they are killed."""


class LaunchFailed(RuntimeError):
    """Chromium was found, but does not start."""


@dataclass(frozen=True, slots=True)
class Running:
    """A Chromium, and the driver that speaks with it: a process that Playwright starts."""

    driver: "Playwright"
    process: asyncio.SubprocessTransport
    browser: "Browser"

    @property
    def alive(self) -> bool:
        """Whether both still run, as far as it is known."""
        return self.browser.is_connected() and self.process.get_returncode() is None

    async def end(self) -> None:
        """Close both, or kill them."""
        if self.alive:
            await _within(self.browser.close(), "Chromium")
        await _end_driver(self.driver, self.process)


class Launcher:
    """Starts Chromium with Playwright's driver, and ends both.

    Args:
        headless: Without a window.
    """

    def __init__(self, headless: bool) -> None:
        self._headless = headless
        self._start: asyncio.Task[Running] | None = None

    def serves(self, context: "BrowserContext") -> bool:
        """Whether a context is of the running browser, not of one that has died."""
        start = self._start
        if start is None or not start.done() or _is_over(start):
            return False
        return context.browser is start.result().browser

    async def browser(self) -> "Browser":
        """The running browser; it is started if there is none, or if it has died.

        Raises:
            ChromiumMissing: There is no Chromium on this machine.
            LaunchFailed: It does not start.
        """
        return (await self._running()).browser

    async def new_context(self, **options: Any) -> "BrowserContext":
        """A new context of the browser, which is started if it is not running.

        Raises:
            ChromiumMissing: There is no Chromium on this machine.
            LaunchFailed: It does not start.
        """
        from playwright.async_api import Error

        running = await self._running()
        try:
            return await running.browser.new_context(**options)
        except Error:
            if running.alive:
                raise
        return await (await self._running()).browser.new_context(**options)

    async def close(self) -> None:
        """End the browser and its driver."""
        start, self._start = self._start, None
        if start is not None:
            await _end(start)

    async def _running(self) -> Running:
        """What runs. Several callers share one start, which goes on if one of them is cancelled."""
        if self._start is None or _is_over(self._start):
            self._start = asyncio.create_task(_launch(self._headless, self._start))
        return await asyncio.shield(self._start)


def _is_over(start: "asyncio.Task[Running]") -> bool:
    if not start.done():
        return False
    return start.cancelled() or start.exception() is not None or not start.result().alive


async def _end(start: "asyncio.Task[Running]") -> None:
    await asyncio.wait([start])
    if not start.cancelled() and start.exception() is None:
        await start.result().end()


async def _launch(headless: bool, before: "asyncio.Task[Running] | None") -> Running:
    from playwright.async_api import Error, async_playwright

    if before is not None:
        await _end(before)
    program = find_chromium()
    try:
        environment = without_openers(os.environ, headless=headless)
    except PermissionError as error:
        raise LaunchFailed(str(error)) from None
    try:
        driver = await asyncio.wait_for(async_playwright().start(), LAUNCH_S)
    except (Error, TimeoutError) as error:
        raise LaunchFailed(f"Playwright's driver does not start: {error}") from error
    loop = asyncio.get_running_loop()
    if not isinstance(loop, DriverLoop):
        raise RuntimeError("a browser is launched on the loop of an engine")
    process = loop.processes[-1]
    try:
        browser = await driver.chromium.launch(
            executable_path=program,
            args=launch_arguments(),
            env={**environment},
            headless=headless,
            chromium_sandbox=True,  # Playwright would turn it off; see launch_arguments
            handle_sigint=False,  # Ctrl-C: the process closes its episodes, then the browser
            timeout=LAUNCH_S * 1000,
        )
    except Error as error:
        await _end_driver(driver, process)
        raise LaunchFailed(f"{program} does not start: {_reason(error.message)}") from error
    return Running(driver, process, browser)


async def _end_driver(driver: "Playwright", process: asyncio.SubprocessTransport) -> None:
    await _within(driver.stop(), "Playwright's driver")
    if process.get_returncode() is None:
        process.kill()


async def _within(ending: Coroutine[Any, Any, None], what: str) -> None:
    from playwright.async_api import Error

    try:
        await asyncio.wait_for(ending, CLOSE_S)
    except TimeoutError:
        LOG.warning("%s did not close within %g s", what, CLOSE_S)
    except Error as error:  # it died meanwhile
        LOG.debug("%s had ended: %s", what, type(error).__name__)


def _reason(message: str) -> str:
    """Why Chromium did not start, of all that Playwright says about it."""
    if "sandboxing failed" in message or "No usable sandbox" in message:
        return (
            "it finds no sandbox on this machine. On Debian: apt-get install chromium-sandbox; "
            "elsewhere allow this user to make user namespaces"
        )
    if "Missing X server" in message or "XServer" in message:
        return "there is no screen to show its window on"
    said = re.findall(r"^ *(?:- )?\[pid=\d+\]\[err\] (.*)$", message, re.MULTILINE)
    errors = [line for line in said if ":ERROR:" in line or ":FATAL:" in line]
    if said:
        return str((errors or said)[-1])[:300]
    code = re.search(r"exitCode=(\d+)", message)
    return f"it ended with exit code {code[1]}" if code else message.partition("\n")[0]
