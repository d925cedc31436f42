"""The goals of WebShop: which there are, in which order, and what they ask for."""

import itertools
import json
import random
import re

import pytest
from agentkit_envs.webshop.catalogue.catalogue import Catalogue, open_catalogue
from agentkit_envs.webshop.goals.goal import NO_LIMIT
from agentkit_envs.webshop.goals.goal_list import Goals, split_of
from envs.webshop_data import DATA, needs_data

PRICE = re.compile(r", and price lower than [0-9]+\.00 dollars$")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return open_catalogue(DATA, cache=tmp_path_factory.mktemp("cache"))


@needs_data
def test_goals_are_those_of_the_recorded_sessions_apart_from_the_drawn_price(catalogue: Catalogue):
    goals = Goals(catalogue)
    assert len(goals) == 6910
    lines = (DATA / "trajectories.jsonl").read_text().splitlines()
    assert len(lines) == 206
    for line in lines:
        episode = json.loads(line)
        recorded = episode["reset"].split(" [SEP] ")[2]
        ours = goals[episode["session"]].instruction
        assert PRICE.sub("", ours) == PRICE.sub("", recorded)
        assert bool(PRICE.search(ours)) == bool(PRICE.search(recorded))


@needs_data
def test_all_goals_are_those_that_the_rules_give_when_all_are_written_out(catalogue: Catalogue):
    said = json.loads((DATA / "items_ins_v2_1000.json").read_text())
    expected = []
    for product in catalogue:
        if wish := said[product.asin].get("instruction"):
            names = sorted(product.options)
            for values in itertools.product(*(product.options[name] for name in names)):
                chosen = dict(zip(names, values, strict=True))
                text = ", and ".join(f"{name}: {value}" for name, value in chosen.items())
                asked = said[product.asin]["instruction_attributes"]
                expected.append(
                    (product.asin, chosen, asked, wish + (f" with {text}" * bool(text)))
                )
    random.Random(233).shuffle(expected)
    goals = Goals(catalogue)
    assert len(goals) == len(expected)
    for goal, (asin, chosen, asked, text) in zip(goals, expected, strict=True):
        assert (goal.asin, goal.options, list(goal.attributes)) == (asin, chosen, asked)
        assert PRICE.sub("", goal.instruction) == text


@needs_data
def test_the_limit_is_the_higher_of_two_drawn_above_the_price(catalogue: Catalogue):
    limits = []
    for goal in list(Goals(catalogue))[:500]:
        above = [10.0 * n for n in range(1, 100) if 10 * n > catalogue.price(goal.asin)]
        if len(above) > 1:
            assert goal.price_upper in above[1:4], goal
            limits.append(goal.price_upper)
    other = [goal.price_upper for goal in list(Goals(catalogue, seed=1))[:500]]
    assert len(limits) > 400
    assert sorted(limits) != sorted(limit for limit in other if limit < NO_LIMIT)


@needs_data
def test_a_price_drawn_from_a_range_is_in_whole_cents(catalogue: Catalogue):
    ranges = [product for product in catalogue if len(product.prices) == 2]
    assert len(ranges) > 50
    for product in ranges:
        price = catalogue.price(product.asin)
        assert min(product.prices) <= price <= max(product.prices)
        assert price == round(price, 2)


@needs_data
def test_human_goals_give_option_values_without_names(catalogue: Catalogue):
    goals = Goals(catalogue, "human")
    assert len(goals) == 13
    assert all(isinstance(goal.options, tuple) for goal in goals)
    assert all("..," not in goal.instruction for goal in goals)


def test_splits_are_the_benchmarks():
    assert split_of("test", 6910) == range(500)
    assert split_of("validation", 6910) == range(500, 1500)
    assert split_of("train", 6910) == range(1500, 6910)
    assert split_of("all", 6910) == range(6910)
    assert split_of("test", 13) == range(13)


def test_a_split_without_goals_says_how_many_there_are():
    with pytest.raises(ValueError, match="'train' starts at goal 1500, but there are only 13"):
        split_of("train", 13)
    with pytest.raises(ValueError, match="unknown split 'tset'"):
        split_of("tset", 13)
