"""What is counted: calls, tokens, money, time."""

from dataclasses import replace

import pytest

from agentkit import Completion, Sampling, Usage, get_model
from agentkit.errors import InputError
from agentkit.events import EpisodeResumed
from agentkit.profiling import estimate_costs

TEN = Usage(10, 2, 5, 1)


def node(profile, name):
    return next(each for each in profile.nodes if each.node == name)


@pytest.fixture
def run(record):
    """A run whose first step has begun."""
    run = record()
    run.start()
    run.begin_step(0.0)
    return run


def test_calls_tokens_and_cost_are_added_up_by_node_and_model(run):
    run.ask("a", 0.0, 1.0)
    run.ask("b", 1.0, 3.0, model="other", usage=Usage(100, 20, 0, 2), cost_usd=0.03)
    run.end_step(3.0)
    profile = run.profile()
    assert profile.totals.usage == Usage(110, 22, 5, 3, 0.04)
    assert profile.totals.calls == 3
    assert profile.totals.cost_usd == pytest.approx(0.04)
    assert node(profile, "b").cost_share == pytest.approx(0.75)
    assert node(profile, "b").share == pytest.approx(2 / 3)
    assert {model.model: model.calls for model in profile.models} == {"hosted": 1, "other": 2}


def test_one_unknown_price_makes_the_cost_unknown_and_names_the_model(run):
    run.ask("a", 0.0, 1.0)
    run.ask("b", 1.0, 2.0, model="local", cost_usd=None)
    run.end_step(2.0)
    profile = run.profile()
    assert profile.totals.cost_usd is None
    assert profile.totals.unpriced == ["local"]
    assert node(profile, "a").cost_usd == pytest.approx(0.01)
    assert node(profile, "b").cost_usd is None
    assert node(profile, "a").cost_share is None


def test_an_answer_that_could_not_be_used_was_paid_for_all_the_same(run):
    run.ask("a", 0.0, 1.0, error="not a number")
    run.ask("a", 1.0, 2.0, attempt=2)
    run.end_step(2.0)
    profile = run.profile()
    assert node(profile, "a").again == profile.totals.again == 1
    assert node(profile, "a").calls == 2
    assert profile.totals.cost_usd == pytest.approx(0.02)


def test_what_was_reused_costs_nothing_and_has_no_latency(run):
    run.ask("a", 0.0, 2.0)
    run.ask("b", 2.0, 2.0, reused=True)
    run.end_step(2.0)
    profile = run.profile()
    assert node(profile, "b").reused == profile.totals.reused == 1
    assert node(profile, "b").calls == 0
    assert node(profile, "b").latency is None
    assert node(profile, "b").prefix is None
    assert profile.totals.usage == replace(TEN, cost_usd=0.01)


def test_latencies_are_those_of_the_single_calls(run):
    for number in range(100):
        run.ask("a", number, number + (number + 1) / 100)
    run.end_step(101.0)
    latency = node(run.profile(), "a").latency
    assert latency.p50_s == pytest.approx(0.50)
    assert latency.p95_s == pytest.approx(0.95)
    assert latency.max_s == pytest.approx(1.0)


def test_further_tries_of_a_call_are_counted_with_their_waiting(run):
    run.try_again("a", 0.5, 0.25)
    run.try_again("a", 0.8, 0.5)
    run.ask("a", 0.0, 2.0, usage=Usage(10, 2, 5, 3))
    run.end_step(2.0)
    totals = run.profile().totals
    assert totals.retries == 2
    assert totals.retry_wait_s == pytest.approx(0.75)
    assert totals.calls == 3


def test_a_failed_node_counts_and_so_does_the_answer_that_failed_it(run):
    run.ask("a", 0.0, None)
    run.fail("a", 1.0, Completion("?", replace(TEN, cost_usd=0.01), model="hosted"), latency_s=0.9)
    run.ask("c", 0.0, None)
    run.fail("c", 1.0, Completion("?", replace(TEN, cost_usd=0.01), model="hosted"), reused=True)
    run.ask("b", 0.0, None)
    run.fail("b", 2.0)
    run.fail_step(2.0)
    profile = run.profile()
    assert node(profile, "a").failed == node(profile, "b").failed == 1
    assert node(profile, "a").cost_usd == pytest.approx(0.01)
    assert node(profile, "a").latency.max_s == pytest.approx(0.9)
    assert node(profile, "c").cost_usd == 0
    assert node(profile, "c").reused == 1
    assert node(profile, "b").unanswered == profile.totals.unanswered == 1
    assert profile.totals.calls == 1


def test_every_moment_counts_once_for_whoever_was_at_work(record):
    run = record()
    run.start(0.0, observation="a tree")
    run.begin_step(1.0)
    run.ask("a", 1.5, 4.0)
    run.call("tool", 2.0, 5.0)
    run.ask("b", 2.0, 3.0)
    run.end_step(5.5)
    run.act(8.0)
    run.end(8.5)
    profile = run.profile()
    assert profile.time.models_s == pytest.approx(2.5)
    assert profile.time.functions_s == pytest.approx(1.0)
    assert profile.time.environment_s == pytest.approx(2.5)
    assert profile.time.engine_s == pytest.approx(2.5)
    assert profile.time.total_s == profile.totals.wall_s == pytest.approx(8.5)


