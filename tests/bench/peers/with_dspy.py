"""DSPy modules: one module a node, awaited with `acall` from the `aforward` of an outer module.

DSPy has no graph: the program says itself what waits for what. A chain is a plain loop, anything
else one task a node.
"""

import asyncio
from collections.abc import Mapping

import dspy
from worker import Needs, Run, Work, serve


class Leaf(dspy.Module):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    async def aforward(self) -> None:
        await self.work.wait()


class Chain(dspy.Module):
    def __init__(self, leaves: Mapping[str, Leaf]) -> None:
        super().__init__()
        self.leaves = list(leaves.values())

    async def aforward(self) -> None:
        for leaf in self.leaves:
            await leaf.acall()


class Tasks(dspy.Module):
    def __init__(self, needs: Needs, leaves: Mapping[str, Leaf]) -> None:
        super().__init__()
        self.needs = needs
        self.leaves = dict(leaves)

    async def aforward(self) -> None:
        tasks: dict[str, asyncio.Task[None]] = {}

        async def node(name: str) -> None:
            for needed in self.needs[name]:
                await tasks[needed]
            await self.leaves[name].acall()

        async with asyncio.TaskGroup() as group:
            for name in self.needs:
                tasks[name] = group.create_task(node(name))


def build(needs: Needs, work: Mapping[str, Work]) -> Run:
    leaves = {name: Leaf(work[name]) for name in needs}
    names = list(needs)
    chain = all(list(needs[name]) == names[max(i - 1, 0) : i] for i, name in enumerate(names))
    program = Chain(leaves) if chain else Tasks(needs, leaves)
    return lambda: program.acall()


serve(build, "dspy")
