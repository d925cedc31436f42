"""Hamilton's async driver: a module of async functions whose parameters name what they need.

The driver is built once and `execute` asks for the last node. Long chains recurse, so Python's
recursion limit is raised.
"""

import itertools
import sys
from collections.abc import Mapping
from types import ModuleType

from hamilton import async_driver
from worker import Needs, Run, Work, serve

NUMBERS = itertools.count()


def module(needs: Needs, work: Mapping[str, Work]) -> ModuleType:
    """The functions, as a user's file would define them."""
    made = ModuleType(f"flow_{next(NUMBERS)}")
    sys.modules[made.__name__] = made
    made.__dict__["_work"] = {name: work[name].wait for name in needs}
    source = [
        f"async def {name}({', '.join(f'{needed}: str' for needed in needs[name])}) -> str:\n"
        f"    await _work[{name!r}]()\n"
        "    return ''\n"
        for name in needs
    ]
    exec(compile("\n".join(source), made.__name__, "exec"), made.__dict__)
    return made


async def build(needs: Needs, work: Mapping[str, Work]) -> Run:
    driver = await async_driver.Builder().with_modules(module(needs, work)).build()
    wanted = {other for needed in needs.values() for other in needed}
    last = [name for name in needs if name not in wanted]
    return lambda: driver.execute(last)


sys.setrecursionlimit(100_000)
serve(build, "sf-hamilton")
