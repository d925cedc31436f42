"""What a node would be asked: its exact messages, without running the step."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.agent import Agent
from agentkit.errors import AgentKitError, InputError, advice, suggest
from agentkit.execution.binding import BoundNode, FunctionNode, PromptNode
from agentkit.execution.budget import Budget
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.node_runner import checked_items, successes
from agentkit.execution.prompt_call import (
    Outcome,
    PromptCall,
    make_prompt_call,
)
from agentkit.execution.step_run import StepRun
from agentkit.graph.node import Node
from agentkit.messages import NOTHING_USED, Message, Turn, Usage
from agentkit.models.prices import check_prices
from agentkit.preview.snapshot import Snapshot, first_snapshot
from agentkit.program.argument_kinds import check_given
from agentkit.program.display import short
from agentkit.templates.placeholders import Placeholder, example
from agentkit.templates.prompt_names import decided_names, merge_reads
from agentkit.templates.template import Expression, Reads
from agentkit.values import json_text


@dataclass(frozen=True, slots=True)
class Rendered:
    """A node's questions; nothing was asked to make them."""

    questions: Sequence[PromptCall]
    """One, or one an item of an `each` node."""
    unknown: Sequence[str]
    """Nodes without a value, which the messages show as ⟨name⟩."""
    wanted: bool | None
    """Whether its `when` lets it run; None where that depends on an unknown value."""

    def __repr__(self) -> str:
        return f"<Rendered: {short(self.messages, 200)}>"

    @property
    def messages(self) -> list[tuple[Message, ...]]:
        """The messages of each question."""
        return [(*question.before, *question.sent) for question in self.questions]


def render(
    agent: Agent,
    node: str,
    snapshot: Snapshot | None = None,
    given: Mapping[str, Any] | None = None,
) -> Rendered:
    """Fill in what a node would be asked; no model is asked.

    Args:
        agent: The agent.
        node: The node's name.
        snapshot: What it finds; by default the beginning of an episode with the seed 0.
        given: Values that come before those of the snapshot: of inputs, of names such as
            `observation`, and of nodes.

    Raises:
        InputError: There is no such node, it has no prompt, a given name is unknown, or the
            environment cannot be made.
        RenderError: The prompt cannot be filled in.
    """
    check_given("agent", agent, Agent, "an Agent")
    target = _prompt_node(agent, node)
    snapshot = snapshot or first_snapshot(agent, 0)
    return _Renderer(agent, target, snapshot, given or {}, CompletionSource()).render()


async def ask(
    agent: Agent,
    node: str,
    snapshot: Snapshot,
    given: Mapping[str, Any] | None = None,
    *,
    allow_unknown_price: bool = False,
) -> "NodeAnswer":
    """Ask a node's model once for what `render` shows; the items of an `each` node all at once.

    Args:
        agent: The agent; its limits hold, those of a run too.
        node: The node's name.
        snapshot: What it finds.
        given: Values that come before those of the snapshot, as in `render`.
        allow_unknown_price: Whether a model of unknown price counts as free under a limit on cost.

    Raises:
        InputError: As `render`, or a value that the node reads is not known, or there is a limit
            on cost and the model's price is unknown.
        LimitExceeded: A limit leaves no room for a call.
        AgentKitError: There was no usable answer.
    """
    target = _prompt_node(agent, node)
    budget = Budget(agent.limits, Budget(agent.run_limits, scope="run."))
    if budget.watches_cost and not allow_unknown_price:
        check_prices([(node, one.model) for one in (target, target.stronger) if one])
    source = CompletionSource(budget=budget, unpriced=allow_unknown_price)
    rendered = _Renderer(agent, target, snapshot, given or {}, source).render()
    if rendered.unknown:
        names, first = ", ".join(rendered.unknown), rendered.unknown[0]
        raise InputError(
            f"node '{node}' reads {names}, which no model was asked for: "
            + advice(
                f"take a recorded snapshot, or give them: {{'{first}': ...}}",
                f"take the values of a recorded step with --from, or give them with "
                f"--input {first}=...",
            )
        )
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(_answer(question)) for question in rendered.questions]
    answers = [task.result() for task in asked]
    usage = rendered.questions[0].run.usage if rendered.questions else NOTHING_USED
    if target.compiled.each is not None:
        outcomes = successes(answers)
        decided = [outcome.probabilities for outcome in outcomes]
        values = [outcome.value for outcome in outcomes]
        return NodeAnswer(values, usage, decided if any(decided) else None)
    if isinstance(answers[0], AgentKitError):
        raise answers[0]
    return NodeAnswer(answers[0].value, usage, answers[0].probabilities)


