"""What a running step knows of its graph: counts of what is left, and nodes added on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentkit.binding import Binding, BoundNode
from agentkit.checks import name_problems, race_between
from agentkit.compiled import CompiledNode, compile_node
from agentkit.errors import Problem, SpecError, suggest
from agentkit.events import NodeAdded
from agentkit.node import Node


class Overlay:
    """The step's own copy of the integers it counts down; the graph itself never changes."""

    def __init__(self, binding: Binding) -> None:
        graph = binding.graph
        self._binding = binding
        self.nodes: list[BoundNode] = list(binding.nodes)
        self.indegrees: list[int] = list(graph.indegrees)
        self.successors: Sequence[list[int]] = graph.successors
        self.recalls: Sequence[tuple[int, ...]] = graph.recalls
        self.blocked: dict[int, str] = {}
        """Nodes that cannot run, with the name of the failed node that they need."""
        self._ancestors: list[int] = []
        self._siblings: dict[tuple[int, int | None], list[int]] = {}
        self._places: dict[int, tuple[int, int, int]] = {}
        """Of each added node: its adder, the item, and which of the nodes added there it is."""

    def block(self, index: int, because: str) -> None:
        """Note that the successors of a node cannot run; of several reasons the first in the
        graph counts, whichever failed first."""
        for successor in self.successors[index]:
            other = self.blocked.get(successor, because)
            self.blocked[successor] = min(because, other, key=self.place)

    def place(self, name: str) -> tuple[int, str]:
        """Where a node stands, for orders that do not depend on which node finishes first."""
        own = self._binding.graph.index.get(name.partition(".")[0], -1)
        return own, name

    def add(
        self,
        node: Node,
        before: Sequence[str],
        adder: int,
        item: int | None,
        step: int,
        done: bool,
    ) -> NodeAdded:
        """Add a node that starts when `adder` has finished.

        What is accepted, and under which name, does not depend on which node finishes first.

        Args:
            node: The node.
            before: Nodes after the adder that wait for it.
            adder: Index of the function node that adds it.
            item: The item, when the adder goes through items.
            step: Number of the step, for the event.
            done: Whether the adder has finished already.

        Raises:
            SpecError: The node cannot work; it lists every problem.
        """
        self._own()
        problems: list[Problem] = []
        compiled = compile_node(node, problems)
        by = self.nodes[adder].compiled.name
        siblings = self._siblings.setdefault((adder, item), [])
        name = f"{by}.{len(siblings) + 1}" if item is None else f"{by}.{item}.{len(siblings) + 1}"
        if done:
            message = f"'{by}' has returned: nodes are added only while the function runs"
            problems.append(Problem(message, field="name"))
        visible = self._visible(adder, siblings)
        followers = self._followers(before, adder, problems)
        problems.extend(self._problems(compiled, visible))
        bound = self._binding.bind(compiled, problems)
        needs = sorted({adder, *(visible[n] for n in (*node.recall, *node.after) if n in visible)})
        ancestors = 0
        for i in needs:
            ancestors |= self._ancestors[i] | 1 << i
        problems.extend(self._races(compiled, ancestors, followers))
        if problems:
            raise SpecError([replace(problem, node=name) for problem in problems])
        bound = replace(bound, compiled=replace(compiled, node=replace(node, name=name)))
        self._places[len(self.nodes)] = (adder, -1 if item is None else item, len(siblings))
        self._insert(bound, [i for i in needs if i == adder or i in siblings], followers, ancestors)
        siblings.append(len(self.nodes) - 1)
        return NodeAdded(step, name, by, node.prompt, tuple(before))

    def _own(self) -> None:
        """Copy, before the first change, what is shared with the graph."""
        if not self._ancestors:
            self._ancestors = list(self._binding.graph.ancestors)
            self.successors = [list(successors) for successors in self.successors]
            self.recalls = list(self.recalls)

    def _visible(self, adder: int, siblings: Sequence[int]) -> dict[str, int]:
        """The nodes an added node may depend on: what its adder came after, and its siblings."""
        before = self._ancestors[adder] | 1 << adder
        indices = [i for i in range(len(self.nodes)) if before >> i & 1]
        return {self.nodes[i].compiled.name: i for i in (*indices, *siblings)}

    def _followers(self, before: Sequence[str], adder: int, problems: list[Problem]) -> list[int]:
        """The nodes that wait for the added one; they come after the adder, so none has begun."""
        if isinstance(before, str):
            problems.append(Problem("before: expected a list of node names", field="before"))
            return []
        index = {bound.compiled.name: i for i, bound in enumerate(self.nodes)}
        followers = []
        for name in dict.fromkeys(before):
            if name not in index:
                message = f"before: there is no node '{name}'.{suggest(name, set(index))}"
                problems.append(Problem(message, field="before"))
            elif not self._ancestors[index[name]] >> adder & 1:
                by = self.nodes[adder].compiled.name
                message = (
                    f"before: '{name}' does not come after '{by}', so it may have started: "
                    f"add 'after: [{by}]' to it"
                )
                problems.append(Problem(message, field="before"))
            else:
                followers.append(index[name])
        return followers

    def _problems(self, compiled: CompiledNode, visible: Mapping[str, int]) -> list[Problem]:
        graph = self._binding.graph
        problems = list(name_problems(compiled, visible, graph.inputs))
        for name in (*compiled.node.recall, *compiled.node.after):
            if name not in visible:
                message = f"'{name}' is no node that comes before it.{suggest(name, set(visible))}"
                problems.append(Problem(message, compiled.name, "recall"))
        return problems

    def _races(
        self, compiled: CompiledNode, ancestors: int, followers: Sequence[int]
    ) -> list[Problem]:
        """Memory races of a new node with every node that is not ordered with it."""
        problems: list[Problem] = []
        for i, other in enumerate(self.nodes):
            after = any(i == f or self._ancestors[i] >> f & 1 for f in followers)
            if not ancestors >> i & 1 and not after:
                problems.extend(race_between(compiled, other.compiled))
        return problems

    def _insert(
        self, bound: BoundNode, needs: Sequence[int], followers: Sequence[int], ancestors: int
    ) -> None:
        new = len(self.nodes)
        self.nodes.append(bound)
        self.indegrees.append(len(needs))
        self.successors = [*self.successors, list(followers)]
        recall = bound.compiled.node.recall
        names = {b.compiled.name: i for i, b in enumerate(self.nodes)}
        self.recalls = [*self.recalls, tuple(sorted(names[name] for name in recall))]
        self._ancestors.append(ancestors)
        for i in needs:
            self.successors[i].append(new)
        prompt = bound.function is None
        for i in followers:
            self.indegrees[i] += 1
            if prompt and self.nodes[i].function is None:
                self.recalls[i] = self._in_order(*self.recalls[i], new)
        for i in range(new):
            if any(i == f or self._ancestors[i] >> f & 1 for f in followers):
                self._ancestors[i] |= ancestors | 1 << new

    def _in_order(self, *recalled: int) -> tuple[int, ...]:
        """Recalled nodes: the graph's own in their order, then added ones by adder and item."""
        own = [i for i in recalled if i not in self._places]
        return (*own, *sorted(set(recalled) - set(own), key=self._places.__getitem__))
