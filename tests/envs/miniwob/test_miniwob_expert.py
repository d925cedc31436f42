"""The rule-based player of MiniWoB++: what its rules decide, and that they win in the browser."""

import json
import re
from pathlib import Path

import pytest
from agentkit_envs.browser.act.actions import parse_action
from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.browser.see.observation_text import describe
from agentkit_envs.browser.see.view import Element, LastAction, View
from agentkit_envs.miniwob.env import MiniWoBEnv
from agentkit_envs.miniwob.expert import answer
from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.table import RULES, decide, plan
from agentkit_envs.miniwob.tasks import groups
from envs.browser_pages import needs_chromium
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import Request
from agentkit.errors import ModelError
from agentkit.messages import Call, Moment


def view(goal, *elements, last=None):
    return View(goal, "/", "A task", elements=elements, last=last, steps_left=30)


def button(ref, name, *states):
    return Element("button", name, ref, states=states)


def field(ref, value="", *states):
    return Element("textbox", "", ref, value=value, states=states)


def words(text):
    return Element("text", text)


def action(task, seen, tried=(), facts=()):
    return decide(task, seen, tried, facts).action


def ask(node, seen, task, past=()):
    """What a node is answered with; `past` is the history of the episode."""
    moment = Moment(describe(seen), {"task": task}, list(past))
    return json.loads(answer(Request((), call=Call(node=node), moment=moment)))


def test_the_group_of_tasks_is_what_the_rules_are_for():
    assert groups()["expert"] == tuple(sorted(RULES))


def test_the_page_about_it_counts_and_names_the_tasks_as_they_are():
    page = (Path(__file__).parents[3] / "docs" / "browser.md").read_text(encoding="utf-8")
    about = page.split("### The expert\n")[1].split("\n## ")[0]
    known = groups()
    benchmark = [task for task in known["benchmark"] if task in RULES]
    assert f"{len(RULES)} of all {len(known['all'])} tasks have rules" in about
    assert f"{len(benchmark)} of the {len(known['benchmark'])} of `benchmark`" in about
    listed = re.findall(r"`([^`]+)`", about.split("with the reason: ")[1].split("\n")[0])
    without = [task for task in known["all"] if task not in RULES]
    assert sorted(listed) == sorted([*without, "benchmark"])
    assert "`find-greatest`" in about


def test_every_rule_says_in_a_sentence_what_it_does():
    for task in RULES:
        assert plan(task).endswith(".")
        assert len(plan(task)) < 100


def test_a_task_without_a_rule_is_given_up_by_name():
    decision = decide("drag-cube", view("Turn the cube."), [])
    assert decision.action == moves.give_up("the rule-based expert has no rule for task drag-cube")
    assert parse_action(decision.action).name == "report_infeasible"
    assert "drag-cube" in plan("drag-cube")


def test_what_is_not_there_is_waited_for_and_then_given_up():
    page = view('Click on the "Ok" button.', words("loading"))
    tried = []
    for _ in range(3):
        tried.append(action("click-button", page, tried))
    assert tried == ["noop(300)"] * 3
    last = decide("click-button", page, tried)
    assert parse_action(last.action).name == "report_infeasible"
    assert "there is no button 'Ok'" in last.why


def test_an_error_in_a_rule_is_named_and_does_not_pass_for_a_page_that_is_loading():
    page = view("Enter a date without any parts.", field("e1"), button("e2", "Submit"))
    first = decide("enter-date", page, [])
    assert first.action == "noop(300)"
    assert "the rule failed with ValueError: " in first.why
    last = decide("enter-date", page, ["noop(300)"] * 3)
    assert parse_action(last.action).name == "report_infeasible"
    assert last.fault in last.action.replace("\\", "")
    assert last.fault in last.why
    assert decide("click-button", view('Click on the "Ok" button.'), []).fault == ""


