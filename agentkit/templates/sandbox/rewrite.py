"""Rewrites a checked template so that everything it does goes through the sandbox."""

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.utils import pass_context
from jinja2.visitor import NodeTransformer

from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.functions import FUNCTIONS, PROBABILITIES, called_function
from agentkit.templates.sandbox.lookup import present

# Filters that only the rewriting of a template puts in: no template can name them.


@pass_context
def _each(context: Bounds, value: Any, weight: int) -> list[Any]:
    return context.items_of(value, weight)


@pass_context
def _weigh(context: Bounds, value: Any) -> Any:
    return context.weigh(value)


@pass_context
def _aside(context: Bounds, text: str) -> str:
    return context.text(text)


@pass_context
def _joined(context: Bounds, parts: list[Any]) -> str:
    texts = [context.text(part) for part in parts]
    context.charge_text(sum(map(len, texts)))
    return "".join(texts)


@pass_context
def _cut(context: Bounds, value: Any, start: Any, stop: Any, step: Any) -> Any:
    for given in (value, start, stop, step):
        present(given)
    part = value[start:stop:step]
    context.charge_text(len(part)) if isinstance(part, str) else context.charge(len(part))
    return part


HIDDEN_FILTERS: dict[str, Callable[..., Any]] = {
    "@each": _each,
    "@given": present,
    "@aside": _aside,
    "@join": _joined,
    "@cut": _cut,
    "@weigh": _weigh,
    **{f"@{name}": function.call for name, function in FUNCTIONS.items()},
}

_PERHAPS_MISSING = (
    nodes.Name, nodes.Getattr, nodes.Getitem, nodes.CondExpr, nodes.And, nodes.Or, nodes.Filter,
)  # fmt: skip


def _hidden(name: str, node: Any, *args: Any) -> nodes.Filter:
    constants = [a if isinstance(a, nodes.Node) else nodes.Const(a) for a in args]
    return nodes.Filter(node, name, constants, [], None, None, lineno=node.lineno)


def _given(node: Any) -> Any:
    return _hidden("@given", node) if isinstance(node, _PERHAPS_MISSING) else node


def _written_out(node: Any) -> bool:
    """Whether a comparison with it takes no longer than it is: `1`, `'a'`, `['a', 'b']`."""
    items = node.items if isinstance(node, (nodes.List, nodes.Tuple)) else [node]
    return bool(items) and all(isinstance(item, nodes.Const) for item in items)


def _size(parts: list[Any]) -> int:
    """Return the work of one round of a loop: its parts, and 16 characters of what it writes."""
    found = [node for part in parts for node in (part, *part.find_all(nodes.Node))]
    texts = [node.data for node in found if isinstance(node, nodes.TemplateData)]
    texts += [node.value for node in found if isinstance(node, nodes.Const)]
    return 1 + len(found) + sum(len(text) >> 4 for text in texts if isinstance(text, str))


class Rewriter(NodeTransformer):
    """Puts hidden filters where Jinja would compute on its own."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """A loop pays for all its rounds at once, by the size of its body."""
        size = _size([*node.body, *([node.test] if node.test is not None else [])])
        node.iter = _hidden("@each", node.iter, size)
        return self.generic_visit(node)

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:
        """Text that is set aside is paid for."""
        node.filter = nodes.Filter(None, "@aside", [], [], None, None, lineno=node.lineno)
        node.body = self._visit_all(node.body)
        return node

    def _visit_all(self, parts: list[Any]) -> list[Any]:
        return [self.visit(part) for part in parts]

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        """Values are lists, never tuples."""
        if node.ctx != "load":
            return node
        return self.visit_List(nodes.List(node.items, lineno=node.lineno))

    def visit_Mod(self, node: nodes.Mod) -> nodes.Node:
        """In `text % (a, b)` the tuple holds a value for each slot; a list would be one value."""
        node.left = self.visit(node.left)
        if isinstance(node.right, nodes.Tuple):
            node.right.items = self._visit_all(node.right.items)
        else:
            node.right = self.visit(node.right)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        """A name without a value cannot hide in a list."""
        node.items = [_given(item) for item in self._visit_all(node.items)]
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        """A name without a value cannot hide in a mapping."""
        node.key, node.value = _given(self.visit(node.key)), _given(self.visit(node.value))
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        """A name without a value cannot hide behind another name."""
        node.node = _given(self.visit(node.node))
        return node

    def visit_With(self, node: nodes.With) -> nodes.Node:
        """A name without a value cannot hide behind another name."""
        node.values = [_given(value) for value in self._visit_all(node.values)]
        node.body = self._visit_all(node.body)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        """A function of ours is a filter that no template can name."""
        name = called_function(node)
        if name is None:
            return self.generic_visit(node)
        arguments = [_given(argument) for argument in self._visit_all(node.args)]
        if FUNCTIONS[name].names_node:
            arguments.insert(0, nodes.Name(PROBABILITIES, "load", lineno=node.lineno))
        first, *others = arguments
        for pair in node.kwargs:
            pair.value = _given(self.visit(pair.value))
        return nodes.Filter(first, f"@{name}", others, node.kwargs, None, None, lineno=node.lineno)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """`a ~ b` writes values as prompts do."""
        return _hidden("@join", nodes.List(self._visit_all(node.nodes), lineno=node.lineno))

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """`a[1:5]` is paid for."""
        owner = self.visit(node.node)
        if isinstance(node.arg, nodes.Slice):
            bounds = (node.arg.start, node.arg.stop, node.arg.step)
            return _hidden("@cut", owner, *(None if b is None else self.visit(b) for b in bounds))
        node.node, node.arg = owner, self.visit(node.arg)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        """Both sides are paid for, unless one is written out: then the loop pays for it."""
        first, (op, *more) = node.expr, node.ops
        inside = op.op in ("in", "notin")
        if not more and (_written_out(op.expr) or (_written_out(first) and not inside)):
            return self.generic_visit(node)
        sides: list[Any] = [node, *node.ops]
        for side in sides:
            if not isinstance(side.expr, nodes.Const):
                side.expr = _hidden("@weigh", self.visit(side.expr))
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        """Without an `else` there is nothing to write."""
        if node.expr2 is None:
            node.expr2 = nodes.Const("", lineno=node.lineno)
        return self.generic_visit(node)
