"""The functions of expressions: `merge`, `append`, and `probability` of what a node decided.

A name before `(...)` is one of them and no value, so a node or an input may have the same name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import nodes
from jinja2.utils import pass_context

from agentkit.errors import RenderError, listed, suggest
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.lookup import present
from agentkit.templates.sandbox.rendered_values import kind_of

PROBABILITIES: Final = "_probability"
"""What stands in a template for the probabilities of the nodes that `probability(...)` names."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of expressions."""

    call: Callable[..., Any]
    """Takes the context and the arguments, which have values."""
    form: str
    """How it is written."""
    least: int
    """Arguments that it needs."""
    most: int
    """Arguments that it takes."""
    named: frozenset[str] = frozenset()
    """Arguments that it takes by name."""
    names_node: bool = False
    """Whether its first argument is the name of a node, in quotes, which it waits for."""

    def fault(self, node: nodes.Call) -> str | None:
        """Return what is wrong with the arguments of a call; None where they are right."""
        named = {one.key for one in node.kwargs}
        is_right = self.least <= len(node.args) <= self.most and named <= self.named
        if is_right and (not self.names_node or named_node(node) is not None):
            return None
        return f"it is written {self.form}."


@pass_context
def _merge(context: Bounds, *mappings: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for one in mappings:
        context.weigh(one)
        if not isinstance(one, Mapping):
            raise RenderError(f"merge needs mappings, but this is {kind_of(one)}.")
        merged.update(one)
    return merged


@pass_context
def _append(context: Bounds, items: Any, item: Any, at_most: Any = None) -> list[Any]:
    context.weigh(items)
    context.weigh(item)
    if not isinstance(items, (list, tuple)):
        raise RenderError(f"append needs a list, but this is {kind_of(items)}.")
    if at_most is None:
        return [*items, item]
    if isinstance(at_most, bool) or not isinstance(at_most, int) or at_most < 1:
        raise RenderError("append: at_most is a whole number of 1 or more.")
    return [*items, item][-at_most:]


def _probability(known: Any, node: str, option: Any = None) -> Any:
    found = present(known[node])
    if isinstance(found, list):
        return [_one_probability(one, node, option) for one in found]
    return _one_probability(found, node, option)


def _one_probability(probabilities: Any, node: str, option: Any) -> float | None:
    """The probability of an option, or of the winner; None of an answer in text."""
    if not probabilities:
        return None
    if option is None:
        return float(max(probabilities.values()))
    name = str(option)
    if isinstance(option, bool):
        name = "yes" if option else "no"
    if name not in probabilities:
        near = suggest(str(name), set(probabilities))
        raise RenderError(f"'{node}' decided among {listed([*probabilities])}: not {name!r}.{near}")
    return float(probabilities[name])


FUNCTIONS: Final[Mapping[str, Function]] = {
    "append": Function(
        _append, "append(list, item), or append(list, item, at_most=25)", 2, 2,
        frozenset({"at_most"}),
    ),
    "merge": Function(_merge, "merge(mapping, {'key': value})", 2, 20),
    "probability": Function(
        _probability, 'probability("act") or probability("act", "left"), with the name of a node',
        1, 2, names_node=True,
    ),
}  # fmt: skip
"""The functions by their names."""


def called_function(node: nodes.Node) -> str | None:
    """Return the name of the function that a call calls; None for methods and other calls."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        return node.node.name if node.node.name in FUNCTIONS else None
    return None


def named_node(node: nodes.Call) -> str | None:
    """Return the name of a node that stands in quotes as the first argument; else None."""
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, nodes.Const) and isinstance(first.value, str) else None
