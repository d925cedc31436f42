"""The rule-based shopper: it plays alone as in its agent, and sees only what it is shown."""

import json

import pytest
from agentkit_envs.webshop.env import WebShopEnv
from agentkit_envs.webshop.expert import answer
from agentkit_envs.webshop.strategy import expert_answers
from agentkit_envs.webshop.strategy.decision import Situation
from agentkit_envs.webshop.strategy.expected_reward import affordable, worth
from agentkit_envs.webshop.strategy.options import pick
from agentkit_envs.webshop.strategy.player import play
from agentkit_envs.webshop.strategy.wish_parser import parse_wish
from envs.webshop_data import DATA, needs_data

from agentkit import Call, Message, ModelError, Request
from agentkit.messages import Moment


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("shops")


@pytest.fixture(scope="module")
def env(cache):
    """A shop of 300 generated products."""
    return WebShopEnv(products=300, cache=cache)


def ask(node, observation="", history=()) -> str:
    moment = Moment(observation, {}, history)
    return answer(Request((Message("user", "?"),), call=Call(node=node), moment=moment))


def episode(env, seed) -> tuple[list[tuple[str, Situation, str]], float, dict]:
    """(observation, what is known then, action) of each step, the reward and the last info."""
    observation, info = env.reset(seed=seed)
    memory, steps, over = None, [], False
    while not over:
        action, memory = play(observation, memory)
        steps.append((observation, memory, action))
        observation, reward, ended, cut, info = env.step(action)
        assert info["understood"], (action, observation)
        over = ended or cut
    return steps, float(reward), info


def test_every_episode_ends_with_a_purchase_and_most_of_the_wish(env):
    ends = [episode(env, seed) for seed in range(25)]
    assert all(info["purchase"] for _, _, info in ends)
    assert all(len(steps) <= 15 for steps, _, _ in ends)
    assert sum(reward for _, reward, _ in ends) / len(ends) > 0.8


@pytest.mark.parametrize("max_steps", [3, 4, 5, 8, None])
def test_it_buys_in_as_many_steps_as_there_are(cache, max_steps):
    env = WebShopEnv(products=300, cache=cache, max_steps=max_steps)
    for seed in range(6):
        steps, _, info = episode(env, seed)
        assert info["purchase"] is not None
        assert len(steps) <= (max_steps or 27), "without a limit its patience is limited"


@pytest.mark.parametrize("words", ["zzz qqq", "?", "!", "a gluten free submarine under $1"])
def test_where_no_product_fits_it_buys_all_the_same(env, words):
    observation, _ = env.reset(options={"session": 0, "instruction": words})
    memory, over = None, False
    while not over:
        action, memory = play(observation, memory)
        observation, _, ended, cut, info = env.step(action)
        assert info["understood"]
        over = ended or cut
    assert info["purchase"] is not None


def test_it_names_only_products_and_values_that_it_was_shown(env):
    for seed in range(25):
        steps, _, _ = episode(env, seed)
        shown = ""
        for observation, _, action in steps:
            shown += observation
            verb, _, text = action.rstrip("]").partition("[")
            if verb == "click":
                assert text in shown


def test_a_resumed_episode_is_followed_from_its_start(env):
    """Resume and replay rest on this: the same history, the same answer."""
    steps, _, _ = episode(env, 3)
    history = [{"observation": seen, "action": action} for seen, _, action in steps]
    for place in reversed(range(len(steps))):
        observation, _, action = steps[place]
        assert json.loads(ask("act", observation, history[:place]))["action"] == action


def test_the_goal_is_hidden_from_it(env):
    """Another goal behind the same pages changes nothing in what it does."""
    instruction = env.goals[7].instruction
    played = []
    for session in (7, 30):
        observation, _ = env.reset(options={"session": session, "instruction": instruction})
        memory, actions, over = None, [], False
        while not over:
            action, memory = play(observation, memory)
            actions.append(action)
            observation, _, ended, cut, _ = env.step(action)
            over = ended or cut
        played.append(actions)
    assert played[0] == played[1]


def test_a_title_tells_of_the_wanted_value_of_an_option():
    """Although which values can be chosen is seen only when the product is opened."""
    item = {"asin": "B1", "title": "Mint Bar", "price": "$3.0"}
    words = "a bar in the mint flavor"
    notes = {"products": {"B1": known(**item)}, "fresh": [item]}
    (told,) = expert_answers.compared(Situation(notes, parse_wish(words), words))
    assert told == {"product": "B1", "why": "the title tells of mint", "promise": told["promise"]}


