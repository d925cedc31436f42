"""Playwright and nothing else, on one page that stays: what a loop costs at least.

The argument says how the page is seen: `dom` is MiniWoB++'s own description as JSON, `snapshot`
Playwright's accessibility snapshot.
"""

import os
import sys
from typing import Any

from browser_worker import Player, serve
from playwright.sync_api import sync_playwright

SNAPSHOT = sys.argv[1] == "snapshot"
BEGIN = "seed => { Math.seedrandom(seed); core.EPISODE_MAX_TIME = 2e9; core.startEpisodeReal(); }"
STATE = "() => [WOB_RAW_REWARD_GLOBAL, WOB_DONE_GLOBAL]"


class Direct(Player):
    def __init__(self) -> None:
        chromium = sync_playwright().start().chromium
        browser = chromium.launch(
            executable_path=os.environ["BENCH_CHROMIUM"], args=["--no-sandbox"]
        )
        self._page = browser.new_page(viewport={"width": 500, "height": 420})

    def reset(self, task: str, seed: int) -> Any:
        self._page.goto(f"{os.environ['MINIWOB_URL']}{task}.html")
        self._page.evaluate(BEGIN, seed)
        return self._page.evaluate("() => core.getUtterance()"), self._see()

    def find(self, css: str, role: str) -> str:
        return css

    def step(self, action: str, element: str) -> Any:
        found = self._page.locator(element).first
        found.hover() if action == "hover" else found.click()
        return self._see(), self._page.evaluate(STATE)

    def _see(self) -> Any:
        if SNAPSHOT:
            return self._page.aria_snapshot(mode="ai")
        return self._page.evaluate("() => core.getDOMInfo()")


serve(Direct(), "playwright")
