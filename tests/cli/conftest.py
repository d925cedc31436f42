"""The command line in a folder of its own, with a small agent and, for processes, a plug-in."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir
from pathlib import Path
from typing import AnyStr

import pytest
from click.testing import CliRunner, Result

from agentkit.cli.app import cli

AGENTKIT = Path(sys.executable).with_name("agentkit")

WALKER = """\
version: 1
name: walker
env: test/Corridor-v0
model: script:answers.json
system: You walk through a corridor.
context: |
  {{ observation }}
memory: {places: []}
nodes:
  look:
    prompt: What do you see?
    save:
      places: memory.places + [output]
  act:
    prompt: You said {{ look }}. You have been at {{ memory.places | length }} places. Which way?
    output: {choice: actions}
    recall: [look]
action: act
"""
ANSWERS = '{"look": "A corridor.", "act": "east"}'


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The current folder, with the agent `walker.yaml` in it."""
    (tmp_path / "walker.yaml").write_text(WALKER)
    (tmp_path / "answers.json").write_text(ANSWERS)
    with chdir(tmp_path):
        yield tmp_path


@pytest.fixture
def invoke(folder: Path) -> Callable[..., Result]:
    """Run a command in this process."""

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


PLUGIN = '''\
"""A model that takes its time, and an environment that reports."""

import asyncio
import time

import gymnasium

from agentkit import Completion, Usage


class SlowModel:
    reads_variables = False

    def __init__(self, seconds):
        self.name = f"slow:{seconds}"
        self._seconds = float(seconds)

    async def complete(self, request):
        if request.on_text is not None:
            request.on_text("thinking about it")
        await asyncio.sleep(self._seconds)
        return Completion("east", Usage(10, 2, 5, 1), model=self.name)


class Corridor(gymnasium.Env):
    """A corridor to walk along."""

    action_space = gymnasium.spaces.Text(20)
    observation_space = gymnasium.spaces.Text(200)

    def __init__(self, length=5):
        self.length = length

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return "You are at 0.", self._info()

    def step(self, action):
        self.place += 1
        there = self.place >= self.length
        return f"You are at {self.place}.", 1.0, there, False, self._info()

    def _info(self):
        made = {"begin": self.place > 0, "arrive": self.place >= self.length}
        return {"actions": ["east"], "game_steps": self.place, "achievements": made}

    @staticmethod
    def report(infos):
        return {"furthest": str(max(info["game_steps"] for info in infos))}


class Stuck(Corridor):
    """A corridor whose door never opens."""

    def step(self, action):
        time.sleep(600)


async def block():
    time.sleep(600)  # an async def that blocks the loop


def wait():
    time.sleep(600)


def expert(request):
    return "east"


def register():
    if "slow/Corridor-v0" not in gymnasium.registry:
        gymnasium.register("slow/Corridor-v0", entry_point=Corridor)
        gymnasium.register("slow/Stuck-v0", entry_point=Stuck)
'''
ENTRY_POINTS = """\
[agentkit.models]
slow = slow_plugin:SlowModel

[agentkit.envs]
slow = slow_plugin:register

[agentkit.functions]
block = slow_plugin:block
wait = slow_plugin:wait

[agentkit.experts]
slow/Corridor-v0 = slow_plugin:expert
"""
SLOW_WALKER = """\
version: 1
name: slow_walker
env: {id: slow/Corridor-v0, length: "{{ length }}"}
model: slow:0.02
inputs: {length: 100}
nodes:
  look: "{{ observation }} What do you see?"
  plan: What will you do, given {{ look }}?
  act: "{{ plan }} Which way?"
"""


@pytest.fixture
def processes(folder: Path) -> "Iterator[Processes]":
    """Starts `agentkit` as a process that has a plug-in installed; it ends with the test."""
    site = folder / "site"
    info = site / "slow_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "slow_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow_plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "slow_walker.yaml").write_text(SLOW_WALKER)
    with ExitStack() as ending:
        yield Processes(folder, site, ending)


class Processes:
    """Starts `agentkit` in a folder."""

    def __init__(self, folder: Path, site: Path, ending: ExitStack) -> None:
        self._folder = folder
        self._ending = ending
        self.environment = {**os.environ, "PYTHONPATH": str(site), "TERM": "xterm-256color"}

    def start(self, *arguments: str, **options: object) -> "subprocess.Popen[str]":
        """A process whose stdout and stderr can be read."""
        process = subprocess.Popen(
            [AGENTKIT, *arguments],
            cwd=self._folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        return self.end_with_test(process)

    def end_with_test(self, process: "subprocess.Popen[AnyStr]") -> "subprocess.Popen[AnyStr]":
        """A process that is killed when the test is over, if it still runs then."""

        def end() -> None:
            process.kill()
            process.communicate()

        self._ending.callback(end)
        return process
