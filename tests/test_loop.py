"""Calls that are not asynchronous share one background loop, whatever the caller does."""

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentkit import (
    Agent,
    Completion,
    Graph,
    InputError,
    Node,
    Plan,
    Request,
    RunWriter,
    StepError,
    Usage,
    load_run,
    loop,
    rollout_sync,
)


class Noting:
    """Notes the loop and the thread that each call comes in."""

    name = "noting"
    reads_variables = False

    def __init__(self) -> None:
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.threads: set[int] = set()

    async def complete(self, request: Request) -> Completion:
        self.loops.append(asyncio.get_running_loop())
        self.threads.add(threading.get_ident())
        return Completion("yes", Usage(calls=1, cost_usd=0.0))


GRAPH = Graph([Node("a", "Well?")])


def test_every_call_without_await_runs_on_one_loop_that_outlives_it():
    model = Noting()
    agent = Agent(GRAPH, model=model)
    GRAPH.run_sync(model=model)
    agent.act_sync()
    rollout_sync(agent, Plan(episodes=2))
    GRAPH.as_runnable(model=model).invoke({})
    assert len(set(map(id, model.loops))) == 1 < len(model.loops)
    assert not model.loops[0].is_closed()
    assert threading.get_ident() not in model.threads


def test_it_works_inside_a_running_loop_as_in_a_notebook():
    agent = Agent(GRAPH, model="echo")

    async def cell() -> tuple[str, str, str]:
        values = GRAPH.run_sync(model="echo").values
        return values["a"], agent.act_sync(), rollout_sync(agent).status

    assert asyncio.run(cell()) == ("Well?", "Well?", "done")


def test_a_function_node_may_call_a_graph_without_await():
    inner = Graph([Node("a", "Inside?")])
    outer = Graph([Node("b", function=lambda: inner.run_sync(model="echo")["a"])])
    assert outer.run_sync()["b"] == "Inside?"


def test_a_function_that_waits_for_threads_which_call_graphs_is_not_waited_for_by_them():
    inner = Graph([Node("a", "{{ x }}")])

    def ask(x: int) -> str:
        return inner.run_sync({"x": x}, model="echo")["a"]

    def both() -> list[str]:
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(ask, [1, 2]))

    assert Graph([Node("b", function=both)]).run_sync()["b"] == ["1", "2"]


def test_functions_that_block_hold_up_no_other_call():
    meeting = threading.Barrier(3, timeout=30)
    graph = Graph([Node("a", function=meeting.wait)])
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda _: graph.run_sync()["a"], range(3)))
    assert sorted(results) == [0, 1, 2]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_function_that_ends_the_program_ends_only_its_own_call(error):
    def leave() -> None:
        raise error

    for _ in range(2):
        with pytest.raises(error):
            Graph([Node("a", function=leave)]).run_sync()
    assert GRAPH.run_sync(model="echo")["a"] == "Well?"


def test_errors_come_out_as_they_are():
    with pytest.raises(StepError, match="ZeroDivisionError"):
        Graph([Node("a", function=lambda: 1 / 0)]).run_sync()
    with pytest.raises(InputError, match="'x'"):
        GRAPH.run_sync({"x": 1}, model="echo")


def test_ctrl_c_stops_a_rollout_which_ends_its_record_first(tmp_path):
    begun = threading.Event()

    async def slow(request: Request) -> str:
        begun.set()
        await asyncio.sleep(60)
        return "late"

    def press() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    started = time.monotonic()
    agent = Agent(GRAPH, model=slow)
    with pytest.raises(KeyboardInterrupt), RunWriter(tmp_path / "run", {}) as writer:
        rollout_sync(agent, writer=writer)
    assert time.monotonic() - started < 30
    run = load_run(tmp_path / "run")
    assert run.about["status"] == "interrupted"
    assert [type(event).__name__ for event in run.events(0)][-1] == "EpisodeFinished"


def test_work_that_goes_on_after_its_caller_left_holds_up_nobody():
    """Whoever leaves a stream early leaves its function behind, which may block."""
    leave = threading.Event()

    async def values():
        yield 1
        leave.wait(30)
        yield 2

    stream = loop.iterate(values)
    assert next(stream) == 1
    stream.close()
    assert GRAPH.run_sync(model="echo")["a"] == "Well?"
    leave.set()


def test_what_is_cancelled_inside_is_raised():
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        loop.run(cancelled())
