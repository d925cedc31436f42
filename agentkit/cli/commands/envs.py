"""`agentkit envs`: the environments that agents can play in."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from agentkit.cli import options
from agentkit.errors import InputError


@click.command("envs")
@options.imports
def command() -> None:
    """List the environments that AgentKit and its plug-ins bring.

    Any other environment that Gymnasium knows can be used as well: one that speaks text by its
    id, others through agentkit/Words-v1, which puts them into words.

    \b
    Examples:
      agentkit envs
    """
    from agentkit.cli.view.terminal import echo, echo_pair
    from agentkit.plugins import broken_envs

    for entry in _described():
        state = "installed" if entry.missing is None else f"not installed: {entry.missing}"
        echo_pair(entry.id, f"  {entry.about}", bold=True)
        echo(f"    {state}", fg="green" if entry.missing is None else "yellow")
    for problem in broken_envs().values():
        echo_pair("left out", f": {problem}", err=True, fg="red")


@dataclass(frozen=True, slots=True)
class _Described:
    """One environment."""

    id: str
    """What `env` in an agent says."""
    about: str
    """Its class's first line."""
    missing: str | None
    """What is missing and how to install it; None when all is there."""


def _described() -> Iterator[_Described]:
    """Every environment that plug-ins registered, by id."""
    import gymnasium

    from agentkit.plugins import env_creator, env_ids

    for env_id in env_ids():
        try:
            about, missing = _first_line(env_creator(env_id)), None
        except InputError as error:
            about = _first_line_unread(str(gymnasium.spec(env_id).entry_point))
            missing = error.missing
        yield _Described(env_id, about, missing)


def _first_line(creator: Any) -> str:
    return (getattr(creator, "__doc__", None) or "").strip().partition("\n")[0]


def _first_line_unread(entry: str) -> str:
    """The first line of a class's docstring, from its source: it cannot be imported."""
    module, _, name = entry.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    docs = [ast.get_docstring(node) or "" for node in classes if node.name == name]
    return docs[0].partition("\n")[0] if docs else ""
