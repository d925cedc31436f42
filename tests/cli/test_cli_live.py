"""The live view, in a real pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from loopback import Fault, LoopbackServer

AGENTKIT = Path(sys.executable).with_name("agentkit")
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SILENCE_S = 120
"""A process that says nothing for longer hangs; the test must fail, not wait."""


class Terminal:
    """A process in a terminal of 30 lines and 90 columns."""

    def __init__(self, processes: Any, *arguments: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
        environment = {**processes.environment, **environment}
        process = subprocess.Popen(
            [AGENTKIT, *arguments],
            # The tests' own size would come before the terminal's.
            env={name: environment[name] for name in environment.keys() - {"COLUMNS", "LINES"}},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.process = processes.end_with_test(process)
        self.seen = ""

    def read_until(self, text: str, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, f"{text!r} did not come:\n{self.text[-3000:]}"
            assert self._read(), f"{text!r} did not come:\n{self.text[-3000:]}"

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read_to_end(self) -> str:
        while self._read():
            pass
        os.close(self._master)
        self.process.wait(timeout=30)
        return self.text

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], SILENCE_S)
        assert ready, f"nothing came for {SILENCE_S} s after:\n{self.text[-3000:]}"
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the last one closed the terminal
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    @property
    def text(self) -> str:
        return CODES.sub("", self.seen)


@pytest.fixture
def terminal(processes):
    def start(*arguments: str) -> Terminal:
        return Terminal(processes, *arguments)

    return start


def test_one_episode_shows_nodes_step_return_achievements_tokens_and_cost(terminal):
    screen = terminal("run", "slow_walker.yaml", "--steps", "12")
    text = screen.read_to_end()
    assert screen.process.returncode == 0
    frames = text.split("╭─")
    middle = next(
        frame for frame in frames if re.search(r"step +[5-9] of 12 \([3-7] left\)", frame)
    )
    assert re.search(r"[✓▸·] look +[✓▸·] plan +[▸·✓] act", middle)
    assert re.search(r"action +east", middle)
    assert re.search(r"return +[5-9]\.0", middle)
    assert "1 of 2" in middle
    assert re.search(r"tokens +\d+ in \(50% cached\), \d+ out, \d+ calls", middle)
    assert re.search(r"cost +unknown", middle)
    assert "done (truncated at 12 steps)" in text
    assert "furthest" in text


def test_the_view_says_how_far_the_limits_are(terminal):
    options = ("--steps", "6", "--budget-seconds", "60", "--budget-calls", "500")
    left = r"\d\.\d s of 1 min 00 s \([56]\d s left\), \d+ of 500 calls \(\d+ left\)"
    text = terminal("run", "slow_walker.yaml", *options).read_to_end()
    assert re.search(rf"of the run +{left}", text)
    text = terminal("run", "slow_walker.yaml", *options, "--episodes", "2").read_to_end()
    assert re.search(rf"limits of the run: {left}", text)


def test_streamed_text_of_a_model_is_shown(terminal):
    text = terminal("run", "slow_walker.yaml", "--model", "slow:0.3", "--steps", "1").read_to_end()
    assert "thinking about it" in text


def test_a_call_that_is_tried_again_is_shown_with_its_reason_and_wait(processes):
    with LoopbackServer(faults=[Fault("rate_limit", 2.0)]) as server:
        arguments = ("run", "essay", "--model", "openai:loopback")
        seen = Terminal(processes, *arguments, OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="")
        seen.read_until("trying again in 2 s")
        assert "the server is asked too often" in seen.text
        seen.read_to_end()
    assert seen.process.returncode == 0


def test_several_episodes_get_a_row_each(terminal):
    arguments = ("--episodes", "5", "--parallel", "2", "--input", "length=6")
    text = terminal("run", "slow_walker.yaml", *arguments).read_to_end()
    last = text.split("╭─")[-2]
    assert len(re.findall(r"6 +✓✓✓ +east +6\.0 +2 of 2 +done", last)) == 5
    assert "5 of 5 episodes ended   mean return 6.0" in last


def test_the_picture_is_drawn_at_most_ten_times_a_second(terminal):
    started = time.monotonic()
    text = terminal("run", "slow_walker.yaml", "--model", "slow:0", "--steps", "90").read_to_end()
    frames = text.count("╭─ ")
    assert 2 <= frames <= 10 * (time.monotonic() - started) + 3


def test_control_c_is_answered_in_the_picture_and_ends_in_a_summary(terminal):
    screen = terminal("run", "slow_walker.yaml", "--out", "run")
    screen.read_until("east")
    os.killpg(screen.process.pid, signal.SIGINT)
    text = screen.read_to_end()
    assert screen.process.returncode == 130
    assert "stopping after the calls in flight" in text
    assert "slow_walker: interrupted: stopped by the user" in text
    colours = re.findall(r"\x1b\[[0-9;]*m", screen.seen)
    assert colours[-1] == "\x1b[0m", "colours are left switched on"
    assert screen.seen.count("\x1b[?25l") == screen.seen.count("\x1b[?25h"), "the cursor is hidden"
    assert Path("run/run.json").exists()


def test_a_terminal_that_cannot_draw_gets_plain_lines(processes):
    arguments = ("run", "slow_walker.yaml", "--steps", "3")
    screen = Terminal(processes, *arguments, TERM="dumb")
    text = screen.read_to_end()
    assert "episode 0: done (truncated at 3 steps)" in text
    assert "\x1b" not in screen.seen
    assert "▸" not in text


def test_who_wants_no_colours_gets_none(processes):
    for no_color, coloured in (("", True), ("1", False)):
        screen = Terminal(processes, "show", "slow_walker.yaml", NO_COLOR=no_color)
        assert "walker" in screen.read_to_end()
        assert ("\x1b" in screen.seen) is coloured


def test_a_long_path_and_the_command_with_it_are_whole_in_a_terminal(processes):
    """A box around the summary broke what people copy from it."""
    folder = f"a_folder_{'x' * 100}"
    screen = Terminal(processes, "run", "slow_walker.yaml", "--budget-steps", "3", "--out", folder)
    text = screen.read_to_end()
    assert f"  recorded      {folder}\r\n" in text
    assert f"  go on with    agentkit run --resume {folder} --budget-steps MORE\r\n" in text


def test_the_picture_for_the_readme_is_an_svg_of_the_last_frame(invoke, folder):
    invoke("run", "walker.yaml", "--picture", "run.svg")
    picture = (folder / "run.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "walker" in picture
    assert "✓" in picture
    assert "url(http" not in picture, "it must look right without a network"
