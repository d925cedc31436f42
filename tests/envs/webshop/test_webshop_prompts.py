"""What the shipped shopper asks a language model: true, complete and never stale."""

import json

import pytest
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


def test_buying_waits_for_the_chosen_options_and_for_nothing_a_model_says():
    """Facts count: what `checked` claims cannot make a purchase impossible, or possible."""
    claims = json.dumps({"price_ok": False, "would_miss": ["everything", "color: red"]})
    walk = Walk({"checked": claims})
    walk.steps(*OPEN)
    assert walk.step("click[Buy Now]", "click[red]") == "click[red]"
    assert "Choose the options that are still to be chosen" in walk.asked[-1][1]
    walk.steps("click[Buy Now]")
    assert walk.visit.score is not None


def test_on_the_last_step_it_may_buy_with_options_left_open():
    walk = Walk(steps=3)
    walk.steps(*OPEN, "click[Buy Now]")


@pytest.mark.parametrize(
    "bad",
    [[{"option": "color", "value": "crimson"}],
     [{"option": "color", "value": "red"}, {"option": "color", "value": "blue"}]],
)  # fmt: skip
def test_only_values_that_the_page_lists_are_to_be_chosen_one_for_an_option(bad):
    answers = [json.dumps(bad), json.dumps([{"option": "color", "value": "blue"}])]
    walk = Walk({"choices": lambda *_: answers.pop(0)})
    walk.steps(*OPEN)
    walk.step("click[blue]")
    assert answers == []
    walk.step("click[Buy Now]")
    assert walk.visit.score is not None


def test_what_was_read_and_is_empty_is_not_said_to_be_unread():
    walk = Walk(description="", features=())
    walk.steps(*OPEN, "click[Description]")
    assert "Features:\nnot read yet\nDescription:\nnot read yet\n" in walk.prompt("judged")
    walk.step("click[< Prev]")
    assert "Features:\nnot read yet\nDescription:\nnone\n" in walk.prompt("judged")
    walk.step("click[Features]")
    assert 'have not read: ["Features"].' in walk.prompt("act")
    walk.step("click[< Prev]")
    assert "Features:\nnone\nDescription:\nnone\n" in walk.prompt("judged")


def test_a_page_of_texts_is_judged_with_the_price_and_the_options():
    walk = Walk()
    walk.steps(*OPEN, "click[Features]", "click[< Prev]")
    prompt = walk.prompt("judged")
    assert "Price: $10.5\n" in prompt
    assert "- color: red; blue\n- size: s; l\n" in prompt
    assert "Features:\nIt's <bright>\nsmall\n" in prompt


@pytest.mark.parametrize(
    ("price_ok", "missing", "told"),
    [(False, [], True), (True, ["a plug"], True), (True, [], False)],
)
def test_a_verdict_is_asked_for_and_shown_where_something_is_wrong(price_ok, missing, told):
    """An expensive product that misses nothing else is reflected upon, too."""
    walk = Walk({"checked": json.dumps({"price_ok": price_ok, "would_miss": missing})})
    walk.steps(*OPEN, "click[red]")
    assert ("reflected" in walk.nodes) is told
    assert ("Your verdict on this product: " in walk.prompt("act")) is told
    walk.step("click[Buy Now]")
    assert "reflected" not in walk.nodes
    assert ("Your verdict on this product: " in walk.prompt("act")) is told


def test_words_to_search_for_are_asked_for_and_shown_while_nothing_is_listed():
    walk = Walk()
    assert walk.step() == "search[lamp red]"
    walk.step("search[nothing]")
    assert "query" not in walk.nodes
    walk.step("search[nothing]")
    assert 'You searched for: ["lamp red", "nothing"]' in walk.prompt("query")
    assert "Words to search for: lamp red" in walk.prompt("act")
    walk.steps("search[lamp]", "click[B01]")
    assert "query" not in walk.nodes
    assert "Words to search for" not in walk.prompt("act")
    walk.step("click[Back to Search]")
    walk.step("search[lamp]")
    assert "Words to search for: lamp red" in walk.prompt("act")


NODES = ["wanted", "query", "compared", "judged", "choices", "checked", "reflected", "act"]


@pytest.mark.parametrize("node", NODES)
def test_a_node_that_never_answers_well_does_not_end_the_visit(node):
    missing = json.dumps({"price_ok": True, "would_miss": ["a plug"]})
    answers = {"checked": missing, "reflected": json.dumps(
        {"verdict": "buy it", "why": "", "lesson": ""})}  # fmt: skip
    walk = Walk(answers | {node: "I would rather not say."})
    nodes = set()
    for _ in range(15):
        walk.step()
        nodes.update(walk.nodes)
        if walk.visit.score is not None:
            break
    assert node in nodes
    assert walk.visit.score is not None


def test_one_answer_of_many_may_be_bad():
    answers = ["no"] * 3

    def compared(prompt, _):
        if answers:
            return answers.pop()
        return json.dumps({"promise": 7, "why": "a lamp"})

    walk = Walk({"compared": compared})
    walk.steps("search[lamp]", "click[B02]")
    told = walk.prompt("act")
    assert sorted(line[7:] for line in told.splitlines() if " of 10, " in line) == [
        "5 of 10, it was not compared", "7 of 10, a lamp", "7 of 10, a lamp"]  # fmt: skip


