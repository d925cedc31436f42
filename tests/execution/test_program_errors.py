"""Errors of the program's own functions: shown, reachable, and never swallowed."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, field_validator

from agentkit import (
    Agent,
    FunctionError,
    Graph,
    InputError,
    ModelError,
    Node,
    Plan,
    StepError,
    rollout,
)
from agentkit.events import NodeFailed
from agentkit.program.raised_errors import passes_through

TOOLS = """
import json

def broken():
    return read("{")

def read(text):
    return json.loads(text)

async def later():
    return [][3]

def model(request):
    raise ValueError("no idea")

def fine():
    return 1
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """Runs a program that has the functions above as `tools`; gives what Python printed."""
    (tmp_path / "tools.py").write_text(TOOLS)

    def run(code: str) -> str:
        (tmp_path / "main.py").write_text(f"import asyncio, tools\nfrom agentkit import *\n{code}")
        done = subprocess.run(
            [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.stdout == ""
        return done.stderr

    return run


RUNS = {
    "run_sync": "Graph([Node('f', function=tools.broken)]).run_sync()",
    "run": "asyncio.run(Graph([Node('f', function=tools.broken)]).run())",
    "act_sync": "Agent(Graph([Node('f', function=tools.broken)])).act_sync()",
    "invoke": "Graph([Node('f', function=tools.broken)]).as_runnable().invoke({})",
}


@pytest.mark.parametrize("how", RUNS)
def test_python_prints_the_traceback_of_the_program_first_and_little_of_ours(program, how):
    """It printed "no running event loop" first, and the program's own frames not at all."""
    printed = program(RUNS[how])
    first, _, last = printed.partition("direct cause")
    frames = [line for line in first.splitlines() if line.startswith("  File")]
    assert [f"tools.py\", line {n}, in {name}" in frame for frame, n, name in zip(
        frames, (5, 8), ("broken", "read"), strict=False)] == [True, True]  # fmt: skip
    assert "no running event loop" not in printed
    assert "During handling" not in printed
    assert last.count("agentkit/") <= 4
    assert "node 'f': function broken raised JSONDecodeError" in last
    assert "(tools.py, line 8)" in last


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("Graph([Node('f', function=tools.later)]).run_sync()", 'line 11, in later'),
        ("Graph([Node('f', 'x')]).run_sync(model=tools.model)", 'line 14, in model'),
        ("Graph([Node('f', function=tools.broken, each='[1, 2]')]).run_sync()", 'in broken'),
        (
            "Graph([Node(n, function=tools.broken) for n in 'ab']).run_sync()",
            'ExceptionGroup: raised in this step (2 sub-exceptions)',
        ),
    ],
)  # fmt: skip
def test_every_function_of_the_program_has_its_traceback(program, code, line):
    assert line in program(code)


def broken() -> int:
    return 1 // 0


