"""Which experts nodes use, read from records that runs wrote, against sums made by hand."""

import asyncio
import json
from math import log2

import pytest

from agentkit import (
    Agent,
    Completion,
    FunctionModel,
    Graph,
    InputError,
    Node,
    Plan,
    RunWriter,
    Usage,
    load_run,
    rollout,
)
from agentkit.moe.heat_map import LEVELS, colour_of, heat_map, highest_share, level
from agentkit.moe.profile import profile_experts
from agentkit.moe.report import html_report

LOOK = ((6, 2, 0, 0), (2, 2, 2, 2))
ACT = ((0, 0, 4, 4), (2, 2, 2, 2))
"""Of 4 tokens that take 2 experts each."""
USAGE = Usage(4, 3, 2, cost_usd=0.0)
"""4 + 3 - 1 tokens, of which 2 came from the cache."""


def record(folder, answer, *nodes: Node, episodes: int = 1, **fields):
    """Record a run in which a function answers every node."""
    nodes = nodes or (Node("look", "Look."), Node("act", "Act on {{ look }}."))
    model = FunctionModel(answer, name="test:mixture")
    agent = Agent(Graph(list(nodes)), model=model, name="mixed", **fields)
    writer = RunWriter(folder, {"agent": agent.name})
    asyncio.run(rollout(agent, Plan(episodes=episodes), writer=writer))
    return load_run(folder)


def answer(request) -> Completion:
    experts = LOOK if request.call.node == "look" else ACT
    return Completion("yes", USAGE, model="mixture", experts=experts)


@pytest.fixture
def run(tmp_path):
    return record(tmp_path / "run", answer, episodes=3)


def test_each_node_has_the_sums_of_its_calls(run):
    (model,) = profile_experts(run).models
    assert (model.model, model.experts) == ("mixture", 4)
    look, act = model.nodes
    assert (look.node, look.calls, look.tokens) == ("look", 3, 12)
    assert [layer.counts for layer in look.layers] == [(18, 6, 0, 0), (6, 6, 6, 6)]
    assert [layer.counts for layer in act.layers] == [(0, 0, 12, 12), (6, 6, 6, 6)]


def test_one_episode_can_be_chosen(run):
    (model,) = profile_experts(run, [1]).models
    assert model.nodes[0].layers[0].counts == LOOK[0]


def test_entropy_evenness_and_effective_number_are_those_of_the_shares(run):
    first, second = profile_experts(run).models[0].nodes[0].layers
    bits = -(0.75 * log2(0.75) + 0.25 * log2(0.25))
    assert first.shares == (0.75, 0.25, 0.0, 0.0)
    assert first.entropy_bits == pytest.approx(bits)
    assert first.evenness == pytest.approx(bits / 2)
    assert first.effective == pytest.approx(2**bits)
    assert (second.entropy_bits, second.evenness, second.effective) == (2.0, 1.0, 4.0)


def test_the_fewest_experts_that_carry_a_share_are_the_most_used(run):
    first, second = profile_experts(run).models[0].nodes[0].layers
    assert [first.carrying(mass) for mass in (0.0, 0.5, 0.75, 0.76, 1.0)] == [
        [], [0], [0], [0, 1], [0, 1],
    ]  # fmt: skip
    assert second.carrying(0.5) == [0, 1]


def test_overlap_is_0_where_no_expert_is_shared_and_1_where_all_are_used_alike(run):
    (overlap,) = profile_experts(run).models[0].overlaps
    assert overlap.nodes == ("look", "act")
    assert overlap.by_layer == pytest.approx((0.0, 1.0))
    assert overlap.mean == pytest.approx(0.5)


def test_overlap_by_chance_is_about_what_samples_of_one_router_show(tmp_path):
    import random

    rng = random.Random(7)
    weights = [rng.paretovariate(1.5) for _ in range(64)]

    def draw(request) -> Completion:
        chosen = rng.choices(range(64), weights, k=400 * 6)
        layers = [chosen[at : at + 400] for at in range(0, len(chosen), 400)]
        counts = tuple(tuple(layer.count(one) for one in range(64)) for layer in layers)
        return Completion("yes", Usage(300, 101, cost_usd=0.0), model="m", experts=counts)

    (model,) = profile_experts(record(tmp_path / "run", draw)).models
    (overlap,) = model.overlaps
    assert overlap.mean == pytest.approx(overlap.by_chance, abs=0.02)
    assert overlap.mean < 0.98


def test_counts_that_agree_with_the_tokens_that_were_not_cached_are_said_to(run):
    check = profile_experts(run).models[0].check
    assert (check.per_token, check.cached, check.agree, check.calls) == (2, False, 6, 6)
    assert check.disagree == ()