async def _answer(question: PromptCall) -> Outcome | AgentKitError:
    """What a question gave, or what went wrong."""
    try:
        return await question.execute()
    except AgentKitError as error:
        return error


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What one node answered."""

    value: Any
    """Its value; a list for an `each` node."""
    usage: Usage
    """Tokens, calls and cost."""
    probabilities: Any = None
    """Of every option, where it decided; of an `each` node a list."""


def _prompt_node(agent: Agent, name: str) -> PromptNode:
    index = agent.graph.index
    if name not in index:
        known = ", ".join(index)
        raise InputError(
            f"{agent.name} has no node '{name}'.{suggest(name, set(index))} It has: {known}"
        )
    bound = agent.binding.nodes[index[name]]
    if isinstance(bound, FunctionNode):
        raise InputError(
            f"node '{name}' calls the function {bound.function_name}: it has no prompt"
        )
    return bound


class _Renderer:
    """Fills in the messages of one node."""

    def __init__(
        self,
        agent: Agent,
        target: PromptNode,
        snapshot: Snapshot,
        given: Mapping[str, Any],
        source: CompletionSource,
    ) -> None:
        self._graph = graph = agent.graph
        self._nodes = agent.binding.nodes
        self._target = target
        self._snapshot = snapshot
        names = {**agent.inputs, **snapshot.names}
        self._given = {name: value for name, value in given.items() if name in graph.index}
        for name in given:
            if name not in names and name not in graph.index:
                known = {*names, *graph.index}
                what = advice(f"given '{name}'", f"--input {name}")
                raise InputError(f"{what}: nothing has this name.{suggest(name, known)}")
        names.update({name: value for name, value in given.items() if name in names})
        self._run = StepRun(agent.binding, names, snapshot.state, source=source)
        self._scope = self._run.scope

    def render(self) -> Rendered:
        scope = self._scope
        scope.render_prefix()
        scope.memory.update(self._snapshot.memory)
        scope.values.update(self._snapshot.values)
        scope.turns.update(self._snapshot.turns)
        for name, decided in self._snapshot.probabilities.items():
            scope.decided(name, decided)
        unknown = self._fill()
        questions = self._questions(self._target)
        return Rendered(questions, self._shown(unknown), self._wanted(unknown))

    def _fill(self) -> frozenset[str]:
        """Give the nodes before the target the values they were given, or placeholders."""
        graph, scope = self._graph, self._scope
        before = graph.ancestors[graph.index[self._target.compiled.name]]
        unknown = set()
        for index in graph.order:
            bound = self._nodes[index]
            name = bound.compiled.name
            settled = name in self._snapshot.settled and name not in self._given
            if settled or not before >> index & 1:
                continue
            if name in self._given:
                scope.values[name] = self._given[name]
            else:
                unknown.add(name)
                scope.values[name] = self._placeholder(bound)
                scope.decided(name, self._even(bound))
                for key in bound.compiled.node.save:
                    scope.memory[key] = Placeholder(f"memory.{key}")
            if isinstance(bound, PromptNode) and name in self._target.compiled.node.recall:
                scope.turns[name] = self._turns(bound)
        return frozenset(unknown)

    def _placeholder(self, bound: BoundNode) -> Any:
        name, output = bound.compiled.name, bound.compiled.output
        schema = None
        if output is not None:
            schema = output.json_schema(self._scope.variables(output.reads))
        value = example(name, schema)
        return [value] if bound.compiled.each is not None else value

    def _even(self, bound: BoundNode) -> Any:
        """Equal probabilities of the options of a node that was not asked, if it has any."""
        if (output := bound.compiled.output) is None or not output.is_closed:
            return None
        options = output.options(self._scope.variables(output.reads))
        even = dict.fromkeys(options, 1 / len(options))
        return even if bound.compiled.each is None else [even]

    def _turns(self, bound: PromptNode) -> tuple[Turn, ...]:
        """The questions of a node that was not asked, with its value for an answer."""
        value = self._scope.values[bound.compiled.name]
        answers = value if bound.compiled.each is not None else [value]
        return tuple(
            (*question.sent, Message("assistant", json_text(answer)))
            for question, answer in zip(self._questions(bound), answers, strict=False)
        )

    def _questions(self, bound: PromptNode) -> list[PromptCall]:
        scope, compiled = self._scope, bound.compiled
        node = compiled.node
        recalls = self._graph.recalls[self._graph.index[node.name]]
        recalled = tuple(self._nodes[i].compiled.name for i in recalls)
        shared = scope.question_variables(compiled.reads, node.with_context)

        def question(variables: Mapping[str, Any], position: int | None) -> PromptCall:
            before = scope.before(compiled, variables, recalled)
            return make_prompt_call(self._run, bound, variables, before, position)

        if compiled.each is None:
            return [question(shared, None)]
        return [
            question({**shared, "item": item}, position)
            for position, item in enumerate(self._items(compiled.each))
        ]

    def _items(self, each: Expression) -> Sequence[Any]:
        items = self._scope.evaluate(each)
        return [items.item] if isinstance(items, Placeholder) else checked_items(items)

    def _shown(self, unknown: Collection[str]) -> list[str]:
        """The unknown nodes that the messages show, in order."""
        target = self._target.compiled
        recalled = [self._graph.compiled[self._graph.index[name]] for name in target.node.recall]
        reads = dict(target.reads)
        for compiled in recalled:
            merge_reads(reads, compiled.reads)
        names = {*reads, *decided_names(reads), *target.node.recall}
        return [
            node.name
            for node in (self._graph.nodes[i] for i in self._graph.order)
            if node.name in unknown and (node.name in names or _writes(node, reads))
        ]

    def _wanted(self, unknown: Collection[str]) -> bool | None:
        when = self._target.compiled.when
        if when is None:
            return True
        for name in unknown:
            node = self._graph.nodes[self._graph.index[name]]
            if name in {*when.reads, *decided_names(when.reads)} or _writes(node, when.reads):
                return None
        return bool(self._scope.evaluate(when))


def _writes(node: Node, reads: Reads) -> bool:
    """Whether a node writes memory that is read."""
    keys = reads.get("memory", frozenset())
    return bool(node.save) if keys is None else not keys.isdisjoint(node.save)
