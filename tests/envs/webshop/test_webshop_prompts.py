"""What the shipped shopper asks a language model: true, complete and never stale."""

import json

import pytest
from envs.webshop_reader import between
from envs.webshop_shelf import write_shop
from envs.webshop_walk import Walk

from agentkit import load_agent
from agentkit.agentfile.load import find_agent
from agentkit.env_spec import env_arguments
from agentkit.environments.make import make_env
from agentkit.errors import InputError, StepError
from agentkit.execution.scope import State
from agentkit.preview.preview import Snapshot, render

OPEN = ("search[lamp]", "click[B01]")


def judgement(**fields):
    answer = {"met": [], "missing": [], "unsure": [], "fits": 5, "choose": [], "lesson": ""}
    return json.dumps(answer | fields)


def test_buying_waits_for_the_chosen_options_and_for_nothing_a_model_says():
    """Facts count: what a judgement claims cannot make a purchase impossible, or possible."""
    walk = Walk({"judged": judgement(missing=["everything"], fits=0, choose=["red"])})
    walk.steps(*OPEN)
    assert walk.step("click[Buy Now]", "click[red]") == "click[red]"
    assert "First choose what is to be chosen" in walk.asked[-1][1]
    walk.steps("click[Buy Now]")
    assert walk.visit.score is not None


def test_on_the_last_step_it_may_buy_with_options_left_open_and_nothing_else():
    walk = Walk(steps=3)
    walk.steps(*OPEN)
    assert walk.step("click[red]", "click[Buy Now]") == "click[Buy Now]"
    assert "These are the last steps, and something must be bought." in walk.asked[-1][1]


@pytest.mark.parametrize(
    ("path", "refused", "taken"),
    [
        (("search[lamp]",), ["click[Next >]", "search[x]"], "click[B02]"),
        (OPEN, ["click[< Prev]", "click[Features]"], "click[red]"),
        ((*OPEN, "click[Features]"), ["click[Back to Search]", "search[x]"], "click[< Prev]"),
    ],
)
def test_with_two_steps_left_it_must_go_to_where_it_can_buy(path, refused, taken):
    walk = Walk(steps=len(path) + 2)
    walk.steps(*path)
    assert walk.step(*refused, taken) == taken
    assert walk.steps_left == 1
    walk.steps("click[Buy Now]")
    assert walk.visit.score is not None


def test_two_values_of_an_option_are_not_chosen_in_turns():
    walk = Walk({"judged": judgement(choose=["red", "blue", "blue"])})
    walk.steps(*OPEN)
    walk.step("click[blue]")
    walk.steps("click[Buy Now]")


def test_only_values_that_the_product_has_are_to_be_chosen():
    answers = [judgement(choose=["crimson"]), judgement(choose=["Blue"])]
    walk = Walk({"judged": lambda *_: answers.pop(0)})
    walk.steps(*OPEN)
    walk.step("click[blue]")
    assert answers == []
    walk.step("click[Buy Now]")
    assert walk.visit.score is not None


def test_what_to_choose_is_known_when_it_comes_back_to_a_product():
    choose = iter([["red"], ["blue"]])
    walk = Walk({"judged": lambda *_: judgement(choose=next(choose))})
    walk.steps(*OPEN, "click[< Prev]", "click[B02]", "click[< Prev]", "click[B01]")
    assert walk.step("click[Buy Now]", "click[red]") == "click[red]"
    assert "To be chosen before you buy this product: red\n" in walk.prompt("act")


def test_a_product_without_options_has_nothing_to_choose():
    walk = Walk({"judged": judgement(choose=["none"])}, options={})
    walk.steps(*OPEN, "click[Buy Now]")


def test_what_was_read_and_is_empty_is_not_said_to_be_unread():
    walk = Walk(description="", features=())
    walk.steps(*OPEN, "click[Description]")
    assert "Features: not read yet\nDescription: not read yet\n" in walk.prompt("judged")
    walk.step("click[< Prev]")
    assert "Description:" not in walk.prompt("judged"), "the page shows it"
    walk.step("click[Features]")
    assert "Not read yet of this product: Features\n" in walk.prompt("act")
    walk.step("click[< Prev]")
    assert "Description: none\n" in walk.latest("judged")
    walk.step("click[red]")
    assert "Not read yet of this product: nothing\n" in walk.prompt("act")


