"""The running step in the hands of a function, which may add nodes to it."""

from collections.abc import Sequence

from agentkit.errors import StepInterrupted
from agentkit.execution.step_run import StepRun
from agentkit.graph.node import Node
from agentkit.program.threads import Callback


class Step:
    """The running step, as a function node sees it (through a parameter called `step`)."""

    def __init__(self, run: StepRun, adder: int, item: int | None = None) -> None:
        self._run = run
        self._adder = adder
        self._item = item
        self._on_loop = Callback(self._add)

    def add(self, node: Node, before: Sequence[str] = ()) -> str:
        """Add a node to the current step. It starts when the function's node has finished.

        Args:
            node: The node; it is named after the adder: `adder.1`, `adder.2`, ..., or
                `adder.0.1` and so on when the adder goes through items.
            before: Nodes that wait for it and find its question and answer in their conversation;
                they must come after the adder anyway.

        Returns:
            The name of the added node.

        Raises:
            SpecError: It cannot work: it reads a node that the adder does not come after, races
                for a memory key, a node in `before` does not come after the adder, or the
                function has returned.
            StepInterrupted: The step has ended: it was stopped, and did not wait for the function.
        """
        return self._on_loop(node, before)

    def _add(self, node: Node, before: Sequence[str]) -> str:
        run, adder = self._run, self._adder
        if run.ended:
            raise StepInterrupted("the step has ended: no node can be added to it")
        done = run.schedule.nodes[adder].compiled.name in run.status
        event = run.schedule.add(node, before, adder, self._item, run.step, done)
        if run.emit:
            run.emit(event)
        return event.node