def test_a_mark_stays_with_its_product():
    marks = iter([3, 9, 6])
    walk = Walk({"compared": lambda *_: json.dumps({"promise": next(marks), "why": ""})})
    walk.steps("search[lamp]", "click[B01]")
    assert "- B01: 3 of 10, \n- B02: 9 of 10, \n- B03: 6 of 10" in walk.prompt("act")
    walk.step("click[< Prev]")
    known = walk.prompt("act").split("not opened yet, most promising first:\n")[1]
    lines = known.split("Products you judged")[0].splitlines()
    assert [line[:5] for line in lines] == ["- B02", "- B03"], "the opened one is left out"
    assert lines[0] == "- B02 for $10.5, Desk Lamp: 9 of 10, "


@pytest.mark.parametrize("click", ["Click[Buy now]", "click[BUY NOW]"])
def test_capitals_do_not_matter_in_an_action(click):
    """As in the shop; also where it is held against what is still to be chosen."""
    walk = Walk()
    walk.steps(*OPEN)
    assert walk.step(click, "click[RED]") == "click[RED]"
    walk.steps(click)


@pytest.mark.parametrize(
    "bad", ["search[]", "search[ ]", "search[lamp", "search[lamp] click[B01]", "click[B99]", "lamp"]
)
def test_an_action_that_the_shop_would_refuse_is_asked_for_again(bad):
    walk = Walk()
    walk.steps("search[lamp]")
    assert walk.step(bad, "Search[red lamp]") == "Search[red lamp]"


def test_a_page_is_judged_once_and_not_after_every_choice():
    walk = Walk(wish="a lamp in the color red and the size l")
    walk.steps(*OPEN)
    walk.step("click[red]")
    assert {"judged", "choices", "checked"} <= set(walk.nodes)
    walk.step("click[l]")
    assert walk.nodes == ["act"]
    assert 'Still to be chosen: [{"option": "size", "value": "l"}].' in walk.prompt("act")
    walk.step("click[Description]")
    walk.step("click[< Prev]")
    assert "judged" in walk.nodes
    walk.step("click[Buy Now]")
    assert {"judged", "checked"} <= set(walk.nodes)
    assert "choices" not in walk.nodes, "what was chosen stays the choice"
    assert "Still to be chosen: none." in walk.prompt("act")


def test_doubts_of_the_judgement_reach_the_decision_best_product_first():
    fits = iter([3, 8])
    walk = Walk({"judged": lambda *_: json.dumps(
        {"fits": next(fits), "met": [], "missing": [], "unsure": ["bright"]})})  # fmt: skip
    walk.steps("search[lamp]", "click[B01]", "click[< Prev]", "click[B02]", "search[x]")
    lines = walk.prompt("act").split("Products you judged, best first:\n")[1].splitlines()
    doubts = 'misses nothing, not sure of ["bright"]'
    assert lines[0] == f"- B02 for $10.5, Desk Lamp: 8 of 10, {doubts}"
    assert lines[1] == f"- B01 for $10.5, Desk Lamp: 3 of 10, {doubts}"


@pytest.mark.parametrize("fits", [-1, 11])
def test_a_judgement_goes_from_0_to_10(fits):
    bad = json.dumps({"fits": fits, "met": [], "missing": [], "unsure": []})
    walk = Walk({"judged": bad})
    walk.steps(*OPEN, "click[red]")
    assert "Desk Lamp: 5 of 10" in walk.prompt("act")


def test_the_instruction_is_read_once():
    walk = Walk()
    walk.step()
    assert "wanted" in walk.nodes
    walk.step()
    assert "wanted" not in walk.nodes


def test_a_search_for_nothing_is_asked_for_again():
    answers = [" ", "lamp"]
    walk = Walk({"query": lambda *_: answers.pop(0)})
    assert walk.step() == "search[lamp]"


def test_a_wish_without_attributes_reads_well():
    walk = Walk()
    walk.steps("search[lamp]", "click[B01]")
    wanted = 'Wanted: lamp. Attributes: none.\nOptions: [{"option": "color", "value": "red"}].'
    for node in ("compared", "act"):
        assert wanted in walk.prompt(node)


def test_who_names_no_action_buys_with_the_options_chosen():
    """From the texts of a product back, from the results into the first product."""
    walk = Walk({"act": "Hm."})
    taken = []
    while walk.visit.score is None:
        taken.append(walk.step())
    assert taken == ["search[lamp red]", "click[B01]", "click[red]", "click[Buy Now]"]
    walk = Walk()
    walk.steps(*OPEN, "click[Features]")
    assert walk.step("nothing", "nothing", "nothing") == "click[< Prev]"
    assert Walk({"act": "Hm.", "query": ""}).step().startswith("search[a lamp in the color red")
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
        shopper.act_sync("WebShop [SEP] Instruction: [SEP] a lamp", actions=[], info={})
    assert str(caught.value).count("observation_mode") == 1