def test_why_it_acts_is_said_of_the_product_that_it_acts_for():
    """It said "look elsewhere, because it meets the wish best", and meant another product."""
    words = "a lamp under $20"
    notes = {
        "kind": "item", "product": "A", "chosen": {}, "listed": ["A", "B"],
        "steps": 3, "steps_left": 9, "searches": ["lamp", "x"],
        "products": {
            "A": known(price="$30.0", options={}, features="", description=""),
            "B": known(options={}, features="", description=""),
        },
    }  # fmt: skip
    now = Situation(notes, parse_wish(words), words)
    assert expert_answers.judged(now)["lesson"] == "A misses price"
    why = "B meets the wish best of what was seen"
    assert expert_answers.act(now) == {"why": why, "action": "click[< Prev]"}


def test_an_unknown_node_is_refused_with_the_names_it_could_mean():
    with pytest.raises(ModelError, match=r"node 'wnated'.*Did you mean 'wanted'\?.*act"):
        ask("wnated")


def test_a_page_in_another_form_is_refused_in_words_that_help():
    with pytest.raises(ModelError, match="set observation_mode: prompt under env"):
        ask("act", "WebShop [SEP] Instruction: [SEP] a lamp")


def test_notes_keep_what_was_seen_of_a_product(env):
    steps, _, _ = episode(env, 0)
    notes = steps[-1][1].notes
    bought = notes["products"][notes["product"]]
    assert bought["title"] in "".join(observation for observation, _, _ in steps)
    assert notes["searches"] == list(dict.fromkeys(notes["searches"]))
    fresh = [item["asin"] for _, now, _ in steps for item in now.notes["fresh"]]
    assert len(fresh) == len(set(fresh)), "a product is new only once"
    assert json.loads(json.dumps(notes)) == notes


def test_exact_values_come_before_like_ones():
    wish = parse_wish("Find me shirts with color: blue, and size: large")
    options = {"color": ("light blue", "blue"), "size": ("x-large", "large")}
    assert pick(options, wish, "").values == {"color": "blue", "size": "large"}


def test_a_value_that_two_options_share_is_chosen_where_the_click_goes():
    wish = parse_wish("Find me shirts with color: natural, and size: large")
    options = {"finish": ("natural", "oak"), "color": ("natural", "red")}
    assert pick(options, wish, "").values == {"color": "natural"}


def test_values_that_the_words_say_are_chosen_without_the_options_name():
    picked = pick({"flavor name": ("mint", "mint chocolate")}, parse_wish("a bar"),
                  "I want a mint chocolate bar")  # fmt: skip
    assert picked.values == {"flavor name": "mint chocolate"}


@pytest.mark.parametrize(
    ("price", "limit", "chance"),
    [("$10.5", 11, 1), ("$10.5", 10, 0), ("$10 to $20", 15, 0.5), ("$1,000.0", 999, 0),
     ("$20.0 to $10.0", 15, 0.5), ("$5.0", None, 1)],
)  # fmt: skip
def test_a_price_range_may_be_within_the_limit(price, limit, chance):
    assert affordable(price, limit) == chance


def known(**changes):
    product = {"title": "A lamp", "price": "$10.0", "places": [["lamp", 0]], "options": None}
    return product | {"description": None, "features": None} | changes


def test_what_was_not_read_is_unsure_and_what_was_read_is_met_or_missing():
    wish = parse_wish("I need a dimmable lamp with a glass shade under $20")
    assert worth(known(), wish, "").unsure == ("dimmable", "glass shade")
    read = worth(known(features="Dimmable.", description="", options={}), wish, "")
    assert set(read.met) == {"dimmable", "price"}
    assert read.missing == ("glass shade",)


@needs_data
def test_it_shops_well_in_webshops_own_catalogue(cache):
    """Its score here is 94 of 100, and a rule-based shopper of 2022 had 45.6 on all products."""
    env = WebShopEnv(data=DATA, cache=cache, split="train")
    rewards = [episode(env, seed)[1] for seed in range(40)]
    assert sum(rewards) / len(rewards) > 0.85
