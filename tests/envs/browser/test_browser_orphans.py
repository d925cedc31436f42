"""However the process of a browser ends, nothing of the browser is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import pytest
from background import background
from envs.browser_pages import needs_chromium
from envs.browser_processes import Process, descendants, left_of, marked, program

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's process table"),
]

OPEN = """
import asyncio, os, sys, time
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.browser.engine import shared_engine
from agentkit_envs.browser.guard.gate import Gate
from agentkit_envs.browser.session import Session

engine = shared_engine().acquire()

async def open_busy_page():
    session = await Session.open(engine, await Gate.open(AllowList.parse(None, ())))
    await session.page.evaluate("setTimeout(() => { while (true); }, 0)")

engine.run(open_busy_page())
print("open", flush=True)
sys.stdin.readline()
"""
FORKS = """
def say(*words):
    os.write(1, f"{' '.join(map(str, words))}\\n".encode())  # a line at once: two processes speak

child = os.fork()
if child == 0:
    fresh = shared_engine()
    try:
        engine.run(asyncio.sleep(0))
    except RuntimeError as error:
        say(fresh is not engine, "forked" in str(error))
else:
    say(child)
time.sleep(600)
"""


class Opened:
    """A Python process with an open page."""

    def __init__(self, process: "subprocess.Popen[str]", mark: str) -> None:
        self.process = process
        assert self.read_line() == "open"
        found = descendants(process.pid) | marked(mark)
        self.children = {child for child in found if child.pid != process.pid}
        # The driver, the browser, its helpers, the page: else there is nothing to look for.
        assert len(self.children) >= 4

    def read_line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def go_on(self) -> None:
        """Let it do the rest."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def named(self, name: str) -> list[Process]:
        """Those of its children that execute a program."""
        return [child for child in self.children if program(child) == name]


@contextmanager
def opened(then: str = "", sigint_ignored: bool = False) -> Iterator[Opened]:
    """Open a page in another process, which does something then."""
    mark = f"agentkit-{uuid4()}"
    command = [sys.executable, "-c", OPEN + then]
    process = subprocess.Popen(
        background(command) if sigint_ignored else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "AGENTKIT_TEST_MARK": mark},
        start_new_session=True,
    )
    with process:
        try:
            yield Opened(process, mark)
        finally:
            process.kill()
            for child in marked(mark):
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_ended_by_a_signal_leaves_no_browser(number: signal.Signals) -> None:
    with opened() as page:
        page.process.send_signal(number)
        page.process.wait()
        assert left_of(page.children) == {}


def test_a_process_that_ends_without_a_word_leaves_no_browser() -> None:
    with opened("os._exit(0)") as page:
        page.go_on()
        page.process.wait()
        assert left_of(page.children) == {}


def test_ctrl_c_in_a_terminal_reaches_the_driver_too_and_leaves_no_browser() -> None:
    with opened() as page:
        os.killpg(page.process.pid, signal.SIGINT)
        page.process.wait()
        assert left_of(page.children) == {}


def test_a_background_job_that_ignores_ctrl_c_leaves_no_browser_at_its_end() -> None:
    with opened(sigint_ignored=True) as page:
        os.killpg(page.process.pid, signal.SIGINT)
        page.go_on()
        assert page.process.wait() == 0
        assert left_of(page.children) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_background_job_that_is_ended_leaves_no_browser(number: signal.Signals) -> None:
    with opened(sigint_ignored=True) as page:
        page.process.send_signal(number)
        assert page.process.wait() == -number
        assert left_of(page.children) == {}


def test_a_browser_does_not_outlive_its_driver() -> None:
    with opened() as page:
        (driver,) = page.named("node")
        os.kill(driver.pid, signal.SIGKILL)
        assert left_of(page.children) == {}
        assert page.process.poll() is None


def test_a_forked_child_makes_its_own_and_does_not_keep_the_parents_browser_alive() -> None:
    with opened(FORKS) as page:
        page.go_on()
        said, child = sorted((page.read_line(), page.read_line()), reverse=True)
        assert said == "True True"
        page.process.kill()
        assert left_of(page.children) == {}
        os.kill(int(child), 0)  # the child lives
