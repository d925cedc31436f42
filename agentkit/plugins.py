"""What other packages add, through entry points.

The groups:

    agentkit.envs       a function called once, which registers environments with Gymnasium
    agentkit.experts    environment id -> the rule-based player behind the model `rules`
    agentkit.functions  name -> a Python function for function nodes
    agentkit.models     prefix -> a factory: what stands after `prefix:` -> a Model
"""

import re
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, Final

from agentkit.errors import AgentKitError, InputError, advice, suggest

DISTRIBUTION: Final = "agentkit-graph"
"""What pip calls AgentKit; `agentkit` on the package index is somebody else's."""
_GROUPS: Final = ("envs", "experts", "functions", "models")


@cache
def _group(name: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"agentkit.{name}")}


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except ImportError as error:
        what = f"{point.group} '{point.name}' ({point.value})"
        raise missing_package(what, point.module, error) from error
    except Exception as error:
        raise _broken(point, "cannot be loaded", error) from error


def _broken(point: EntryPoint, what: str, error: Exception) -> InputError:
    return InputError(
        f"{point.group} '{point.name}' ({point.value}) {what}: {type(error).__name__}: {error}"
    )


def missing_package(what: str, module: str, error: ImportError) -> InputError:
    """The error that something needs a package that is not installed, and how to get that.

    Args:
        what: What needs it.
        module: The module that this is found in.
        error: What importing it raised.
    """
    command = install_command(module, error)
    problem = InputError(
        f"{what} needs a package that is not installed: {error}. "
        + (f"Install it: {command}" if command else _origin(module))
    )
    problem.missing = command or str(error)
    return problem


def install_command(module: str, error: ImportError) -> str | None:
    """How to install what a module of a plug-in lacks; None where the plug-in does not say.

    Of several extras that have the package, one with a name in the module's is meant.
    """
    distribution = _distribution(module)
    package = _normal((error.name or "").partition(".")[0])
    extras = []
    for line in (distribution.requires if distribution else None) or ():
        extra = re.search(r"""extra == ['"]([^'"]+)['"]""", line)
        required = re.match(r"[\w.-]+", line)
        if extra and required and extra[1] != "dev" and _normal(required[0]) == package:
            extras.append(extra[1])
    if distribution is None or not extras:
        return None
    best = max(extras, key=lambda extra: extra in module.split("."))
    return f"pip install '{distribution.name}[{best}]'"


def _origin(module: str) -> str:
    distribution = _distribution(module)
    return f"See how '{distribution.name}' is installed" if distribution else "Install it"


def _distribution(module: str) -> Distribution | None:
    """The installed package whose plug-ins are in the same top module."""
    top = module.partition(".")[0]
    points = [point for group in _GROUPS for point in _group(group).values()]
    return next((p.dist for p in points if p.dist and p.module.partition(".")[0] == top), None)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def register_envs() -> None:
    """Let every plug-in register its environments with Gymnasium; broken ones are left out."""
    broken_envs()


@cache
def broken_envs() -> dict[str, str]:
    """Plug-ins that could not register their environments, by name, and why."""
    _gymnasium_ids()  # what is there before
    broken = {}
    for point in _group("envs").values():
        try:
            _register(point)
        except InputError as error:
            broken[point.name] = str(error)
    return broken


def _register(point: EntryPoint) -> None:
    register = _load(point)
    try:
        register()
    except Exception as error:
        raise _broken(point, "cannot register its environments", error) from error


def env_ids() -> list[str]:
    """Ids of the environments that plug-ins registered."""
    import gymnasium

    before = _gymnasium_ids()
    register_envs()
    tops = {point.module.partition(".")[0] for point in _group("envs").values()}
    # A program may have imported a plug-in, which registered them then.
    early = {name for name in before & gymnasium.registry.keys() if _top_of(name) in tops}
    return sorted((set(gymnasium.registry) - before) | early)


def _top_of(env_id: str) -> str:
    """The top module of what makes a registered environment."""
    import gymnasium

    entry = gymnasium.spec(env_id).entry_point
    module = entry if isinstance(entry, str) else getattr(entry, "__module__", "")
    return module.partition(":")[0].partition(".")[0]