NAMES = st.sampled_from(
    ["", "Submit", "7", "-3", "ttt-0", "1, black, 13 x 24 at (40, 90)", "slider-handle", "a@b", "x"]
)
ELEMENTS = st.builds(
    Element,
    role=st.sampled_from(["button", "textbox", "generic", "link", "tab", "listitem", "img"]),
    name=NAMES,
    ref=st.sampled_from(["e1", "e2", "e3"]),
    depth=st.integers(0, 2),
    value=NAMES,
)
GOALS = st.sampled_from(
    ['Select "a", b and click Submit.', "from: A to: B on 01/02/2016", "Drag x up by one.", "", "?"]
)


@settings(max_examples=5, deadline=None)
@given(GOALS, st.lists(ELEMENTS, max_size=6), st.lists(st.just("click('e1')"), max_size=2))
@pytest.mark.parametrize("task", sorted(RULES))
def test_on_any_page_and_goal_a_rule_gives_an_action(task, goal, elements, tried):
    assert parse_action(action(task, view(goal, *elements), tried))


def test_a_button_that_the_mouse_does_not_reach_is_pressed_by_the_keyboard():
    last = LastAction("click('e2')", "it is covered by button TWO")
    page = view("Click button ONE.", button("e2", "ONE"), button("e3", "TWO"), last=last)
    assert action("click-test-2", page, ["click('e2')"]) == "press('e2', 'Enter')"


def test_capitals_count_where_only_they_differ():
    page = view('Click on the "ok" button.', button("e1", "OK"), button("e2", "ok"))
    assert action("click-button", page) == "click('e2')"
    page = view('Click on the "Ok" button.', button("e1", "OK"), button("e2", "no"))
    assert action("click-button", page) == "click('e1')"


def test_a_form_is_filled_field_by_field_and_then_submitted():
    goal = 'Enter the password "a\'b" into both text fields and press submit.'
    submit = button("e3", "Submit")
    assert action("enter-password", view(goal, field("e1"), field("e2"), submit)) == (
        r"fill('e1', 'a\'b')"
    )
    assert action("enter-password", view(goal, field("e1", "a'b"), field("e2"), submit)) == (
        r"fill('e2', 'a\'b')"
    )
    full = view(goal, field("e1", "a'b"), field("e2", "a'b"), submit)
    assert action("enter-password", full) == "click('e3')"


def test_a_field_that_does_not_show_its_text_does_not_stop_the_form():
    page = view(
        'Enter "x" into the text field and press Submit.', field("e1"), button("e2", "Submit")
    )
    assert action("enter-text", page, ["fill('e1', 'x')"]) == "click('e2')"


@pytest.mark.parametrize(
    ("tried", "told", "guess"),
    [
        ([], "Waiting for your guess...", "4"),
        (["fill('e1', '4')", "click('e2')"], "The number is higher than 4.", "7"),
        (["fill('e1', '4')", "fill('e1', '7')"], "The number is lower than 7.", "5"),
        (["fill('e1', '4')", "fill('e1', '1')"], "The number is higher than 1.", "2"),
    ],
)
def test_guesses_halve_what_is_left(tried, told, guess):
    spin = Element("spinbutton", "", "e1")
    page = view("Guess the number between 0-9", words(told), spin, button("e2", "Submit"))
    assert action("guess-number", page, tried) == f"fill('e1', '{guess}')"


def test_of_two_persons_in_a_goal_the_one_spoken_of_as_a_sender_is_looked_for():
    def row(at, name):
        return (
            Element("generic", "", f"e{at}", states=("clickable",)),
            Element("generic", name, f"e{at + 1}", 1),
            Element("generic", "Hello", f"e{at + 2}", 1),
            Element("button", "trash", f"e{at + 3}", 1),
        )

    page = view("Give Ada the email from Bea.", *row(10, "Ada"), *row(20, "Bea"))
    decision = decide("email-inbox-forward-nl-turk", page, [])
    assert decision.action == "click('e21')"
    letter = view("Give Ada the email from Bea.", button("e40", "send-forward"), field("e41"))
    forward = decide("email-inbox-forward-nl-turk", letter, [decision.action], decision.facts)
    assert forward.action == "fill('e41', 'Ada')"
    page = view("Delete the email by Ada.", *row(10, "Ada"), *row(20, "Bea"))
    assert action("email-inbox-nl-turk", page) == "click('e13')"


