"""What the names in templates mean during one step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentkit.graph.compile import CompiledNode
from agentkit.graph.graph import Graph
from agentkit.messages import Message, Turn
from agentkit.templates.prompt_names import OWN_NAMES
from agentkit.templates.sandbox.functions import PROBABILITIES
from agentkit.templates.sandbox.lookup import MissingValue
from agentkit.templates.template import Expression, Reads
from agentkit.values import json_copy

Probabilities = Mapping[str, float] | Sequence[Mapping[str, float] | None]
"""Of every option of a decision; of a node with `each` for each item, None where it was written."""


@dataclass(frozen=True, slots=True)
class State:
    """What one step hands to the next. A step makes a new one and never changes the old."""

    memory: Mapping[str, Any] = field(default_factory=dict)
    """Memory keys and their values."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The last value of every node that ever ran."""
    turns: Mapping[str, tuple[Turn, ...]] = field(default_factory=dict)
    """The last question and answer of every such node, or one pair an item."""
    probabilities: Mapping[str, Probabilities] = field(default_factory=dict)
    """What the nodes decided whose last value is a decision."""


class Scope:
    """The values of all names in a running step, and what stands in front of every prompt.

    Args:
        graph: The graph.
        names: Values of the inputs and of the names the environment gives.
        state: What the step before left; it is copied, not changed.
    """

    def __init__(self, graph: Graph, names: Mapping[str, Any], state: State) -> None:
        self._graph = graph
        self.memory = dict(state.memory)
        self.values = dict(state.values)
        self.turns = dict(state.turns)
        self.probabilities = dict(state.probabilities)
        for name, initial in graph.initials:
            if name not in self.values:
                self.values[name] = json_copy(initial)
        self._previous = dict(self.values)
        self._names = names
        self._system: tuple[Message, ...] = ()
        self._context: tuple[Message, ...] = ()
        self._context_variables: dict[str, Any] = {}

    @property
    def state(self) -> State:
        """What the next step starts from, once this one is done; added nodes are left out."""
        values, turns, index = dict(self.values), dict(self.turns), self._graph.index
        probabilities = dict(self.probabilities)
        for name in values.keys() - index.keys():
            del values[name]
            turns.pop(name, None)
            probabilities.pop(name, None)
        return State(self.memory, values, turns, probabilities)

    def decided(self, name: str, probabilities: Probabilities | None) -> None:
        """Keep what a node decided; None: its value is no decision."""
        if probabilities is None:
            self.probabilities.pop(name, None)
        else:
            self.probabilities[name] = probabilities

    def evaluate(self, expression: Expression) -> Any:
        """The value of an expression.

        Raises:
            RenderError: It reads something that is not there.
        """
        return expression.evaluate(self.variables(expression.reads))

    def variables(self, reads: Reads) -> dict[str, Any]:
        """The values of the names that a template or expression reads.

        A node that has never run stands there as a value whose every use is a RenderError.
        """
        return {name: self._value(name, keys) for name, keys in reads.items() if self._gives(name)}

    def _gives(self, name: str) -> bool:
        return name in self._graph.index or name in self._names or name in OWN_NAMES

    def _value(self, name: str, keys: frozenset[str] | None) -> Any:
        if name in self._graph.index:
            return self.values[name] if name in self.values else _never_ran(name)
        if name == "memory":
            return {key: self.memory[key] for key in keys or self.memory if key in self.memory}
        if name == PROBABILITIES:
            return {node: self._probabilities_of(node) for node in keys or ()}
        if name == "previous":
            before = self._previous
            wanted = keys or self._graph.index
            return {key: before[key] if key in before else _never_ran(key) for key in wanted}
        return self._names[name]

    def _probabilities_of(self, name: str) -> Any:
        if name in self.values:
            return self.probabilities.get(name)
        return _never_ran(name)

    def question_variables(self, reads: Reads, with_context: bool) -> dict[str, Any]:
        """What a node's templates read, and what the context in front of it read.

        The context was filled in when the step began, so the memory it read is that of then.
        """
        own = self.variables(reads)
        if not with_context or not self._context_variables:
            return own
        merged = {**self._context_variables, **own}
        if "memory" in own and "memory" in self._context_variables:
            merged["memory"] = {**self._context_variables["memory"], **own["memory"]}
        return merged

    def render_prefix(self) -> None:
        """Fill in the system text and the context, once a step.

        Raises:
            RenderError: One of them cannot be filled in.
        """
        system, context = self._graph.system, self._graph.context
        if system:
            text = system.render(self.variables(system.reads))
            self._system = (Message("system", text.strip()),)
        if context:
            self._context_variables = self.variables(context.reads)
            text = context.render(self._context_variables)
            self._context = (Message("user", text.strip()),)

    def before(
        self, node: CompiledNode, variables: Mapping[str, Any], recalled: tuple[str, ...]
    ) -> tuple[Message, ...]:
        """What stands in front of a prompt: system, examples, context, and the recalled turns.

        Raises:
            RenderError: The node's own system text cannot be filled in.
        """
        system = self._system
        if node.node.system is not None:
            text = node.system.render(variables).strip() if node.system else ""
            system = (Message("system", text),) if text else ()
        context = self._context if node.node.with_context else ()
        messages = [*system, *node.examples, *context]
        for name in recalled:
            for turn in self.turns.get(name, ()):
                messages += turn
        return tuple(messages)


def _never_ran(name: str) -> MissingValue:
    return MissingValue(
        hint=f"'{name}' has never run: give it an 'initial' value, or use it only once it ran"
    )