def test_the_environment_is_at_work_before_the_first_event_and_the_end_says_how_long(record):
    """It said 0.2 s of a run that had said 1.9 s: the environment had been made in the others."""
    run = record()
    run.start(5.0, observation="a tree")
    run.begin_step(5.0)
    run.ask("a", 5.0, 6.0)
    run.end_step(6.0)
    run.act(6.5)
    run.emit(100.0, EpisodeResumed(0, 1, None, Usage(cost_usd=0.0), 2.0))
    run.begin_step(103.0, 1)  # it was brought back to where it had been
    run.ask("a", 103.0, 104.0)
    run.end_step(104.0)
    run.act(104.0)
    run.end(104.0, seconds=2.0 + 4.0 + 4.0)
    profile = run.profile()
    assert profile.time.environment_s == pytest.approx(0.5 + 3.0 + 4.0)
    assert profile.time.total_s == profile.totals.wall_s == pytest.approx(9.5)


def test_a_function_that_failed_in_its_only_call_is_counted(run):
    """The profile ended with a KeyError."""
    run.call("tool", 0.0, None)
    run.fail("tool", 1.0)
    run.fail_step(1.0)
    tool = node(run.profile(), "tool")
    assert (tool.failed, tool.calls, tool.latency) == (1, 0, None)


def test_episodes_are_added_up_and_those_at_once_share_the_clock(record):
    run = record()
    for episode, start in enumerate((0.0, 1.0)):
        run.episode = episode
        run.start(start)
        run.begin_step(start)
        run.ask("a", start, start + 2.0, "the very same prompt " * 100)
        run.end_step(start + 2.0)
    run.end(4.0)
    profile = run.profile()
    assert profile.totals.episodes == 2
    assert profile.totals.unfinished_episodes == 1
    assert profile.totals.steps == 2
    assert profile.time.models_s == pytest.approx(4.0)
    assert profile.totals.wall_s == pytest.approx(4.0)
    assert profile.prefix.share == 0, "an episode does not extend another"


def test_the_share_of_the_beginnings_is_of_all_characters(run):
    text = "system:" + "x" * 2000
    run.ask("a", 0.0, 1.0, text, "first")
    run.ask("a", 1.0, 2.0, text, "again")
    run.ask("b", 2.0, 3.0, text, "third", model="other")
    run.end_step(3.0)
    profile = run.profile()
    size = len(f"system\n{'x' * 2000}\nuser\nfirst\n")
    assert node(profile, "a").prefix.share == pytest.approx(1536 / (2 * size))
    assert node(profile, "a").prefix.input_tokens == 2 * size // 4
    assert node(profile, "b").prefix.share == 0, "another model has another cache"
    assert profile.prefix.reported_share == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("shared", "kept"), [(1000, [0, 0, 0]), (1100, [1024, 0, 0]), (4200, [4096, 4096, 4096])]
)
def test_servers_that_keep_no_short_beginnings_have_only_the_long_ones(run, shared, kept):
    text = "system:" + "x" * 4 * shared
    run.ask("a", 0.0, 1.0, text, "first")
    run.ask("a", 1.0, 2.0, text, "again")
    run.end_step(2.0)
    assert [*run.profile().prefix.from_floor.values()] == kept


def test_what_a_model_would_cost_counts_kept_tokens_at_their_own_price(run):
    text = "system:" + "x" * 8000
    run.ask("a", 0.0, 1.0, text, "first")
    run.ask("a", 1.0, 2.0, text, "again")
    run.end_step(2.0)
    profile = run.profile()
    costs = {one.keeps: one for one in estimate_costs(profile, get_model("openai:gpt-5-mini"))}
    tokens, kept = profile.prefix.input_tokens, 15 * 128
    written = profile.prefix.answered_tokens * 2e-6
    assert costs["nothing"].cost_usd == pytest.approx(tokens * 0.25e-6 + written)
    saved = kept * (0.25e-6 - 0.025e-6)
    assert costs["from 1,024 tokens on"].cached_tokens == kept
    assert costs["from 1,024 tokens on"].step_usd == pytest.approx(
        costs["nothing"].cost_usd - saved
    )
    assert costs["from 4,096 tokens on"].cost_usd == costs["nothing"].cost_usd


def test_the_cost_with_a_model_of_unknown_price_is_refused(run):
    run.end_step(1.0)
    with pytest.raises(InputError, match="the price of openai:none-such is not in the table"):
        estimate_costs(run.profile(), get_model("openai:none-such"))


