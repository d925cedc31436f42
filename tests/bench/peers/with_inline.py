"""By hand, the least that can be done: count dependencies down, run the first ready node inline.

Other nodes that became ready get tasks. It knows nothing of values, errors, events or memory.
"""

import asyncio
from collections.abc import Mapping

from worker import Needs, Run, Work, serve


def build(needs: Needs, work: Mapping[str, Work]) -> Run:
    index = {name: i for i, name in enumerate(needs)}
    functions = [work[name].wait for name in needs]
    degrees = [len(needed) for needed in needs.values()]
    successors: list[list[int]] = [[] for _ in needs]
    for name, needed in needs.items():
        for other in needed:
            successors[index[other]].append(index[name])
    roots = [i for i, degree in enumerate(degrees) if not degree]

    async def run() -> None:
        left = list(degrees)

        async def follow(node: int) -> None:
            while node >= 0:
                await functions[node]()
                following = -1
                for successor in successors[node]:
                    left[successor] -= 1
                    if not left[successor]:
                        if following < 0:
                            following = successor
                        else:
                            group.create_task(follow(successor))
                node = following

        async with asyncio.TaskGroup() as group:
            for root in roots[1:]:
                group.create_task(follow(root))
            await follow(roots[0])

    return run


serve(build, "")
