"""`--import`: a module that the user names is imported; an agent's file never imports one."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path

import gymnasium
import pytest

from agentkit import (
    Agent,
    EnvSpec,
    Graph,
    InputError,
    Node,
    Plan,
    SpecError,
    parse_agent,
    rollout_sync,
)
from agentkit.environments.make import make_env
from agentkit.plugins import env_ids, has_expert, registered_id

AGENTKIT = Path(sys.executable).with_name("agentkit")
WORLD = '''\
"""A room with a door; importing it leaves a trace."""

from pathlib import Path

import gymnasium
from friend import DOOR

Path("imported").touch()


class Room(gymnasium.Env):
    "A room with a door."

    def __init__(self, doors=1):
        self.doors = doors

    def reset(self, *, seed=None, options=None):
        return f"You see a {DOOR}.", {"actions": ["open"]}

    def step(self, action):
        if action == "break":
            return 1 / 0
        return "outside", 1.0, True, False, {"actions": ["open"]}

    @staticmethod
    def report(infos):
        return {"rooms left": str(len(infos))}


gymnasium.register("world/Room-v0", entry_point=Room)
'''
AGENT = "name: opener\nenv: {env}\nmodel: echo\nnodes: {{act: {act}}}\n"


@pytest.fixture
def here(folder: Path) -> Iterator[Path]:
    """The current folder with a module and agents in it; what a command imports goes with it."""
    (folder / "world.py").write_text(WORLD)
    (folder / "friend.py").write_text("DOOR = 'door'\n")
    (folder / "agent.yaml").write_text(AGENT.format(env='"world:world/Room-v0"', act="open"))
    (folder / "plain.yaml").write_text(AGENT.format(env="world/Room-v0", act="open"))
    (folder / "broken.yaml").write_text(AGENT.format(env="world/Room-v0", act="break"))
    env_ids()
    path, modules, registered = list(sys.path), set(sys.modules), set(gymnasium.registry)
    yield folder
    sys.path[:] = path
    for name in set(gymnasium.registry) - registered:
        del gymnasium.registry[name]
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
    invalidate_caches()


@pytest.mark.parametrize(
    "command", ["run {}", "check {}", "show {}", "render {} --node act", "new x --from {}"]
)
def test_a_file_that_names_a_module_imports_nothing_without_the_flag(here, invoke, command):
    refused = invoke(*command.format("agent.yaml").split())
    assert refused.exit_code == 2
    assert "environment 'world:world/Room-v0' is in the module 'world'" in refused.stderr
    assert "add --import world to the command" in refused.stderr
    assert "agent.yaml:2:" in refused.stderr
    assert not (here / "imported").exists()
    assert not (here / "runs").exists()


@pytest.mark.parametrize("file", ["agent.yaml", "plain.yaml"])
def test_a_module_of_this_folder_that_the_flag_names_is_played(here, invoke, file):
    ran = invoke("run", file, "--import", "world", "--out", "run")
    assert ran.exit_code == 0, ran.stderr
    assert "rooms left  1" in ran.stdout
    assert "the same run as run" in invoke("replay", "run", "--import", "world").stdout
    assert "rooms left" in invoke("show", "run", "--import", "world").stdout
    assert "OK" in invoke("check", file, "--import", "world").stdout


def test_the_other_commands_know_the_module_too(here, invoke):
    assert "add --import world" in invoke("play", "world:world/Room-v0").stderr
    wrong = invoke("run", "plain.yaml")
    assert "a module of yours that registers one is imported with --import MODULE" in wrong.stderr
    listed = invoke("envs", "--import", "world")
    assert "world/Room-v0  A room with a door." in listed.stdout
    for name in ("room", "world/Room-v0", "world:world/Room-v0"):
        assert "You see a door." in invoke("play", name, "--import", "world").stdout


def test_the_command_that_goes_on_names_the_module_again(here, invoke):
    failed = invoke("run", "broken.yaml", "--import", "world", "--out", "run")
    assert failed.exit_code == 1
    assert "agentkit run AGENT --from run:0:0 --import world" in failed.stdout
    shown = invoke("show", "run", "--import", "world").stdout
    assert "--resume run --import world" in shown
    assert "episode 0 failed: the environment raised Zero" in shown


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("wrld", "", "there is no module 'wrld' in "),
        ("wrld", "", "Did you mean 'world'?"),
        ("world.py", "", "name the module and not its file: --import world"),
        ("./worlds/one.py", "", "--import one in the folder worlds"),
        ("world one", "", "name a module, such as my_world"),
        ("bad", "import not_there_at_all\n", "the module raised ModuleNotFoundError: No module"),
        ("bad", "x = 1\n1 / 0\n", 'bad.py", line 2, in <module>'),
        ("bad", "x = = 1\n", "SyntaxError: invalid syntax (bad.py, line 1)"),
        ("bad", "raise SystemExit(0)\n", "the module raised SystemExit: 0"),
        ("bad.inner", "", "there is no module 'bad.inner'"),
    ],
)
def test_what_cannot_be_imported_is_a_mistake_that_is_told(here, invoke, name, text, said):
    (here / "bad.py").write_text(text)
    invalidate_caches()
    refused = invoke("check", "plain.yaml", "--import", name)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_lies_in_the_folder_never_stands_in_for_an_installed_package(here):
    (here / "jinja2.py").write_text("raise RuntimeError('a trap')\n")
    command = [AGENTKIT, "run", "plain.yaml", "--import", "world"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_a_module_that_is_imported_already_may_be_named_in_a_file():
    """An installed plug-in is, and what a program imported itself."""
    assert registered_id("agentkit_envs:agentkit/Crafter-v1") == "agentkit/Crafter-v1"
    assert registered_id("gymnasium:FrozenLake-v1") == "FrozenLake-v1"
    env = "{id: 'conftest:test/Corridor-v0', length: 1}"
    agent = parse_agent(f"env: {env}\nmodel: echo\nnodes: {{a: east}}\n")
    assert rollout_sync(agent).episodes[0].status == "done"
    assert has_expert("agentkit_envs:agentkit/Crafter-v1")


@pytest.mark.parametrize("module", ["antigravity", "this", "idlelib.idle", "tests.nothing"])
def test_no_place_that_takes_an_id_imports_a_module(module):
    env_id = f"{module}:CartPole-v1"
    agent = Agent(Graph([Node("a", "?")]), model="echo", env=EnvSpec(env_id))
    with pytest.raises(InputError, match=f"import {module}"):
        make_env(agent)
    with pytest.raises(InputError, match=f"import {module}"):
        rollout_sync(agent, Plan(show=True))
    with pytest.raises(SpecError, match=f"import {module}"):
        parse_agent(f"env: '{env_id}'\nmodel: echo\nnodes: {{a: east}}\n")
    assert module not in sys.modules
