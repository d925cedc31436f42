"""Every sum that is shown anywhere is the sum of what the record says of each call."""

import asyncio
from collections import defaultdict
from math import fsum

import pytest
from records import records

from agentkit import (
    Agent,
    Completion,
    EnvSpec,
    Graph,
    Limits,
    ModelError,
    Node,
    Plan,
    Request,
    RunWriter,
    Usage,
    load_run,
    replay,
    rollout,
)
from agentkit.cli.view.run_view import RunView
from agentkit.messages import NOTHING_USED, Message
from agentkit.models.hosted import HostedModel
from agentkit.models.token_estimates import most_usage
from agentkit.profiling import profile_run
from agentkit.record.episode_state import read_episode
from agentkit.rollouts.resume import make_resume_plan


class Busy:
    """A model that has to try again now and then, answers badly at first, and is down at times."""

    name = "busy"
    reads_variables = False

    def __init__(self) -> None:
        self.tries = 0
        self.spent_usd: list[float] = []

    async def complete(self, request: Request) -> Completion:
        call = request.call
        tries = 1 + (call.item or 0) % 3
        down = (call.node, call.episode, call.step) == ("items", 1, 2) and call.item == 4
        for number in range(tries):
            if number:
                await request.on_retry("busy", 0.0)
            self.tries += 1
            await asyncio.sleep(0)
        if down:
            raise ModelError("down")
        text = "east" if call.node == "act" else "many" if call.attempt == 1 else "7"
        cost = 0.01 + 0.001 * (call.item or 0)
        self.spent_usd.append(cost)
        return Completion(text, Usage(10 + call.step, 3, 5, tries, cost), model=self.name)


NODES = [
    Node("again", "How many? {{ observation }}", output="integer"),
    Node("items", "{{ item }} in {{ step }}", each="range(6) | list"),
    Node("twice", "The same?", reuse=True),
    Node("hopeless", "A list?", output=["int"], attempts=2, otherwise=[], after=("twice",)),
    Node("act", "{{ again }} {{ items }} {{ hopeless }}", output={"choice": "actions"}),
]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    model = Busy()
    agent = Agent(
        Graph(NODES), model=model, env=EnvSpec("test/Corridor-v0", {"length": 4}), action="act"
    )
    run_view = RunView([node.name for node in NODES], 3)
    writer = RunWriter(tmp_path_factory.mktemp("accounts") / "run", {"agent": agent.name})
    summary = asyncio.run(
        rollout(agent, Plan(3, parallel=2), writer=writer, on_event=run_view.on_event)
    )
    writer.finish(summary.status, summary.totals())
    return model, summary, run_view, load_run(writer.folder)


def read_sums(events):
    """What the answers took that were paid for, and the calls that got none."""
    usage, open_calls = NOTHING_USED, defaultdict(int)
    for event in events:
        key = event.get("node"), event.get("item"), event.get("attempt")
        kind = event["event"]
        if kind == "node_started" and event["model"]:
            open_calls[key] = 1
        elif kind == "call_retried":
            open_calls[key] += 1
        completion = event.get("completion")
        if completion is not None:
            del open_calls[key]
            if not event["reused"]:
                usage = usage + Usage(**completion["usage"])
    return usage + Usage(calls=sum(open_calls.values()), cost_usd=0.0)


def test_the_run_had_everything_that_is_hard_to_count(played):
    _, summary, _, run = played
    assert [episode.status for episode in summary.episodes] == ["done", "failed", "done"]
    kinds = {event["event"] for number in run.episodes for event in records(run, number)}
    assert {"node_retried", "call_retried", "node_failed", "step_failed"} <= kinds
    events = [event for number in run.episodes for event in records(run, number)]
    assert any(event.get("reused") for event in events)
    assert any(event.get("status") == "otherwise" for event in events)


def test_steps_episodes_and_the_run_are_the_sums_of_their_calls(played):
    _, summary, run_view, run = played
    all_usage = NOTHING_USED
    for episode in summary.episodes:
        events = list(records(run, episode.episode))
        usage = read_sums(events)
        steps = [event for event in events if event["event"] in ("step_finished", "step_failed")]
        for step in steps:
            own = [event for event in events if event.get("step") == step["step"]]
            assert Usage(**step["usage"]) == read_sums(own)
        ending = events[-1]
        assert Usage(**ending["usage"]) == usage == episode.usage
        assert ending["steps"] == episode.steps
        assert run_view.episodes[episode.episode].usage == usage
        all_usage += usage
    totals = run.about["totals"]
    assert Usage(**totals["usage"]) == all_usage == summary.usage == run_view.used.usage
    assert totals["cost_usd"] == summary.cost_usd
    assert run_view.used.usage.cost_usd == pytest.approx(summary.cost_usd)
    assert totals["steps"] == sum(episode.steps for episode in summary.episodes)


def test_what_the_record_says_was_paid_is_what_the_model_asked_for(played):
    model, summary, _, _ = played
    assert summary.usage.calls == model.tries
    assert summary.cost_usd == pytest.approx(fsum(model.spent_usd), abs=1e-12)


