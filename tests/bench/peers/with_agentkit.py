"""This project, through its public way: a Graph made once, `graph.run` for each run.

with_agentkit.py functions    nodes are async functions
with_agentkit.py prompts      nodes are prompts: rendered, asked, parsed
with_agentkit.py events       the same as an Agent's steps, every event written to a file
with_agentkit.py synced       the same, and each run waits for the disk at its end
"""

import itertools
import resource
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from worker import Needs, Run, Work, serve

from agentkit import Agent, Completion, Graph, Node, Request, Usage
from agentkit.record.writer import EpisodeWriter

CONTEXT = "You see grass, a tree 2 left, water 3 up; health 9, food 7. " * 20
"""What the environment shows: 1,200 characters, in front of every prompt."""


def functions(needs: Needs, work: Mapping[str, Work]) -> Run:
    graph = Graph([Node(name, function=work[name].wait, after=needs[name]) for name in needs])
    return graph.run


class Working:
    """A model that does a node's work and then answers at once."""

    name = "working"
    reads_variables = False

    def __init__(self, work: Mapping[str, Work]) -> None:
        self._work = work

    async def complete(self, request: Request) -> Completion:
        await self._work[request.call.node].wait()
        return Completion("Chop the tree to the west.", Usage(900, 8, 0, 1, 0.0), model=self.name)


def prompting(needs: Needs) -> Graph:
    nodes = [
        Node(name, f"Think of {name}. " + " ".join(f"{{{{ {needed} }}}}" for needed in needs[name]))
        for name in needs
    ]
    return Graph(nodes, context="{{ observation }}")


def prompts(needs: Needs, work: Mapping[str, Work]) -> Run:
    graph, model = prompting(needs), Working(work)
    return lambda: graph.run({"observation": CONTEXT}, model=model)


def recorded(needs: Needs, work: Mapping[str, Work], sync: bool) -> Run:
    """Runs that are alive at once write a file each, as episodes do."""
    agent = Agent(prompting(needs), model=Working(work))
    folder = Path(tempfile.mkdtemp(dir=FOLDER))
    (folder / "episodes").mkdir()
    writers = (EpisodeWriter(folder, number) for number in itertools.count())
    free: list[EpisodeWriter] = []

    async def run() -> None:
        writer = free.pop() if free else next(writers)
        await agent.episode().act(CONTEXT, emit=writer.emit)
        if sync:
            writer.sync()
        free.append(writer)

    return run


def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    builds = {
        "functions": functions,
        "prompts": prompts,
        "events": partial(recorded, sync=False),
        "synced": partial(recorded, sync=True),
    }
    serve(builds[sys.argv[1]], "agentkit-graph")


with tempfile.TemporaryDirectory() as name:
    FOLDER = Path(name)
    main()
