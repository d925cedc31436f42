"""What is said where a package that an environment needs is not installed.

A module that cannot be imported stands before the real one on the path.
"""

import os
import subprocess
import sys

import pytest

PLUGIN = """\
import gymnasium

def register():
    gymnasium.register("far/Land-v0", entry_point="far_land.world:Land")
"""
METADATA = """\
Metadata-Version: 2.1
Name: Far.Land
Version: 1.0
Provides-Extra: near
Provides-Extra: world
Requires-Dist: Not_Here>=1; extra == "near"
Requires-Dist: not-here>=1; extra == "world"
"""
ENTRY_POINTS = """\
[agentkit.envs]
far = far_land:register

[agentkit.functions]
walk = far_land.walk:walk
"""


@pytest.fixture
def run(folder):
    """Run `agentkit` without the packages of Crafter and WebShop, and with a plug-in."""
    for name in ("crafter", "thefuzz"):
        (folder / f"{name}.py").write_text(
            f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n"
        )
    package, info = folder / "far_land", folder / "far_land-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text(PLUGIN)
    (package / "world.py").write_text("import not_here\n")
    (package / "walk.py").write_text("import quite_unknown\n")
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)

    def start(*arguments):
        code = "from agentkit.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )

    return start


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["run", "webshop"], "webshop"),
        (["check", "webshop"], "webshop"),
        (["render", "webshop", "--node", "act"], "webshop"),
        (["play", "webshop"], "webshop"),
        (["run", "crafter"], "crafter"),
        (["play", "crafter"], "crafter"),
    ],
)
def test_what_has_to_be_installed_is_said_once(run, arguments, extra):
    shown = run(*arguments)
    assert shown.returncode == 2
    assert shown.stderr.count("needs a package that is not installed") == 1
    assert shown.stderr.count(f"Install it: pip install 'agentkit-graph[{extra}]'") == 1


def test_a_problem_of_the_file_is_listed_beside_a_missing_package(run, folder):
    (folder / "bad.yaml").write_text(
        "env: agentkit/WebShop-v1\nmodel: rules\nnodes: {act: go, next: {prompt: '{{ ac }}'}}\n"
    )
    shown = run("check", "bad.yaml")
    assert "Did you mean 'act'?" in shown.stderr


@pytest.mark.parametrize("origin", ["crafter_list", "webshop"])
def test_a_new_agent_is_written_before_its_environment_is_installed(run, folder, origin):
    shown = run("new", "mine", "--from", origin)
    assert shown.returncode == 0, shown.stderr
    assert "name: mine" in (folder / "mine.yaml").read_text(encoding="utf-8")


def test_a_new_agent_is_not_written_from_one_that_cannot_work(run, folder):
    (folder / "bad.yaml").write_text(
        "env: agentkit/WebShop-v1\nmodel: rules\nnodes: {act: {function: wbshop_notes}}\n"
    )
    shown = run("new", "mine", "--from", "bad.yaml")
    assert shown.returncode == 2
    assert "unknown function 'wbshop_notes'" in shown.stderr
    assert not (folder / "mine.yaml").exists()


def test_packages_of_others_say_their_own_extra(run):
    shown = run("play", "land")
    assert "No module named 'not_here'. Install it: pip install 'Far.Land[world]'" in shown.stderr
    assert "not installed: pip install 'Far.Land[world]'" in run("envs").stdout


def test_a_module_that_no_extra_brings_is_named_with_the_package_that_needs_it(run, folder):
    (folder / "walk.yaml").write_text("model: echo\nnodes: {act: {function: walk}}\n")
    shown = run("check", "walk.yaml")
    assert "No module named 'quite_unknown'. See how 'Far.Land' is installed" in shown.stderr