def test_a_reused_answer_that_fails_a_second_node_is_paid_for_once(tmp_path):
    fields = {"output": "integer", "attempts": 1, "reuse": True}
    nodes = [Node("a", "How many?", **fields), Node("b", "How many?", **fields)]
    agent = Agent(Graph(nodes), model=Busy(), action="a")
    writer = RunWriter(tmp_path / "run", {})
    summary = asyncio.run(rollout(agent, writer=writer))
    writer.finish(summary.status, summary.totals())
    events = list(records(load_run(writer.folder), 0))
    failed = [event for event in events if event["event"] == "node_failed"]
    assert [event["reused"] for event in failed] == [False, True]
    assert summary.usage == read_sums(events) == Usage(10, 3, 5, 1, summary.cost_usd)


def test_the_running_view_counts_each_answer_when_it_comes():
    model = Busy()
    agent = Agent(Graph(NODES[1:2]), model=model, inputs={"step": 0})
    run_view = RunView(["items"], 1)
    seen = []

    def on_event(episode, event):
        run_view.on_event(episode, event)
        seen.append(run_view.used.usage.output_tokens)

    asyncio.run(rollout(agent, on_event=on_event))
    assert seen == sorted(seen)
    assert {0, 3, 6, 9, 12, 15, 18} <= set(seen)


class Unpriced(HostedModel):
    """A model on a server whose price nobody knows, and which is down."""

    async def _ask(self, request: Request) -> Completion:
        raise ModelError("down")


def test_what_a_call_without_an_answer_cost_is_unknown_where_the_price_is(tmp_path):
    """It was shown as 0.00 USD, in the run, its profile and its spans."""
    agent = Agent(Graph([Node("a", "?")]), model=Unpriced("acme:large"), name="solo")
    run_view = RunView(["a"], 1)
    writer = RunWriter(tmp_path / "run", {"agent": {"name": "solo"}})
    summary = asyncio.run(rollout(agent, Plan(), writer=writer, on_event=run_view.on_event))
    writer.finish(summary.status, summary.totals())
    run = load_run(tmp_path / "run")
    failed, ended = list(records(run, 0))[-2:]
    assert (failed["event"], failed["usage"]["calls"], failed["usage"]["cost_usd"]) == (
        "step_failed",
        1,
        None,
    )
    assert ended["usage"]["cost_usd"] is summary.cost_usd is run_view.used.usage.cost_usd is None
    totals = profile_run(run).totals
    assert (totals.calls, totals.cost_usd, totals.lost_usd) == (0, None, None)
    found = asyncio.run(replay(run, RunWriter(tmp_path / "again", {}), agent))
    assert found.difference is None


def test_what_a_call_without_an_answer_cost_is_nothing_where_there_is_a_price():
    class Listed(Unpriced):
        def cost_usd(self, usage: Usage) -> float:
            return 0.1 * usage.calls

    summary = asyncio.run(rollout(Agent(Graph([Node("a", "?")]), model=Listed("acme:x")), Plan()))
    assert (summary.usage.calls, summary.cost_usd) == (1, 0.0)


class Sold:
    """A model with a price, whose process is killed while it is asked for a third answer."""

    name = "sold"
    reads_variables = False

    def cost_usd(self, usage: Usage) -> float:
        return (usage.input_tokens + usage.output_tokens) / 1000

    async def complete(self, request: Request) -> Completion:
        await asyncio.sleep(0.001)
        return Completion("east", Usage(10, 5, calls=1))


def test_calls_in_flight_at_a_kill_count_for_limits_with_their_estimate_and_an_unknown_cost(
    tmp_path,
):
    nodes = [Node("crowd", "{{ item }}", each="range(3) | list"), Node("act", "{{ crowd }}")]
    graph = Graph(nodes)
    env = EnvSpec("test/Corridor-v0", {"length": 2})
    agent = Agent(graph, model=Sold(), env=env, action="act")
    with RunWriter(tmp_path / "run", {"agent": agent.name}) as writer:
        asyncio.run(rollout(agent, writer=writer))
    path = tmp_path / "run" / "episodes" / "0000.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    started = [i for i, line in enumerate(lines) if b'"node_started"' in line]
    path.write_bytes(b"".join(lines[: started[2] + 1]))

    killed = read_episode(load_run(tmp_path / "run"), 0).summary(0)
    assert killed.reason == "stopped before its end, with 3 calls in flight"
    plan = make_resume_plan(agent, load_run(tmp_path / "run"), 1, Limits())
    each = most_usage(None, Request((Message("user", "0"),)))
    tokens = 3 * (each.input_tokens + each.output_tokens)
    assert (plan.used.calls, plan.used.tokens) == (3, tokens)
    assert plan.used.cost_usd == pytest.approx(tokens / 1000)

    with RunWriter.resume(load_run(tmp_path / "run")) as writer:
        (episode,) = asyncio.run(rollout(agent, writer=writer)).episodes
    assert (episode.status, episode.usage.calls, episode.usage.cost_usd) == ("done", 11, None)
    assert episode.usage.output_tokens == 8 * 5
    again = make_resume_plan(agent, load_run(tmp_path / "run"), 1, Limits())
    assert (again.used.calls, again.used.tokens) == (11, tokens + 8 * 15)