def test_a_resumed_episode_does_not_count_the_time_it_lay_still(run):
    run.ask("a", 0.0, 1.0)
    run.end_step(1.0)
    run.emit(500.0, EpisodeResumed(0, 1, None, Usage(30, 6, 15, 3, 0.03), 1.0))
    run.begin_step(500.0, 1)
    run.ask("a", 500.0, 501.0)
    run.end_step(501.0)
    unfinished = run.profile().totals
    assert unfinished.lost == Usage(30, 6, 15, 3, 0.03)
    assert unfinished.lost_usd == pytest.approx(0.03)
    run.end(501.0, usage=Usage(50, 10, 25, 5), cost_usd=0.05)
    profile = run.profile()
    assert profile.totals.wall_s == pytest.approx(2.0)
    assert profile.totals.steps == 2
    assert profile.totals.lost == Usage(30, 6, 15, 3, 0.03)
    assert profile.totals.lost_usd == pytest.approx(0.03)
    assert profile.totals.cost_usd == pytest.approx(0.02)
    assert profile.path.steps == 1, "the resumed step took its calls from the record"


def test_a_fork_does_not_count_what_the_other_run_paid(run):
    run.ask("a", 0.0, 1.0)
    run.end_step(1.0)
    run.emit(500.0, EpisodeResumed(0, 1, "runs/other", Usage(cost_usd=0.0), 0.0))
    run.begin_step(500.0, 1)
    run.ask("a", 500.0, 502.0)
    run.end_step(502.0)
    run.end(502.0, usage=TEN)
    profile = run.profile()
    assert profile.totals.usage == replace(TEN, cost_usd=0.01)
    assert profile.totals.lost is None
    assert profile.totals.steps == 1
    assert profile.totals.wall_s == pytest.approx(2.0)


def test_what_a_call_without_an_answer_cost_is_unknown_where_the_run_does_not_know(run):
    run.ask("a", 0.0, 1.0, cost_usd=None)
    run.ask("b", 0.0, None)
    run.fail("b", 2.0)
    run.fail_step(2.0)
    run.end(2.0, usage=Usage(10, 2, 5, 4), cost_usd=None)
    totals = run.profile().totals
    assert totals.lost == Usage(0, 0, 0, 3)
    assert totals.lost_usd is None


def test_a_step_cut_off_by_a_limit_did_not_fail_and_a_refused_call_was_not_made(run):
    run.ask("a", 0.0, 1.0)
    run.ask("b", 1.0, None)
    run.cut_step(1.0, calls=TEN.calls)
    totals = run.profile().totals
    assert (totals.failed_steps, totals.unfinished_steps, totals.unanswered) == (0, 1, 0)


def test_a_call_in_flight_when_a_step_was_stopped_was_made(run):
    run.ask("a", 0.0, 1.0)
    run.ask("b", 1.0, None)
    run.cut_step(2.0, calls=TEN.calls + 1)
    assert node(run.profile(), "b").unanswered == 1


def test_a_call_for_which_there_was_no_key_was_not_made(run):
    run.ask("a", 0.0, None)
    run.fail("a", 0.0)
    run.fail_step(0.0, calls=0)
    totals = run.profile().totals
    assert (totals.failed_steps, totals.unanswered) == (1, 0)


def test_a_run_that_was_killed_is_profiled_as_far_as_it_came(run):
    run.status = "running"
    run.ask("a", 0.0, 1.0)
    run.ask("b", 1.0, None)
    profile = run.profile()
    assert profile.status == "running"
    assert profile.totals.unfinished_episodes == profile.totals.unfinished_steps == 1
    assert node(profile, "b").unanswered == 1
    assert profile.totals.steps == 0


def test_a_run_without_an_event_has_an_empty_profile(record):
    profile = record().profile()
    assert profile.totals.steps == 0
    assert profile.nodes == []
    assert profile.prefix.share is None
    assert profile.advice == []


def test_the_order_of_the_nodes_is_that_of_the_graph(record):
    run = record('{nodes: {b: "x", a: "{{ b }}", c: "{{ a }}"}}')
    run.start()
    run.begin_step(0.0)
    for name in "cab":
        run.ask(name, 0.0, 1.0)
    run.end_step(1.0)
    assert [each.node for each in run.profile().nodes] == ["b", "a", "c"]


def test_a_temperature_of_0_makes_items_the_same_request(run):
    for item in range(3):
        run.ask("a", item, item + 1, "Why?", item=item, sampling=Sampling(temperature=0))
    run.gather("a", 3.0)
    run.end_step(3.0)
    assert [each.kind for each in run.profile().advice] == []


def test_waiting_for_a_turn_is_counted_apart_from_the_time_of_calls(run):
    run.ask("a", 0.0, 1.0)
    run.ask("b", 0.0, 3.0, waited_s=2.0)
    run.end_step(3.0)
    profile = run.profile()
    assert [node(profile, name).seconds for name in "ab"] == pytest.approx([1.0, 1.0])
    assert node(profile, "b").latency.max_s == pytest.approx(1.0)
    assert node(profile, "b").waited_s == profile.totals.waited_s == pytest.approx(2.0)
