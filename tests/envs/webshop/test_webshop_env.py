"""WebShop as an environment: actions, goals, seeds, limits and what `info` says."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import gymnasium
import pytest
from agentkit_envs import register
from agentkit_envs.webshop.env import WebShopEnv
from agentkit_envs.webshop.goals.goal import NO_LIMIT
from agentkit_envs.webshop.goals.reward import score_purchase
from agentkit_envs.webshop.pages.prompt_reader import read
from envs.webshop_shelf import write_shop
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

ID = "agentkit/WebShop-v1"


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """A shop of 12 lamps with 24 goals."""
    folder = tmp_path_factory.mktemp("shop")
    return {"data": write_shop(folder), "cache": folder / "cache"}


@pytest.fixture
def env(arguments):
    return WebShopEnv(**arguments)


def documented_keys() -> set[str]:
    section = WebShopEnv.__doc__.split("## Information")[1].split("##")[0]
    return {line.split("`")[1] for line in section.splitlines() if line.strip().startswith("- `")}


def documented_arguments() -> dict[str, str]:
    section = WebShopEnv.__doc__.split("## Arguments")[1].split("##")[0]
    lines = [line.strip() for line in section.splitlines() if line.strip().startswith("- `")]
    return {line.split("`")[1]: line.split("(")[1].split(")")[0] for line in lines}


def play(env, *actions):
    """What each of the actions gives, after a reset with seed 0."""
    env.reset(seed=0)
    return [env.step(action) for action in actions]


def open_first(env):
    env.reset(seed=0)
    env.step("search[lamp]")
    return env.step(f"click[{env.visit.page.products[0].asin}]")


@pytest.mark.parametrize("mode", ["prompt", "text", "text_rich", "html"])
def test_gymnasium_finds_nothing_to_complain_about(arguments, mode):
    register()
    check_env(gymnasium.make(ID, observation_mode=mode, render_mode="ansi", **arguments).unwrapped)


def test_the_documented_info_keys_are_the_real_ones(env):
    _, at_reset = env.reset(seed=0)
    *_, after_nonsense = env.step("dance")
    open_first(env)
    *_, after_purchase = env.step("click[Buy Now]")
    keys = documented_keys()
    assert set(at_reset) == set(after_nonsense) == set(after_purchase) == keys
    json.dumps(after_purchase)


def test_the_documented_arguments_are_the_real_ones():
    from inspect import signature

    real = {
        name: json.dumps(p.default).replace("null", "None").replace("false", "False")
        for name, p in signature(WebShopEnv).parameters.items()
    }
    assert documented_arguments() == real


def test_a_purchase_is_rewarded_by_the_documented_function(env):
    open_first(env)
    env.step("click[red]")
    observation, reward, terminated, truncated, info = env.step("click[Buy Now]")
    product = env.visit.page.product
    price = env.catalogue.price(product.asin)
    score = score_purchase(product, env.goals[info["session"]], price, {"color": "red"})
    assert (reward, terminated, truncated) == (score.reward, True, False)
    assert 0 < reward <= 1
    assert info["score"] == asdict(score)
    assert info["purchase"] == {
        "asin": product.asin,
        "title": product.title,
        "price": price,
        "options": {"color": "red"},
    }
    assert read(observation).reward == pytest.approx(reward, abs=1e-4)
    with pytest.raises(ResetNeeded):
        env.step("search[lamp]")


def test_nothing_but_a_purchase_is_rewarded(env):
    told = play(env, "search[lamp]", "click[next >]", "click[< prev]", "click[back to search]")
    assert [step[1:4] for step in told] == [(0, False, False)] * 4
    assert all(step[4]["score"] is None for step in told)


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ("dance", "an action is search[words] or click[text]"),
        ("search[]", "there is nothing between the brackets"),
        ("search[ ]", "there is nothing between the brackets"),
        ("", "an action is search[words] or click[text]"),
        ("click[red] click[Buy Now]", "it is more than one action: give one at a time"),
        ("search[a], search[b]", "it is more than one action"),
        ("I would click[red]", "an action is search[words] or click[text]"),
        ("click[rad]", "nothing on this page is called 'rad'; did you mean click[red]?"),
        ("click[feature]", "did you mean click[Features]?"),
        ("click[xyz]", "nothing on this page is called 'xyz'"),
    ],
)
def test_an_action_that_is_not_understood_changes_nothing_and_says_so(env, action, why):
    open_first(env)
    page, chosen = env.visit.page, env.visit.chosen
    observation, reward, terminated, truncated, info = env.step(action)
    assert (reward, terminated, truncated, info["understood"]) == (0, False, False, False)
    assert env.visit.page is page
    assert env.visit.chosen == chosen
    assert info["game_steps"] == 2
    assert not read(observation).last.worked
    assert why in read(observation).last.told
    assert "You can do: search[words], click[value of an option]" in observation


def test_the_number_of_a_result_is_answered_with_its_identifier(env):
    (*_, (observation, *_)) = play(env, "search[lamp]", "click[next >]", "click[12]")
    asin = env.visit.page.products[1].asin
    assert f"12. {asin} | " in observation
    assert read(observation).last.told.endswith(f"did you mean click[{asin}]?")


def test_searching_by_clicking_is_answered_with_how_to_search(env):
    ((observation, *_, info),) = play(env, "click[Search]")
    assert not info["understood"]
    assert "to search, name the words: search[words]" in observation


@pytest.mark.parametrize(
    ("way", "action", "why"),
    [
        ("search[lamp]", "click[Buy Now]", "'buy now' is on a product's page; open a product"),
        ("click[Features]", "click[Red]", "'red' is on a product's page; click[< Prev] leads"),
        ("click[Features]", "click[reviews]", "'reviews' is on a product's page; click[< Prev]"),
        ("click[Back to Search]", "click[Buy Now]", "there is nothing to click here"),
    ],
)
def test_a_click_on_the_wrong_page_is_answered_with_the_right_one(env, way, action, why):
    open_first(env)
    env.step(way)
    assert read(env.step(action)[0]).last.told.startswith(why)


@pytest.mark.parametrize("spelling", ["Click[ RED ]", "`click[red]`", '"click [Red]".\n'])
def test_prompt_mode_forgives_spelling(env, spelling):
    open_first(env)
    *_, info = env.step(spelling)
    assert (info["understood"], env.visit.chosen) == (True, {"color": "red"})


def test_prompt_mode_clicks_words_with_brackets_and_odd_spaces(env):
    """A no-break space was listed as it is, which who reads the page cannot know of."""
    assert "click[navy [dark]]" in open_first(env)[4]["actions"]
    assert env.step("click[navy [dark]]")[4]["understood"]
    assert env.visit.chosen == {"color": "navy  [dark]"}


@pytest.mark.parametrize(
    ("action", "understood"),
    [
        ("click[RED]", True),
        ("click[red] and then some", True),
        ("search[x]", True),
        ("Click[red]", False),
        (" click[red]", False),
        ("click[ red ]", False),
        ("click[navy [dark]]", False),
        ("think\nclick[red]", False),
        ("click[red]\nthink", True),
        ("click[search]", False),
        ("click[]", False),
    ],
)
def test_the_other_modes_read_actions_exactly_as_the_original(arguments, action, understood):
    env = WebShopEnv(observation_mode="text", **arguments)
    open_first(env)
    before = env.visit.page
    *_, info = env.step(action)
    assert info["understood"] == understood
    assert (env.visit.page is before) != understood


def test_an_action_that_is_no_text_is_an_error(env):
    env.reset(seed=0)
    with pytest.raises(TypeError, match="an action is a text"):
        env.step(3)


@pytest.mark.parametrize("mode", ["prompt", "text"])
def test_every_listed_action_is_understood(arguments, mode):
    """Where it leads is left again by the same way; pages are few, so all of them are seen."""
    env = WebShopEnv(observation_mode=mode, max_steps=None, show_attributes=True, **arguments)
    ways, kinds = [()], set()
    for way in ways:
        env.reset(seed=0)
        for action in way:
            assert env.step(action)[4]["understood"], way
        info = env._info(env.visit, understood=True)
        kinds.add(info["page"])
        assert bool(info["actions"]) == (info["page"] != "done")
        if len(way) < 4:
            some = dict.fromkeys([*info["actions"][:2], *info["actions"][-7:]])
            ways += [(*way, action) for action in some]
    assert kinds == {
        *("index", "results", "item", "description", "features", "reviews", "attributes", "done")
    }


def test_exact_modes_do_not_list_what_cannot_be_clicked_there(arguments):
    listed = {}
    for mode in ("prompt", "text"):
        env = WebShopEnv(observation_mode=mode, **arguments)
        listed[mode] = open_first(env)[4]["actions"]
    assert set(listed["prompt"]) - set(listed["text"]) == {"click[navy [dark]]"}


def test_in_prompt_mode_products_come_first_then_values_then_buttons(env):
    (first,) = play(env, "search[lamp]")
    found = [f"click[{product.asin}]" for product in env.visit.page.products]
    assert first[4]["actions"] == [*found, "click[Back to Search]", "click[Next >]"]
    *_, info = env.step(found[0])
    assert info["actions"] == [
        *("click[red]", "click[navy [dark]]", "click[Back to Search]", "click[< Prev]"),
        *("click[Description]", "click[Features]", "click[Reviews]", "click[Buy Now]"),
    ]


def test_seeds_are_goals_counted_round(env):
    count = len(env.goals)
    assert count == 24
    sessions = [env.reset(seed=seed)[1]["session"] for seed in range(count + 2)]
    assert sessions == [*range(count), 0, 1]


@pytest.mark.parametrize(("split", "first"), [("test", 0), ("validation", 500), ("all", 0)])
def test_seeds_are_counted_from_the_first_goal_of_the_split(tmp_path_factory, split, first):
    cache = tmp_path_factory.getbasetemp() / "generated"
    env = WebShopEnv(products=600, split=split, cache=cache)
    assert env.reset(seed=0)[1]["session"] == first
    assert env.reset()[1]["session"] == first + 1


def test_a_reset_without_a_seed_takes_the_next_goal(env):
    assert env.reset(seed=22)[1]["session"] == 22
    assert [env.reset()[1]["session"] for _ in range(3)] == [23, 0, 1]


def test_a_session_can_be_named(env):
    observation, info = env.reset(options={"session": 7})
    assert info["session"] == 7
    assert info["instruction"] == env.goals[7].instruction
    assert info["instruction"] in observation


def test_another_instruction_brings_its_own_price_limit(env):
    words = "Find me a lamp, and price lower than 35.50 dollars"
    observation, info = env.reset(options={"session": 7, "instruction": words})
    assert (info["instruction"], env.visit.goal.price_upper) == (words, 35.5)
    assert words in observation
    env.reset(options={"session": 7})
    assert env.visit.goal == env.goals[7]


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("a lamp", NO_LIMIT),
        ("a lamp, price lower than 1,234.50 dollars", 1234.5),
        ("not price lower than 9 dollars, and price lower than 20.00 dollars", 20),
        ("a lamp, and price lower than 20 euros", NO_LIMIT),
    ],
)
def test_the_score_never_contradicts_the_limit_that_another_instruction_names(env, words, limit):
    assert env.goals[7].price_upper < NO_LIMIT
    env.reset(options={"session": 7, "instruction": words})
    assert env.visit.goal.price_upper == limit


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sesion": 3}, "no option 'sesion' at reset.*did you mean 'session'?"),
        ({"session": 24}, "session is a whole number from 0 to 23, not 24"),
        ({"session": -1}, "from 0 to 23"),
        ({"session": "3"}, "not '3'"),
        ({"session": True}, "not True"),
        ({"instruction": 3}, "instruction is a text .*, not 3"),
        ({"instruction": ""}, "instruction is a text that says what to buy, .* not ''"),
        ({"instruction": " \n"}, "instruction is a text that says what to buy"),
        ({"instruction": 3, "x": 1}, "(?s)2 .* wrong.*'x'.*instruction is a text"),
        ([1], r"options is a dict such as \{'session': 3\}, or None, not \[1\]"),
        ([], r"options is a dict .* not \[\]"),
    ],
)
def test_wrong_options_at_reset_are_refused_by_name(env, options, message):
    with pytest.raises(ValueError, match=message):
        env.reset(options=options)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"observation_mode": "txt"}, "observation_mode.*did you mean 'text'?"),
        ({"goals": "humans"}, "goals is.*did you mean 'human'?"),
        ({"split": "valid"}, "split is.*did you mean 'validation'?"),
        ({"goals": ["human"]}, r"goals is 'synthetic' or 'human', not \['human'\]"),
        ({"max_steps": 0}, "max_steps is a whole number"),
        ({"max_steps": "none"}, r"max_steps is .*None \(null in YAML\) for no limit, not 'none'"),
        ({"products": 0}, "products is a whole number"),
        ({"products": True}, "products is a whole number .*, not True"),
        ({"products": "9"}, "products is a whole number of at least 1, .*, not '9'"),
        ({"catalogue_seed": -1}, "catalogue_seed is a whole number of at least 0, not -1"),
        ({"catalogue_seed": None}, "catalogue_seed is a whole number of at least 0, not None"),
        ({"nouns": "rule"}, "nouns: .*Did you mean 'rules'?"),
        ({"nouns": 5}, "nouns is 'rules', 'spacy' or 'spacy:MODEL', not 5"),
        ({"nouns": []}, r"nouns is .* not \[\]"),
        ({"show_attributes": "no"}, "show_attributes is True or False .*, not 'no'"),
        ({"show_attributes": 1}, "show_attributes is True or False .*, not 1"),
        ({"data": 5}, r"data is the path of a folder, or None \(null in YAML\) for .*, not 5"),
        ({"data": ""}, "data is the path of a folder, .* for the generated catalogue, not ''"),
        ({"data": "~nobody-of-this-name/shop"}, "data: '~nobody-of-this-name/shop' is no path"),
        ({"cache": 5}, "cache is the path of a folder, .*, not 5"),
        ({"cache": " "}, "cache is the path of a folder, .* for the user's cache folder, not ' '"),
        ({"render_mode": "human"}, "render_mode is None or 'ansi'"),
        ({"split": "train"}, "only 24 goals"),
        ({"goals": "human"}, "no instructions written by people"),
    ],
)
def test_wrong_arguments_are_refused_by_name(arguments, wrong, message):
    with pytest.raises(ValueError, match=message):
        WebShopEnv(**{**arguments, **wrong})


def test_all_wrong_arguments_are_told_at_once(arguments):
    wrong = {
        "data": "",
        "observation_mode": "x",
        "goals": "x",
        "split": "x",
        "max_steps": "none",
        "products": -3,
        "catalogue_seed": "1",
        "nouns": "x",
        "show_attributes": "no",
        "cache": b"x",
        "render_mode": 1,
    }
    with pytest.raises(ValueError, match="11 arguments are wrong") as caught:
        WebShopEnv(**wrong)
    told = str(caught.value).splitlines()[1:]
    assert [line.split()[0].strip(":") for line in told] == [*documented_arguments()]


def test_the_episode_is_cut_off_after_its_steps(arguments):
    env = WebShopEnv(max_steps=3, **arguments)
    told = play(env, "search[lamp]", "dance", "click[next >]")
    assert [step[2:4] for step in told] == [(False, False), (False, False), (False, True)]
    assert [read(step[0]).steps_left for step in told] == [2, 1, 0]
    assert told[-1][0].endswith("The visit is over: no steps are left, and nothing was bought.")
    assert [bool(step[4]["actions"]) for step in told] == [True, True, False]
    with pytest.raises(ResetNeeded):
        env.step("search[lamp]")


def test_a_purchase_with_the_last_step_is_not_cut_off(arguments):
    env = WebShopEnv(max_steps=3, **arguments)
    open_first(env)
    assert env.step("click[buy now]")[2:4] == (True, False)


def test_without_a_limit_an_episode_goes_on(arguments):
    env = WebShopEnv(max_steps=None, **arguments)
    assert not any(step[3] for step in play(env, *["dance"] * 50))


def test_before_a_reset_there_is_nothing_to_do(env):
    with pytest.raises(ResetNeeded):
        env.step("search[lamp]")
    with pytest.raises(ResetNeeded):
        env.render()


def test_rendering_shows_the_page_as_a_prompt(arguments):
    env = WebShopEnv(observation_mode="text", render_mode="ansi", **arguments)
    env.reset(seed=0)
    assert read(env.render()) == env.view
    assert WebShopEnv(**arguments).render_mode is None


def test_environments_of_a_process_share_what_they_sell(arguments, tmp_path):
    new = {**arguments, "cache": tmp_path}
    with ThreadPoolExecutor(8) as pool:
        envs = list(pool.map(lambda _: WebShopEnv(**new), range(8)))
    assert len({id(env.catalogue) for env in envs}) == 1
    assert len({id(env.goals) for env in envs}) == 1


def walk(arguments, seed):
    """A random walk: all that is told on the way."""
    env = WebShopEnv(max_steps=40, **arguments)
    env.action_space.seed(seed)
    random = env.action_space.np_random
    observation, info = env.reset(seed=seed)
    told = [(observation, info)]
    for _ in range(40):
        actions = [*info["actions"], "search[lamp]", "dance"]
        *step, info = env.step(actions[random.integers(len(actions))])
        told.append((step, info))
        if step[2] or step[3]:
            break
    return told


def test_walks_on_many_threads_tell_what_they_tell_alone(arguments):
    alone = [walk(arguments, seed) for seed in range(12)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda seed: walk(arguments, seed), range(12))) == alone


def test_the_same_seed_is_the_same_episode_in_every_process(arguments):
    program = (
        "import json, sys\n"
        "from agentkit_envs.webshop.env import WebShopEnv\n"
        "env = WebShopEnv(**json.loads(sys.argv[1]))\n"
        "told = [env.reset(seed=5)]\n"
        "for action in ['search[desk lamp]', 'click[B03]', 'click[red]', 'click[Buy Now]']:\n"
        "    told.append(env.step(action))\n"
        "print(json.dumps(told))\n"
    )
    given = json.dumps({name: str(value) for name, value in arguments.items()})
    told = [
        subprocess.run(
            [sys.executable, "-c", program, given],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert json.loads(told[0])[-1][2] is True
