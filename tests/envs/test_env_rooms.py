"""Which room of an environment may import which, and what stands beside the rooms."""

import ast
from itertools import pairwise
from pathlib import Path

import agentkit_envs
import pytest

HOUSE = Path(agentkit_envs.__file__).parent
FLOORS = {
    "browser": (("guard",), ("see",), ("act",), ("",)),
    "webshop": (
        ("search",),
        ("catalogue",),
        ("goals",),
        ("pages",),
        ("notes", "visit"),
        ("strategy", "web"),
        ("",),
    ),
}
"""The rooms of each environment, the lowest first: a room imports itself and what is below it.
Modules at the top that rooms use are named; "" is all others."""
MOST_AT_THE_TOP = 11


def modules(env: str) -> dict[Path, tuple[str, ...]]:
    """Each file of an environment, with its dotted place below it."""
    return {
        path: path.relative_to(HOUSE / env).with_suffix("").parts
        for path in sorted((HOUSE / env).rglob("*.py"))
        if path.parent != HOUSE / env or path.stem != "__init__"
    }


def imports(path: Path, env: str) -> set[str]:
    """What a file imports of its environment, the first part of each place."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        own = f"agentkit_envs.{env}."
        found |= {name.removeprefix(own).split(".")[0] for name in names if name.startswith(own)}
    return found


@pytest.mark.parametrize("env", FLOORS)
def test_rooms_import_themselves_and_what_is_below(env: str):
    floors = {room: i for i, floor in enumerate(FLOORS[env]) for room in floor}
    wrong = []
    for path, place in modules(env).items():
        here = place[0] if place[0] in floors else ""
        for target in imports(path, env):
            there = target if target in floors else ""
            if here != there and floors[there] >= floors[here]:
                wrong.append(f"{'.'.join(place)} imports {target}")
    assert not wrong


@pytest.mark.parametrize("env", FLOORS)
def test_every_folder_is_a_room_that_says_what_belongs_there(env: str):
    rooms = {room for floor in FLOORS[env] for room in floor}
    for folder in (HOUSE / env).iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert folder.name in rooms
            tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
            assert ast.get_docstring(tree), folder


@pytest.mark.parametrize("env", FLOORS)
def test_few_modules_stand_at_the_top(env: str):
    top = [place for place in modules(env).values() if len(place) == 1]
    assert len(top) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("env", ["browser", "crafter", "miniwob", "webshop"])
def test_a_name_is_given_once_in_an_environment(env: str):
    names = sorted(place[-1] for place in modules(env).values() if place[-1] != "__init__")
    assert [name for name, following in pairwise(names) if name == following] == []


def test_the_environments_know_the_browser_alone_of_one_another():
    """MiniWoB++ is played in it."""
    for env in ("browser", "crafter", "miniwob", "webshop"):
        others = {"browser", "crafter", "miniwob", "webshop"} - {env}
        for path in modules(env):
            text = path.read_text(encoding="utf-8")
            used = {other for other in others if f"from agentkit_envs.{other}" in text}
            assert used <= ({"browser"} if env == "miniwob" else set()), path
