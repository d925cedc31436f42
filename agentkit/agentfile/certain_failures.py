"""Templates and expressions that fail for certain: whatever is not known is taken to be right."""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any, Final

from jinja2 import nodes

from agentkit.agentfile.value_kinds import (
    BOOLEAN,
    FUNCTION_NEEDS,
    LIST,
    MAPPING,
    NEEDS,
    NULL,
    NUMBER,
    NUMBERS,
    TEXT,
    TO_LIST,
    TO_NUMBER,
    TO_TEXT,
    Kind,
    Kinds,
    alike,
    computes,
    either,
    has_method,
    kind_words,
    kinds_of,
    may_hold,
    part,
)
from agentkit.templates.sandbox.syntax import written

_SIGNS: Final[dict[type[nodes.Node], str]] = {
    nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.Div: "/", nodes.FloorDiv: "//",
    nodes.Pow: "**", nodes.Mod: "%",
}  # fmt: skip
_COMPARISONS: Final = {"lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "eq": "==", "ne": "!="}


class Checker:
    """Goes through one template or expression.

    Args:
        lookup: Gives the kinds of the values that a name has: `memory.goal`, `previous.act`.
        never_run: Says whether `previous.NAME` has no value in the first step.
    """

    def __init__(self, lookup: Callable[[str], Kinds], never_run: Callable[[str], bool]) -> None:
        self._lookup = lookup
        self._names: dict[str, Kinds] = {}
        """The names that are set in the template itself."""
        self._never_run = never_run
        self._asked: frozenset[str] = frozenset()
        """Names that a condition around the present place asks about."""
        self._inside = 0
        """How many conditions and loops are around it."""
        self.found: list[tuple[str, int]] = []
        """What fails, each with its line."""

    def visit(self, node: nodes.Node) -> None:
        """Check a statement, or a part of a text."""
        if isinstance(node, nodes.If):
            self.kinds(node.test)
            self._guarded([node.test], [*node.body, *node.elif_, *node.else_])
        elif isinstance(node, nodes.For):
            self._loop(node)
        elif isinstance(node, nodes.Assign):
            self._bind(node.target, self.kinds(node.node))
        elif isinstance(node, (nodes.With, nodes.AssignBlock)):
            for name in node.find_all(nodes.Name):
                if name.ctx != "load":
                    self._names[name.name] = None
        elif isinstance(node, nodes.Expr):
            self.kinds(node)
        else:
            for child in node.iter_child_nodes():
                self.visit(child)

    def _loop(self, node: nodes.For) -> None:
        kinds = self.kinds(node.iter)
        if kinds and not any(kind in (TEXT, LIST, MAPPING) for kind in kinds):
            self._fail(node, f"{_is(node.iter, kinds)}, and 'for' needs a list")
        items = either(*(kind.item for kind in kinds if kind == LIST)) if kinds else None
        outside = dict(self._names)
        self._bind(node.target, items if kinds and all(k == LIST for k in kinds) else None)
        self._guarded([node.iter, *([node.test] if node.test else [])], [*node.body, *node.else_])
        self._names = outside

    def _bind(self, target: nodes.Node, kinds: Kinds) -> None:
        """Give a name a value; what is set inside a condition may keep its value outside."""
        if isinstance(target, nodes.Name) and not self._inside:
            self._names[target.name] = kinds
            return
        for name in [target, *target.find_all(nodes.Name)]:
            if isinstance(name, nodes.Name):
                self._names[name.name] = None

    def _guarded(self, tests: list[Any], parts: list[Any]) -> None:
        """Check what is filled in only under a condition."""
        asked, self._asked = self._asked, self._asked | {n for test in tests for n in _names(test)}
        self._inside += 1
        for one in parts:
            self.visit(one)
        self._inside -= 1
        self._asked = asked

    def _fail(self, node: nodes.Node, message: str) -> None:
        if not self._asked & {*_names(node)}:
            self.found.append((message, node.lineno - 1))

    def kinds(self, node: nodes.Node) -> Kinds:
        """Check an expression; return the kinds of its value."""
        method = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if method is not None:
            return method(node)  # type: ignore[no-any-return]
        if isinstance(node, nodes.BinExpr) and type(node) in _SIGNS:
            return self._computed(node, _SIGNS[type(node)])
        for child in node.iter_child_nodes():
            self.kinds(child)
        return None

    def _of_const(self, node: nodes.Const) -> Kinds:
        return kinds_of(node.value)

    def _of_name(self, node: nodes.Name) -> Kinds:
        return self._names[node.name] if node.name in self._names else self._lookup(node.name)

    def _of_list(self, node: nodes.List) -> Kinds:
        return (Kind(LIST.name, item=either(*map(self.kinds, node.items)) if node.items else None),)

    def _of_dict(self, node: nodes.Dict) -> Kinds:
        for pair in node.items:
            self.kinds(pair.value)
        return (MAPPING,)

    def _of_concat(self, node: nodes.Concat) -> Kinds:
        for one in node.nodes:
            self.kinds(one)
        return (TEXT,)

    def _of_not(self, node: nodes.Not) -> Kinds:
        self.kinds(node.node)
        return (BOOLEAN,)

    def _of_neg(self, node: nodes.Neg) -> Kinds:
        kinds = self.kinds(node.node)
        if kinds and not NUMBERS & {*kinds}:
            self._fail(node, f"{_is(node.node, kinds)}, and '-' needs a number")
        return (NUMBER,)

    def _of_and(self, node: nodes.And | nodes.Or) -> Kinds:
        left = self.kinds(node.left)
        self._guarded([node.left], [node.right])
        return either(left, self._quietly(node.right))

    _of_or = _of_and

    def _of_condexpr(self, node: nodes.CondExpr) -> Kinds:
        self.kinds(node.test)
        branches = [node.expr1, *([node.expr2] if node.expr2 else [])]
        self._guarded([node.test], branches)
        return either(*map(self._quietly, branches)) if node.expr2 else None

    def _quietly(self, node: nodes.Node) -> Kinds:
        """Return the kinds of an expression that was checked before."""
        found = len(self.found)
        kinds = self.kinds(node)
        del self.found[found:]
        return kinds

    def _of_test(self, node: nodes.Test) -> Kinds:
        if node.name not in ("defined", "undefined"):
            self.kinds(node.node)
        for argument in node.args:
            self.kinds(argument)
        return (BOOLEAN,)

    def _of_filter(self, node: nodes.Filter) -> Kinds:
        for argument in node.args:
            self.kinds(argument)
        if node.node is None or node.name in ("d", "default"):
            return None
        kinds = self.kinds(node.node)
        can, words = NEEDS.get(node.name, (None, ""))
        if kinds and can is not None and not can & {*kinds}:
            self._fail(node, f"{_is(node.node, kinds)}, and '{node.name}' needs {words}")
        for names, kind in ((TO_NUMBER, NUMBER), (TO_TEXT, TEXT), (TO_LIST, LIST)):
            if node.name in names:
                return (kind,)
        return None

    def _of_getattr(self, node: nodes.Getattr) -> Kinds:
        return self._field(node, node.attr)

    def _of_getitem(self, node: nodes.Getitem) -> Kinds:
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, (str, int)):
            return self._field(node, node.arg.value)
        kinds = self.kinds(node.node)
        if not isinstance(node.arg, nodes.Slice):
            self.kinds(node.arg)
            return None
        if kinds and not {TEXT, LIST} & {*kinds}:
            self._fail(node, f"{_is(node.node, kinds)}, and only a list has parts")
        return kinds

    def _field(self, node: nodes.Getattr | nodes.Getitem, key: str | int) -> Kinds:
        owner = node.node
        if isinstance(owner, nodes.Name) and owner.name == "previous" and isinstance(key, str):
            if not self._inside and self._never_run(key):
                message = (
                    f"'previous.{key}' has no value in the first step: give '{key}' an 'initial', "
                    "or ask for it where 'step > 0'"
                )
                self._fail(node, message)
            return self._lookup(f"previous.{key}")
        if isinstance(owner, nodes.Name) and owner.name == "memory" and isinstance(key, str):
            return self._lookup(f"memory.{key}")
        kinds = self.kinds(owner)
        if kinds is None:
            return None
        found = [part(kind, key) for kind in kinds]
        if found and all(one == () for one in found):
            what = f"no field '{key}'" if isinstance(key, str) else f"no item {key}"
            self._fail(node, f"{_quoted(node)}: {_is(owner, kinds)}, which has {what}")
            return None
        return either(*found)

    def _of_call(self, node: nodes.Call) -> Kinds:
        for argument in (*node.args, *(pair.value for pair in node.kwargs)):
            self.kinds(argument)
        method = node.node
        if isinstance(method, nodes.Name) and method.name in FUNCTION_NEEDS:
            return self._of_function(node, *FUNCTION_NEEDS[method.name])
        if not isinstance(method, nodes.Getattr):
            return None
        kinds = self.kinds(method.node)
        if kinds and not any(has_method(kind, method.attr) for kind in kinds):
            owner = _is(method.node, kinds)
            self._fail(node, f"{_quoted(method)}: {owner}, which has no such method")
        return None

    def _of_function(self, node: nodes.Call, needed: Kind, count: int | None) -> Kinds:
        for one in node.args[:count]:
            if (kinds := self._quietly(one)) and needed not in kinds:
                self._fail(node, f"{_is(one, kinds)}, and this needs {needed.name}")
        return (needed,)

    def _computed(self, node: nodes.BinExpr, sign: str) -> Kinds:
        left, right = self.kinds(node.left), self.kinds(node.right)
        if left and right and not any(computes(sign, *pair) for pair in product(left, right)):
            shown = f"{_is(node.left, left)}, {_is(node.right, right)}"
            hint = ". To join texts write '~'" if sign == "+" and TEXT in (*left, *right) else ""
            self._fail(node, f"'{sign}' cannot be used here: {shown}{hint}")
            return None
        known = [*(left or ()), *(right or ())]
        for kind in (TEXT, LIST, NUMBER) if sign == "+" else ():
            if kind in known:
                return (kind,)
        return (NUMBER,) if sign in ("-", "/", "//", "**") else None

    def _of_compare(self, node: nodes.Compare) -> Kinds:
        before, left = node.expr, self.kinds(node.expr)
        for side in node.ops:
            right = self.kinds(side.expr)
            if left and right:
                self._compared(node, side.op, (before, left), (side.expr, right))
            before, left = side.expr, right
        return (BOOLEAN,)

    def _compared(self, node: nodes.Node, op: str, *sides: tuple[nodes.Node, Any]) -> None:
        (first, left), (second, right) = sides
        shown = f"{_is(first, left)}, {_is(second, right)}"
        if op in ("in", "notin"):
            if not any(may_hold(container, one) for one in left for container in right):
                self._fail(node, f"'in' cannot be used here: {shown}")
        elif op in ("eq", "ne"):
            if NULL not in (*left, *right) and not any(alike(*p) for p in product(left, right)):
                always = "false" if op == "eq" else "true"
                self._fail(node, f"'{_COMPARISONS[op]}' is always {always} here: {shown}")
        elif not any(alike(a, b) and a not in (MAPPING, NULL) for a, b in product(left, right)):
            self._fail(node, f"'{_COMPARISONS[op]}' cannot be used here: {shown}")


def _names(node: nodes.Node) -> Iterator[str]:
    """Yield the names that an expression reads."""
    for one in [node, *node.find_all(nodes.Name)]:
        if isinstance(one, nodes.Name):
            yield one.name


def _is(node: nodes.Node, kinds: Iterable[Kind]) -> str:
    return f"{_quoted(node)} is {kind_words(kinds)}"


def _quoted(node: nodes.Node) -> str:
    """An expression as it stands in the template, in quotes; in words where it is long."""
    return f"{node.value!r:.40}" if isinstance(node, nodes.Const) else written(node)
