"""Several episodes at once in one browser: how many pages a second, in how much memory?

    python tests/bench/browser_parallel.py [--contexts 1 2 4 8] [--pages 10] [--repeat 3]

A page of 60 links and a form, served on loopback by a process of its own, is opened again and
again in each context, and read as text after each time. AgentKit does that with its action
`goto` and a look, through its gate and on one thread; Playwright with `goto` and
`aria_snapshot(mode="ai")`, in contexts of one browser, or in as many browsers with one context
each. Starting and closing are not timed. A cell says pages a second; the processors' time for a
page, of Python, Chromium and Playwright's driver together, which other work on the machine
hardly changes; and what Chromium and the driver hold at the end with all pages open, shared
memory counted once (PSS). It is the median of processes of their own, which take turns.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import median

from agentkit_envs.browser.chromium import find_chromium, launch_arguments
from agentkit_envs.browser.client import BrowserClient
from agentkit_envs.browser.guard.allow_list import AllowList
from playwright.async_api import Browser, Page, async_playwright
from rich.console import Console
from rich.table import Table

LINKS = "".join(
    f'<li><a href="/page?{n}">Thing number {n}</a> costs {n} dollars</li>' for n in range(60)
)
PAGE = f"""<!doctype html><title>Things</title><h1>Things</h1><ul>{LINKS}</ul>
<form><label>Name <input name=name></label> <button>Order</button></form>"""
VIEWPORT = (1280, 720)
PATIENCE_S = 60.0
"""Long enough for a machine that is busy with other things."""
Measured = tuple[float, float, float]
"""Pages a second; milliseconds of the processors for a page; megabytes."""
TICKS = os.sysconf("SC_CLK_TCK")


def read_proc(pid: int | str, name: str) -> str:
    """A file about a process; nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    """The children of a process and theirs."""
    tasks = Path(f"/proc/{pid}/task").glob("*")
    named = " ".join(read_proc(pid, f"task/{task.name}/children") for task in tasks)
    children = [int(child) for child in named.split()]
    return children + [below for child in children for below in descendants(child)]


def megabytes() -> float:
    """What the processes below this one hold, shared pages counted once."""
    texts = (read_proc(pid, "smaps_rollup") for pid in descendants(os.getpid()))
    return (
        sum(int(found[1]) for text in texts if (found := re.search(r"\nPss: +(\d+)", text))) / 1e3
    )


def busy_seconds() -> float:
    """The processors' time of this process and those below it, also of some that have ended."""
    texts = (read_proc(pid, "stat") for pid in [os.getpid(), *descendants(os.getpid())])
    return sum(sum(map(int, text.rpartition(")")[2].split()[11:15])) for text in texts) / TICKS


class Clock:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._busy = busy_seconds()

    def read(self, pages: int) -> Measured:
        """What so many pages took and hold."""
        seconds = time.perf_counter() - self._started
        busy = busy_seconds() - self._busy
        return pages / seconds, 1e3 * busy / pages, megabytes()


def with_agentkit(url: str, contexts: int, pages: int) -> Measured:
    """Episodes on threads of their own, which share the process's browser."""
    allow = AllowList.parse(url, ())
    players = [
        BrowserClient(allow, viewport=VIEWPORT, action_timeout_s=PATIENCE_S)
        for _ in range(contexts)
    ]

    def open_first(player: BrowserClient) -> None:
        player.open(url)
        player.look()

    def play(player: BrowserClient) -> None:
        for number in range(pages):
            turn = player.act(f"goto('{url}?{number}')")
            if turn.last.error or not player.look().elements:
                raise RuntimeError(turn.last.error or "the page was not seen")

    with ThreadPoolExecutor(contexts) as pool:
        list(pool.map(open_first, players))
        clock = Clock()
        list(pool.map(play, players))
        measured = clock.read(contexts * pages)
        list(pool.map(BrowserClient.close, players))
    return measured


