"""Calls that wait in a line for their turn do not start once the run is stopped or out of time."""

import asyncio

import pytest
from loopback import LoopbackServer

from agentkit import Agent, Graph, Limits, Node, OpenAIModel, Plan, rollout
from agentkit.models.hosted import Settings

LATENCY_S = 0.05


def asking(count: int, server: LoopbackServer, at_once: int, limits: Limits) -> Agent:
    """An agent that asks so many questions at once, of a model that answers few at once."""
    settings = Settings(max_concurrency=at_once)
    model = OpenAIModel("loopback", base_url=server.base_url, settings=settings)
    graph = Graph([Node("n", "Count to {{ item }}.", each=f"range({count}) | list")])
    return Agent(graph, model=model, limits=limits)


@pytest.mark.parametrize("limits", [Limits(), Limits(tokens=8200)], ids=["throttle", "ledger"])
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
