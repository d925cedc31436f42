"""The lines of the log: what they say, and what they never say."""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import get_args

import pytest

from agentkit import (
    Agent,
    Completion,
    EnvSpec,
    Graph,
    InputError,
    Limits,
    Memory,
    ModelError,
    Node,
    Plan,
    Request,
    StepError,
    Usage,
    rollout,
)
from agentkit.events import (
    CallRetried,
    EpisodeFinished,
    EpisodeResumed,
    EpisodeStarted,
    Event,
    LimitReached,
    MemoryWritten,
    NodeAdded,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeText,
    StepFailed,
)
from agentkit.observability.logs import episode_log, step_log

SECRET = "the-secret"


@pytest.fixture
def lines(caplog) -> Iterator[Callable[[], list[str]]]:
    caplog.set_level(logging.DEBUG, "agentkit")
    return lambda: [f"{r.levelname} {r.getMessage()}" for r in caplog.records]


def without_times(line: str) -> str:
    times = ("latency_s=", "waited_s=")
    return " ".join(word for word in line.split() if not word.startswith(times))


class Model:
    reads_variables = False
    name = "acme:large"

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    async def complete(self, request: Request) -> Completion:
        return Completion(self.answers.pop(0), Usage(10, 2, 8, 1, 0.125))


async def double(x: int) -> int:
    return x * 2


def test_a_step_of_a_graph_is_a_line_an_event(lines):
    graph = Graph([
        Node("number", f"{SECRET}?", output="number", save={"kept": "output"}),
        Node("twice", function=double, with_={"x": "number"}),
        Node("never", "?", when="false", initial=SECRET),
    ])  # fmt: skip
    graph.run_sync(model=Model(SECRET, "21"), memory={"kept": 0})
    assert [without_times(line) for line in lines()] == [
        "DEBUG step_started episode=0 step=0",
        "DEBUG node_started episode=0 step=0 node=number attempt=1 model=acme:large",
        "WARNING node_retried episode=0 step=0 node=number attempt=1 "
        "error=OutputError reused=False "
        "calls=1 input_tokens=10 cached_tokens=8 output_tokens=2 cost_usd=0.125",
        "DEBUG node_started episode=0 step=0 node=number attempt=2 model=acme:large",
        "DEBUG node_finished episode=0 step=0 node=number attempt=2 status=ok reused=False "
        "calls=1 input_tokens=10 cached_tokens=8 output_tokens=2 cost_usd=0.125",
        "DEBUG memory_written episode=0 step=0 node=number key=kept",
        "DEBUG node_started episode=0 step=0 node=twice attempt=1 function=double",
        "DEBUG node_finished episode=0 step=0 node=twice attempt=1 status=ok reused=False",
        "DEBUG node_skipped episode=0 step=0 node=never",
        "INFO step_finished episode=0 step=0 calls=2 input_tokens=20 cached_tokens=16 "
        "output_tokens=4 cost_usd=0.25",
    ]


def test_an_episode_is_told_with_its_agent(lines, corridor):
    agent = Agent(
        Graph([Node("act", "Go", output={"choice": "actions"})]),
        model=lambda request: "east", name="walker", env=EnvSpec(corridor), limits=Limits(steps=2),
    )  # fmt: skip
    asyncio.run(rollout(agent, Plan(seed=3)))
    told = [line for line in lines() if not re.search("node_|step_|environment_", line)]
    assert told[0] == "INFO episode_started agent=walker episode=0 seed=3"
    assert [line.split()[:2] for line in told[1:]] == [
        ["WARNING", "limit_reached"],
        ["INFO", "episode_finished"],
    ]
    assert "status=done" in told[2]
    assert "steps=2 reward=0 " in told[2]
    stepped = [line for line in lines() if "environment_stepped" in line]
    assert stepped[0] == (
        "DEBUG environment_stepped agent=walker episode=0 step=0 reward=0 terminated=False "
        "truncated=False"
    )
    assert sum("step_finished agent=walker episode=0" in line for line in lines()) == 2


def test_an_agent_that_acts_by_itself_is_told_too(lines):
    Agent(Graph([Node("a", "?")]), model="echo", name="solo").act_sync()
    assert any(line.startswith("INFO step_finished agent=solo") for line in lines())


def test_a_failure_is_an_error_without_contents(lines):
    def broken() -> int:
        raise ValueError(f"cannot read '{SECRET}'")

    def model(request: Request) -> str:
        raise ModelError(f"the server said '{SECRET}' to sk-0123456789\n{SECRET}")

    agent = Agent(
        Graph([Node("a", f"{SECRET}"), Node("b", function=broken), Node("c", "{{ a }}")]),
        model=model, name="w", action="c",
    )  # fmt: skip
    with pytest.raises(StepError):
        agent.act_sync()
    errors = [line for line in lines() if line.startswith("ERROR")]
    start = "ERROR node_failed agent=w episode=0 step=0 node="
    assert sorted(errors[:2]) == [  # a and b run at once
        f"{start}a attempt=1 error=ModelError",
        f"{start}b attempt=1 error=FunctionError",
    ]
    assert errors[2].startswith("ERROR step_failed agent=w episode=0 step=0 failures=a,b calls=")
    assert "DEBUG node_cancelled agent=w episode=0 step=0 node=c because=a" in lines()
    assert SECRET not in "\n".join(lines())