def with_playwright(url: str, contexts: int, pages: int) -> Measured:
    """Contexts of one browser."""

    async def make(launch: Callable[[], Awaitable[Browser]]) -> list[Page]:
        browser = await launch()
        return [await new_page(browser) for _ in range(contexts)]

    return asyncio.run(loop_of_playwright(url, pages, make))


def with_browsers(url: str, contexts: int, pages: int) -> Measured:
    """As many browsers, one context each."""

    async def make(launch: Callable[[], Awaitable[Browser]]) -> list[Page]:
        return [await new_page(await launch()) for _ in range(contexts)]

    return asyncio.run(loop_of_playwright(url, pages, make))


async def new_page(browser: Browser) -> Page:
    """A page in a context of its own."""
    width, height = VIEWPORT
    context = await browser.new_context(viewport={"width": width, "height": height})
    return await context.new_page()


async def loop_of_playwright(
    url: str,
    pages: int,
    make: Callable[[Callable[[], Awaitable[Browser]]], Awaitable[list[Page]]],
) -> Measured:
    """Play with plain Playwright."""

    async def play(page: Page, pages: int) -> None:
        for number in range(pages):
            await page.goto(f"{url}?{number}")
            if not await page.aria_snapshot(mode="ai"):
                raise RuntimeError("the page was not seen")

    # Without our flags that send everything to a gate.
    arguments = [name for name in launch_arguments() if name == "--no-sandbox"]
    async with async_playwright() as driver:
        opened = await make(
            lambda: driver.chromium.launch(executable_path=find_chromium(), args=arguments)
        )
        await asyncio.gather(*(play(page, 1) for page in opened))
        clock = Clock()
        await asyncio.gather(*(play(page, pages) for page in opened))
        return clock.read(len(opened) * pages)


WAYS: dict[str, Callable[[str, int, int], Measured]] = {
    "AgentKit": with_agentkit,
    "Playwright, one browser": with_playwright,
    "Playwright, a browser each": with_browsers,
}


@contextmanager
def served() -> Iterator[str]:
    """The page's address, while another process serves it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.html").write_text(PAGE, encoding="utf-8")
        arguments = ["-u", "-m", "http.server", "--bind", "127.0.0.1", "-d", folder, "0"]
        with subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            found = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
            try:
                yield found[0].rstrip(")") if found else ""
            finally:
                server.terminate()


def measure(way: str, url: str, contexts: int, pages: int) -> Measured:
    """Let a process of its own play."""
    command = [sys.executable, __file__, "--play", way, "--url", url]
    command += ["--contexts", str(contexts), "--pages", str(pages)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rate, busy, held = json.loads(done.stdout)
    return float(rate), float(busy), float(held)


def cell(rate: float, busy: float, held: float) -> str:
    """The three numbers as they are shown."""
    return f"{rate:.1f}/s  {busy:.0f} ms  {held:,.0f} MB"


def show(contexts: Sequence[int], pages: int, repeat: int) -> None:
    """Measure everything, and print."""
    console = Console(width=120)
    found: dict[tuple[str, int], list[Measured]] = {}
    with served() as url:
        for turn, count, way in product(range(repeat), contexts, WAYS):
            measured = measure(way, url, count, pages)
            found.setdefault((way, count), []).append(measured)
            console.print(f"[dim]{turn + 1}: {way}, {count} at once: {cell(*measured)}")
    table = Table(title="pages a second, processors' time for a page, memory")
    table.add_column("at once", justify="right")
    for way in WAYS:
        table.add_column(way, justify="right")
    for count in contexts:
        middles = (map(median, zip(*found[way, count], strict=True)) for way in WAYS)
        table.add_row(str(count), *(cell(*numbers) for numbers in middles))
    console.print(table)


def main() -> None:
    """Read the arguments, measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contexts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--pages", type=int, default=10, help="how many each context opens")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the median is shown")
    parser.add_argument("--play", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.play:
        print(json.dumps(WAYS[chosen.play](chosen.url, chosen.contexts[0], chosen.pages)))
    else:
        show(chosen.contexts, chosen.pages, chosen.repeat)


if __name__ == "__main__":
    main()
