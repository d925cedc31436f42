"""An Agent as YAML in the form that people edit: block style, longer texts in `|` blocks."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import yaml

from agentkit.agent import Agent
from agentkit.agentfile.nodes import in_a_row
from agentkit.agentfile.yaml_reader import CoreResolver
from agentkit.errors import InputError
from agentkit.graph.node import MISSING, Check, Node
from agentkit.memory import Memory
from agentkit.models.hosted import Price
from agentkit.outputs.choice import ChoiceOutput
from agentkit.outputs.declaration import compile_output
from agentkit.outputs.python_types import is_type, with_shapes
from agentkit.outputs.schema_output import SchemaOutput
from agentkit.outputs.score import is_score, levels_declared, parse_levels
from agentkit.outputs.shape import (
    ChoiceShape,
    ListShape,
    NullableShape,
    OneOfShape,
    RecordShape,
    ScoreShape,
    Shape,
    bound_of,
    without_bound,
)
from agentkit.outputs.shape_words import declaration_of
from agentkit.outputs.typed_output import TypedOutput
from agentkit.program.argument_kinds import check_given
from agentkit.values import NUL, has_nul, json_copy

_UNSET = Node("unset")
_LONG = 88
"""Characters of a text on one line; a longer one gets a block."""


def dump_agent(agent: Agent) -> str:
    """The YAML of an agent; loading it gives an equal agent.

    Raises:
        InputError: The agent holds something that YAML cannot say, such as a Python function.
    """
    check_given("agent", agent, Agent, "an Agent")
    given = agent.given
    spec: dict[str, Any] = {"version": 1, "name": agent.name}
    spec |= _present("model", _model(given["model"], "model"))
    models = given["models"] or {}
    spec |= _present("models", {k: _model(v, f"models.{k}") for k, v in models.items()})
    spec |= _present("inputs", _json(agent.inputs, "inputs"))
    if agent.env is not None and agent.env.make is not None:
        raise InputError(
            f"YAML cannot say this: env is Python's {agent.env.id}; register it and give its id"
        )
    if agent.env is not None:
        arguments = _json(agent.env.arguments, "env")
        spec["env"] = {"id": agent.env.id, **arguments} if arguments else agent.env.id
    for name, template in (("system", agent.graph.system), ("context", agent.graph.context)):
        if template is not None:
            spec[name] = template.source
    spec |= _memory(agent.memory, given)
    spec["nodes"] = _nodes([_with_tuples(node) for node in agent.graph.nodes])
    spec |= _present("action", given["action"])
    run_limits = _present("run", agent.run_limits.given())
    spec |= _present("limits", agent.limits.given() | run_limits)
    if has_nul(spec):
        raise InputError(f"YAML cannot say this: {NUL}")
    return yaml.dump(
        spec, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31, indent=2
    )


def _present(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None or value == {} else {name: value}


def _json(value: Any, where: str) -> Any:
    try:
        return json_copy(value, where)
    except TypeError as error:
        raise InputError(f"YAML cannot say this: {error}") from error


def _model(model: Any, where: str) -> Any:
    if model is None or isinstance(model, str):
        return model
    if isinstance(model, Mapping) and isinstance(model.get("use"), str):
        said = {name: value for name, value in model.items() if value is not None}
        if isinstance(price := said.get("price"), Price):
            said["price"] = asdict(price)
        if "price" in said:
            said["price"] = {part: cost for part, cost in said["price"].items() if cost is not None}
        return _json(said, where)
    raise InputError(f"YAML cannot say this: {where} is a Python object; give a model's id")


def _memory(memory: Memory, given: Mapping[str, Any]) -> dict[str, Any]:
    spec = _present("memory", memory.start) | _present("keep", memory.keep)
    if memory.file is not None:
        folder = given["folder"]
        inside = folder is not None and memory.file.is_relative_to(folder)
        file = memory.file.relative_to(folder) if inside else memory.file
        if file.is_absolute() or ".." in file.parts:
            raise InputError(
                f"YAML cannot say this: the memory's file {file} is not in the agent's folder"
            )
        spec["memory_file"] = str(file)
    return spec


def _nodes(nodes: list[Node]) -> Any:
    """The list form if it says the same, else the mapping."""
    bare = [replace(node, recall=(), after=()) for node in nodes]
    if in_a_row(bare) != nodes:
        return {node.name: _node(node) for node in nodes}
    items: list[Any] = []
    for number, node in enumerate(bare, 1):
        content = _node(node)
        unnamed = node.name == f"prompt_{number}" and isinstance(content, str)
        items.append(content if unnamed else {node.name: content})
    return items


def _with_tuples(node: Node) -> Node:
    return replace(
        node,
        recall=tuple(node.recall),
        after=tuple(node.after),
        check=node.checks,
        examples=tuple(node.examples),
    )


def _node(node: Node) -> Any:
    """A prompt alone, or the fields that are set."""
    said: dict[str, Any] = {}
    for one in fields(Node):
        value = getattr(node, one.name)
        unset = getattr(_UNSET, one.name)
        if (
            one.name == "name"
            or value is MISSING
            or (value == unset and type(value) is type(unset))
        ):
            continue
        said[one.name.rstrip("_")] = _field(node.name, one.name, value)
    is_text = said.keys() == {"prompt"} and isinstance(node.prompt, str)
    return said["prompt"] if is_text else said


def _field(node: str, name: str, value: Any) -> Any:
    if name == "check":
        checks = [_check(check) for check in value]
        return checks[0] if len(checks) == 1 else checks
    if name == "output":
        return _output(node, value)
    if name == "unsure":
        value = asdict(value)
    if callable(value):
        label = getattr(value, "__name__", "an object")
        raise InputError(
            f"YAML cannot say this: {name} of node '{node}' is Python's {label}; "
            "YAML names a registered function"
        )
    return _json(value, f"{name} of node '{node}'")


def _output(node: str, declaration: Any) -> Any:
    """An output as YAML declares it; types of Python as words and fields where there are such."""
    output = compile_output(declaration)
    if output.python is not None or isinstance(output, TypedOutput):
        raise InputError(
            f"YAML cannot say this: output of node '{node}' is Python's {output.describe()}; "
            "YAML writes fields with their types out, such as {goal: str, steps: [str]}, and "
            "gives no instances"
        )
    if is_type(declaration) and isinstance(output, ChoiceOutput):
        return {"choice": [*output.fixed]}
    if is_type(declaration) and not isinstance(output, SchemaOutput):
        return output.describe()
    if isinstance(output, SchemaOutput) and with_shapes(declaration) != declaration:
        return _written(output.shape, node)
    return _declared(declaration)


def _declared(declaration: Any) -> Any:
    """A declaration of texts, lists and mappings; the levels of a score have numbers for keys."""
    if isinstance(declaration, Mapping) and is_score(declaration):
        return {"score": levels_declared(parse_levels(declaration["score"], None))}
    if isinstance(declaration, Mapping):
        return {name: _declared(part) for name, part in declaration.items()}
    if isinstance(declaration, (list, tuple)):
        return [_declared(part) for part in declaration]
    return declaration


def _written(shape: Shape, node: str) -> Any:
    """A shape as the mapping, list or text that declares it."""
    if bound := bound_of(shape):
        name, most = bound
        return {"type": _written(without_bound(shape), node), name: most}
    match shape:
        case ScoreShape(levels):
            return {"score": levels_declared(levels)}
        case ChoiceShape(expression):
            return {"choice": expression.source}
        case ListShape(item):
            return [_written(item, node)]
        case RecordShape(fields):
            return {name: _written(part, node) for name, part in fields}
    return _in_a_text(shape, node)


def _in_a_text(shape: Shape, node: str) -> str:
    match shape:
        case OneOfShape(options):
            return f"one of [{', '.join(map(_option, options))}]"
        case ListShape(item):
            return f"[{_in_a_text(item, node)}]"
        case NullableShape(inner):
            return f"{_in_a_text(inner, node)} | null"
        case RecordShape():
            raise InputError(
                f"YAML cannot say this: in the output of node '{node}', fields may be null all "
                "together; let each of them be null by itself"
            )
    return declaration_of(shape)


def _option(option: str) -> str:
    if re.fullmatch(r"[\w -]+", option) and option == option.strip():
        return option
    return f"'{option}'" if '"' in option else f'"{option}"'


def _check(check: Check) -> dict[str, str]:
    return {"that": check.that, **({"say": check.say} if check.say else {})}


class _Dumper(yaml.SafeDumper):
    """Block style, no aliases, list items indented below their key.

    Texts have quotes that YAML 1.1 or 1.2 would take for something else.
    """

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if any(mark in text for mark in "\r\x85\u2028\u2029"):
        style = '"'
    elif "\n" in text or len(text) > _LONG:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_number(dumper: _Dumper, number: float) -> yaml.ScalarNode:
    """Write a number as the reader wants it: PyYAML's 1.0e+16 is not how JSON has it."""
    return dumper.represent_scalar("tag:yaml.org,2002:float", json.dumps(number))


for _first, _rules in CoreResolver.yaml_implicit_resolvers.items():
    for _tag, _pattern in _rules:
        _Dumper.add_implicit_resolver(_tag, _pattern, [_first])
_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_number)