def test_what_the_page_hides_after_a_click_is_remembered():
    def digit(number, x):
        return Element("generic", f"{number}, black, 13 x 24 at ({x}, 90)", f"e{number}")

    page = view("Click on the numbers in ascending order.", digit(2, 40), digit(1, 70))
    first = decide("ascending-numbers", page, [])
    assert first.action == "mouse_click(70, 90)"
    hidden = view("Click on the numbers in ascending order.")
    second = decide("ascending-numbers", hidden, [first.action], first.facts)
    assert second.action == "mouse_click(40, 90)"


def test_guesses_stay_in_the_range_that_the_goal_names():
    spin = Element("spinbutton", "", "e1")
    page = view("Guess the number between 20-40 and press Submit.", spin, button("e2", "Submit"))
    assert action("guess-number", page) == "fill('e1', '30')"


def test_cards_are_turned_over_one_by_one_and_remembered():
    def page(*names):
        cards = [Element("generic", name, f"e{at}") for at, name in enumerate(names, start=1)]
        return view("Find the card with the greatest number.", *cards, button("e9", "Submit"))

    back, facts = "card hidden, 42 x 62", []
    played = []
    for shown in [(back, back), ("7", back), (back, "3"), ("7", back)]:
        decision = decide("find-greatest", page(*shown), played, facts)
        played.append(decision.action)
        facts += decision.facts
    assert played == ["click('e1')", "click('e2')", "click('e1')", "click('e9')"]
    assert facts == ["card 1 has 7", "card 2 has 3"]


def test_a_melody_is_over_when_nothing_flashed_for_a_while():
    lit, dark = "button-1 push", "button-1"
    tried, facts = [], []
    for name in [dark, lit, lit, dark, lit, *[dark] * 6]:
        page = view("Push the buttons.", button("e1", name), button("e2", "button-2"))
        decision = decide("simon-says", page, tried, facts)
        tried.append(decision.action)
        facts += decision.facts
    assert tried == [*["noop(200)"] * 10, "click('e1')"]
    page = view("Push the buttons.", button("e1", dark), button("e2", "button-2"))
    assert action("simon-says", page, tried, facts) == "click('e1')"
    assert (
        "all buttons were pressed" in decide("simon-says", page, [*tried, "click('e1')"], facts).why
    )


def test_a_price_is_looked_at_more_often_the_nearer_it_is():
    def page(price):
        goal = "Buy XYZ stock when the price is less than $40.00."
        return view(goal, words(f"Stock price: ${price}"), button("e1", "Buy"))

    far = decide("stock-market", page("50.00"), [])
    assert far.action == "noop(100)"
    near = decide("stock-market", page("45.00"), [far.action], far.facts)
    assert near.action == "noop(100)"
    slow = decide("stock-market", page("49.00"), [far.action], far.facts)
    assert slow.action == "noop(900)"
    assert action("stock-market", page("40.00")) == "click('e1')"


def test_quotes_ordinals_and_lists_are_read_from_goals():
    assert goals.quotes('Click "a b.", then "c".') == ["a b.", "c"]
    assert goals.ordinals("the 1st button and the 12th box") == [0, 11]
    assert goals.numbers("from -2 to 3.5") == [-2, 3.5]
    assert goals.listed("a, b c,d") == ["a", "b c", "d"]
    assert goals.between("Select x from the list", "Select ", " from") == "x"


def test_decisions_depend_only_on_what_the_text_of_the_observation_says():
    page = view("Click button ONE.", button("e1", "ONE"), button("e2", "TWO"))
    assert decide("click-test-2", read(describe(page)), []) == decide("click-test-2", page, [])


