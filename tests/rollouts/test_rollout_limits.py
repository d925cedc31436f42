"""Limits as agents meet them: in rollouts, in `act`, with any kind of model."""

import asyncio
import random
import time
from dataclasses import replace

import gymnasium
import pytest
from records import records

from agentkit import (
    Agent,
    Completion,
    EnvSpec,
    Graph,
    InputError,
    LimitExceeded,
    Limits,
    Node,
    Plan,
    Request,
    RunWriter,
    ScriptedModel,
    Usage,
    load_agent,
    load_run,
    rollout,
)
from agentkit.agentfile.load import find_agent

CORRIDOR = EnvSpec("test/Corridor-v0")
PRICE_USD = 1e-5
"""Of a token of the `Metered` model."""
ONE = Plan()


class Metered:
    """A slow model with a price, whose answers differ in length.

    Args:
        most: The longest answer, in tokens.
        tries: How often it has to try, by the number of the call.
    """

    reads_variables = False

    def __init__(self, most: int = 100, tries=lambda number: 1, name: str = "metered") -> None:
        self.name = name
        self.asked: list[Request] = []
        self.tries_made = 0
        self._most = most
        self._tries = tries
        self._draw = random.Random(7)

    async def complete(self, request: Request) -> Completion:
        self.asked.append(request)
        tries = self._tries(len(self.asked))
        for number in range(1, tries + 1):
            if number > 1:
                await request.on_retry("busy", 0.0)
            self.tries_made += 1
            await asyncio.sleep(self._draw.uniform(0, 0.004))
        read = sum(len(message.content) for message in request.messages) // 4
        usage = Usage(read, self._draw.randint(1, self._most), calls=tries)
        return Completion("east", replace(usage, cost_usd=self.cost_usd(usage)), model=self.name)

    def cost_usd(self, usage: Usage) -> float:
        return (usage.input_tokens + usage.output_tokens) * PRICE_USD


class Unpriced(Metered):
    """A model whose price is not known."""

    async def complete(self, request: Request) -> Completion:
        completion = await super().complete(request)
        return Completion("east", replace(completion.usage, cost_usd=None), model=self.name)

    def cost_usd(self, usage: Usage) -> None:
        return None


def crowd(model, *, count=100, limits=None, run_limits=None, **fields) -> Agent:
    """An agent that asks many things at once."""
    node = Node("crowd", "What about number {{ item }}?", each=f"range({count}) | list", **fields)
    return Agent(
        Graph([node]), model=model, limits=limits or Limits(), run_limits=run_limits or Limits()
    )


def walker(model, *, length=5, limits=None, run_limits=None) -> Agent:
    """An agent that asks once a step."""
    graph = Graph([Node("act", "{{ observation }} Go?", max_tokens=100)])
    env = EnvSpec(CORRIDOR.id, {"length": length})
    return Agent(
        graph, model=model, env=env, limits=limits or Limits(), run_limits=run_limits or Limits()
    )


def play(agent, plan=ONE, **options):
    return asyncio.run(rollout(agent, plan, **options))


def events_of(agent, folder, plan=ONE):
    writer = RunWriter(folder, {"agent": agent.name})
    summary = play(agent, plan, writer=writer)
    writer.finish(summary.status, summary.totals())
    run = load_run(folder)
    return summary, [event for number in run.episodes for event in records(run, number)]


