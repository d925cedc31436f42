"""Rewrites a checked template so that everything it does goes through the sandbox."""

from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

_LENIENT_ENDS = ("first", "last", "max", "min")


def _hidden(name: str, node: nodes.Expr, *args: Any) -> nodes.Filter:
    constants = [a if isinstance(a, nodes.Node) else nodes.Const(a) for a in args]
    return nodes.Filter(node, name, constants, [], None, None, lineno=node.lineno)


def _given(node: Any) -> Any:
    return _hidden("@given", node) if isinstance(node, nodes.Name) else node


class Rewriter(NodeTransformer):
    """Puts hidden filters where Jinja would compute on its own."""

    def __init__(self) -> None:
        self._repeated = 0

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """A loop pays for all its rounds at once, by the size of its body."""
        parts = [*node.body, *([node.test] if node.test is not None else [])]
        size = 1 + sum(1 + sum(1 for _ in part.find_all(nodes.Node)) for part in parts)
        node.iter = _hidden("@each", self.visit(node.iter), size)
        self._repeated += 1
        node.body = self._visit_all(node.body)
        self._repeated -= 1
        node.else_ = self._visit_all(node.else_)
        if node.test is not None:
            node.test = self.visit(node.test)
        return node

    def _visit_all(self, parts: list[Any]) -> list[Any]:
        return [self.visit(part) for part in parts]

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        """Text inside a loop is counted like any other output."""
        return nodes.Const(node.data, lineno=node.lineno) if self._repeated else node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:
        """Text that is set aside is counted like any other output."""
        self._repeated += 1
        node.body = self._visit_all(node.body)
        self._repeated -= 1
        return node

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
        """Both sides of a comparison are paid for."""
        node.expr = self._weighed(node.expr)
        for operand in node.ops:
            operand.expr = self._weighed(operand.expr)
        return node

    def _weighed(self, node: nodes.Expr) -> nodes.Expr:
        return node if isinstance(node, nodes.Const) else _hidden("@weigh", self.visit(node))

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        """Without an `else` there is nothing to write."""
        if node.expr2 is None:
            node.expr2 = nodes.Const("", lineno=node.lineno)
        return self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        """`is defined` may look for what is not there."""
        lenient = node.name in ("defined", "undefined")
        node.node = self._lenient(node.node) if lenient else self.visit(node.node)
        node.args = self._visit_all(node.args)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        """`default` may look for what is not there."""
        lenient = node.name in ("default", "d")
        inner: Any = node.node
        node.node = self._lenient(inner) if lenient else self.visit(inner)
        node.args = self._visit_all(node.args)
        node.kwargs = self._visit_all(node.kwargs)
        return node

    def _lenient(self, node: Any) -> Any:
        if isinstance(node, nodes.Getattr):
            return _hidden("@maybe", self._lenient(node.node), node.attr, True)
        if isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Slice):
            return _hidden("@maybe", self._lenient(node.node), self.visit(node.arg), False)
        if isinstance(node, nodes.Filter) and node.name in _LENIENT_ENDS and not node.args:
            return _hidden("@maybe_end", self._lenient(node.node), node.name)
        return self.visit(node)