def env_creator(env_id: str) -> Any:
    """The class or function behind a registered environment; None where it has none.

    Raises:
        InputError: A package that it needs is missing.
    """
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    entry = gymnasium.spec(env_id).entry_point
    if not isinstance(entry, str):
        return entry
    try:
        return load_env_creator(entry)
    except ImportError as error:
        raise missing_package(f"environment '{env_id}'", entry.partition(":")[0], error) from error


def registered_id(env_id: str) -> str:
    """Return the id that Gymnasium has for an environment: of `module:Id`, what follows the colon.

    Gymnasium would import the module. An agent's file comes from anybody, so here it must have
    been imported before: by a plug-in, by `--import`, or by the program.

    Raises:
        InputError: It was not.
    """
    import gymnasium

    register_envs()
    module, colon, bare = env_id.rpartition(":")
    if not colon or env_id in gymnasium.registry:
        return env_id
    if module not in sys.modules:
        imports = advice(f"import {module}", f"add --import {module} to the command")
        raise InputError(
            f"environment '{env_id}' is in the module '{module}', which is not imported: a file "
            f"cannot do that. If you trust the module, {imports}"
        )
    return bare


def unknown_env(env_id: str) -> str:
    """Return the message for an environment that nobody registered."""
    import gymnasium

    known = env_ids()
    short = ids_by_short_name(known)
    nearest = get_close_matches(env_id.lower(), short, n=1)
    found = short[nearest[0]] if nearest else []
    near = suggest(env_id, known) or (f" Did you mean '{found[0]}'?" if found else "")
    near = near or suggest(env_id, set(gymnasium.registry))
    imports = advice("", "; a module of yours that registers one is imported with --import MODULE")
    listed_ids = ", ".join([*known, "whatever else Gymnasium has registered"])
    return f"unknown environment '{env_id}'.{near} Known: {listed_ids}{imports}"


def ids_by_short_name(ids: Iterable[str]) -> dict[str, list[str]]:
    """The ids of environments by what they are called without a name space and a version.

    The short names are in lower case: `crafter` for `agentkit/Crafter-v1`.
    """
    short: dict[str, list[str]] = {}
    for env_id in ids:
        name = env_id.rpartition("/")[2].rpartition("-v")[0]
        short.setdefault(name.lower(), []).append(env_id)
    return short


@cache
def _gymnasium_ids() -> frozenset[str]:
    import gymnasium

    return frozenset(gymnasium.registry)


def _bare(env_id: str) -> str:
    return env_id.rpartition(":")[2]


def has_expert(env_id: str) -> bool:
    """Whether an environment has a rule-based expert."""
    return _bare(env_id) in _group("experts")


def get_expert(env_id: str) -> Callable[..., str]:
    """The rule-based expert of an environment.

    Raises:
        InputError: It has none.
    """
    experts, env_id = _group("experts"), _bare(env_id)
    if env_id not in experts:
        known = ", ".join(sorted(experts)) or "none"
        raise InputError(
            f"environment '{env_id}' has no rule-based expert, so the model 'rules' cannot "
            f"answer here; environments that have one: {known}"
        )
    expert: Callable[..., str] = _load(experts[env_id])
    return expert


def function_names() -> list[str]:
    """Names of the functions that plug-ins registered."""
    return sorted(_group("functions"))


def get_function(name: str) -> Callable[..., Any]:
    """A registered function.

    Raises:
        InputError: No plug-in registered it.
    """
    functions = _group("functions")
    if name not in functions:
        known = ", ".join(sorted(functions)) or "none"
        raise InputError(
            f"unknown function '{name}'.{suggest(name, set(functions))} Registered: {known}"
        )
    function: Callable[..., Any] = _load(functions[name])
    return function


def model_prefixes() -> list[str]:
    """Prefixes of the models that plug-ins registered."""
    return sorted(_group("models"))


def get_model_factory(prefix: str) -> Callable[[str], Any] | None:
    """The factory behind a model prefix, or None.

    Raises:
        InputError: It cannot be loaded; from the factory itself, that it raised.
    """
    point = _group("models").get(prefix)
    if point is None:
        return None
    factory = _load(point)

    def make(rest: str) -> Any:
        try:
            return factory(rest)
        except AgentKitError:
            raise
        except Exception as error:
            raise _broken(point, f"cannot make '{prefix}:{rest}'", error) from error

    return make
