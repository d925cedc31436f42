"""`--import`: modules that the user lets a command import; a file can only name them."""

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from agentkit.errors import InputError, suggest

_NAME: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_META: Final = "agentkit.imports"
"""Where a command's context keeps the names."""


def import_modules(ctx: click.Context, _: click.Parameter, names: Sequence[str]) -> None:
    """Import the modules that the command line names.

    A module of the current folder is found as well as an installed one, which comes first.

    Raises:
        InputError: There is none of this name, or it cannot be imported.
    """
    ctx.meta[_META] = names
    if not names:
        return
    from agentkit.plugins import env_ids

    env_ids()  # what is registered from now on is not Gymnasium's own
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last: what lies here never stands in for an installed package
    for name in names:
        _import(name)


def given_imports() -> list[str]:
    """Return the options of this command that import modules, to be repeated in another one."""
    ctx = click.get_current_context(silent=True)
    names = () if ctx is None else ctx.meta.get(_META, ())
    return [word for name in names for word in ("--import", name)]


def _import(name: str) -> None:
    if not _NAME.fullmatch(name) or name.endswith(".py"):
        raise InputError(f"--import {name}: {_meant(name)}")
    try:
        import_module(name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{name}.".startswith(f"{missing}."):
            near = suggest(missing, {path.stem for path in Path.cwd().glob("*.py")})
            raise InputError(
                f"--import {name}: there is no module '{missing}' in {Path.cwd()} or among the "
                f"installed packages.{near}"
            ) from error
        from agentkit.environments.failure import env_error

        raise InputError(str(env_error(error, f"--import {name}: the module"))) from error


def _meant(name: str) -> str:
    """What to write in place of what is no module's name."""
    path = Path(name)
    if path.suffix != ".py" and "/" not in name:
        return "name a module, such as my_world or my_package.world"
    parent = path.parent
    place = "" if str(parent) == "." else f" in the folder {parent}"
    return f"name the module and not its file: --import {path.stem}{place}"
