"""The engines that are compared, and a virtual environment of its own for each."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

DEFAULT_FOLDER = Path("~/.cache/agentkit-bench").expanduser()


@dataclass(frozen=True)
class Engine:
    """One engine, or one way of using it."""

    label: str
    script: str
    """The file beside this one that runs it."""
    argument: str = ""
    package: str = ""
    """What pip installs; without one it runs in this Python."""
    build_with: tuple[str, ...] = ()
    """What must be installed before, for a package that cannot build by itself."""
    alone: bool = False
    """Whether only the package is needed, not what it depends on."""


INLINE = Engine("floor: indegree loop", "with_inline.py")
TASKGROUP = Engine("floor: TaskGroup", "with_taskgroup.py")
FUNCTIONS = Engine("AgentKit, functions", "with_agentkit.py", "functions")
PROMPTS = Engine("AgentKit, prompts", "with_agentkit.py", "prompts")
EVENTS = Engine("AgentKit, prompts, events", "with_agentkit.py", "events")
SYNCED = Engine("AgentKit, prompts, events, fsync", "with_agentkit.py", "synced")
LANGGRAPH = Engine("LangGraph", "with_langgraph.py", package="langgraph")
HAMILTON = Engine("Hamilton, async driver", "with_hamilton.py", package="sf-hamilton")
DSPY = Engine("DSPy modules", "with_dspy.py", package="dspy")
PYDANTIC_GRAPH = Engine("pydantic-graph", "with_pydantic_graph.py", package="pydantic-graph")
AGENT_FRAMEWORK = Engine(
    "Microsoft Agent Framework", "with_agent_framework.py", package="agent-framework-core"
)
AGENTKIT_LLM = Engine(
    "original AgentKit, one by one",
    "with_agentkit_llm.py",
    package="agentkit-llm==0.1.9",
    build_with=("setuptools<81", "wheel"),
)
OUR_SEARCH = Engine("AgentKit", "with_our_search.py")
LUCENE = Engine("Lucene 8", "with_lucene.py", package="pyserini==0.17.0", alone=True)
TANTIVY = Engine("tantivy, its English", "with_tantivy.py", "own", package="tantivy")
TANTIVY_TOKENS = Engine("tantivy, our tokens", "with_tantivy.py", "ours", package="tantivy")
BM25S = Engine("bm25s, our tokens", "with_bm25s.py", package="bm25s")
PLAYWRIGHT_DOM = Engine("Playwright alone, page as JSON", "with_playwright.py", "dom")
PLAYWRIGHT_SNAPSHOT = Engine(
    "Playwright alone, accessibility snapshot", "with_playwright.py", "snapshot"
)
OUR_MINIWOB = Engine("AgentKit", "with_miniwob_env.py")
BROWSERGYM = Engine("BrowserGym", "with_browsergym.py", package="browsergym-miniwob")


class NotInstalled(Exception):
    """A peer that pip could not install; its text says why."""


def python_of(engine: Engine, folder: Path) -> Path:
    """The Python that runs an engine; its environment is made when it is not there yet.

    Raises:
        NotInstalled: pip could not install it.
    """
    if not engine.package:
        return Path(sys.executable)
    environment = folder / engine.package.partition("=")[0]
    python = environment / "bin" / "python"
    wanted = json.dumps([engine.package, *engine.build_with])
    done = environment / "installed.json"
    if done.exists() and done.read_text() == wanted:
        return python
    Console(stderr=True).print(f"installing {engine.package} in {environment}")
    _call([sys.executable, "-m", "venv", "--clear", str(environment)])
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    if engine.build_with:
        _call([*pip, *engine.build_with])
        pip.append("--no-build-isolation")
    if engine.alone:
        pip.append("--no-deps")
    _call([*pip, engine.package])
    done.write_text(wanted)
    return python


def _call(command: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise NotInstalled((lines or done.stderr.splitlines() or ["pip failed"])[-1].strip())
