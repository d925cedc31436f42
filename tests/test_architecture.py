"""Which module may import which, and what importing the package loads."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

import agentkit

PACKAGE = Path(agentkit.__file__).parent
ENVS = PACKAGE.parent / "envs" / "agentkit_envs"

BASE = {
    "errors", "messages", "events", "values", "limits", "memory", "plugins", "loop",
    "atomic_files", "redaction", "program",
}  # fmt: skip
"""The modules that everybody uses, and the room of what they know of the program around them."""
ROOMS = [
    BASE,
    {"templates"},
    {"models", "outputs"},
    {"record", "graph", "observability"},
    {"execution"},
    {"env_spec"},
    {"agent"},
    {"agentfile", "environments"},
    {"rollouts"},
    {"profiling", "moe", "preview", "langchain", "testing"},
    {"cli"},
]
"""From the bottom up: a room imports itself and what stands above it in this list."""
FACADE = {
    ("agentkit.graph.graph", "agentkit.execution.step"),
    ("agentkit.graph.graph", "agentkit.langchain.runnable"),
    ("agentkit.graph.graph", "agentkit.graph.drawing"),
}
"""`Graph.run`, `stream`, `as_runnable` and `draw`: the only imports that lead back up."""


def modules() -> dict[str, Path]:
    """Every module of the package but its own `__init__`, which names the public ones."""
    paths = {
        path.relative_to(PACKAGE.parent).with_suffix(""): path for path in PACKAGE.rglob("*.py")
    }
    named = {".".join(p.parts).removesuffix(".__init__"): path for p, path in paths.items()}
    return {
        name: path for name, path in named.items() if name not in ("agentkit", "agentkit.__main__")
    }


def imports(path: Path) -> set[str]:
    """Modules of agentkit that a file imports, in functions and for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agentkit"):
            public = agentkit._HOMES if node.module == "agentkit" else {}
            names = {public.get(alias.name, alias.name) for alias in node.names}
            found |= {f"{node.module}.{name}" for name in names} & KNOWN or {str(node.module)}
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("agentkit")}
    return found - {"agentkit"}


KNOWN = set(modules())


def test_every_import_of_the_package_can_be_seen():
    """By its full name: neither relative, nor the package itself, nor from a text."""
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), name
            assert not (
                isinstance(node, ast.Import) and any(a.name == "agentkit" for a in node.names)
            )
        texts = path.read_text().count('import_module(f"agentkit')
        assert texts == (name == "agentkit.cli.app"), f"{name} imports from a text"


def test_the_facade_is_no_larger_than_it_has_to_be():
    assert {
        (name, target) for name, target in FACADE if target in imports(modules()[name])
    } == FACADE


def test_imports_between_rooms_point_down():
    rank = {name: i for i, layer in enumerate(ROOMS) for name in layer}
    room = {name: name.split(".")[1] for name in KNOWN}
    assert {*room.values()} == rank.keys()
    wrong = [
        f"{name} imports {target}"
        for name, path in modules().items()
        for target in sorted(imports(path))
        if room[target] != room[name]
        and (
            rank[room[target]] > rank[room[name]]
            or (room[name] not in BASE and rank[room[target]] == rank[room[name]])
        )
        and (name, target) not in FACADE
    ]
    assert not wrong


def test_no_import_in_a_function_hides_a_cycle():
    graph = nx.DiGraph(
        (name, target) for name, path in modules().items() for target in imports(path)
    )
    graph.remove_edges_from(FACADE)
    assert not [*nx.simple_cycles(graph)]


def test_every_room_says_in_one_sentence_what_belongs_there():
    for init in PACKAGE.rglob("__init__.py"):
        said = ast.get_docstring(ast.parse(init.read_text()))
        assert said, init
        assert said.partition("\n\n")[0].rstrip().endswith("."), init


def test_agentkit_never_imports_agentkit_envs_which_uses_public_names_only():
    for path in PACKAGE.rglob("*.py"):
        assert "import agentkit_envs" not in path.read_text()
        assert "from agentkit_envs" not in path.read_text()
    allowed = {
        "agentkit", "agentkit.environments.estimates", "agentkit.errors", "agentkit.messages",
    }  # fmt: skip
    for path in ENVS.rglob("*.py"):
        own = {name for name in imports(path) if not name.startswith("agentkit_envs")}
        assert own <= allowed, path


OPTION = re.compile(r"(?<![\w-])--[a-z]")


def test_messages_name_options_of_the_command_line_only_to_who_is_there():
    """Outside of it, what `advice` gives to a program stands for them."""
    for name, path in modules().items():
        if name.startswith("agentkit.cli"):
            continue
        told = set()
        for node in ast.walk(ast.parse(path.read_text())):
            advised = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "advice"
            if advised or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                told |= {id(inner) for inner in ast.walk(node)}
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said = node.value.partition("pip install")[0]  # pip has options of its own
                assert id(node) in told or not OPTION.search(said), f"{name}: {node.value}"


HEAVY = (
    "openai langchain langchain_core torch transformers playwright crafter networkx jinja2 "
    "pydantic rich yaml opentelemetry sqlite3 genai_prices xllamacpp"
)


@pytest.mark.parametrize("statement", ["import agentkit", "from agentkit.cli import main"])
def test_importing_loads_nothing_heavy(statement):
    code = f"{statement}; import sys; print(*(set({HEAVY.split()}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_torch_belongs_to_local_models_and_to_mixtures_of_experts():
    heavy = re.compile(r"^\s*(?:import|from) (?:torch|transformers|llguidance|safetensors)\b", re.M)
    users = {name for name, path in modules().items() if heavy.search(path.read_text())}
    rooms = ("agentkit.models.local.", "agentkit.moe.")
    assert {name for name in users if not name.startswith(rooms)} == set()


def test_all_is_sorted_complete_and_everything_in_it_exists():
    assert agentkit.__all__ == sorted(agentkit.__all__)
    assert set(agentkit.__all__) == set(agentkit._HOMES)
    for name in agentkit.__all__:
        assert getattr(agentkit, name).__doc__, name


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nod'"):
        agentkit.Nod  # noqa: B018


def test_no_public_name_of_a_module_means_two_things():
    """Eighteen names did, such as `Record` and `ask`; a reader had to look which was meant."""
    homes: dict[str, list[str]] = {}
    for module, path in modules().items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                homes.setdefault(node.name, []).append(module)
    shared = {"command"}  # each command's entry point has this name
    twice = {name: found for name, found in homes.items() if len(found) > 1}
    assert {name for name in twice if name[0] != "_"} <= shared