COMPLETION = Completion(SECRET, Usage(1, 2, 0, 1, 0.5), model=SECRET)
EVERY_EVENT: tuple[Event, ...] = (
    NodeStarted(1, "a", None, 1, "m", (), None, {"title": SECRET}, "f", {"x": SECRET}),
    NodeRetried(1, "a", 0, 1, f"'{SECRET}' is none", COMPLETION, 0.1, False),
    CallRetried(1, "a", None, 1, f"busy: '{SECRET}'", 2.5),
    NodeFinished(1, "a", None, 1, "ok", SECRET, COMPLETION, 0.1, True),
    NodeAdded(1, "a.1", "a", SECRET, ()),
    MemoryWritten(1, "a", "key", SECRET),
    StepFailed(1, {"a": SECRET}, Usage()),
    EpisodeStarted(0, 1, SECRET, {"x": SECRET}, {"y": SECRET}),
    EpisodeResumed(0, 3, SECRET, Usage(), 1.0),
    LimitReached(1, "steps", 3),
    EpisodeFinished(0, "failed", f"found '{SECRET}'", 1, 0.0, Usage(), 1.0),
)


def test_no_event_tells_contents(lines):
    tell = [step_log("w", 0), episode_log("w", 0)]
    for event in EVERY_EVENT:
        for listener in tell:
            listener(event)
    assert len(lines()) == len(EVERY_EVENT)
    assert SECRET not in "\n".join(lines())
    assert "WARNING call_retried agent=w episode=0 step=1 node=a attempt=1" in "\n".join(lines())


def test_every_event_has_a_line_but_pieces_of_text(lines):
    from agentkit.observability import logs

    told = {**logs._OF_STEPS, **logs._OF_EPISODES}
    assert set(told) == set(get_args(Event)) - {NodeText}
    for kind, (_, fields) in told.items():
        assert set(fields.split()[1:]) <= set(kind.__struct_fields__), kind


def test_a_step_that_was_stopped_is_no_error(lines):
    step_log("w", 0)(StepFailed(1, {}, Usage(cost_usd=0.0)))
    assert lines() == [
        "INFO step_stopped agent=w episode=0 step=1 calls=0 input_tokens=0 cached_tokens=0 "
        "output_tokens=0 cost_usd=0"
    ]


def test_a_level_keeps_the_lower_ones_out(caplog):
    caplog.set_level(logging.INFO, "agentkit")
    Graph([Node("a", "?")]).run_sync(model="echo")
    assert [record.getMessage().split()[0] for record in caplog.records] == ["step_finished"]


def test_an_apostrophe_does_not_let_an_answer_into_the_log(lines):
    """What stood between quotation marks was left out, and an apostrophe in the answer ended it."""
    graph = Graph([Node("pet", "?", output={"choice": ["cat", "dog"]}, attempts=2)])
    with pytest.raises(StepError):
        graph.run_sync(model=Model("the dogs' SECRET bone", "the dogs' SECRET bone"))
    assert len(lines()) == 6
    assert "SECRET" not in "\n".join(lines())
    assert "error=OutputError" in lines()[2]


def test_why_an_episode_failed_is_told_by_the_class_of_the_error(lines, corridor):
    def model(request: Request) -> str:
        raise ModelError("the dogs' SECRET bone")

    agent = Agent(Graph([Node("act", "Go")]), model=model, env=EnvSpec(corridor))
    asyncio.run(rollout(agent, Plan()))
    assert "SECRET" not in "\n".join(lines())
    assert "status=failed reason=StepError steps=0" in lines()[-1]


def test_what_a_server_said_is_left_out(lines):
    step_log("w", 0)(CallRetried(1, "a", None, 1, "the server could not answer (503): SECRET", 1.0))
    assert 'reason="the server could not answer (503)" wait_s=1' in lines()[0]
    assert "SECRET" not in lines()[0]


def test_a_name_cannot_begin_a_line_nor_a_field_of_its_own(lines):
    name = "m\n2026-01-31 ERROR forged\x1b[2J"
    step_log("a b", 0)(NodeStarted(1, "a", None, 1, name, (), None))
    step_log("w", 0)(NodeStarted(1, "a", None, 1, "m status=ok", (), None))
    assert lines() == [
        'DEBUG node_started agent="a b" episode=0 step=1 node=a attempt=1 '
        'model="m\\n2026-01-31 ERROR forged\\u001b[2J"',
        'DEBUG node_started agent=w episode=0 step=1 node=a attempt=1 model="m status=ok"',
    ]


QUIET = """
import logging
from agentkit import Agent, Graph, Node, StepError
from agentkit.observability.logs import step_log

def model(request):
    raise ValueError("no")

assert step_log("a", 0) is None
try:
    Agent(Graph([Node("a", "?")]), model=model).act_sync()
except StepError:
    pass
logging.getLogger("agentkit").addHandler(logging.StreamHandler())
assert step_log("a", 0) is not None
"""


def test_without_a_handler_nobody_listens_and_nothing_is_printed():
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


def test_the_memory_of_an_agent_is_told_by_its_keys_only(lines):
    node = Node("a", "?", save={"notes": "output"})
    agent = Agent(Graph([node]), model=lambda request: SECRET, memory=Memory({"notes": ""}))
    agent.act_sync()
    assert any(line.endswith("memory_written agent=agent episode=0 step=0 node=a key=notes")
               for line in lines())  # fmt: skip
    assert SECRET not in "\n".join(lines())


def test_a_models_name_that_cannot_be_printed_is_refused():
    with pytest.raises(InputError, match=r"the model 'openai:a\\nb\\x1b\[2J' has characters"):
        Graph([Node("a", "?")]).run_sync(model="openai:a\nb\x1b[2J")
