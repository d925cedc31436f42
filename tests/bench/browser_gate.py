"""What the gate costs: pages through it, and straight from the server.

    python tests/bench/browser_gate.py [--times 30]

A process of its own serves, on loopback, a page with 30 scripts of 20 kB that may not be cached,
a page of one word, and 20 MB. Two Chromiums with one context each open them in turns: one whose
context has a gate, and one as Playwright launches it. Shown are medians.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import median

from agentkit_envs.browser.chromium import find_chromium, launch_arguments
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.guard.gate import Gate
from playwright.async_api import Page, async_playwright
from rich.console import Console
from rich.table import Table

SCRIPTS = 30
BODIES = {
    "/scripts": "".join(f"<script src=/{n}.js></script>" for n in range(SCRIPTS)).encode(),
    "/word": b"<title>word</title>hello",
    "/big": b"x" * 20_000_000,
    **{f"/{n}.js": b"//" + b"x" * 20_000 for n in range(SCRIPTS)},
}
FETCHED = """async url => {
  const started = performance.now();
  await (await fetch(url)).arrayBuffer();
  return (performance.now() - started) / 1000;
}"""


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection."""
    try:
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            body = BODIES.get(path, b"")
            kind = "text/javascript" if path.endswith(".js") else "text/html"
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def serve(told: Connection) -> None:
    """Serve for ever, and tell the address."""

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        told.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def served() -> Iterator[str]:
    """The address of the pages."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


async def seconds(page: Page, url: str) -> float:
    """How long a page takes; the big one is fetched from the page that is open."""
    if url.endswith("/big"):
        return float(await page.evaluate(FETCHED, url))
    started = time.perf_counter()
    await page.goto(url)
    return time.perf_counter() - started


async def measure(url: str, times: int) -> dict[str, tuple[float, float]]:
    """Medians by what is opened: through the gate, and straight."""
    gate = await Gate.open(AllowList.parse(url))
    plain = [name for name in launch_arguments() if name == "--no-sandbox"]
    program = find_chromium()
    async with async_playwright() as driver:
        gated = await driver.chromium.launch(executable_path=program, args=launch_arguments())
        usual = await driver.chromium.launch(executable_path=program, args=plain)
        pages = [
            await (await gated.new_context(proxy={"server": gate.address})).new_page(),
            await usual.new_page(),
        ]
        found = {}
        for path in ("/scripts", "/word", "/big"):
            took: list[list[float]] = [[], []]
            for _ in range(times):
                for page, mine in zip(pages, took, strict=True):
                    mine.append(await seconds(page, url + path))
            found[path] = median(took[0]), median(took[1])
        await gated.close()
        await usual.close()
    await gate.close()
    return found


def main() -> None:
    """Read the arguments, measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=30, help="how often each page is opened")
    times = parser.parse_args().times
    with served() as url:
        found = asyncio.run(measure(url, times))
    names = {"/scripts": "page with 30 scripts", "/word": "page of one word", "/big": "20 MB"}
    table = Table(title="ms")
    for column in ("", "through the gate", "straight", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    for path, (through, straight) in found.items():
        row = f"{through * 1e3:.0f}", f"{straight * 1e3:.0f}", f"{through / straight:.2f}"
        table.add_row(names[path], *row)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
