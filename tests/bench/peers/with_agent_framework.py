"""Microsoft's Agent Framework: a workflow of executors, run with `workflow.run`.

A workflow begins at one executor, so a graph with several roots gets one in front that does
nothing. A workflow runs once at a time.
"""

import logging
from collections.abc import Mapping
from typing import Any

from agent_framework import Executor, WorkflowBuilder, WorkflowContext, handler
from worker import Needs, Run, Work, serve


class One(Executor):
    """A node after one other node, or after the start."""

    def __init__(self, name: str, work: Work | None) -> None:
        super().__init__(id=name)
        self.work = work

    @handler
    async def run(self, message: str, context: WorkflowContext[str]) -> None:
        if self.work:
            await self.work.wait()
        await context.send_message("")


class Joined(Executor):
    """A node after several others: it gets their messages as a list."""

    def __init__(self, name: str, work: Work) -> None:
        super().__init__(id=name)
        self.work = work

    @handler
    async def run(self, messages: list[str], context: WorkflowContext[str]) -> None:
        await self.work.wait()
        await context.send_message("")


def build(needs: Needs, work: Mapping[str, Work]) -> Run:
    made: dict[str, Executor] = {
        name: (Joined if len(needed) > 1 else One)(name, work[name])
        for name, needed in needs.items()
    }
    roots = [name for name, needed in needs.items() if not needed]
    start = made[roots[0]] if len(roots) == 1 else One("start", None)
    builder = WorkflowBuilder(start_executor=start, max_iterations=len(needs) + 10)
    if len(roots) > 1:
        builder.add_fan_out_edges(start, [made[name] for name in roots])
    following: dict[str, list[Executor]] = {name: [] for name in needs}
    for name, needed in needs.items():
        if len(needed) > 1:
            builder.add_fan_in_edges([made[other] for other in needed], made[name])
        elif needed:
            following[needed[0]].append(made[name])
    for name, targets in following.items():
        if len(targets) > 1:
            builder.add_fan_out_edges(made[name], targets)
        elif targets:
            builder.add_edge(made[name], targets[0])
    workflow: Any = builder.build()
    return lambda: workflow.run("")


logging.disable(logging.INFO)
serve(build, "agent-framework-core")
