"""A node with its templates, expressions and output compiled, and the names it reads."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from agentkit.errors import Problem, listed, suggest
from agentkit.graph.node import MISSING, NAME_LIKE, NODE_FIELDS, Check, Node
from agentkit.graph.node_fields import decision_problems, prompt_problems, validate_fields
from agentkit.graph.turns import TurnProblem, example_messages, prompt_turns
from agentkit.messages import Message, Role
from agentkit.outputs.declaration import compile_output, fallback_error
from agentkit.outputs.output import Output
from agentkit.outputs.problem import OutputProblem
from agentkit.outputs.scalars import TextOutput
from agentkit.program.argument_kinds import wrong_kind
from agentkit.templates.prompt_names import LOCAL_NAMES, OWN_NAMES, STEP_NAMES, merge_reads
from agentkit.templates.template import (
    RESERVED_WORDS,
    Expression,
    Reads,
    Template,
    TemplateProblem,
    compile_expression,
    compile_template,
)
from agentkit.values import json_copy

RESERVED_NAMES: Final = (
    STEP_NAMES | OWN_NAMES | LOCAL_NAMES | (NODE_FIELDS - NAME_LIKE) | RESERVED_WORDS
)
"""Names that no node and no input may have."""


T = TypeVar("T")


@dataclass(slots=True)
class CompiledNode:
    """What a step needs to execute a node."""

    node: Node
    turns: list[tuple[Role, Template]] = field(default_factory=list)
    """The turns of the prompt, of which the last is the user's."""
    system: Template | None = None
    """The node's own system text; None where it has none."""
    examples: tuple[Message, ...] = ()
    """Questions and answers, one after the other."""
    output: Output | None = None
    when: Expression | None = None
    each: Expression | None = None
    images: Expression | None = None
    save: list[tuple[str, Expression]] = field(default_factory=list)
    checks: list[tuple[Check, Expression]] = field(default_factory=list)
    arguments: list[tuple[str, Expression]] = field(default_factory=list)
    uses: list["Use"] = field(default_factory=list)
    reads: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """Every name any of its fields reads, `output` left out."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    def python_value(self, value: Any) -> Any:
        """Return the node's value as Python gets it: an instance, where `output` says a class."""
        python = self.output.python if self.output is not None else None
        if python is None:
            return value
        if self.node.each is not None and isinstance(value, list):
            return [python.load(item) for item in value]
        return python.load(value)


@dataclass(frozen=True, slots=True)
class Use:
    """The code of one field of a node, with the names it reads and binds, for error messages."""

    field: str
    key: str | None
    code: Template | Expression

    @property
    def reads(self) -> Reads:
        """The names that it reads."""
        return self.code.reads

    @property
    def binds(self) -> frozenset[str]:
        """The names that it binds."""
        return self.code.binds if isinstance(self.code, Template) else frozenset()


def compile_node(node: Node, problems: list[Problem]) -> CompiledNode:
    """Compile every field of a node, adding what is wrong to `problems`."""
    node = validate_fields(node, problems)
    compiled = CompiledNode(node)
    problems.extend(_shape_problems(node))
    compiler = _Compiler(compiled, problems)
    if node.function is None:
        compiled.output = compiler.output(node.output)
        compiler.say()
        _use_json_of_instances(compiled)
    problems.extend(_stand_in_problems(compiled))
    problems.extend(decision_problems(node, compiled.output))
    compiled.when = compiler.expression("when", node.when)
    compiled.each = compiler.expression("each", node.each)
    compiled.images = compiler.expression("images", node.images)
    for key, source in node.save.items():
        if expression := compiler.expression("save", source, key):
            compiled.save.append((key, expression))
    for number, check in enumerate(node.checks, 1):
        if expression := compiler.expression("check", check.that, str(number)):
            compiled.checks.append((check, expression))
    for key, source in node.with_.items():
        if expression := compiler.expression("with", source, key):
            compiled.arguments.append((key, expression))
    for use in compiled.uses:
        merge_reads(compiled.reads, use.reads)
    compiled.reads.pop("output", None)
    return compiled


def compile_text(field_name: str, source: Any, problems: list[Problem]) -> Template | None:
    """Compile a text of no node; None where there is none, or adding what is wrong."""
    if not isinstance(source, str):
        problems.append(Problem(f"{field_name}: {wrong_kind(source, 'a text')}", field=field_name))
        return None
    place = Problem("", field=field_name)
    return _attempt(compile_template, source, place, problems) if source.strip() else None


def _attempt(
    compiles: Callable[[str], T], source: str, place: Problem, problems: list[Problem]
) -> T | None:
    try:
        return compiles(source)
    except TemplateProblem as error:
        problems.append(replace(place, message=error.message, offset=error.lineno - 1))
        return None