def test_a_page_of_texts_is_judged_with_the_price_and_the_options():
    walk = Walk()
    walk.steps(*OPEN, "click[Features]", "click[< Prev]")
    prompt = walk.latest("judged")
    assert "Price: $10.5\n" in prompt
    assert "- color: red; blue\n- size: s; l\n" in prompt
    walk.steps("click[Description]", "click[< Prev]")
    assert "Features: It's <bright>\nsmall\n" in walk.latest("judged")


def test_the_wish_and_the_strategy_stand_in_front_of_every_later_question():
    walk = Walk()
    walk.step()
    assert walk.nodes == ["wanted"], "which also gives the first action"
    walk.step()
    for node in ("compared", "act"):
        front = walk.context(node)
        assert "- kind of product: lamp\n- attributes: none\n- options: color: red\n" in front
        assert "- price limit in dollars: 20.0\nYour strategy: be quick\n" in front
        assert front.index("Your strategy") < front.index("Instruction: ")


def test_lessons_are_kept_once_each_and_only_the_latest():
    lessons = iter(["one", "", "one", "two", " ", *map(str, range(9))])
    walk = Walk({"judged": lambda *_: judgement(lesson=next(lessons))}, count=10, steps=None)
    walk.steps("search[lamp]")
    for number in (1, 2, 3, 4, 5):
        walk.steps(f"click[B{number:02}]", "click[< Prev]")
    assert walk.context("act").count("- one\n- two\n\n") == 1
    for number in (6, 7, 8, 9):
        walk.steps(f"click[B{number:02}]", "click[Features]", "click[< Prev]", "click[< Prev]")
    told = between(walk.context("act"), "What you learned so far:\n", "\n\n")
    assert told == "- 2\n- 3\n- 4\n- 5\n- 6\n- 7"


NODES = ["wanted", "compared", "judged", "act"]


@pytest.mark.parametrize("node", NODES)
def test_a_node_that_never_answers_well_does_not_end_the_visit(node):
    walk = Walk({node: "I would rather not say."})
    nodes = set()
    for _ in range(15):
        walk.step()
        nodes.update(walk.nodes)
        if walk.visit.score is not None:
            break
    assert node in nodes
    assert walk.visit.score is not None


def marks(**promises):
    entries = promises.items()
    return json.dumps([{"product": a, "promise": p, "why": "a lamp"} for a, p in entries])


def told_of_new(walk):
    return between(walk.prompt("act"), "the new products of this page:\n", "Found before")


def test_a_page_of_results_is_compared_in_one_answer_best_first():
    walk = Walk({"compared": marks(B03=3, B01=9, B02=6)})
    walk.steps("search[lamp]", "click[B01]")
    assert [name for name, _ in walk.asked] == ["compared", "act"]
    assert told_of_new(walk) == (
        "- B01: 9 of 10, a lamp\n- B02: 6 of 10, a lamp\n- B03: 3 of 10, a lamp\n"
    )


def test_a_mark_stays_with_its_product_also_where_one_is_missing_or_there_twice():
    twice = json.dumps([*json.loads(marks(B03=2)), *json.loads(marks(B01=1, B03=9))])
    walk = Walk({"compared": twice})
    walk.steps("search[lamp]", "click[B01]")
    assert told_of_new(walk) == "- B03: 9 of 10, a lamp\n- B01: 1 of 10, a lamp\n"
    walk.step("click[< Prev]")
    known = between(walk.prompt("act"), "that lists it):\n", "Opened and judged")
    assert known == (
        "- B03 for $10.5, Desk Lamp: 9 of 10, a lamp\n- B02 for $10.5, Desk Lamp: not compared\n"
    ), "the opened one is left out"


@pytest.mark.parametrize("mark", [-1, 11])
def test_marks_go_from_0_to_10(mark):
    walk = Walk({"compared": marks(B01=mark), "judged": judgement(fits=mark)})
    walk.steps("search[lamp]", "click[B01]")
    assert told_of_new(walk) == "- none of them was compared\n"
    walk.step("click[red]")
    assert "Desk Lamp: 5 of 10" in walk.prompt("act")


@pytest.mark.parametrize(
    "click",
    ["Click[Buy now]", "click[BUY NOW]", "Click on 'Buy Now'.", "Buy Now", "click: buy now"],
)
def test_an_action_in_other_words_is_carried_out(click):
    """As in the shop; also where it is held against what is still to be chosen."""
    walk = Walk()
    walk.steps(*OPEN)
    assert walk.step(click, "Click RED") == "click[red]"
    assert walk.step(click) == "click[Buy Now]"