def test_servers_count_the_tokens_from_their_cache_too(tmp_path):
    def served(request) -> Completion:
        cached = 2 if request.call.node == "act" else 0
        usage = Usage(4, 3, cached, cost_usd=0.0)
        return Completion("yes", usage, model="m", experts=((9, 3), (4, 8)))

    check = profile_experts(record(tmp_path / "run", served)).models[0].check
    assert (check.per_token, check.cached, check.agree) == (2, True, 2)


def test_counts_that_disagree_with_their_tokens_are_told_with_both(tmp_path):
    def wrong(request) -> Completion:
        step = answer(request)
        if request.call.episode != 1 or request.call.node == "act":
            return step
        return Completion("yes", USAGE, model="mixture", experts=((6, 2, 1, 0), LOOK[1]))

    check = profile_experts(record(tmp_path / "run", wrong, episodes=3)).models[0].check
    assert (check.per_token, check.agree, check.calls) == (2, 5, 6)
    assert check.disagree == (
        "episode 1, step 0, node 'look': 8 to 9 choices in a layer, expected 2 x 4 = 8",
    )


def test_counts_that_agree_with_nothing_are_told(tmp_path):
    def odd(request) -> Completion:
        return Completion("yes", Usage(100, 2, cost_usd=0.0), model="m", experts=((1, 2),))

    (model,) = profile_experts(record(tmp_path / "run", odd)).models
    assert (model.check.per_token, model.check.agree) == (None, 0)
    assert "3 choices in a layer, expected of 101 tokens" in model.check.disagree[0]
    assert model.nodes[0].tokens == 0


def test_answers_that_took_no_call_are_not_counted_and_those_asked_again_are(tmp_path):
    again = Node("look", "Look.", output="integer", attempts=2, otherwise=7)
    twice = [Node(name, "The same.", reuse=True, after=[after]) for name, after in (
        ("one", "look"), ("two", "one"))]  # fmt: skip
    run = record(tmp_path / "run", answer, again, *twice)
    (model,) = profile_experts(run).models
    assert {node.node: node.calls for node in model.nodes}["look"] == 2
    assert sum(node.calls for node in model.nodes) <= 4


def test_models_are_profiled_apart_and_silent_calls_are_counted(tmp_path):
    def several(request) -> Completion:
        experts = {"a": ((1, 1),), "b": ((0, 0, 2), (1, 1, 0)), "c": ()}[request.call.node]
        return Completion("yes", USAGE, model=f"m-{request.call.node}", experts=experts)

    nodes = [Node("a", "A."), Node("b", "B.", after=["a"]), Node("c", "C.", after=["b"])]
    profile = profile_experts(record(tmp_path / "run", several, *nodes))
    assert [(one.model, one.experts, len(one.nodes)) for one in profile.models] == [
        ("m-a", 2, 1), ("m-b", 3, 1),
    ]  # fmt: skip
    assert profile.silent == 1
    assert profile.models[0].overlaps == ()


def test_a_run_without_telemetry_says_how_to_get_it(tmp_path):
    run = record(tmp_path / "run", lambda request: "yes")
    with pytest.raises(InputError, match="'telemetry: experts' under its model"):
        profile_experts(run)


def test_figures_are_json(run):
    told = json.loads(json.dumps(profile_experts(run).as_json()))
    look = told["models"][0]["nodes"][0]
    assert look["layers"][0]["counts"] == [18, 6, 0, 0]
    assert look["layers"][0]["carrying"] == {"0.5": [0], "0.9": [0, 1], "0.98": [0, 1]}
    assert told["models"][0]["overlaps"][0]["by_layer"] == [0.0, 1.0]


def test_levels_go_from_never_chosen_to_the_highest_share():
    assert level(0.0, 0.5) == 0
    assert level(1e-9, 0.5) == 1
    assert level(0.5, 0.5) == LEVELS - 1
    assert level(0.3, 0.0) == 0
    colours = [colour_of(one) for one in range(LEVELS)]
    assert len({*colours}) == LEVELS
    assert all(len(one) == 7 for one in colours)


def test_a_heat_map_has_a_cell_for_each_expert_of_each_layer(run):
    (model,) = profile_experts(run).models
    svg = heat_map(model.nodes[0], highest_share(model))
    assert svg.count("z") == 2 * 4
    assert svg.count(f'fill="{colour_of(0)}"') == 1  # all that were never chosen in one path


def test_the_page_needs_nothing_else_and_escapes_names(tmp_path):
    def named(request) -> Completion:
        return Completion("yes", USAGE, model="<script>m</script>", experts=LOOK)

    page = html_report(profile_experts(record(tmp_path / "run", named)))
    assert "<script" not in page
    assert "&lt;script&gt;m" in page
    assert "http" not in page
    assert page.count("<svg") == 2