class _Compiler:
    """Compiles the fields of one node, remembering what each reads."""

    def __init__(self, compiled: CompiledNode, problems: list[Problem]) -> None:
        self._compiled = compiled
        self._problems = problems

    def say(self) -> None:
        """Compile the system text, the examples and the turns of the prompt."""
        compiled, node = self._compiled, self._compiled.node
        if node.system is not None and node.system.strip():
            compiled.system = self.template("system", node.system)
        try:
            compiled.examples = example_messages(node.examples, compiled.output)
        except TurnProblem as error:
            self._report("examples", error)
        try:
            turns = prompt_turns(node.prompt)
        except TurnProblem as error:
            self._report("prompt", error)
            return
        for role, source, number in turns:
            key = None if isinstance(node.prompt, str) else str(number)
            if template := self.template("prompt", source, key):
                compiled.turns.append((role, template))

    def _report(self, field_name: str, error: TurnProblem) -> None:
        key = None if error.number is None else str(error.number)
        self._problems.append(Problem(error.message, self._compiled.name, field_name, key))

    def template(self, field_name: str, source: str, key: str | None = None) -> Template | None:
        place = Problem("", self._compiled.name, field_name, key)
        template = _attempt(compile_template, source, place, self._problems)
        if template is not None:
            self._compiled.uses.append(Use(field_name, key, template))
        return template

    def expression(
        self, field_name: str, source: str | None, key: str | None = None
    ) -> Expression | None:
        if source is None:
            return None
        message = f"expected an expression, found {source!r}"
        place = Problem(message, self._compiled.name, field_name, key)
        if not isinstance(source, str) or not source.strip():
            self._problems.append(place)
            return None
        expression = _attempt(compile_expression, source, place, self._problems)
        if expression is not None:
            self._compiled.uses.append(Use(field_name, key, expression))
        return expression

    def output(self, declaration: Any) -> Output | None:
        try:
            output = compile_output(declaration)
        except OutputProblem as error:
            self._problems.extend(
                Problem(one.message, self._compiled.name, "output", one.key) for one in error.all
            )
            return None
        self._compiled.uses += (Use("output", key, code) for key, code in output.expressions)
        return output


def name_problem(name: object) -> str | None:
    """Why a name cannot be a node's or an input's, or None."""
    if not isinstance(name, str) or not name.isidentifier() or name != name.lower():
        return (
            f"{name!r} is not a name: use lower-case letters, digits and _, starting with a letter"
        )
    if name.startswith("_"):
        return f"'{name}' starts with _: names start with a letter"
    if name in RESERVED_NAMES:
        return f"'{name}' is reserved: choose another name, such as '{name}_1'"
    return None


def _shape_problems(node: Node) -> Iterator[Problem]:
    """What is wrong with a node by itself, its templates aside."""
    if message := name_problem(node.name):
        yield Problem(message, node.name, "name")
    yield from prompt_problems(node)


def _use_json_of_instances(compiled: CompiledNode) -> None:
    """Let `initial` and `otherwise` be JSON where the program gave instances."""
    node, python = compiled.node, compiled.output.python if compiled.output is not None else None
    if python is None:
        return
    with suppress(TypeError):  # reported with all else that is no JSON
        if node.otherwise is not MISSING:
            node = replace(node, otherwise=python.given(node.otherwise))
        if node.each is not None and isinstance(node.initial, (list, tuple)):
            node = replace(node, initial=[python.given(item) for item in node.initial])
        elif node.initial is not MISSING:
            node = replace(node, initial=python.given(node.initial))
    compiled.node = node


def _stand_in_problems(compiled: CompiledNode) -> Iterator[Problem]:
    """Values of `initial` and `otherwise` that cannot be.

    `otherwise` stands for an answer, so it must be one. `initial` stands for no answer yet, for
    which a text like "nothing" may be right.
    """
    node, given = compiled.node, {}
    for name, value in (("initial", node.initial), ("otherwise", node.otherwise)):
        if message := None if value is MISSING else _not_json(name, value):
            yield Problem(message, node.name, name)
        elif value is not MISSING:
            given[name] = json_copy(value)
    initial = given.get("initial")
    if node.each is not None and initial is not None and not isinstance(initial, list):
        message = f"the value of a node with 'each' is a list; found {initial!r:.60}"
        yield Problem(message, node.name, "initial")
    output = compiled.output
    if output is not None and (message := fallback_error(output, given.get("otherwise"))):
        yield Problem(message, node.name, "otherwise")
    if node.cut == "accept" and output is not None and not isinstance(output, TextOutput):
        message = (
            f"'accept' takes a text that was cut off, and this output is {output.describe()}: "
            "remove 'cut'. An answer that was complete before the cut is used at once"
        )
        yield Problem(message, node.name, "cut")


def _not_json(name: str, value: Any) -> str | None:
    try:
        json_copy(value, name)
    except TypeError as error:
        return str(error)
    return None


def unknown_name(name: str, known: frozenset[str]) -> str:
    """The message for a name that nothing gives, with the names that could be meant."""
    known = frozenset(one for one in known if not one.startswith("_"))
    if name in ("nil", "null", "undefined"):
        return f"unknown name '{name}'. Nothing is written none: 'is none' asks for it"
    return f"unknown name '{name}'.{suggest(name, known)} It can use: {listed(sorted(known))}"


def memory_keys(reads: Mapping[str, frozenset[str] | None]) -> frozenset[str] | None:
    """The memory keys that are read; None stands for all of them."""
    return reads.get("memory", frozenset())
