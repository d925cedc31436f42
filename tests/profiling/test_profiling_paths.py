"""The critical path of a step, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import Graph, Node
from agentkit.profiling.paths import PathFinder, StepTimes
from agentkit.profiling.sums import PathSums

FORK = """
nodes:
  a: First
  b: "{{ a }}"
  c: "{{ a }}"
  d: "{{ b }} {{ c }}"
action: d
"""


def critical(profile, node):
    return next(each for each in profile.nodes if each.node == node).critical


@pytest.fixture
def fork(record):
    """a takes 1 s, then b 2 s beside c 0.5 s, then d 0.8 s."""
    run = record(FORK)
    run.start()
    run.begin_step(0.0)
    run.ask("a", 0.0, 1.0)
    run.ask("b", 1.0, 3.0)
    run.ask("c", 1.0, 1.5)
    run.ask("d", 3.0, 3.8)
    run.end_step(4.5)
    run.end(4.5)
    return run


def test_the_path_is_what_the_end_of_the_step_waited_for(fork):
    path = fork.profile().path
    assert path.known
    assert path.steps == 1
    assert path.seconds == pytest.approx(4.5)
    assert list(path.nodes) == ["b", "a", "d"]


def test_what_a_step_saves_without_a_node_is_bounded_by_the_next_longest_path(fork):
    profile = fork.profile()
    assert critical(profile, "b").saves_s == pytest.approx(1.5)
    assert critical(profile, "a").saves_s == pytest.approx(1.0)
    assert critical(profile, "b").seconds == pytest.approx(2.0)
    assert critical(profile, "b").share == pytest.approx(2 / 4.5)


def test_a_node_beside_the_path_has_slack(fork):
    profile = fork.profile()
    assert critical(profile, "c").steps == 0
    assert critical(profile, "c").slack_s == pytest.approx(1.5)
    assert critical(profile, "b").slack_s == 0


def test_without_the_graph_the_path_is_found_from_the_times(record, fork):
    fork._source = ""
    profile = fork.profile()
    assert not profile.path.known
    assert list(profile.path.nodes) == ["b", "a", "d"]
    assert critical(profile, "b").saves_s is None
    assert critical(profile, "c").slack_s is None


def test_the_graph_is_known_although_models_and_functions_are_not(record):
    run = record(
        """
model: nobody:knows
nodes:
  tool: {function: not_installed}
  a: {prompt: "{{ tool }}", model: nobody:else}
"""
    )
    run.start()
    run.begin_step(0.0)
    run.call("tool", 0.0, 1.0)
    run.ask("a", 1.0, 1.5)
    run.end_step(1.5)
    profile = run.profile()
    assert profile.path.known
    assert list(profile.path.nodes) == ["tool", "a"]


def test_a_skipped_node_takes_no_time_on_the_path(record):
    run = record('{nodes: {a: "x", b: {prompt: "{{ a }}", when: a, initial: ""}, c: "{{ b }}"}}')
    run.start()
    run.begin_step(0.0)
    run.ask("a", 0.0, 1.0)
    run.skip("b", 1.0)
    run.ask("c", 1.0, 2.0)
    run.end_step(2.0)
    profile = run.profile()
    assert critical(profile, "b") is None
    assert critical(profile, "c").steps == critical(profile, "a").steps == 1


def test_items_and_attempts_belong_to_their_node(record):
    run = record('{nodes: {a: {prompt: "{{ item }}", each: "[1, 2]"}, b: "{{ a }}"}}')
    run.start()
    run.begin_step(0.0)
    run.ask("a", 0.0, 1.0, item=0, error="no number")
    run.ask("a", 0.0, 0.5, item=1)
    run.ask("a", 1.0, 3.0, item=0, attempt=2)
    run.gather("a", 3.0)
    run.ask("b", 3.0, 4.0)
    run.end_step(4.0)
    assert critical(run.profile(), "a").seconds == pytest.approx(3.0)


def test_nodes_added_at_run_time_are_on_the_path_and_count_as_one(record):
    run = record('{nodes: {tool: {function: f}, a: "{{ tool }}", b: "{{ a }}"}}')
    run.start()
    run.begin_step(0.0)
    run.call("tool", 0.0, 1.0)
    run.add("tool.1", "tool", 0.5, before=("b",))
    run.add("tool.2", "tool", 0.6, before=("b",))
    run.ask("a", 1.0, 1.5)
    run.ask("tool.1", 1.0, 3.0)
    run.ask("tool.2", 3.0, 4.0)
    run.ask("b", 4.0, 5.0)
    run.end_step(5.0)
    profile = run.profile()
    assert [node.node for node in profile.nodes] == ["tool", "tool.*", "a", "b"]
    assert critical(profile, "tool.*").seconds == pytest.approx(3.0)
    assert critical(profile, "a").slack_s == pytest.approx(2.5)
    assert next(n for n in profile.nodes if n.node == "tool.*").calls == 2


def test_only_finished_steps_are_weighed(record):
    run = record()
    run.start()
    run.begin_step(0.0)
    run.ask("a", 0.0, 1.0)
    run.fail_step(1.0)
    run.begin_step(1.0)
    run.ask("a", 1.0, 3.0)
    run.end_step(3.0)
    run.begin_step(3.0, 1)
    run.ask("a", 3.0, None)
    profile = run.profile()
    assert profile.path.steps == 1
    assert profile.path.seconds == pytest.approx(2.0)
    assert profile.totals.failed_steps == profile.totals.unfinished_steps == 1


@st.composite
def schedules(draw):
    """Nodes with what they need and how long they take, in an order that works."""
    size = draw(st.integers(1, 7))
    needs = {
        f"n{i}": [f"n{j}" for j in draw(st.sets(st.integers(0, i - 1)))] if i else []
        for i in range(size)
    }
    took = {name: draw(st.integers(1, 50)) / 10 for name in needs}
    return needs, took


def ends(needs, took):
    """When each node ends, were each started at once when it can be."""
    found = {}
    for name, wanted in needs.items():
        found[name] = max((found[need] for need in wanted), default=0.0) + took[name]
    return found


@given(schedules())
def test_any_step_is_explained_by_its_path_and_shortened_by_no_more_than_it_says(schedule):
    needs, took = schedule
    nodes = [Node(name, "x", after=wanted) for name, wanted in needs.items()]
    found, whole = ends(needs, took), max(ends(needs, took).values())
    step = StepTimes(0.0)
    for name, end in found.items():
        step.begin(name, end - took[name])
        step.end(name, end)
    sums = PathSums()
    PathFinder(Graph(nodes)).add(step, whole, sums)
    assert sum(sums.path_s.values()) == pytest.approx(whole)
    for name in needs:
        if sums.on_path[name]:
            shorter = max(ends(needs, {**took, name: 0.0}).values())
            assert sums.saves_s[name] == pytest.approx(whole - shorter)
        longer = {**took, name: took[name] + sums.slack_s[name]}
        assert max(ends(needs, longer).values()) == pytest.approx(whole)
        longer[name] += 1.0
        assert max(ends(needs, longer).values()) == pytest.approx(whole + 1.0)
