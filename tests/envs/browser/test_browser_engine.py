"""One browser a process, driven from any thread."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from agentkit_envs.browser.chromium import (
    ChromiumMissing,
    find_chromium,
    first_program,
    launch_arguments,
)
from agentkit_envs.browser.engine import Engine, shared_engine
from agentkit_envs.browser.launcher import LaunchFailed
from envs.browser_pages import needs_chromium
from envs.browser_processes import Process, descendants, left_of, program
from playwright.async_api import Browser, BrowserContext

DRIVER = {"node"}
CHROMIUM = {"chromium", "chrome"}
reads_processes = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's process table")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine whose browser closes as soon as nobody uses it."""
    engine = Engine(linger_s=0.0)
    yield engine
    engine.close()


async def answer() -> str:
    """A coroutine that gives something."""
    await asyncio.sleep(0)
    return "done"


class Endless:
    """A coroutine that waits for ever, and says when it began and was cancelled."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.cancelled = threading.Event()

    async def wait(self) -> None:
        """Wait until it is cancelled."""
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


def test_a_coroutine_runs_on_the_engines_thread_from_any_thread(engine: Engine) -> None:
    async def thread() -> str:
        return threading.current_thread().name

    with ThreadPoolExecutor(2) as pool:
        names = [engine.run(thread()), *(pool.submit(engine.run, thread()).result() for _ in "ab")]
    assert names == ["browser"] * 3


def test_it_works_inside_a_running_loop(engine: Engine) -> None:
    async def embedding() -> str:
        return engine.run(answer())

    assert asyncio.run(embedding()) == "done"


def test_what_a_coroutine_raises_is_raised_to_the_caller(engine: Engine) -> None:
    async def fail() -> None:
        raise LookupError("no such thing")

    async def be_late() -> None:
        raise TimeoutError("mine")

    with pytest.raises(LookupError, match="no such thing"):
        engine.run(fail())
    with pytest.raises(TimeoutError, match="mine"):
        engine.run(be_late(), 5)


def test_a_coroutine_that_takes_too_long_is_cancelled(engine: Engine) -> None:
    endless = Endless()
    with pytest.raises(TimeoutError, match=r"the browser did not answer within 0\.05 s"):
        engine.run(endless.wait(), 0.05)
    assert endless.cancelled.wait(5)


def test_ctrl_c_while_waiting_cancels_the_coroutine(engine: Engine) -> None:
    endless = Endless()

    def interrupt() -> None:
        endless.began.wait(5)
        time.sleep(0.2)  # it begins before its caller waits for it
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        engine.run(endless.wait())
    thread.join()
    assert endless.cancelled.wait(5)


def test_waiting_on_its_own_thread_is_refused_since_it_would_never_end(engine: Engine) -> None:
    async def nested() -> str:
        return engine.run(answer())

    with pytest.raises(RuntimeError, match="own thread would wait"):
        engine.run(nested(), 5)


def test_a_closed_engine_runs_nothing_and_its_thread_has_ended() -> None:
    engine = Engine()
    assert engine.run(answer()) == "done"
    before = threading.active_count()
    engine.close()
    engine.close()
    assert threading.active_count() == before - 1
    with pytest.raises(RuntimeError, match="was closed"):
        engine.run(answer())


def test_a_process_has_one_engine_without_a_window_and_one_with() -> None:
    assert shared_engine() is shared_engine(headless=True)
    assert shared_engine(headless=False) is shared_engine(headless=False)
    assert shared_engine() is not shared_engine(headless=False)
    assert not shared_engine(headless=False).headless


def named(names: set[str], processes: set[Process]) -> set[Process]:
    """Those that execute one of these programs."""
    return {process for process in processes if program(process) in names}


async def evaluate(context: BrowserContext) -> int:
    """Ask something of a new page."""
    page = await context.new_page()
    return int(await page.evaluate("6 * 7"))


@needs_chromium
def test_users_at_the_same_time_share_one_start(engine: Engine) -> None:
    async def start_thrice() -> list[Browser]:
        return await asyncio.gather(*(engine.browser() for _ in range(3)))

    with engine:
        first, *others = engine.run(start_thrice())
        assert [first, first] == others


@needs_chromium
def test_a_start_goes_on_for_the_others_if_one_of_its_users_gives_up(engine: Engine) -> None:
    async def one_gives_up() -> Browser:
        impatient = asyncio.create_task(engine.browser())
        patient = asyncio.create_task(engine.browser())
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    with engine:
        assert engine.run(one_gives_up()).is_connected()


@needs_chromium
@reads_processes
def test_the_browser_stays_while_somebody_uses_it_and_ends_after_the_last_one() -> None:
    engine = Engine(linger_s=0.0)
    before = descendants(os.getpid())
    with engine:
        with engine:
            browser = engine.run(engine.browser())
        assert engine.run(engine.browser()) is browser
        mine = descendants(os.getpid()) - before
        assert named(DRIVER, mine)
        assert named(CHROMIUM, mine)
    assert left_of(mine) == {}
    with engine:  # and can be used again
        assert engine.run(engine.browser()).is_connected()
    engine.close()


@needs_chromium
def test_one_user_after_another_gets_the_same_browser() -> None:
    engine = Engine(linger_s=60.0)
    with engine:
        browser = engine.run(engine.browser())
    with engine:
        assert engine.run(engine.browser()) is browser
    engine.close()
    assert not browser.is_connected()


@needs_chromium
@reads_processes
@pytest.mark.parametrize("names", [DRIVER, CHROMIUM])
def test_a_browser_that_was_killed_is_started_again(names: set[str]) -> None:
    engine = Engine(linger_s=0.0)
    before = descendants(os.getpid())

    async def use() -> int:
        context = await engine.new_context()
        return await evaluate(context)

    with engine:
        assert engine.run(use()) == 42
        mine = descendants(os.getpid()) - before
        killed = named(names, mine)
        for process in killed:
            os.kill(process.pid, signal.SIGKILL)
        assert left_of(killed) == {}
        assert engine.run(use()) == 42
        assert left_of(mine) == {}
    engine.close()


@needs_chromium
@reads_processes
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo '[1:ERROR:gpu.cc] no display today' >&2\necho bye >&2; exit 1", "no display today"),
        ("exit 9", "start: it ended with exit code 9$"),
    ],
)
def test_a_chromium_that_does_not_start_is_an_error_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    fake = tmp_path / "chromium"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("AGENTKIT_CHROMIUM", str(fake))
    engine = Engine()
    before = descendants(os.getpid())
    with pytest.raises(LaunchFailed, match=reason):
        engine.run(engine.browser())
    with pytest.raises(LaunchFailed, match=reason):  # a failure is not kept
        engine.run(engine.browser())
    assert descendants(os.getpid()) - before == set()
    engine.close()


@needs_chromium
def test_chromium_is_found_on_this_machine() -> None:
    assert os.access(find_chromium(), os.X_OK)


def test_the_variable_that_names_chromium_is_heeded_and_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "browser"
    monkeypatch.setenv("AGENTKIT_CHROMIUM", str(program))
    with pytest.raises(ChromiumMissing, match=r"AGENTKIT_CHROMIUM is .*browser': there is no such"):
        find_chromium()
    program.write_text("#!/bin/sh\n")
    with pytest.raises(ChromiumMissing, match="may not be executed"):
        find_chromium()
    program.chmod(0o755)
    assert find_chromium() == program
    monkeypatch.setenv("AGENTKIT_CHROMIUM", str(tmp_path))
    with pytest.raises(ChromiumMissing, match="that is a folder"):
        find_chromium()


def test_a_machine_without_chromium_is_told_how_to_install_one(tmp_path: Path) -> None:
    with pytest.raises(ChromiumMissing, match="apt-get install chromium"):
        first_program([tmp_path / "none", tmp_path])


def test_chromium_has_its_sandbox_unless_it_is_roots() -> None:
    assert ("--no-sandbox" in launch_arguments()) == (os.geteuid() == 0)
