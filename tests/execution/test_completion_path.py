"""The way of a request: how long it is, and in which order it passes what stands on it."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

import agentkit
from agentkit import (
    Agent,
    Completion,
    Graph,
    Limits,
    Node,
    Plan,
    Request,
    StepError,
    Usage,
    rollout,
)
from agentkit.execution.budget import Budget
from agentkit.execution.completion_file import CompletionFile
from agentkit.execution.completion_source import CompletionSource

PACKAGE = str(Path(agentkit.__file__).parent)


class Watching:
    """Notes which of our functions wait for its answer, the outermost last."""

    name = "watching"
    reads_variables = False

    def __init__(self) -> None:
        self.waiting: list[str] = []

    async def complete(self, request: Request) -> Completion:
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename.startswith(PACKAGE):
                self.waiting.append(frame.f_code.co_qualname)
            frame = frame.f_back
        return Completion("yes", Usage(calls=1, cost_usd=0.0))


def play(agent: Agent, **options: object) -> list[str]:
    """The calls from `rollout`, which waits in a task of its own, to the model."""
    model = agent.given["model"]
    asyncio.run(rollout(agent, Plan(), **options))
    return ["rollout", *reversed(model.waiting), "Model.complete"]


def test_from_rollout_to_the_model_there_are_at_most_14_calls():
    calls = play(Agent(Graph([Node("a", "?")]), model=Watching()))
    print(*calls, sep="\n")
    assert len(calls) <= 14, calls


def test_only_what_a_node_needs_stands_on_its_way(tmp_path):
    plain = play(Agent(Graph([Node("a", "?")]), model=Watching()))
    limited = Agent(Graph([Node("a", "?")]), model=Watching(), limits=Limits(calls=5))
    assert [call for call in play(limited) if call not in plain] == ["budgeted.<locals>.middleware"]
    agent = Agent(Graph([Node("a", "?", reuse=True)]), model=Watching(), limits=Limits(calls=5))
    with CompletionFile(tmp_path / "cache") as cache:
        calls = [call for call in play(agent, cache=cache) if call.endswith("middleware")]
    assert calls == [f"{name}.<locals>.middleware" for name in ("reused", "cached", "budgeted")]


def test_what_is_known_is_taken_before_the_budget_is_asked():
    """A reused answer needs no room in a budget that has none left."""
    source = CompletionSource(budget=Budget(Limits(calls=1)))
    graph = Graph([
        Node("a", "The same?", reuse=True),
        Node("b", "The same?", reuse=True, after=["a"]),
    ])  # fmt: skip
    agent = Agent(graph, model=Watching(), action="b")
    episode = agent.episode(0, {}, source)
    assert asyncio.run(episode.act()) == "yes"
    assert episode.result is not None
    assert episode.result.usage.calls == 1


class Broken(Watching):
    """A model whose own parts are wrong."""

    def __init__(self, completion: object = None) -> None:
        super().__init__()
        self._completion = completion

    async def complete(self, request: Request) -> Completion:
        if self._completion is None:
            raise ConnectionError("no route")
        return self._completion

    def cost_usd(self, usage: Usage) -> float:
        raise KeyError("price")


@pytest.mark.parametrize(
    ("completion", "said"),
    [
        (Completion("yes"), "cost_usd of watching raised KeyError: 'price'"),
        (None, "watching raised ConnectionError: no route"),
        (Completion("yes", None), "returned a Completion with text 'yes' and usage None"),
        (Completion(7), "returned a Completion with text 7"),
    ],
)
def test_what_is_wrong_with_a_model_fails_its_node_in_words(completion, said):
    with pytest.raises(StepError, match=re.escape(said)):
        Graph([Node("a", "?")]).run_sync(model=Broken(completion))
