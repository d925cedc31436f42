"""Calls that wait in a line for their turn do not start once the run is stopped or out of time."""

import asyncio
import time

import pytest
from loopback import LoopbackServer

from agentkit import (
    Agent,
    Completion,
    Graph,
    Limits,
    Node,
    OpenAIModel,
    Plan,
    Request,
    Usage,
    rollout,
)
from agentkit.events import Event, NodeFinished
from agentkit.models.hosted import HostedModel, Settings
from agentkit.models.retries import Retryable

LATENCY_S = 0.05


def asking(count: int, server: LoopbackServer, at_once: int, limits: Limits) -> Agent:
    """An agent that asks so many questions at once, of a model that answers few at once."""
    settings = Settings(max_concurrency=at_once)
    model = OpenAIModel("loopback", base_url=server.base_url, settings=settings)
    graph = Graph([Node("n", "Count to {{ item }}.", each=f"range({count}) | list")])
    return Agent(graph, model=model, limits=limits)


@pytest.mark.parametrize("limits", [Limits(), Limits(tokens=8200)], ids=["throttle", "budget"])
def test_what_waits_when_the_run_is_stopped_is_never_asked(limits):
    """The second limit leaves room for few calls at a time, so the account makes the line."""
    with LoopbackServer(latency_s=LATENCY_S) as server:

        async def play():
            stop = asyncio.Event()
            agent = asking(60, server, 2, limits)
            playing = asyncio.create_task(rollout(agent, Plan(), stop=stop))
            while len(server.requests) < 4:
                await asyncio.sleep(0.005)
            stop.set()
            return await playing

        summary = asyncio.run(play())
        assert summary.status == "interrupted"
        assert len(server.requests) <= 6
        assert summary.usage.calls == len(server.requests)


def test_what_waits_when_the_time_is_over_is_never_asked():
    with LoopbackServer(latency_s=LATENCY_S) as server:
        agent = asking(400, server, 1, Limits(seconds=2.0))
        summary = asyncio.run(rollout(agent))
        assert summary.status == "limit"
        assert "seconds" in summary.episodes[0].reason
        assert 1 <= len(server.requests) < 60


class Sleepy(HostedModel):
    """A server that takes a moment, and could not answer at first."""

    def __init__(self, settings: Settings, refusals: int = 0) -> None:
        super().__init__("sleepy", settings)
        self.refusals = refusals

    async def _ask(self, request: Request) -> Completion:
        await asyncio.sleep(LATENCY_S)
        if self.refusals:
            self.refusals -= 1
            raise Retryable("busy", 0.2)
        return Completion("x", Usage(10, 10, calls=1, cost_usd=0.0))


def answers(model: HostedModel, **options) -> list[NodeFinished]:
    """How long each of eight items took and waited."""
    events: list[Event] = []
    graph = Graph([Node("n", "Count to {{ item }}.", each="range(8) | list")])
    episode = Agent(graph, model=model, **options).episode()
    asyncio.run(episode.act(emit=events.append))
    return [e for e in events if isinstance(e, NodeFinished) and e.item is not None]


@pytest.mark.parametrize(
    ("at_once", "options"),
    [(1, {}), (8, {"limits": Limits(tokens=4600)})],
    ids=["throttle", "budget"],
)
def test_the_latency_of_a_call_is_its_own_and_the_wait_for_a_turn_stands_beside_it(
    at_once, options
):
    """Recorded were 0.05, 0.10, 0.15, ... 0.40 s as latencies of eight calls of 0.05 s."""
    found = answers(Sleepy(Settings(max_concurrency=at_once)), **options)
    latencies, waits = ([getattr(e, name) for e in found] for name in ("latency_s", "waited_s"))
    assert min(latencies) >= LATENCY_S * 0.9
    assert max(waits) > 3 * LATENCY_S
    assert max(waits) > 2 * sorted(latencies)[len(latencies) // 2]
    assert min(waits) < LATENCY_S


def test_tries_that_failed_and_the_pauses_after_them_are_waiting():
    found = answers(Sleepy(Settings(max_concurrency=8), refusals=8))
    for event in found:
        assert event.waited_s >= 0.2 + LATENCY_S * 0.9
        assert LATENCY_S * 0.9 <= event.latency_s < event.waited_s


def test_an_answer_that_another_node_waited_for_too_took_no_call_of_its_own():
    events: list[Event] = []
    graph = Graph([Node(name, "Same?", reuse=True, temperature=0) for name in "ab"])
    asyncio.run(
        Agent(graph, model=Sleepy(Settings()), action="{{ a }}").episode().act(emit=events.append)
    )
    first, second = (e for e in events if isinstance(e, NodeFinished))
    assert (first.reused, second.reused) == (False, True)
    assert second.latency_s == 0
    assert second.waited_s >= LATENCY_S * 0.9


class Pausing(HostedModel):
    """A model on a server that answers the first try of two and wants a long pause after others."""

    def __init__(self, **settings: float) -> None:
        super().__init__("test:pausing", Settings(**settings))  # type: ignore[arg-type]
        self.tries = 0

    async def _ask(self, request: Request) -> Completion:
        self.tries += 1
        if self.tries > 1:
            raise Retryable("slow down", 50.0, pause=True)
        return Completion("yes", Usage(10, 2))


@pytest.mark.parametrize("settings", [{}, {"requests_per_minute": 2.0}], ids=["pause", "throttle"])
def test_no_turn_is_waited_for_beyond_the_limit_on_time(settings):
    """A run of three seconds waited for the minute that a server wanted, and for its own queue."""
    model = Pausing(**settings)
    graph = Graph([Node("n", "Count to {{ item }}.", each="[1, 2, 3]")])
    agent = Agent(graph, model=model, limits=Limits(seconds=0.5))
    started = time.monotonic()
    summary = asyncio.run(rollout(agent))
    assert time.monotonic() - started < 10
    assert (summary.status, summary.episodes[0].reason) == ("limit", "seconds: 0.5")
    assert summary.usage.calls == model.tries


def test_a_try_that_is_made_is_waited_for_when_the_time_is_over():
    class Slow(HostedModel):
        async def _ask(self, request: Request) -> Completion:
            await asyncio.sleep(0.6)
            return Completion("yes", Usage(10, 2))

    events: list[Event] = []
    agent = Agent(Graph([Node("n", "Well?")]), model=Slow("slow"), limits=Limits(seconds=0.3))
    summary = asyncio.run(rollout(agent, on_event=lambda episode, event: events.append(event)))
    assert [event.value for event in events if isinstance(event, NodeFinished)] == ["yes"]
    assert summary.usage.calls == 1
