"""BrowserGym's MiniWoB++ environments, with its defaults."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import browsergym.miniwob  # registers its environments
import gymnasium
import playwright
from browser_worker import Player, serve

__all__ = ["browsergym"]


class BrowserGym(Player):
    def __init__(self) -> None:
        self._task = ""

    def reset(self, task: str, seed: int) -> Any:
        if task != self._task:
            if self._task:
                self._env.close()
            self._env = gymnasium.make(f"browsergym/miniwob.{task}", disable_env_checker=True)
            self._task = task
        return self._env.reset(seed=seed)

    def find(self, css: str, role: str) -> str:
        page = self._env.unwrapped.page
        return str(page.locator(css).first.get_attribute("bid"))

    def step(self, action: str, element: str) -> Any:
        return self._env.step(f"{action}('{element}')")


def put_chromium(folder: Path) -> None:
    """Put the installed Chromium where its Playwright looks: it opens one browser without asking.

    Playwright has a browser of its own for each version, which is not downloaded here.
    """
    known = Path(playwright.__file__).parent / "driver" / "package" / "browsers.json"
    browsers = json.loads(known.read_text())["browsers"]
    revision = next(found["revision"] for found in browsers if found["name"] == "chromium")
    program = folder / f"chromium-{revision}" / "chrome-linux" / "chrome"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {os.environ["BENCH_CHROMIUM"]} "$@"\n')
    program.chmod(0o755)
    os.environ["PLAYWRIGHT_BROWSERS_PATH"] = str(folder)


with tempfile.TemporaryDirectory() as browsers:
    put_chromium(Path(browsers))
    serve(BrowserGym(), "browsergym-miniwob")