def test_the_nodes_are_answered_from_what_the_environment_shows():
    page = view(
        "Click button ONE, then click button TWO.", button("e1", "ONE"), button("e2", "TWO")
    )
    past = [{"observation": describe(page), "action": "click('e1')", "reward": 0.0}]
    assert ask("plan", page, "click-button-sequence") == [plan("click-button-sequence")]
    assert ask("act", page, "click-button-sequence")["action"] == "click('e1')"
    assert ask("act", page, "click-button-sequence", past)["action"] == "click('e2')"


def test_what_it_remembers_it_makes_of_the_history():
    """So a resumed episode goes on in the same way, and an agent needs no memory for it."""

    def digit(number, x):
        return Element("generic", f"{number}, black, 13 x 24 at ({x}, 90)", f"e{number}")

    goal = "Click on the numbers in ascending order."
    first = describe(view(goal, digit(2, 40), digit(1, 70)))
    past = [{"observation": first, "action": "mouse_click(70, 90)", "reward": 0.0}]
    told = ask("act", view(goal), "ascending-numbers", past)
    assert told["action"] == "mouse_click(40, 90)"


def test_the_effect_of_an_action_is_its_error_or_what_changed():
    failed = view("Goal", last=LastAction("click('e9')", "there is no e9"))
    past = [{"observation": describe(view("Goal")), "action": "click('e9')", "reward": 0.0}]
    told = ask("effect", failed, "click-button", past)
    assert told == {"effect": "there is no e9", "worked": False}


def test_what_shows_no_task_is_refused():
    asked = Request((), call=Call(node="act"), moment=Moment("hello", {"task": "x"}, []))
    with pytest.raises(ModelError, match=r"the rule-based MiniWoB player sees no task: .*'Goal: '"):
        answer(asked)
    with pytest.raises(ModelError, match=r"no rule for node 'planned'\. Did you mean 'plan'"):
        answer(Request((), call=Call(node="planned")))


PLACED = Element("button", "It's", "e1")


@pytest.mark.parametrize(
    "action",
    [
        moves.click(PLACED),
        moves.fill(PLACED, "a'b\n\"c\\"),
        moves.press(PLACED, "Control+a"),
        moves.choose(PLACED, ["a", "b"]),
        moves.drag_by((1.5, 2), (1 / 3, 1234567.5)),
        moves.scroll(PLACED, -40),
        moves.wait(1000),
        moves.give_up("it's not there"),
    ],
)
def test_a_move_has_the_spelling_that_the_environment_gives_it(action):
    """A rule looks its own actions up among those that were tried."""
    assert str(parse_action(action)) == action


@pytest.fixture(scope="module")
def expert_env():
    """All tasks that have a rule: the page seed is 0 for the first round of seeds."""
    env = MiniWoBEnv(sorted(RULES))
    yield env
    env.close()


def play(env, seed):
    """The last info of an episode that the rules play."""
    observation, info = env.reset(seed=seed)
    tried, facts, over = [], [], False
    while not over:
        decision = decide(info["task"], read(observation), tried, facts)
        tried.append(decision.action)
        facts += decision.facts
        observation, _, terminated, truncated, info = env.step(decision.action)
        assert info["understood"], decision
        assert not decision.fault, (info["task"], decision.fault)
        over = terminated or truncated
    return info


@needs_chromium
@pytest.mark.slow
def test_each_rule_wins_a_task_in_the_browser(expert_env):
    tasks = {rule: task for task, rule in sorted(RULES.items())}
    lost = []
    for task in tasks.values():
        info = play(expert_env, expert_env.tasks.index(task))
        if not info["success"]:
            lost.append((task, info["score"], info["error"]))
    assert not lost


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("task", sorted(RULES))
def test_each_task_of_the_group_is_won_in_nine_of_ten_episodes(task):
    env = MiniWoBEnv(task)
    try:
        infos = [play(env, seed) for seed in range(10)]
    finally:
        env.close()
    assert sum(info["success"] for info in infos) >= 9, [info["score"] for info in infos]
