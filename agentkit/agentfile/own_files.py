"""Which files an agent's file may name: those beside it, since it may come from a stranger."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentkit.errors import advice


def is_own(name: str, folder: Path) -> bool:
    """Whether a file lies in a folder or below it, links followed."""
    path = Path(name)
    inside = (folder / path).resolve().is_relative_to(folder.resolve())
    return inside and not path.is_absolute() and ".." not in path.parts


def memory_problem(name: str, folder: Path) -> str | None:
    """What is wrong with the file of the memory."""
    if is_own(name, folder):
        return None
    return (
        f"'{name}' is not in the folder of the agent's file: name a file there, such as "
        f"'memory.json', or name another place with {advice('memory_file=', '--memory FILE')}"
    )


def script_problem(model: Any, folder: Path) -> str | None:
    """What is wrong with a model that is a script.

    The texts of a script go into prompts, and those to whatever server the agent names: a script
    at any place would let a stranger's agent send a file of the user away.
    """
    used = model.get("use") if isinstance(model, Mapping) else model
    if not isinstance(used, str):
        return None
    prefix, _, name = used.partition(":")
    if prefix != "script" or is_own(name, folder):
        return None
    return (
        f"'{used}' is not in the folder of the agent's file: name a file there, such as "
        "'script:answers.json', or give a script at any place with "
        + advice("model='script:FILE'", "--model script:FILE")
    )
