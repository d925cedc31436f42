"""An agent with everything that a record must bring back, and runs of it that are cut short."""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentkit import (
    Agent,
    Completion,
    EnvSpec,
    Graph,
    Memory,
    Node,
    Plan,
    Request,
    RunWriter,
    Step,
    Usage,
    comparable,
    load_run,
    rollout,
)
from agentkit.events import EpisodeResumed, NodeFailed, NodeFinished, NodeRetried, NodeStarted

CORRIDOR = EnvSpec("test/Corridor-v0", {"length": 3, "noise": True})
ONE = Plan()


class Counted:
    """A model that answers by what it is asked, and counts its calls by the messages."""

    name = "counted"
    reads_variables = False

    def __init__(self, answer: Callable[[Request], str]) -> None:
        self._answer = answer
        self.calls: Counter[Any] = Counter()

    async def complete(self, request: Request) -> Completion:
        self.calls[request.call.episode, request.messages] += 1
        text = self._answer(request)
        await asyncio.sleep(0)
        return Completion(text, Usage(len(request.prompt), len(text), 0, 1, 0.001))


def answer(request: Request) -> str:
    """Wrong at the first attempt in odd steps."""
    call = request.call
    if call.node == "number":
        return "none" if call.step % 2 and call.attempt == 1 else str(call.step)
    if call.node == "act":
        return "up" if call.attempt == 1 and call.step == 1 else "east"
    return f"{call.node} {call.item} of {len(request.prompt)} signs"


def helper(step: Step, text: str) -> str:
    """Adds a node to the step."""
    return step.add(Node("asked", f"What of {text}?", save={"extra": "output"}), before=["act"])


def length(text: str) -> int:
    """A function node's function; counted by the tests."""
    CALLED.append(text)
    return len(text)


CALLED: list[str] = []

NODES = [
    Node("look", "You see {{ observation }} after {{ history | length }} steps.", reuse=True),
    Node("long", function=length, with_={"text": "look"}),
    Node("number", "Which step is it? {{ long }}", output="integer", attempts=3),
    Node("items", "{{ item }} in {{ step }}", each="['a', 'b', 'c']", recall=["look"]),
    Node("helper", function=helper, with_={"text": "look"}, after=["number"]),
    Node(
        "note", "Notes: {{ memory.notes | length }}. {{ items | length }} {{ memory.extra }}",
        save={"notes": "memory.notes + [output]", "n": "memory.n + 1"}, after=["helper", "act"],
    ),
    Node("fixed", "A question that is always the same.", with_context=False, reuse=True),
    Node("rare", "Now and then.", when="step % 2 == 0"),
    Node(
        "act", "Go? {{ number }} {{ previous.number }} {{ rare }}", output={"choice": "actions"},
        recall=["items", "rare"], after=["helper"],
    ),
]  # fmt: skip


def full_agent(answering=answer, *, env=CORRIDOR, keep="episode", **options) -> Agent:
    """An agent with everything that a record must bring back."""
    options.setdefault("model", Counted(answering))
    nodes = [
        Node(**{**{f: getattr(n, f) for f in n.__slots__}, "initial": 0})
        if n.name == "number"
        else n
        for n in NODES
    ]
    memory = Memory({"notes": [], "n": 0, "extra": ""}, {"notes": keep})
    graph = Graph(nodes, system="You walk.", context="{{ observation }} {{ reward }}")
    return Agent(graph, env=env, memory=memory, action="act", name="full", **options)


def play(agent: Agent, writer: RunWriter, plan: Plan = ONE, **options: Any):
    try:
        summary = asyncio.run(rollout(agent, plan, writer=writer, **options))
    except BaseException:
        writer.finish("failed", {})
        raise
    writer.finish(summary.status, summary.totals())
    return summary


def record(agent: Agent, folder: Path, plan: Plan = ONE, **options: Any):
    return play(agent, RunWriter(folder, {"agent": agent.name}), plan, **options)


def resume(agent: Agent, folder: Path, plan: Plan = ONE, **options: Any):
    return play(agent, RunWriter.resume(load_run(folder)), plan, **options)


def cut(source: Path, target: Path, size: int, episode: int = 0) -> Path:
    """The folder as a kill leaves it: an episode's file ends after so many bytes."""
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)
    path = target / "episodes" / f"{episode:04d}.jsonl"
    path.write_bytes(path.read_bytes()[:size])
    about = json.loads((target / "run.json").read_text())
    (target / "run.json").write_text(json.dumps({**about, "status": "running"}))
    return target


def same(one: Path, other: Path, episode: int = 0) -> bool:
    first, second = load_run(one), load_run(other)
    assert comparable(first.events(episode)) == comparable(second.events(episode))
    return True


def line_ends(path: Path) -> list[int]:
    data = path.read_bytes()
    return [i + 1 for i, byte in enumerate(data) if byte == 10]


def answered(folder: Path, episode: int = 0) -> int:
    """How many completions a record has that were paid for, each counted once."""
    found = set()
    for event, _, _ in load_run(folder).lines(episode):
        answers = isinstance(event, (NodeRetried, NodeFinished))
        if answers and event.completion and not event.reused:
            found.add((event.step, event.node, event.item, event.attempt))
    return len(found)


def in_flight(folder: Path, episode: int = 0) -> int:
    """How many questions the last sitting of a record asked that came to no end."""
    begun: set[Any] = set()
    ended: set[Any] = set()
    for event, _, _ in load_run(folder).lines(episode):
        if isinstance(event, EpisodeResumed):
            begun = set()
        elif isinstance(event, (NodeStarted, NodeRetried, NodeFinished, NodeFailed)):
            place = event.step, event.node, event.item, event.attempt
            asks = isinstance(event, NodeStarted)
            (begun if asks and not event.function else ended).add(place)
    return len(begun - ended)


def calls_of(agent: Agent) -> Counter[Any]:
    """How often each question was asked."""
    return agent.given["model"].calls