@pytest.mark.parametrize("whose", ["limits", "run_limits"])
def test_a_hundred_parallel_calls_never_cost_more_than_the_limit(whose, tmp_path):
    model = Metered()
    agent = crowd(model, max_tokens=100, **{whose: Limits(cost_usd=0.01)})
    summary, events = events_of(agent, tmp_path / "run")
    (episode,) = summary.episodes
    answered = [event for event in events if event["event"] == "node_finished"]
    assert episode.cost_usd == pytest.approx(
        sum(e["completion"]["usage"]["cost_usd"] for e in answered)
    )
    assert 0.008 < episode.cost_usd <= 0.01 + 1e-12
    assert len(answered) == episode.usage.calls == model.tries_made < 100
    assert (summary.status, episode.status) == ("limit", "limit")
    (reached,) = [event for event in events if event["event"] == "limit_reached"]
    name = "cost_usd" if whose == "limits" else "run.cost_usd"
    assert (reached["limit"], reached["value"]) == (name, 0.01)
    assert "USD used, and the next call may take" in reached["why"]
    assert [event["event"] for event in events][-3:] == [
        "step_failed",
        "limit_reached",
        "episode_finished",
    ]


@pytest.mark.parametrize("limits", [Limits(tokens=3000), Limits(calls=17)])
def test_tokens_and_calls_are_not_overshot_either(limits):
    (episode,) = play(crowd(Metered(), max_tokens=100, limits=limits)).episodes
    usage = episode.usage
    assert usage.input_tokens + usage.output_tokens <= 3000
    assert usage.calls == 17 or limits.calls is None
    assert episode.status == "limit"


def test_a_limit_of_the_run_ends_all_episodes_and_begins_no_new_one():
    resets = []
    corridor = type(gymnasium.make(CORRIDOR.id).unwrapped)

    class Counted(corridor):
        def reset(self, **options):
            resets.append(options)
            return super().reset(**options)

    gymnasium.register("test/CountedCorridor-v0", Counted)
    env = EnvSpec("test/CountedCorridor-v0", {"length": 20})
    agent = walker(Metered(), run_limits=Limits(cost_usd=0.05)).replace(env=env)
    summary = play(agent, Plan(episodes=50, parallel=4))
    assert summary.status == "limit"
    assert 0.04 < summary.cost_usd <= 0.05 + 1e-12
    assert 4 <= len(summary.episodes) < 12
    assert len(resets) == len(summary.episodes)
    assert summary.limit is not None
    assert summary.limit.limit == "run.cost_usd"
    last = [episode for episode in summary.episodes if episode.status != "done"]
    assert {episode.status for episode in last} == {"limit"}
    assert 1 <= len(last) <= 4  # one may have been done in the moment when the limit was reached


def test_a_limit_that_is_used_up_between_episodes_begins_no_other_one():
    summary = play(walker(Metered(), run_limits=Limits(calls=10)), Plan(3))
    assert [episode.status for episode in summary.episodes] == ["done", "done"]
    assert summary.status == "limit"
    assert summary.limit is not None
    assert summary.limit.reason == "run.calls: 10"


def test_steps_of_a_run_are_counted_over_all_episodes():
    summary = play(walker(Metered(), run_limits=Limits(steps=12)), Plan(8, parallel=3))
    assert sum(episode.steps for episode in summary.episodes) == 12
    assert summary.status == "limit"
    stopped = [episode for episode in summary.episodes if episode.status == "limit"]
    assert {episode.reason for episode in stopped} <= {"run.steps: 12"}


def test_a_plan_may_give_other_limits_than_the_agent():
    agent = walker(Metered(), run_limits=Limits(calls=3))
    assert play(agent).status == "limit"
    assert play(agent, Plan(limits=Limits(calls=100))).status == "done"


def test_each_episode_has_its_own_account():
    summary = play(walker(Metered(), limits=Limits(calls=5)), Plan(3))
    assert [episode.status for episode in summary.episodes] == ["done"] * 3


def test_a_run_that_ends_at_a_limit_is_not_a_failure_but_a_failed_episode_stays_one():
    def model(request: Request) -> str:
        if request.call.episode == 0:
            raise ValueError("down")
        return "east"

    summary = play(walker(model, run_limits=Limits(steps=3)), Plan(3))
    assert [episode.status for episode in summary.episodes] == ["failed", "limit"]
    assert summary.status == "failed"


