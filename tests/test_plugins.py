"""Plug-ins that are broken: said by name, and no harm to the others.

Each test has a process of its own, with a broken plug-in: what is installed is looked up once.
"""

import os
import subprocess
import sys

import pytest

MODULE = """
import agentkit, gymnasium

class Room(gymnasium.Env):
    "A room."
    def reset(self, *, seed=None, options=None):
        return "a room", {}
    def step(self, action):
        return "end", 1.0, True, False, {}

def register():
    gymnasium.register("good/Room-v0", entry_point=Room)

def failing():
    raise RuntimeError("no display")

def factory(rest):
    raise KeyError(rest)
"""
ENTRY_POINTS = """
[agentkit.envs]
bad_attribute = faulty:nothing
bad_register = faulty:failing
bad_module = not_there:register
good = faulty:register

[agentkit.models]
bad = faulty:factory
gone = faulty:nothing
"""


@pytest.fixture
def run(tmp_path):
    info = tmp_path / "faulty-1.0.dist-info"
    info.mkdir()
    (tmp_path / "faulty.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)

    def start(*arguments: str) -> "subprocess.CompletedProcess[str]":
        code = "from agentkit.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )

    return start


def agent(tmp_path, model: str, env: str) -> str:
    text = f"name: a\nenv: {env}\nmodel: {model}\nnodes: {{act: go}}\n"
    (tmp_path / "a.yaml").write_text(text)
    return "a.yaml"


def test_broken_environments_are_listed_with_their_causes_and_the_others_work(run, tmp_path):
    listed = run("envs")
    assert listed.returncode == 0
    assert "good/Room-v0  A room." in listed.stdout
    assert "'bad_attribute' (faulty:nothing) cannot be loaded: AttributeError" in listed.stderr
    assert "'bad_register'" in listed.stderr
    assert "cannot register its environments: RuntimeError: no display" in listed.stderr
    assert "'bad_module' (not_there:register) needs a package" in listed.stderr
    played = run("run", agent(tmp_path, "echo", "good/Room-v0"))
    assert played.returncode == 0, played.stderr
    assert "no display" not in played.stderr


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        ("bad:x", "'bad' (faulty:factory) cannot make 'bad:x': KeyError: 'x'"),
        ("gone:x", "'gone' (faulty:nothing) cannot be loaded: AttributeError"),
    ],
)
def test_a_broken_model_plug_in_is_named_with_its_cause(run, tmp_path, model, cause):
    checked = run("check", agent(tmp_path, model, "good/Room-v0"))
    assert checked.returncode == 2
    assert "Traceback" not in checked.stderr
    assert cause in checked.stderr


def test_an_unknown_environment_may_be_one_of_a_broken_plug_in(run, tmp_path):
    code = (
        "from agentkit.environments.make import check_env_id\n"
        "from agentkit import InputError\n"
        "try:\n    check_env_id('bad/Hall-v0')\nexcept InputError as error:\n    print(error)"
    )
    (tmp_path / "code.py").write_text(code)
    shown = subprocess.run(
        [sys.executable, "code.py"], capture_output=True, text=True, cwd=tmp_path
    )
    assert "unknown environment 'bad/Hall-v0'" in shown.stdout, shown.stderr
    assert "no display" in shown.stdout
