"""By hand: an asyncio TaskGroup with one task a node, which awaits the tasks it needs."""

import asyncio
from collections.abc import Mapping

from worker import Needs, Run, Work, serve


def build(needs: Needs, work: Mapping[str, Work]) -> Run:
    async def run() -> None:
        tasks: dict[str, asyncio.Task[None]] = {}

        async def node(name: str) -> None:
            for needed in needs[name]:
                await tasks[needed]
            await work[name].wait()

        async with asyncio.TaskGroup() as group:
            for name in needs:
                tasks[name] = group.create_task(node(name))

    return run


serve(build, "")