def test_time_is_looked_at_before_each_step_and_each_node():
    called = []

    def slow(n):
        called.append(n)
        time.sleep(0.02)
        return "east"

    chain = [
        Node(f"n{i}", function=slow, with_={"n": f"n{i - 1}" if i else "0"}) for i in range(200)
    ]
    (episode,) = play(Agent(Graph(chain), limits=Limits(seconds=0.2))).episodes
    assert (episode.status, episode.reason) == ("limit", "seconds: 0.2")
    assert len(called) < 200
    called.clear()
    items = Node("all", function=slow, each="range(9000) | list", with_={"n": "item"})
    (episode,) = play(Agent(Graph([items]), limits=Limits(seconds=0.2))).episodes
    assert episode.status == "limit"
    assert len(called) < 9000
    act = Node("act", function=slow, with_={"n": "observation"})
    env = EnvSpec(CORRIDOR.id, {"length": 50})
    (episode,) = play(Agent(Graph([act]), env=env, run_limits=Limits(seconds=0.2))).episodes
    assert (episode.status, episode.reason) == ("limit", "run.seconds: 0.2")
    assert episode.steps < 15


def test_limits_hold_for_act_until_the_agent_is_reset():
    async def acts() -> None:
        agent = walker(Metered(), limits=Limits(calls=2)).replace(env=None)
        for _ in range(2):
            assert await agent.act("here", actions=["east"]) == "east"
        for _ in range(2):
            with pytest.raises(LimitExceeded, match="limit calls of 2 is reached"):
                await agent.act("here", actions=["east"])
        agent.reset()
        assert await agent.act("here", actions=["east"]) == "east"

    asyncio.run(acts())


def test_steps_hold_for_act_and_a_step_that_fails_does_not_count():
    down = True

    def model(request: Request) -> str:
        if down:
            raise ValueError("down")
        return "east"

    async def acts() -> None:
        nonlocal down
        agent = walker(model, limits=Limits(steps=1)).replace(env=None)
        with pytest.raises(Exception, match="down"):
            await agent.act("here")
        down = False
        await agent.act("here")
        with pytest.raises(LimitExceeded, match="limit steps of 1"):
            await agent.act("here")

    asyncio.run(acts())


def test_a_limit_on_cost_refuses_models_of_unknown_price_and_names_their_nodes():
    cheap, dear = Metered(), Unpriced(name="dear")
    nodes = [Node("a", "?"), Node("b", "?", model="dear"), Node("c", "?", model="dear")]
    agent = Agent(Graph(nodes), model=cheap, models={"dear": dear}, action="a")
    limited = agent.replace(run_limits=Limits(cost_usd=1))
    with pytest.raises(InputError) as caught:
        play(limited)
    message = str(caught.value)
    assert "\n  dear (asked by b, c)\n" in message
    assert "metered" not in message
    assert "price: {input: 0.25, output: 2}" in message
    assert "Plan(allow_unknown_price=True)" in message
    with pytest.raises(InputError, match="dear"):
        agent.replace(limits=Limits(cost_usd=1)).act_sync()
    assert dear.asked == []
    assert play(agent, Plan(limits=Limits(tokens=100_000))).status == "done"
    summary = play(limited, Plan(allow_unknown_price=True))
    assert (summary.status, summary.cost_usd) == ("done", None)


def test_a_node_that_is_added_while_a_step_runs_needs_a_price_too():
    dear = Unpriced(name="dear")

    def add(step):
        step.add(Node("more", "?", model="dear"))
        return 1

    nodes = [Node("adder", function=add), Node("end", "?", after=("adder",))]
    agent = Agent(Graph(nodes), model=Metered(), models={"dear": dear}, limits=Limits(cost_usd=1))
    with pytest.raises(InputError, match="the price of dear is unknown"):
        play(agent)
    assert dear.asked == []


