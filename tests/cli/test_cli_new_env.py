"""`agentkit new --env`: an environment that works at once, with its test."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

AGENTKIT = Path(sys.executable).with_name("agentkit")


def run(folder: Path, *command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*map(str, command)], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.mark.slow
def test_a_new_environment_is_played_tested_and_installed_as_it_is(invoke, folder):
    written = invoke("new", "--env", "my_world")
    assert written.exit_code == 0
    place = folder / "my_world"
    listed = [line.strip().partition("   ")[0] for line in written.stdout.splitlines()[1:]]
    assert listed == [
        "cd my_world",
        "agentkit run my_world.yaml --import my_world",
        "agentkit play myworld --import my_world",
        "python -m pytest",
        "pip install -e .",
    ]
    ran = run(place, AGENTKIT, *listed[1].split()[1:], "--episodes", "2")
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"got out +2 of 2", ran.stdout)
    played = run(place, AGENTKIT, *listed[2].split()[1:])
    assert "You are in a corridor." in played.stdout, played.stderr
    tested = run(place, sys.executable, *listed[3].split()[1:], "-q", "-W", "error")
    assert "2 passed" in tested.stdout, tested.stdout
    site = folder / "site"
    options = "-q --no-deps --no-build-isolation --disable-pip-version-check --target"
    installed = run(place, sys.executable, "-m", "pip", "install", *options.split(), site, ".")
    assert installed.returncode == 0, installed.stderr
    points = (site / "my_world-0.1.0.dist-info" / "entry_points.txt").read_text()
    assert "my_world = my_world:register" in points


def test_what_is_written_passes_a_linter(invoke, folder):
    invoke("new", "--env", "world2")
    ruff = [sys.executable, "-m", "ruff"]
    own = ["--isolated", "--line-length", "100", "."]
    chosen = ["--select", "E,F,I,B,UP,SIM,RET,RUF"]
    linted = run(folder / "world2", *ruff, "check", *chosen, *own)
    assert linted.stdout.strip() == "All checks passed!"
    assert run(folder / "world2", *ruff, "format", "--check", *own).returncode == 0
    assert tomllib.loads((folder / "world2" / "pyproject.toml").read_text())["project"]["name"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My-World", "such as my_world"),
        ("3d", "such as my_world"),
        ("class", "such as my_world"),
        ("../x", "such as x"),
        ("random", "there is a module 'random' already, which this one would hide"),
        ("gymnasium", "there is a module 'gymnasium' already"),
    ],
)
def test_a_name_that_is_no_module_or_another_ones_is_refused(invoke, folder, name, said):
    refused = invoke("new", "--env", name)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert not (folder / name).exists()


def test_nothing_that_is_there_is_overwritten(invoke, folder):
    (folder / "my_world").mkdir()
    refused = invoke("new", "--env", "my_world")
    assert refused.exit_code == 2
    assert "my_world is there already and was not changed" in refused.stderr
    assert [*(folder / "my_world").iterdir()] == []
    other = invoke("new", "my_world", "--env", "--out", "worlds/one")
    assert other.exit_code == 0
    assert (folder / "worlds" / "one" / "my_world.py").exists()
    (folder / "file").write_text("")
    refused = invoke("new", "--env", "my_world", "--out", "file/world")
    assert "cannot write file/world: Not a directory" in refused.stderr


def test_an_agent_to_begin_with_does_not_go_with_an_environment(invoke):
    refused = invoke("new", "--env", "my_world", "--from", "essay")
    assert refused.exit_code == 2
    assert "leave it out with --env" in refused.stderr
