"""What a running step knows of its graph: counts of what is left, and nodes added on the way."""

from bisect import insort
from collections import ChainMap, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentkit.errors import Problem, SpecError, suggest
from agentkit.events import NodeAdded
from agentkit.execution.binding import Binding, BoundNode, PromptNode
from agentkit.graph.compile import CompiledNode, compile_node, memory_keys
from agentkit.graph.node import Node
from agentkit.graph.races import race_between
from agentkit.graph.validation import name_problems


class StepSchedule:
    """The step's own copy of the integers it counts down; the graph itself never changes.

    Its private tables are made by the first `add`: most steps have none.
    """

    _index: dict[str, int]
    """Where each node is, by name."""
    _before: dict[int, dict[str, int]]
    """The nodes that an adder came after, and itself, by name."""
    _siblings: defaultdict[tuple[int, int | None], dict[str, int]]
    """The nodes that were added at each place."""
    _places: dict[int, tuple[int, int, int]]
    """Of each added node: its adder, the item, and which of the nodes added there it is."""
    _memory: "_MemoryUsers"

    def __init__(self, binding: Binding) -> None:
        graph = binding.graph
        self._binding = binding
        self.nodes: list[BoundNode] = list(binding.nodes)
        self.indegrees: list[int] = list(graph.indegrees)
        self.successors: list[list[int]] = list(graph.successors)
        self.recalls: list[Sequence[int]] = list(graph.recalls)
        self.roots = graph.roots
        """The nodes that need no other."""
        self.blocked: dict[int, str] = {}
        """Nodes that cannot run, with the name of the failed node that they need."""
        self._ancestors: list[int] = []

    def block(self, index: int, because: str) -> None:
        """Note that the successors of a node cannot run; of several reasons the first in the
        graph counts, whichever failed first."""
        for successor in self.successors[index]:
            other = self.blocked.get(successor, because)
            self.blocked[successor] = min(because, other, key=self.place)

    def place(self, name: str) -> tuple[int, list[int], str]:
        """Where a node stands, for orders that do not depend on which node finishes first."""
        adder, *added = name.split(".")
        return self._binding.graph.index.get(adder, -1), [int(number) for number in added], name

    @property
    def has_added(self) -> bool:
        """Whether functions added nodes."""
        return len(self.nodes) > len(self._binding.nodes)

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
        siblings = self._siblings[adder, item]
        name = f"{by}.{len(siblings) + 1}" if item is None else f"{by}.{item}.{len(siblings) + 1}"
        if done:
            message = f"'{by}' has returned: nodes are added only while the function runs"
            problems.append(Problem(message, field="name"))
        visible = ChainMap(siblings, self._visible(adder))
        followers = self._followers(before, adder, problems)
        problems.extend(self._problems(compiled, visible))
        bound = self._binding.bind(compiled, problems)
        needs = sorted({adder, *(visible[n] for n in (*node.recall, *node.after) if n in visible)})
        ancestors = 0
        for i in needs:
            ancestors |= self._ancestors[i] | 1 << i
        after = self._descendants(followers)
        problems.extend(self._races(compiled, ancestors, after))
        if problems or bound is None:
            raise SpecError([replace(problem, node=name) for problem in problems])
        bound = replace(bound, compiled=replace(compiled, node=replace(node, name=name)))
        new = len(self.nodes)
        self._places[new] = (adder, -1 if item is None else item, len(siblings))
        starts = [i for i in needs if i == adder or self.nodes[i].compiled.name in siblings]
        self._insert(bound, starts, followers)
        self._ancestors.append(ancestors)
        for i in after:
            self._ancestors[i] |= ancestors | 1 << new
        siblings[name] = new
        return NodeAdded(step, name, by, node.prompt_text, tuple(before))

    def _own(self) -> None:
        """Copy, before the first change, what is shared with the graph."""
        if not self._ancestors:
            self._ancestors = list(self._binding.graph.ancestors)
            self.successors = [list(successors) for successors in self.successors]
            self._index = dict(self._binding.graph.index)
            self._before, self._places, self._siblings = {}, {}, defaultdict(dict)
            self._memory = _MemoryUsers()
            for i, bound in enumerate(self.nodes):
                self._memory.add(i, bound.compiled)

    def _visible(self, adder: int) -> dict[str, int]:
        """What an added node may depend on, its siblings left out: what its adder came after."""
        known = self._before.get(adder)
        if known is None:
            bits = self._ancestors[adder] | 1 << adder
            known = {name: i for name, i in self._index.items() if bits >> i & 1}
            self._before[adder] = known
        return known

    def _descendants(self, followers: Sequence[int]) -> set[int]:
        """These nodes and all that come after one of them; none of these has begun."""
        found = set(followers)
        left = list(found)
        while left:
            new = set(self.successors[left.pop()]) - found
            found |= new
            left += new
        return found

    def _followers(self, before: Sequence[str], adder: int, problems: list[Problem]) -> list[int]:
        """The nodes that wait for the added one; they come after the adder, so none has begun."""
        if isinstance(before, str):
            problems.append(Problem("before: expected a list of node names", field="before"))
            return []
        index = self._index
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

    def _races(self, compiled: CompiledNode, ancestors: int, after: set[int]) -> list[Problem]:
        """Memory races of a new node with every node that is not ordered with it."""
        problems: list[Problem] = []
        for i in self._memory.rivals(compiled):
            if not ancestors >> i & 1 and i not in after:
                problems.extend(race_between(compiled, self.nodes[i].compiled))
        return problems

    def _insert(self, bound: BoundNode, starts: Sequence[int], followers: Sequence[int]) -> None:
        """Put a node into the tables: it starts after some nodes, and others wait for it."""
        new, compiled = len(self.nodes), bound.compiled
        self.nodes.append(bound)
        self.indegrees.append(len(starts))
        self._index[compiled.name] = new
        self._memory.add(new, compiled)
        self.successors.append(list(followers))
        recalled = [self._index[name] for name in compiled.node.recall]
        self.recalls.append(sorted(recalled, key=self._recall_order))
        for i in starts:
            self.successors[i].append(new)
        for i in followers:
            self.indegrees[i] += 1
            if isinstance(bound, PromptNode) and isinstance(self.nodes[i], PromptNode):
                self.recalls[i] = longer = [*self.recalls[i]]
                insort(longer, new, key=self._recall_order)

    def _recall_order(self, index: int) -> tuple[int, int, int, int]:
        """The graph's own nodes come first, then added ones by adder and item, whichever of them
        was added first."""
        return (*self._places.get(index, (-1, -1, -1)), index)


class _MemoryUsers:
    """Which nodes read and write which memory keys."""

    def __init__(self) -> None:
        self._writers: defaultdict[str, list[int]] = defaultdict(list)
        self._readers: defaultdict[str | None, list[int]] = defaultdict(list)
        """Under None those that read all of the memory."""

    def add(self, index: int, compiled: CompiledNode) -> None:
        """Take in a node."""
        for key in compiled.node.save:
            self._writers[key].append(index)
        read = memory_keys(compiled.reads)
        for name in [None] if read is None else read:
            self._readers[name].append(index)

    def rivals(self, compiled: CompiledNode) -> list[int]:
        """The nodes that write what a node reads or writes, or read what it writes."""
        read = memory_keys(compiled.reads)
        found: set[int] = set()
        found.update(*(self._writers[key] for key in (self._writers if read is None else read)))
        for key in compiled.node.save:
            found.update(self._writers[key], self._readers[key], self._readers[None])
        return sorted(found)
