"""Bindings that a graph keeps, so that running it again does not look everything up again."""

import os
import weakref
from collections.abc import Collection, Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

from agentkit.execution.binding import Binding, bind
from agentkit.graph.graph import Graph
from agentkit.program.foreign_objects import is_runnable

if TYPE_CHECKING:
    from agentkit.graph.node import FunctionLike

_KEPT: Final = 4
"""How many bindings are kept for a graph."""


def kept_binding(
    graph: Graph,
    model: Any,
    models: Mapping[str, Any],
    functions: "Mapping[str, FunctionLike]",
    memory: Collection[str],
) -> Binding:
    """Bind a graph, or take what `bind` gave for the same models, functions and memory keys.

    A script is read anew every time, for its answers are used up. Arguments as `bind`.

    Raises:
        SpecError: A model, function or memory key is unknown; it lists every problem.
    """
    key = _binding_key(graph, model, models, functions, memory)
    binding: Binding
    if key and key in (bindings := graph.bindings):
        binding, made = bindings[key]
        if binding.chooser.made == made:  # else added nodes named models, perhaps a script
            return binding
    binding = bind(graph, model, models, functions, memory)
    if key and not binding.chooser.has_scripts:
        # A circle would let the connections of a model go in any order, and so unclosed.
        binding.graph = weakref.proxy(graph)
        before = list(graph.bindings.items())[1 - _KEPT :]  # other threads may read the old one
        graph.bindings = {**dict(before), key: (binding, binding.chooser.made)}
    return binding


def _binding_key(
    graph: Graph,
    model: Any,
    models: Mapping[str, Any],
    functions: "Mapping[str, FunctionLike]",
    memory: Collection[str],
) -> Hashable:
    """What makes two bindings of a graph the same; None where something may be changed: settings,
    and chat models of LangChain, which have theirs.

    A binding holds everything that it was made of, so that the number of an object stays its own.
    What an id means depends on the process's environment: a server's address, a key.
    """
    by_id = graph.names_models
    key: list[Hashable] = [*models, *functions, *map(id, functions.values()), frozenset(memory)]
    for value in (model, *models.values()):
        if isinstance(value, str):
            by_id = True
            key.append(value)
        elif value is not None and (isinstance(value, Mapping) or is_runnable(value)):
            return None
        else:
            key.append(id(value))
    if by_id:
        key.append(frozenset(os.environ.items()))
    return tuple(key)
