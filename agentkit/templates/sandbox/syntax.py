"""Which templates are refused, what a template reads and binds, and how it is rewritten."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import nodes

from agentkit.errors import suggest
from agentkit.templates.sandbox.filters import PUBLIC_FILTERS, PUBLIC_TESTS, REFUSED_FILTERS
from agentkit.templates.sandbox.functions import (
    FUNCTIONS,
    PROBABILITIES,
    called_function,
    named_node,
)
from agentkit.templates.sandbox.operations import NUMBER_BITS

DEEPEST_TEMPLATE = 50
"""Levels that the parts of a template may be nested in each other."""

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.Scope, nodes.For, nodes.If, nodes.With, nodes.Assign,
    nodes.AssignBlock,
    nodes.TemplateData, nodes.Const, nodes.Name, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair,
    nodes.Keyword, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call, nodes.Filter, nodes.Test,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.Concat, nodes.BinExpr, nodes.UnaryExpr,
)  # fmt: skip
_TAGS: dict[type[nodes.Node], str] = {
    nodes.Macro: "macro", nodes.CallBlock: "call", nodes.FilterBlock: "filter",
    nodes.Block: "block", nodes.Extends: "extends", nodes.Include: "include",
    nodes.Import: "import", nodes.FromImport: "from",
    nodes.ScopedEvalContextModifier: "autoescape",
}  # fmt: skip
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_OTHER_TESTS = {
    **dict.fromkeys(("nil", "none", "null"), "is none"),
    **dict.fromkeys(("blank", "empty"), "not value"),
    "equal": "==",
    "text": "is string",
}
"""What tests that are not there are called here."""
_KEYED = frozenset({"memory", "previous"})
"""Names whose keys are declared, so that no template may ask for others."""
_OWN_NAMES = frozenset(
    {"caller", "kwargs", "loop", "range", "self", "super", "varargs", PROBABILITIES}
)


class TemplateProblem(Exception):
    """A template that cannot be used. `lineno` counts from 1 within its source."""

    def __init__(self, message: str, lineno: int = 1) -> None:
        self.message = message
        self.lineno = lineno
        super().__init__(message, lineno)

    def __str__(self) -> str:
        return self.message


def check(tree: nodes.Node) -> None:
    """Raise TemplateProblem for the first thing that a template may not contain."""
    pending = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        lineno = getattr(node, "lineno", None) or 1
        if depth > DEEPEST_TEMPLATE:
            raise TemplateProblem("the template is nested too deeply.", lineno)
        for message in _faults(node):
            raise TemplateProblem(message, lineno)
        children = [(child, depth + 1) for child in node.iter_child_nodes()]
        pending.extend(reversed(children))


def _faults(node: nodes.Node) -> Iterator[str]:
    if not isinstance(node, _ALLOWED):
        tag = _TAGS.get(type(node))
        if tag:
            yield f"'{{% {tag} %}}' cannot be used here; 'for', 'if', 'set' and 'with' can."
        elif isinstance(node, nodes.NSRef):
            yield "'set' can only set a plain name."
        else:
            yield f"'{type(node).__name__}' cannot be used here."
    elif isinstance(node, nodes.For) and node.recursive:
        yield "a 'for' cannot be recursive."
    elif isinstance(node, nodes.AssignBlock) and node.filter is not None:
        yield "'set' with a filter: put the filter inside the block."
    elif isinstance(node, (nodes.Call, nodes.Filter, nodes.Test)) and (
        node.dyn_args is not None or node.dyn_kwargs is not None
    ):
        yield "'*' and '**' cannot stand before an argument."
    elif isinstance(node, nodes.Call) and (name := called_function(node)) is not None:
        if fault := FUNCTIONS[name].fault(node):
            yield f"'{name}' has other arguments: {fault}"
    else:
        yield from _name_faults(node)


def _name_faults(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Filter) and node.name not in PUBLIC_FILTERS:
        reason = REFUSED_FILTERS.get(node.name)
        if reason:
            yield f"the filter '{node.name}' cannot be used: {reason}."
        else:
            yield f"there is no filter '{node.name}'.{suggest(node.name, PUBLIC_FILTERS)}"
    elif isinstance(node, nodes.Test) and node.name not in PUBLIC_TESTS:
        wanted = _OTHER_TESTS.get(node.name.lower())
        instead = f" Write '{wanted}'." if wanted else suggest(node.name, PUBLIC_TESTS)
        yield f"there is no test '{node.name}'.{instead}"
    elif isinstance(node, nodes.Name) and node.ctx != "load" and node.name in _OWN_NAMES:
        yield f"'{node.name}' has a meaning of its own; choose another name."
    elif isinstance(node, nodes.Name) and node.name in _OWN_NAMES - {"loop", "range"}:
        yield f"'{node.name}' cannot be used in a template."
    elif isinstance(node, nodes.Keyword) and node.key.startswith("_"):
        yield f"'{node.key}' cannot be the name of an argument."
    elif isinstance(node, nodes.Const) and _is_huge(node.value):
        yield "the number is too large."
    elif isinstance(node, nodes.Const) and _SURROGATE.search(str(node.value)):
        yield "a text has half of a \\ud... pair in it."


def _is_huge(value: Any) -> bool:
    if isinstance(value, float):
        return value in (float("inf"), float("-inf"))
    return isinstance(value, int) and value.bit_length() > NUMBER_BITS


class Reading:
    """What a template reads from outside, and which names it binds itself."""

    def __init__(self, tree: nodes.Node) -> None:
        self.keys: dict[str, set[str] | None] = {}
        self.binds: set[str] = set()
        self.lookups: list[tuple[int, str, Any]] = []
        """Each `owner.key` written in the template: line, owner as written, key."""
        self._bound: frozenset[str] = frozenset({"range"})
        self._visit(tree)

    @property
    def reads(self) -> Mapping[str, frozenset[str] | None]:
        """Free names, each with the first-level keys read, or None when it is used whole."""
        return MappingProxyType(
            {
                name: None if keys is None else frozenset(keys)
                for name, keys in sorted(self.keys.items())
            }
        )

    def _visit(self, node: nodes.Node) -> None:
        method = getattr(self, f"_visit_{type(node).__name__.lower()}", None)
        if method is not None:
            method(node)
            return
        for child in node.iter_child_nodes():
            self._visit(child)

    def _visit_all(self, children: list[Any]) -> None:
        for child in children:
            self._visit(child)

    def _visit_name(self, node: nodes.Name) -> None:
        if node.ctx == "load":
            self._read(node, None)
        else:
            self._bind(node)

    def _read(self, node: nodes.Name, key: str | None) -> None:
        if node.name == "loop" and node.name not in self._bound:
            raise TemplateProblem("'loop' can only be used inside a 'for'.", node.lineno)
        if node.name in self._bound:
            return
        keys = self.keys.setdefault(node.name, set())
        if key is None or keys is None:
            self.keys[node.name] = None
        else:
            keys.add(key)

    def _bind(self, target: nodes.Node) -> None:
        names = {part.name for part in target.find_all(nodes.Name)}
        if isinstance(target, nodes.Name):
            names.add(target.name)
        self.binds |= names
        self._bound |= names

    def _visit_getattr(self, node: nodes.Getattr) -> None:
        self._look_up(node, node.attr)

    def _visit_getitem(self, node: nodes.Getitem) -> None:
        if isinstance(node.arg, nodes.Const):
            self._look_up(node, node.arg.value)
        else:
            self._visit(node.node)
            self._visit(node.arg)

    def _look_up(self, node: nodes.Getattr | nodes.Getitem, key: Any) -> None:
        self.lookups.append((node.lineno, written(node.node), key))
        if isinstance(node.node, nodes.Name) and isinstance(key, str):
            self._read(node.node, key)
        else:
            self._visit(node.node)

    def _visit_call(self, node: nodes.Call) -> None:
        method = node.node
        if isinstance(method, nodes.Getattr):  # a method reads all of its owner
            self.lookups.append((node.lineno, written(method.node), method.attr))
            key = _got_key(method, node.args)
            if key is not None and isinstance(method.node, nodes.Name):
                self._read(method.node, key)
            else:
                self._visit(method.node)
        elif (name := called_function(node)) is None:
            self._visit(method)
        elif FUNCTIONS[name].names_node:
            known = nodes.Name(PROBABILITIES, "load", lineno=node.lineno)
            self._read(known, named_node(node))
        self._visit_all([*node.args, *node.kwargs])

    def _visit_for(self, node: nodes.For) -> None:
        self._visit(node.iter)
        outside = self._bound
        self._bind(node.target)
        if node.test is not None:
            self._visit(node.test)
        self._bound |= {"loop"}
        self._visit_all(node.body)
        self._bound = outside
        self._visit_all(node.else_)
        self._bound = outside

    def _visit_if(self, node: nodes.If) -> None:
        self._visit(node.test)
        before = self._bound
        ends = []
        branches: list[list[Any]] = [node.body, *([part] for part in node.elif_), node.else_]
        for branch in branches:
            self._bound = before
            self._visit_all(branch)
            ends.append(self._bound)
        self._bound = frozenset.intersection(*ends)

    def _visit_with(self, node: nodes.With) -> None:
        self._visit_all(node.values)
        outside = self._bound
        for target in node.targets:
            self._bind(target)
        self._visit_all(node.body)
        self._bound = outside

    def _visit_assign(self, node: nodes.Assign) -> None:
        self._visit(node.node)
        self._bind(node.target)

    def _visit_assignblock(self, node: nodes.AssignBlock) -> None:
        outside = self._bound
        self._visit_all(node.body)
        self._bound = outside
        self._bind(node.target)


def _got_key(method: nodes.Getattr, arguments: list[nodes.Expr]) -> str | None:
    """The key of `memory.get("key")`; None for other methods and for a computed key."""
    owner, first = method.node, arguments[0] if arguments else None
    known = isinstance(owner, nodes.Name) and owner.name in _KEYED and method.attr == "get"
    if not known or not isinstance(first, nodes.Const) or not isinstance(first.value, str):
        return None
    return first.value


def written(node: nodes.Node) -> str:
    """A chain of lookups as it stands in the template; "the value" for anything else."""
    if isinstance(node, nodes.Name):
        return f"'{node.name}'"
    if isinstance(node, nodes.Getattr):
        owner = written(node.node)
        return f"{owner[:-1]}.{node.attr}'" if owner[0] == "'" else owner
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        owner = written(node.node)
        return f"{owner[:-1]}[{node.arg.value}]'" if owner[0] == "'" else owner
    return "the value"
