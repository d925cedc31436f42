"""Functions and models that block run in threads: nothing else waits for them."""

import asyncio
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from functools import partial

import pytest

from agentkit import (
    Agent,
    Completion,
    FunctionError,
    Graph,
    LimitExceeded,
    Limits,
    Node,
    Request,
    RunSummary,
    SpecError,
    Step,
    StepError,
    StepInterrupted,
    Usage,
    rollout,
)
from agentkit.events import NodeFinished, NodeText

PATIENCE_S = 20.0
"""How long a thread of these tests waits for another before the test fails."""


def test_independent_functions_that_block_run_at_once():
    together = threading.Barrier(4)
    nodes = [Node(f"n{i}", function=lambda: together.wait(PATIENCE_S)) for i in range(4)]
    assert sorted(Graph(nodes).run_sync().values.values()) == [0, 1, 2, 3]


def test_the_items_of_a_node_run_at_once():
    together = threading.Barrier(8)
    node = Node("n", function=lambda: together.wait(PATIENCE_S), each="range(8) | list")
    assert len(Graph([node]).run_sync()["n"]) == 8


def test_models_that_block_answer_at_once():
    together = threading.Barrier(4)

    def model(request: Request) -> str:
        return str(together.wait(PATIENCE_S))

    graph = Graph([Node(f"n{i}", "Well?") for i in range(4)])
    assert sorted(graph.run_sync(model=model).values.values()) == ["0", "1", "2", "3"]


class Plain:
    """A model whose `complete` is no `async def`."""

    name = "plain"
    reads_variables = False

    def __init__(self) -> None:
        self.together = threading.Barrier(2)

    def complete(self, request: Request) -> Completion:
        self.together.wait(PATIENCE_S)
        return Completion("yes", Usage(calls=1, input_tokens=3))

    def cost_usd(self, usage: Usage) -> float:
        return usage.input_tokens * 1.0


def test_a_model_that_is_not_asynchronous_is_asked_in_threads_and_keeps_its_price():
    graph = Graph([Node("a", "Well?"), Node("b", "And?")])
    result = graph.run_sync(model=Plain())  # type: ignore[arg-type]
    assert (result["a"], result["b"], result.cost_usd) == ("yes", "yes", 6.0)
    assert graph.as_runnable(model=Plain()).invoke({})["a"] == "yes"  # type: ignore[arg-type]


def test_the_loop_goes_on_while_a_function_blocks():
    """One that waits for what an asynchronous function of the same step does."""
    event = threading.Event()

    async def set_event() -> bool:
        event.set()
        return True

    nodes = [Node("a", function=lambda: event.wait(PATIENCE_S)), Node("b", function=set_event)]
    assert Graph(nodes).run_sync()["a"] is True


def test_asynchronous_functions_stay_on_the_loop():
    here = []

    async def look() -> bool:
        here.append(threading.get_ident())
        return True

    class Called:
        async def __call__(self) -> bool:
            return await look()

    async def main() -> None:
        functions = (look, partial(look), Called())
        await Graph([Node(f"n{i}", function=f) for i, f in enumerate(functions)]).run()
        assert set(here) == {threading.get_ident()}

    asyncio.run(main())
    assert len(here) == 3


def test_a_plain_function_may_return_an_awaitable():
    async def later(x: int) -> int:
        return x + 1

    graph = Graph([Node("a", function=lambda: later(1))])
    assert graph.run_sync()["a"] == 2


def test_context_variables_are_carried_over():
    who = ContextVar("who", default="nobody")
    graph = Graph([Node("a", function=who.get), Node("b", "?")])

    async def main() -> None:
        who.set("me")
        result = await graph.run(model=lambda request: who.get())
        assert (result["a"], result["b"]) == ("me", "me")

    asyncio.run(main())


def test_more_functions_than_threads_that_run_graphs_themselves_all_end():
    """Each holds a thread while it waits for functions of its own graph."""
    inner = Graph([Node("a", function=lambda: 1), Node("b", function=lambda: 2)])
    node = Node("n", function=lambda: inner.run_sync()["b"], each="range(100) | list")
    assert Graph([node]).run_sync()["n"] == [2] * 100


@pytest.mark.parametrize("as_model", [False, True])
def test_cancelling_does_not_wait_for_a_function_that_blocks(as_model):
    begun, over = threading.Event(), threading.Event()

    def block(*_: object) -> str:
        begun.set()
        over.wait(PATIENCE_S)
        return "late"

    graph = Graph([Node("a", "?")] if as_model else [Node("a", function=block)])

    async def main() -> None:
        task = asyncio.create_task(graph.run(model=block if as_model else None))
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < PATIENCE_S / 2

    asyncio.run(main())
    over.set()


def test_functions_that_were_given_up_do_not_take_the_place_of_others():
    over = threading.Event()
    stuck = Graph([Node("n", function=lambda: over.wait(PATIENCE_S), each="range(40) | list")])
    fine = Graph([Node("n", function=lambda: 1)])

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await stuck.run()
        assert (await fine.run())["n"] == 1

    try:
        asyncio.run(main())
    finally:
        over.set()