def test_a_model_without_cost_usd_has_no_known_price():
    class Bare:
        name = "bare"
        reads_variables = False

        async def complete(self, request: Request) -> Completion:
            return Completion("east")

    with pytest.raises(InputError, match=r"bare \(asked by act\)"):
        play(walker(Bare(), limits=Limits(cost_usd=1)))


@pytest.mark.parametrize(
    "model", ["echo", ScriptedModel({"crowd": "yes"}), lambda request: Completion("x", Usage(9, 9))]
)
def test_free_models_work_under_any_limits(model):
    limits = Limits(steps=5, calls=100, tokens=500_000, cost_usd=0.0, seconds=60)
    summary = play(crowd(model, limits=limits, run_limits=limits))
    assert summary.status == "done"
    assert summary.usage.calls == 100


def test_models_that_know_what_they_take_are_held_to_that_and_to_no_assumption():
    agent = Agent(Graph([Node("a", "one two three")]), model="echo", limits=Limits(tokens=6))
    assert play(agent).status == "done"
    (episode,) = play(agent.replace(limits=Limits(tokens=5))).episodes
    assert (episode.status, episode.usage.calls) == ("limit", 0)


def test_rules_play_under_small_limits():
    limits = Limits(steps=2, tokens=1, cost_usd=0)
    (episode,) = play(load_agent(find_agent("crafter")).replace(limits=limits)).episodes
    assert (episode.steps, episode.reason) == (2, "truncated at 2 steps")


def test_further_tries_count_and_one_that_does_not_fit_gives_up():
    model = Metered(tries=lambda number: 5 if number == 3 else 1)
    (episode,) = play(walker(model, limits=Limits(calls=4))).episodes
    assert (episode.status, episode.reason) == ("limit", "calls: 4")
    assert (episode.steps, model.tries_made, episode.usage.calls) == (2, 4, 4)


def test_an_answer_gets_a_bound_only_where_its_length_counts_and_nobody_said_one(tmp_path):
    def bounds(limits, **fields):
        model = Metered()
        play(Agent(Graph([Node("a", "?", **fields)]), model=model, limits=limits))
        return model.asked[0].sampling.max_tokens

    assert bounds(Limits(tokens=10_000)) == 4096
    assert bounds(Limits(cost_usd=1)) == 4096
    assert bounds(Limits(cost_usd=1), max_tokens=7) == 7
    assert bounds(Limits(calls=3, seconds=60)) is None
    agent = Agent(Graph([Node("a", "?")]), model=Metered(), limits=Limits(tokens=10_000))
    _, events = events_of(agent, tmp_path / "run")
    (asked,) = [event for event in events if event["event"] == "node_started"]
    assert asked["sampling"]["max_tokens"] == 4096, "the record says what was sent"


def test_reused_answers_cost_nothing():
    chain = [((), "n0"), (("n0",), "n1"), (("n1",), "n2")]
    nodes = [Node(name, "The same?", reuse=True, after=after) for after, name in chain]
    agent = Agent(Graph(nodes), model=Metered(), limits=Limits(calls=1), action="n0")
    (episode,) = play(agent).episodes
    assert (episode.status, episode.usage.calls) == ("done", 1)


def test_other_nodes_of_the_step_finish_their_calls_and_are_recorded(tmp_path):
    """Nothing new starts, and what is in flight settles."""

    async def model(request: Request) -> Completion:
        await asyncio.sleep(0.05 if request.call.node == "slow" else 0)
        return Completion("x", Usage(5, 5, cost_usd=0.0))

    nodes = [
        Node("slow", "?"),
        Node("after_slow", "{{ slow }}"),
        Node("quick", "?"),
        Node("more", "{{ quick }}"),
    ]
    agent = Agent(Graph(nodes), model=model, limits=Limits(calls=2), action="more")
    summary, events = events_of(agent, tmp_path / "run")
    finished = [event["node"] for event in events if event["event"] == "node_finished"]
    assert finished == ["quick", "slow"]
    assert summary.episodes[0].usage == Usage(10, 10, 0, 2, 0.0)