@pytest.mark.parametrize(
    "bad", ["search[]", "search[ ]", "search[lamp", "search[lamp] click[B01]", "click[B99]", "lamp"]
)
def test_an_action_that_the_shop_would_refuse_is_asked_for_again(bad):
    walk = Walk()
    walk.steps("search[lamp]")
    assert walk.step(bad, "Search[red lamp]") == "search[red lamp]"


def test_a_product_is_judged_when_something_new_is_known_of_it():
    walk = Walk(wish="a lamp in the color red and the size l")
    walk.steps(*OPEN)
    walk.step("click[red]")
    assert walk.nodes == ["judged", "act"]
    walk.step("click[l]")
    assert walk.nodes == ["act"]
    assert "To be chosen before you buy this product: l\n" in walk.prompt("act")
    walk.step("click[Description]")
    walk.step("click[< Prev]")
    assert walk.nodes == ["judged", "act"]
    walk.step("click[Buy Now]")
    assert walk.nodes == ["act"]
    assert "To be chosen before you buy this product: nothing\n" in walk.prompt("act")


def test_doubts_of_the_judgement_reach_the_decision_best_product_first():
    fits = iter([3, 8])
    walk = Walk({"judged": lambda *_: judgement(fits=next(fits), unsure=["bright"])})
    walk.steps("search[lamp]", "click[B01]", "click[< Prev]", "click[B02]", "search[x]")
    lines = walk.prompt("act").split("Opened and judged, best first:\n")[1].splitlines()
    doubts = "misses: nothing; not sure: bright"
    assert lines[0] == f"- B02 for $10.5, Desk Lamp: 8 of 10; {doubts}"
    assert lines[1] == f"- B01 for $10.5, Desk Lamp: 3 of 10; {doubts}"


def test_the_instruction_is_read_once():
    walk = Walk()
    walk.step()
    assert "wanted" in walk.nodes
    walk.step()
    assert "wanted" not in walk.nodes


def test_who_gives_no_action_buys_with_the_options_chosen():
    """From the texts of a product back, from the results into the first product."""
    walk = Walk({"act": "Hm."})
    taken = []
    while walk.visit.score is None:
        taken.append(walk.step())
    assert taken == ["search[lamp red]", "click[B01]", "click[red]", "click[Buy Now]"]
    walk = Walk()
    walk.steps(*OPEN, "click[Features]")
    assert walk.step("nothing", "nothing", "nothing") == "click[< Prev]"
    assert Walk({"wanted": "?"}).step().startswith("search[a lamp in the color red")
    lost = Walk({"act": "Hm."})
    lost.steps("search[nothing]")
    assert lost.step("?", "?", "?").startswith("search[a lamp in the color red")
    late = Walk(steps=3)
    late.steps(*OPEN)
    assert late.step("?", "?", "?") == "click[Buy Now]"


@pytest.mark.parametrize("node", NODES)
def test_every_node_can_be_rendered_without_a_run(node):
    agent = load_agent(find_agent("webshop"))
    page = "Instruction: a lamp\nPage: search\nLast action: none\nSteps left: 15\n\nx"
    names = {"observation": page, "actions": ["search[lamp]"], "info": {"instruction": "a lamp"}}
    snapshot = Snapshot({**names, "step": 0, "episode": 0}, State(memory=agent.memory.begin()))
    assert render(agent, node, snapshot).messages


def test_which_goals_are_played_can_be_given(tmp_path):
    write_shop(tmp_path)
    given = {"data": str(tmp_path), "split": "train", "goals": "synthetic"}
    agent = load_agent(find_agent("webshop"), inputs=given)
    with pytest.raises(InputError, match="goals is"):
        make_env(load_agent(find_agent("webshop"), inputs=given | {"goals": "humane"}))
    arguments = env_arguments(agent.env, agent.inputs)
    assert arguments == given | {"data": str(tmp_path)}
    assert env_arguments(agent.env, load_agent(find_agent("webshop")).inputs) == {
        "data": None, "goals": "synthetic", "split": "all"}  # fmt: skip


def test_another_observation_mode_is_refused_in_words_that_help():
    shopper = load_agent(find_agent("webshop"))
    with pytest.raises(StepError, match=r"set observation_mode: prompt under env") as caught:
        shopper.act_sync(
            "WebShop [SEP] Instruction: [SEP] a lamp", actions=[], info={}, parse_action=str
        )
    assert str(caught.value).count("observation_mode") == 1