class Picky(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def check(cls, name: str) -> str:
        return {"known": name}[name]


@pytest.mark.parametrize(
    ("graph", "kind", "cause", "frame"),
    [
        (Graph([Node("f", function=broken)]), FunctionError, ZeroDivisionError, "broken"),
        (Graph([Node("f", "x")]), ModelError, RuntimeError, "model"),
        (Graph([Node("f", "x", output=Picky)]), FunctionError, KeyError, "check"),
    ],
)
def test_the_cause_of_a_failure_is_what_the_program_raised(graph, kind, cause, frame):
    def model(request: object) -> str:
        if graph.nodes[0].output is Picky:
            return '{"name": "strange"}'
        raise RuntimeError("no idea")

    with pytest.raises(StepError) as caught:
        graph.run_sync(model=model)
    failure = caught.value.failures["f"]
    assert isinstance(failure, kind)
    assert isinstance(failure.__cause__, cause)
    assert caught.value.__cause__ is failure.__cause__
    trace = failure.__cause__.__traceback__
    names = []
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names[-1] == frame
    assert f"{Path(__file__).name}, line " in str(failure)


def test_failed_items_have_all_their_causes():
    graph = Graph([Node("f", function=broken, each="[1, 2]")])
    with pytest.raises(StepError) as caught:
        graph.run_sync()
    cause = caught.value.failures["f"].__cause__
    assert isinstance(cause, BaseExceptionGroup)
    assert len(cause.exceptions) == 2


def test_a_failure_without_an_error_of_the_program_has_no_cause():
    graph = Graph([Node("f", "x", output="integer", attempts=1)])
    with pytest.raises(StepError) as caught:
        graph.run_sync(model="echo")
    assert caught.value.__cause__ is None


Bubble = type("GraphBubbleUp", (Exception,), {"__module__": "langgraph.errors"})
Interrupt = type("GraphInterrupt", (Bubble,), {"__module__": "langgraph.errors"})
OWN = [asyncio.CancelledError, Interrupt]


async def slow() -> None:
    await asyncio.sleep(60)


OTHERS = [
    [],
    [Node("other", function=lambda: 1)],
    [Node("other", "x"), Node("slow", function=slow)],
]


def test_what_steers_the_program_is_told_from_failures():
    assert all(passes_through(kind()) for kind in (*OWN, KeyboardInterrupt, SystemExit))
    other = type("GraphBubbleUp", (Exception,), {"__module__": "mine"})
    assert not any(passes_through(kind()) for kind in (ValueError, InputError, other))


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("others", OTHERS, ids=len)
@pytest.mark.parametrize("items", [None, "[1, 2]"])
@pytest.mark.parametrize("how", ["plain", "async", "model"])
def test_cancellations_and_interrupts_reach_the_caller_as_they_are(kind, others, items, how):
    error = kind("mine")
    error.__cause__ = ValueError("kept")

    def plain(*_: object) -> None:
        raise error

    async def later() -> None:
        raise error

    functions = {"plain": plain, "async": later}
    node = Node("f", "x", each=items)
    if how != "model":
        node = Node("f", function=functions[how], each=items)
    graph, events = Graph([*others, node]), []
    model = plain if how == "model" else "echo"
    with pytest.raises(kind) as caught:
        asyncio.run(graph.run(model=model, on_event=events.append))
    assert caught.value is error
    assert str(error.__cause__) == "kept"
    assert not [event for event in events if isinstance(event, NodeFailed)]
    with pytest.raises(kind):
        graph.run_sync(model=model)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_a_function_reaches_the_caller(kind):
    def stop() -> None:
        raise kind("mine")

    graph = Graph([Node("f", function=stop)])
    with pytest.raises(kind, match="mine"):
        asyncio.run(graph.run())
    with pytest.raises(kind, match="mine"):
        graph.run_sync()
    assert Agent(Graph([Node("g", function=lambda: 1)]), action="g").act_sync() == "1"


@pytest.mark.parametrize("kind", OWN)
def test_a_run_of_episodes_lets_them_through_too(kind):
    error = kind("mine")
    error.__cause__ = ValueError("kept")

    def plain() -> None:
        raise error

    agent = Agent(Graph([Node("f", function=plain)]), action="f")
    with pytest.raises(kind) as caught:
        asyncio.run(rollout(agent, Plan(episodes=2, parallel=2)))
    assert (caught.value, str(error.__cause__)) == (error, "kept")


class Unspeakable(Exception):
    def __str__(self):
        raise TypeError("no words")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("401 for key sk-abcdef1234567890abcdef"), "401 for key ***"),
        (ValueError("x" * 990 + " sk-abcdef1234567890abcdef"), "x" * 990 + " *********..."),
        (ValueError("y" * 5_000), "y" * 1_000 + "..."),
        (Unspeakable(), "(its words cannot be shown)"),
    ],
)
def test_what_a_function_raises_is_told_without_keys_and_not_at_any_length(error, said):
    def fetch():
        raise error

    with pytest.raises(StepError) as failed:
        Graph([Node("page", function=fetch)]).run_sync()
    message = str(failed.value.failures["page"])
    assert f"function fetch raised {type(error).__name__}: {said}" in message
    assert "sk-abc" not in message
    assert len(message) < 1_200
    assert failed.value.failures["page"].__cause__ is error
