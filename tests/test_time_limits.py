"""No test waits for ever: each has a time limit, and Ctrl-C works however pytest was started."""

import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from background import background
from envs.browser_pages import needs_chromium
from envs.browser_processes import left_of, marked

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]

CTRL_C = """
import os, signal, subprocess, sys, time
import pytest

def test_here():
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(20)

def test_in_a_child():
    child = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], **PIPES)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=20)
    assert child.returncode == -signal.SIGINT

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
"""
HANG = """
import signal
import threading
from pathlib import Path
from agentkit_envs.browser.env import BrowserEnv
from envs.webshop_served import served
from loopback.process import LoopbackProcess
import pytest

@pytest.fixture
def browser():
    env = BrowserEnv("about:blank")
    yield env
    env.close()

def test_it(shop_data, tmp_path, browser):
    browser.reset()
    with LoopbackProcess(tmp_path / "log") as model, served(shop_data, tmp_path) as shop:
        Path("ports").write_text(f"{model.port} {shop.split(':')[2].strip('/')}")
        signal.setitimer(signal.ITIMER_REAL, 0.1)  # the limit is over now that all has started
        threading.Event().wait()
"""
STUCK = """
import time
from concurrent.futures import ThreadPoolExecutor

def test_it():
    with ThreadPoolExecutor() as pool:
        pool.submit(time.sleep, 600).result()
"""
LIMITS = """
import pytest

def test_usual(request):
    assert request.node.get_closest_marker("timeout") is None

@pytest.mark.slow
def test_slow(request):
    assert request.node.get_closest_marker("timeout").args == (900.0,)

@pytest.mark.slow
@pytest.mark.timeout(7)
def test_its_own(request):
    assert request.node.get_closest_marker("timeout").args == (7,)
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs pytest with the settings of these tests on a file; SIGINT is ignored at first."""

    def run(text: str, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "test_it.py").write_text(text)
        command = [
            *(sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml"),
            *("-p", "conftest", "-p", "envs.conftest", "-p", "no:cacheprovider"),
            *("--rootdir", ROOT, "--basetemp", tmp_path / "temp", *options, "test_it.py"),
        ]
        return subprocess.run(
            background(command),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), **environment},
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_ctrl_c_works_in_tests_that_were_started_with_it_ignored(run, workers: str) -> None:
    """A shell starts background jobs so; tests that press Ctrl-C waited for ever."""
    done = run(CTRL_C, "-n", workers)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@needs_chromium
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's process table")
def test_a_test_that_is_stopped_by_its_limit_leaves_no_browser_and_no_server(
    run, tmp_path: Path
) -> None:
    done = run(HANG, "-n", "1", AGENTKIT_TEST_MARK=str(tmp_path))
    assert "Timeout" in done.stdout, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    assert left_of(marked(str(tmp_path))) == {}
    for port in (tmp_path / "ports").read_text().split():
        with socket.socket() as asked:
            assert asked.connect_ex(("127.0.0.1", int(port))) != 0


@pytest.mark.slow
def test_a_test_that_does_not_heed_its_limit_ends_its_process(run) -> None:
    limits = ("--timeout", "1", "-o", "faulthandler_timeout=3")
    done = run(STUCK, *limits, "-n", "1")
    assert done.returncode != 0
    assert "crashed while running" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_slow_tests_have_a_longer_limit_unless_they_set_their_own(run) -> None:
    done = run(LIMITS, "-m", "slow or not slow")
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert SETTINGS["timeout"] < 900 < SETTINGS["faulthandler_timeout"]
    assert SETTINGS["faulthandler_exit_on_timeout"]
