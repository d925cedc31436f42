"""The command itself: help, mistakes, and how little it loads."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from agentkit import __version__
from agentkit.cli.app import COMMANDS
from agentkit.cli.reference import reference

ROOT = Path(__file__).parents[2]
HEAVY = ("openai", "langchain", "langchain_core", "torch", "playwright", "crafter", "gymnasium",
         "networkx", "pydantic", "rich")  # fmt: skip


def test_the_reference_page_is_what_help_says():
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    # Versions of click break lines differently.
    again = "write it again: python -m agentkit.cli.reference > docs/cli.md"
    assert page.split() == reference().split(), again


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_its_own_name(invoke, name):
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert f"\n    agentkit {name}" in result.stdout
    assert import_module(f"agentkit.cli.commands.{name}").command.name == name


def test_version(invoke):
    assert invoke("--version").stdout.strip() == f"agentkit, version {__version__}"


def test_unknown_command_suggests_the_nearest(invoke):
    result = invoke("rnu")
    assert result.exit_code == 2
    assert "No such command 'rnu'. Did you mean 'run'?" in result.stderr


def test_unknown_option_suggests_the_nearest(invoke):
    result = invoke("run", "walker.yaml", "--episode", "3")
    assert result.exit_code == 2
    assert "--episodes" in result.stderr


def test_unknown_agent_is_a_mistake_that_lists_what_is_shipped(invoke):
    result = invoke("run", "esay")
    assert result.exit_code == 2
    assert "Did you mean 'essay'?" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("code", ["import agentkit", "from agentkit.cli.app import cli"])
def test_importing_loads_nothing_heavy(code):
    check = f"{code}; import sys; print(*sys.modules.keys() & set({HEAVY!r}))"
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert loaded.stdout.split() == [], loaded.stderr


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom agentkit.cli.app import cli\n"
        "try:\n    cli(['--help'])\nfinally:\n"
        f"    print('loaded:', *sys.modules.keys() & set({HEAVY!r}))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Commands:" in shown.stdout
    assert shown.stdout.rstrip().endswith("loaded:")
