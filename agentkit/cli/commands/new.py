"""`agentkit new`: write an agent, or an environment, to edit."""

import re
import shlex
import textwrap
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from agentkit.cli import options
from agentkit.cli.new_env import write_env
from agentkit.cli.view.terminal import echo
from agentkit.errors import InputError, SpecError

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WIDTH: Final = 96


@click.command("new")
@click.argument("name", metavar="NAME")
@click.option("--env", "is_env", is_flag=True, help="Write an environment, not an agent.")
@click.option(
    "--from",
    "origin",
    metavar="AGENT",
    default="crafter_list",
    show_default=True,
    help="The shipped agent, or the file, to begin with.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=options.FILE,
    help="The file; NAME.yaml by default. Of an environment, the folder; NAME by default.",
)
@options.imports
@click.pass_context
def command(ctx: click.Context, name: str, is_env: bool, origin: str, out: Path | None) -> None:
    """Write an agent called NAME, with comments, for you to edit; with --env an environment.

    An environment is a folder: a Python module, its test, an agent that plays it, and what pip
    needs to install it. What is there already is never overwritten.

    \b
    Examples:
      agentkit new my_agent
      agentkit new my_essay --from essay
      agentkit new --env my_world
    """
    if is_env:
        if ctx.get_parameter_source("origin") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--from names an agent to begin with: leave it out with --env")
        _say_env(name, write_env(name, out))
        return
    path = write_agent(name, origin, out)
    echo(f"{path} is written. Open it in a text editor, change a prompt, then:")
    for line in (f"agentkit check {path}", f"agentkit run {path}"):
        echo(f"  {line}")


def _say_env(name: str, folder: Path) -> None:
    """Say what to do with a new environment."""
    echo(f"{folder} is written. Open {folder / name}.py in a text editor, and try:")
    commands = {
        shlex.join(["cd", str(folder)]): "",
        f"agentkit run {name}.yaml --import {name}": "an agent plays it, with fixed answers",
        f"agentkit play {name.replace('_', '')} --import {name}": "you play it yourself",
        "python -m pytest": "its test",
        "pip install -e .": "from then on it needs no --import",
    }
    width = max(map(len, commands))
    for line, effect in commands.items():
        echo(f"  {line:<{width}}   {effect}".rstrip())


def write_agent(name: str, origin: str, out: Path | None) -> Path:
    """Write a new agent.

    Args:
        name: Its name.
        origin: The shipped agent, or the file, that it begins as.
        out: The file to write; by default the name with `.yaml`.

    Returns:
        The file.

    Raises:
        InputError: The name is no name, the file is there already or cannot be written, or the
            origin cannot be loaded.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{name}' is no name for an agent: use letters, digits, _ and -, such as my_agent"
        )
    from agentkit.agentfile.load import find_agent

    path = out or Path(f"{name}.yaml")
    source = find_agent(origin)
    _check(source)
    text = agent_text(name, origin, path, source.read_text(encoding="utf-8"))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise InputError(
            f"{path} is there already and was not changed: choose another name, or --out FILE"
        ) from error
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    return path


def _check(source: Path) -> None:
    """Refuse an origin that cannot work; what it needs may be installed later.

    Raises:
        InputError: It cannot be loaded.
    """
    from agentkit.agentfile.load import load_agent

    try:
        load_agent(source)
    except SpecError as error:
        if wrong := [problem for problem in error.problems if problem.missing is None]:
            raise SpecError(wrong, error.source) from error


def agent_text(name: str, origin: str, path: Path, text: str) -> str:
    """A commented copy of an agent's text, with another name."""
    body = re.sub(r"\A(?:#[^\n]*\n|\n)*", "", text)
    renamed, count = re.subn(r"(?m)^name:[^\n]*$", f"name: {name}", body, count=1)
    if not count:
        renamed = f"name: {name}\n{body}" if re.match(r"\w+:", body) else body
    lines = [f"# {line}".rstrip() for line in _header(name, origin, path, renamed)]
    return "\n".join(lines) + "\n\n" + renamed


def _header(name: str, origin: str, path: Path, body: str) -> Iterator[str]:
    import yaml

    from agentkit.agentfile.agent_fields import AGENT, NODE
    from agentkit.agentfile.load import schema_file

    document = yaml.safe_load(body)
    top = document if isinstance(document, dict) else {"nodes": document}
    inner = _node_words(top["nodes"])
    yield f"yaml-language-server: $schema={schema_file().resolve().as_uri()}"
    yield ""
    yield f"{name}: an agent for AgentKit. It began as a copy of {origin}; make it your own."
    yield ""
    yield "Lines that start with # are notes for people. Try these commands in a terminal:"
    yield ""
    commands = {
        f"agentkit check {path}": "shows every mistake with its line",
        f"agentkit render {path} --node {_last_node(top['nodes'])}": "shows what a model would get",
        f"agentkit run {path}": "runs it",
    }
    width = max(map(len, commands))
    for command, effect in commands.items():
        yield f"  {command:<{width}}   {effect}"
    yield from ("", *_EDITORS, "", *_ADVICE, "")
    yield from _explained(AGENT.schema, set(top))
    if inner:
        yield from ("", "Inside a node:", "")
        yield from _explained(NODE.schema, inner)


_EDITORS: Final = (
    "The first line lets an editor complete and check this file while you type (VS Code: install",
    "the extension YAML by Red Hat). It is true for this computer. For others, run",
    "agentkit schema > agent.schema.json  beside this file, and write  $schema=agent.schema.json",
)
_ADVICE: Final = (
    "Each prompt is text for the model. {{ name }} puts a value there: an input, the answer of",
    "another prompt, the observation, or something from the memory. Keep the spaces at the",
    "beginning of lines: they say what belongs to what. What the words mean:",
)


def _node_words(nodes: Any) -> set[str]:
    """The fields that nodes are given."""
    parts = nodes.values() if isinstance(nodes, dict) else _named(nodes).values()
    return {word for part in parts if isinstance(part, dict) for word in part}


def _named(nodes: list[Any]) -> dict[str, Any]:
    """The items of a list by their names."""
    return {
        name: part
        for number, item in enumerate(nodes, 1)
        for name, part in (item if isinstance(item, dict) else {f"prompt_{number}": item}).items()
    }


def _last_node(nodes: Any) -> str:
    return str(list(nodes if isinstance(nodes, dict) else _named(nodes))[-1])


def _explained(schema: Mapping[str, Any], words: Collection[str]) -> Iterator[str]:
    known = [word for word in schema["properties"] if word in words]
    width = max(map(len, known), default=0)
    for word in known:
        lines = textwrap.wrap(schema["properties"][word]["description"], _WIDTH - width - 6)
        yield f"  {word:<{width}}  {lines[0]}"
        for line in lines[1:]:
            yield f"  {'':<{width}}  {line}"
