"""pydantic-graph: a GraphBuilder's graph of async steps, run with `graph.run`.

Its joins belong to a fork, so chains and forks that join at the end can be said, and other
graphs cannot.
"""

from collections.abc import Awaitable, Callable, Mapping

from pydantic_graph import GraphBuilder, StepContext, reduce_null
from worker import Needs, Run, Work, serve


def step(work: Work) -> Callable[[StepContext[None, None, None]], Awaitable[None]]:
    async def run(context: StepContext[None, None, None]) -> None:
        await work.wait()

    return run


def build(needs: Needs, work: Mapping[str, Work]) -> Run:
    joining = [name for name, needed in needs.items() if len(needed) > 1]
    if len(joining) > 1 or (joining and joining[0] != list(needs)[-1]):
        raise NotImplementedError("joins other than of one fork cannot be said")
    builder = GraphBuilder(input_type=type(None), output_type=type(None))
    steps = {name: builder.step(step(work[name]), node_id=name) for name in needs}
    for name, needed in needs.items():
        if len(needed) > 1:
            join = builder.join(reduce_null, initial=None, node_id="joining")
            builder.add(builder.edge_from(*(steps[other] for other in needed)).to(join))
            builder.add(builder.edge_from(join).to(steps[name]))
    after: dict[str, list[str]] = {name: [] for name in needs}
    for name, needed in needs.items():
        if len(needed) == 1:
            after[needed[0]].append(name)
    roots = [name for name, needed in needs.items() if not needed]
    builder.add(builder.edge_from(builder.start_node).to(*(steps[name] for name in roots)))
    for name, following in after.items():
        if following:
            builder.add(builder.edge_from(steps[name]).to(*(steps[other] for other in following)))
    builder.add(builder.edge_from(steps[list(needs)[-1]]).to(builder.end_node))
    graph = builder.build()
    return lambda: graph.run()


serve(build, "pydantic-graph")
