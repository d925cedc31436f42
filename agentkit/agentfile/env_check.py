"""What can be wrong with an agent's environment, before it is made."""

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from agentkit.env_spec import EnvSpec
from agentkit.errors import InputError, Problem, suggest
from agentkit.graph.compile import CompiledNode
from agentkit.plugins import env_creator
from agentkit.templates.template import Reads, TemplateProblem, compile_template

FROM_ENVIRONMENT: Final = ("observation", "actions", "reward", "info")
"""Names that only an environment gives."""


def environment_problems(env: EnvSpec, inputs: Collection[str] | None) -> Iterator[Problem]:
    """An id that nobody registered, and arguments that use something that is no input."""
    import gymnasium

    from agentkit.plugins import registered_id, unknown_env

    try:
        env_id = registered_id(env.id)
    except InputError as error:
        yield Problem(str(error), field="env", key="id")
        return
    if env_id not in gymnasium.registry:
        yield Problem(unknown_env(env_id), field="env", key="id")
    else:
        yield from _argument_problems(replace(env, id=env_id))
    for key, value in env.arguments.items():
        for message in _template_problems(value, inputs):
            yield Problem(message, field="env", key=key)


def _argument_problems(env: EnvSpec) -> Iterator[Problem]:
    """Arguments that neither the environment's class nor gymnasium.make takes."""
    import gymnasium

    takes = _parameters(env.id) if env.arguments else None
    if takes is None:
        return
    known = takes | set(inspect.signature(gymnasium.make).parameters) - {"id", "kwargs"}
    for key in env.arguments:
        if key not in known:
            listed = ", ".join(sorted(takes)) or "nothing"
            message = f"unknown argument '{key}'.{suggest(key, known)} {env.id} takes: {listed}"
            yield Problem(message, field="env", key=key)


def _parameters(env_id: str) -> set[str] | None:
    """The arguments that an environment takes by name; None where that cannot be known."""
    try:
        make = env_creator(env_id)
        parameters = inspect.signature(make).parameters if make is not None else {}
    except Exception:  # whatever keeps it from being loaded is said when it is made
        return None
    kinds = {parameter.kind for parameter in parameters.values()}
    if make is None or inspect.Parameter.VAR_KEYWORD in kinds:
        return None
    return set(parameters)


def _template_problems(value: Any, inputs: Collection[str] | None) -> Iterator[str]:
    for text in _templates(value):
        try:
            names = compile_template(text).reads
        except TemplateProblem as error:
            yield error.message
            continue
        known = frozenset(inputs or ())
        for name in names:
            if inputs is not None and name not in known:
                yield f"'{name}' is no input of this agent.{suggest(name, known)}"


def _templates(value: Any) -> Iterator[str]:
    """The texts with braces in a value."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _templates(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _templates(inner)
    elif isinstance(value, str) and "{{" in value:
        yield value


def names_in(value: Any) -> set[str]:
    """The names that the templates in a value read."""
    return {name for reads in reads_in(value) for name in reads}


def reads_in(value: Any) -> Iterator[Reads]:
    """What each template in a value reads."""
    for text in _templates(value):
        try:
            yield compile_template(text).reads
        except TemplateProblem:  # reported where the text itself is checked
            continue


def needs_environment(
    compiled: Collection[CompiledNode], texts: Mapping[str, str]
) -> Iterator[Problem]:
    """Uses of what only an environment gives, in an agent without one."""
    for name in FROM_ENVIRONMENT:
        message = f"nothing gives '{name}', for this agent has no environment: name one with 'env'"
        for field, text in texts.items():
            if name in names_in(text):
                yield Problem(message, field=field)
        for one in compiled:
            for use in one.uses:
                if name in use.reads:
                    yield Problem(message, one.name, use.field, use.key)