def test_a_process_ends_while_a_function_still_blocks():
    code = """
import asyncio, threading
from agentkit import Graph, Node
graph = Graph([Node("a", function=threading.Event().wait)])
async def main():
    async with asyncio.timeout(0.1):
        await graph.run()
try:
    asyncio.run(main())
except TimeoutError:
    print("given up")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "given up\n", "")


def test_a_function_that_blocks_does_not_outrun_a_limit_on_time():
    def slow(request: Request) -> str:
        time.sleep(0.3)
        return "yes"

    graph = Graph([Node("a", "?"), Node("b", "{{ a }}")])
    agent = Agent(graph, model=slow, limits=Limits(seconds=0.2))
    with pytest.raises(StepInterrupted, match="seconds"):
        agent.act_sync()


@pytest.mark.parametrize("plain", [True, False])
def test_a_function_that_still_runs_when_the_time_is_over_is_given_up(plain):
    over = threading.Event()

    async def sleep() -> None:
        await asyncio.sleep(PATIENCE_S)

    function = (lambda: over.wait(PATIENCE_S)) if plain else sleep
    agent = Agent(Graph([Node("a", function=function)]), action="a", limits=Limits(seconds=0.1))
    started = time.monotonic()
    with pytest.raises(LimitExceeded, match="seconds"):
        agent.act_sync()
    assert time.monotonic() - started < PATIENCE_S / 2
    over.set()


def test_a_timeout_of_the_function_itself_is_its_failure():
    def late() -> None:
        raise TimeoutError("no answer from the shop")

    agent = Agent(Graph([Node("a", function=late)]), action="a", limits=Limits(seconds=60))
    with pytest.raises(StepError, match="no answer from the shop"):
        agent.act_sync()


def test_a_model_function_that_waited_for_a_place_is_not_asked_once_the_time_is_over():
    asked = []

    def slow(request: Request) -> str:
        asked.append(request.call.item)
        time.sleep(0.3)
        return "yes"

    node = Node("a", "{{ item }}?", each="range(200) | list")
    agent = Agent(Graph([node]), model=slow, limits=Limits(seconds=0.2))
    with pytest.raises(LimitExceeded, match="seconds"):
        agent.act_sync()
    assert len(asked) <= 32


def test_nodes_are_added_from_a_thread_and_run():
    def ask_each(step: Step) -> list[str]:
        return [step.add(Node("x", f"Question {i}"), before=["end"]) for i in range(20)]

    graph = Graph(
        [
            Node("adder", function=ask_each, each="range(5) | list"),
            Node("end", "End.", after=["adder"]),
        ]
    )
    result = graph.run_sync(model="echo")
    assert result["adder.4.20"] == "Question 19"
    assert len(result.values) == 102


def test_what_is_wrong_with_an_added_node_is_raised_in_the_function():
    def add(step: Step) -> str:
        try:
            step.add(Node("x", "{{ nobody.y }}"), before=["nowhere"])
        except SpecError as error:
            return str(error)
        return ""

    assert "no node 'nowhere'" in Graph([Node("a", function=add)]).run_sync()["a"]


def test_a_function_that_was_given_up_can_add_nothing():
    begun, over, said = threading.Event(), threading.Event(), []
    ended = threading.Event()

    def late(step: Step) -> None:
        begun.set()
        over.wait(PATIENCE_S)
        try:
            step.add(Node("x", "?"))
        except StepInterrupted as error:
            said.append(str(error))
        ended.set()

    events: list[object] = []

    async def main() -> None:
        graph = Graph([Node("a", function=late)])
        task = asyncio.create_task(graph.run(model="echo", on_event=events.append))
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        task.cancel()
        await asyncio.wait([task])
        count = len(events)
        over.set()
        await asyncio.to_thread(ended.wait, PATIENCE_S)
        assert len(events) == count

    asyncio.run(main())
    assert said == ["the step has ended: no node can be added to it"]


def test_a_model_function_streams_from_its_thread():
    def model(request: Request) -> str:
        assert request.on_text is not None
        for piece in ("One ", "fish."):
            request.on_text(piece)
        return "One fish."

    async def main() -> list[str]:
        told = []
        async for event in Graph([Node("a", "?")]).stream(model=model):
            if isinstance(event, (NodeText, NodeFinished)):
                told.append(getattr(event, "text", "finished"))
        return told

    assert asyncio.run(main()) == ["One ", "fish.", "finished"]


def test_a_model_that_was_given_up_is_told_so_when_it_says_something():
    begun, over, ended = threading.Event(), threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def model(request: Request) -> str:
        begun.set()
        over.wait(PATIENCE_S)
        try:
            assert request.on_text is not None
            request.on_text("too late")
        except StepInterrupted as error:
            raised.append(error)
        ended.set()
        return ""

    async def main() -> None:
        run = Graph([Node("a", "?")]).run(model=model, on_event=lambda event: None)
        task = asyncio.create_task(run)
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        task.cancel()
        await asyncio.wait([task])
        over.set()
        await asyncio.to_thread(ended.wait, PATIENCE_S)

    asyncio.run(main())
    assert len(raised) == 1


def test_a_stop_iteration_is_an_error_like_any_other():
    graph = Graph([Node("a", function=lambda: next(iter([])))])
    with pytest.raises(StepError, match="raised StopIteration") as caught:
        graph.run_sync()
    failure = caught.value.failures["a"]
    assert isinstance(failure, FunctionError)
    assert isinstance(failure.__cause__, StopIteration)


def test_functions_that_wait_for_a_place_do_not_start_once_the_run_is_stopped():
    stop, called = asyncio.Event(), []

    def slow(n: int) -> int:
        called.append(n)
        time.sleep(0.3)
        return n

    node = Node("a", function=slow, each="range(200) | list", with_={"n": "item"})

    async def main() -> RunSummary:
        asyncio.get_running_loop().call_later(0.1, stop.set)
        return await rollout(Agent(Graph([node]), action="a"), stop=stop)

    assert asyncio.run(main()).episodes[0].status == "interrupted"
    assert len(called) <= 64
