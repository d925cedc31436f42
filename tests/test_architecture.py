"""Which module may import which, and what importing the package loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import agentkit

PACKAGE = Path(agentkit.__file__).parent
ENVS = PACKAGE.parent / "envs" / "agentkit_envs"

LAYERS = [
    {"errors", "messages"},
    {"background", "values", "files", "events", "node", "models.base", "plugins", "sharing"}
    | {"limits", "ledger", "estimates", "redaction", "film", "captions"},
    {"sandbox", "prompt", "reuse", "pictures", "trace", "models", "past", "summaries", "silent"}
    | {"camera"},
    {"outputs", "output", "reading", "memory", "run_folder"},
    {
        "cache",
        "logs",
        "telemetry",
        "span_attributes",
    },
    {"compiled", "checks", "field_types", "comparing"},
    {"graph"},
    {"model_choice"},
    {"binding", "drawing"},
    {"answering", "pricing"},
    {"asking"},
    {"calling", "overlay"},
    {"scope", "story"},
    {"running"},
    {"step"},
    {"watching", "callbacks"},
    {"agent", "runnable", "episode_record"},
    {"environment", "placeholders", "moments", "rendering", "checkpoint"},
    {"spec", "playing", "rebuilding", "stage", "agenda", "about", "showing"},
    {"rollouts"},
    {"recorded", "profiling", "forking"},
    {"replaying"},
    {"cli"},
]
UPWARD = {
    ("graph", "step"),
    ("graph", "runnable"),
    ("graph", "drawing"),
    ("graph", "binding"),
    ("binding", "models"),
}
"""Imports inside a function that go up, such as `Graph.run`: for the reader's comfort."""


def room(module: str) -> str:
    """The layer's name for a module; the protocol of models has one of its own."""
    name = module.removeprefix("agentkit.")
    return name if name == "models.base" else name.split(".")[0]


def imports(path: Path) -> set[str]:
    """Modules of agentkit that a file imports, those for type checkers left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agentkit"):
            found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("agentkit")}
    return found


def test_imports_point_down():
    rank = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        here = room(module.removesuffix(".__init__"))
        if here == "agentkit":
            continue
        for target in imports(path):
            there = room(target)
            if there == "agentkit" or here == there or (here, there) in UPWARD:
                continue
            if rank[there] > rank[here]:
                wrong.append(f"{module} imports {target}")
    assert not wrong


def test_agentkit_never_imports_agentkit_envs_which_uses_public_names_only():
    for path in PACKAGE.rglob("*.py"):
        assert "import agentkit_envs" not in path.read_text()
        assert "from agentkit_envs" not in path.read_text()
    allowed = {"agentkit", "agentkit.errors", "agentkit.messages"}
    for path in ENVS.rglob("*.py"):
        own = {name for name in imports(path) if not name.startswith("agentkit_envs")}
        assert own <= allowed, path


HEAVY = (
    "openai langchain langchain_core torch playwright crafter networkx jinja2 pydantic rich yaml "
    "opentelemetry sqlite3 genai_prices"
)


@pytest.mark.parametrize("statement", ["import agentkit", "from agentkit.cli import main"])
def test_importing_loads_nothing_heavy(statement):
    code = f"{statement}; import sys; print(*(set({HEAVY.split()}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_all_is_sorted_complete_and_everything_in_it_exists():
    assert agentkit.__all__ == sorted(agentkit.__all__)
    assert set(agentkit.__all__) == set(agentkit._HOMES)
    for name in agentkit.__all__:
        assert getattr(agentkit, name).__doc__, name


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nod'"):
        agentkit.Nod  # noqa: B018
