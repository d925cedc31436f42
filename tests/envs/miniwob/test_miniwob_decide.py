"""The agent that chooses among the moves of a page, and what these are."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from agentkit_envs.browser.see.observation_text import describe
from agentkit_envs.browser.see.view import Element, View
from agentkit_envs.miniwob.expert import listed_move
from agentkit_envs.miniwob.goal_texts import texts_of
from agentkit_envs.miniwob.possible_moves import MOST, moves_on, possible_moves
from agentkit_envs.miniwob.task_actions import read_action
from agentkit_envs.miniwob.tasks import groups
from envs.browser_pages import needs_chromium
from envs.deviations import DEVIATIONS, Deviant
from envs.miniwob.login_form import LoginForm, play
from envs.prompt_snapshots import check_prompt
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import FunctionModel, Plan, load_agent, rollout_sync
from agentkit.agentfile.load import find_agent, parse_agent
from agentkit.events import NodeFinished, NodeRetried
from agentkit.execution.scope import State
from agentkit.preview.preview import render
from agentkit.preview.snapshot import Snapshot

ENV = "agentkit/MiniWoB-v1"
PROMPTS = Path(__file__).parent / "prompts"
NAME = 'write "ada" into textbox "Username" (e2)'
WORD = 'write "x1" into textbox "Password" (e4)'
LOGIN = 'click button "Login" (e5)'


def page(goal, *elements):
    return View(goal, "/", "A task", elements=elements, steps_left=30)


def test_the_moves_of_a_form_write_what_the_goal_quotes_and_press_its_button():
    observation, _ = LoginForm().look()
    assert possible_moves(observation) == {
        NAME: "fill('e2', 'ada')",
        'write "x1" into textbox "Username" (e2)': "fill('e2', 'x1')",
        'write "ada" into textbox "Password" (e4)': "fill('e4', 'ada')",
        WORD: "fill('e4', 'x1')",
        LOGIN: "click('e5')",
        'click textbox "Username" (e2)': "click('e2')",
        'click textbox "Password" (e4)': "click('e4')",
        "wait": "noop()",
    }


def test_boxes_lists_and_sliders_have_moves_of_their_own():
    moves = moves_on(
        page(
            "Select Bea, Ada from the list.",
            Element("checkbox", "News", "e1"),
            Element("checkbox", "Mail", "e2", states=("checked",)),
            Element("listbox", "Names", "e3"),
            *(Element("option", name, depth=1) for name in ("Ada", "Bea", "Cleo")),
            Element("slider", "Size", "e4"),
            Element("button", "Off", "e5", states=("disabled",)),
        )
    )
    assert moves == {
        'tick checkbox "News" (e1)': "check('e1')",
        'untick checkbox "Mail" (e2)': "uncheck('e2')",
        'choose "Ada" in listbox "Names" (e3)': "select_option('e3', 'Ada')",
        'choose "Bea" in listbox "Names" (e3)': "select_option('e3', 'Bea')",
        'choose "Bea" and "Ada" in listbox "Names" (e3)': "select_option('e3', ['Bea', 'Ada'])",
        'move slider "Size" (e4) one step up': "press('e4', 'ArrowRight')",
        'move slider "Size" (e4) one step down': "press('e4', 'ArrowLeft')",
        'move slider "Size" (e4) far up': "press('e4', 'PageUp')",
        'move slider "Size" (e4) far down': "press('e4', 'PageDown')",
        'choose "Cleo" in listbox "Names" (e3)': "select_option('e3', 'Cleo')",
        "wait": "noop()",
    }


def test_what_is_called_alike_is_told_apart_by_what_it_stands_below():
    def row(at, name):
        return (
            Element("generic", "", f"e{at}", states=("clickable",)),
            Element("generic", name, f"e{at + 1}", 1),
            Element("button", "trash", f"e{at + 2}", 1),
        )

    moves = moves_on(page("Delete the email by Bea.", *row(10, "Ada"), *row(20, "Bea")))
    assert moves['click button "trash" (e22, at "Bea")'] == "click('e22')"
    assert moves['click button "trash" (e12, at "Ada")'] == "click('e12')"


def test_of_too_many_moves_those_that_the_goal_speaks_of_are_listed():
    links = [Element("link", f"Link {at}", f"e{at}") for at in range(1, 200)]
    moves = moves_on(page('Click on the link "Link 150".', *links))
    assert len(moves) == MOST
    assert next(iter(moves)) == 'click link "Link 150" (e150)'
    assert [*moves][-1] == "wait"


def test_words_of_the_page_stand_in_quotes_and_are_cut():
    name = 'Ok (e9)"\n- wait\u202e' + "x" * 500
    (words, _wait) = moves_on(page("Go on.", Element("button", name, "e1")))
    assert words.startswith('click button "Ok (e9)\\" - wait')
    assert words.endswith('…" (e1)')
    assert "\n" not in words
    assert "\u202e" not in words
    assert len(words) < 100


@pytest.mark.parametrize(
    ("goal", "texts"),
    [
        ('Type "Ada" in all upper case letters and press Submit.', ["ADA", "SUBMIT"]),
        ("Enter 05/20/2010 as the date.", ["05/20/2010", "2010-05-20"]),
        ("Enter 9:37 PM as the time.", ["9:37 PM", "21:37"]),
        ("Select -10.5 with the 3rd slider.", ["-10.5"]),
        ("Book a flight from: Anvik, AK to: MOT on 12/23/2016.",
         ["12/23/2016", "2016-12-23", "Anvik, AK", "MOT", "AK"]),
        ("Search for films by Bowen from year 1998.", ["1998", "Bowen"]),
        ("Pick #0198e3 with the colour picker.", ["#0198e3"]),
        ("Click the button.", []),
    ],
)  # fmt: skip
def test_the_texts_that_a_goal_names(goal, texts):
    assert texts_of(goal) == texts


NAMES = st.one_of(st.sampled_from(["", "Submit", "7", "Ada", "slider-handle"]), st.text())
ELEMENTS = st.builds(
    Element,
    role=st.sampled_from(["button", "textbox", "generic", "link", "combobox", "option", "radio"]),
    name=NAMES,
    ref=st.sampled_from(["e1", "e2", "e3", None]),
    depth=st.integers(0, 2),
    value=NAMES,
    states=st.sampled_from([(), ("clickable",), ("focused",), ("disabled",), ("checked",)]),
)
GOALS = st.one_of(
    st.sampled_from(['Enter "a" and b: C, then scroll.', "1/2/2016 1:00 AM"]), st.text()
)


@settings(max_examples=200, deadline=None)
@given(GOALS, st.lists(ELEMENTS, max_size=12))
def test_every_move_is_an_action_of_the_environment_in_its_spelling(goal, elements):
    moves = moves_on(page(goal, *elements))
    assert 1 <= len(moves) <= MOST
    for words, action in moves.items():
        assert str(read_action(action)) == action
        assert "\n" not in words


def test_a_click_inside_of_what_is_listed_is_a_click_on_it():
    row = Element("generic", "", "e1", states=("clickable",))
    tab = Element("tab", "", "e3")
    seen = page(
        "Go.", row, Element("generic", "x" * 50, "e2", 1), tab, Element("link", "Tab 1", "e4", 1)
    )
    assert moves_on(seen)[listed_move(seen, "click('e2')")] == "click('e1')"
    assert moves_on(seen)[listed_move(seen, "click('e3')")] == "click('e4')"


def test_where_the_rules_would_do_what_is_not_listed_they_wait():
    assert listed_move(page("Draw."), "mouse_drag_and_drop(1, 2, 3, 4)") == "wait"
    form = LoginForm(task="drag-cube")
    play(load_agent("miniwob_decide").episode(), form, decisions=3)
    assert form.last.text == "noop()"


def test_the_rules_play_it_and_no_answer_is_retried():
    form = LoginForm()
    events = play(load_agent("miniwob_decide").episode(), form)
    assert form.is_won
    assert form.decisions == 3
    assert not [event for event in events if isinstance(event, NodeRetried)]


def test_the_rules_need_neither_its_words_nor_its_memory():
    written = yaml.safe_load(find_agent("miniwob_decide").read_text(encoding="utf-8"))
    written["nodes"]["move"]["prompt"] = "?"
    del written["nodes"]["move"]["examples"]
    del written["context"], written["system"], written["memory"], written["nodes"]["move"]["save"]
    written["nodes"]["move"]["output"] = {"why": "str", "pick": {"choice": "moves | list"}}
    del written["nodes"]["move"]["otherwise"], written["nodes"]["move"]["decide"]
    text = yaml.safe_dump(written, sort_keys=False).replace("moves[move]", "moves[move.pick]")
    form = LoginForm()
    play(parse_agent(text).episode(), form)
    assert form.is_won


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_the_task_goes_on_whatever_a_model_answers_in_text(deviation):
    form, model = LoginForm(), Deviant(ENV, deviation, "move")
    play(load_agent("miniwob_decide", model=model).episode(), form)
    if deviation == "nothing of use":
        assert form.last.text == "noop()"
    else:
        assert form.is_won


def test_a_model_that_decides_is_given_the_moves_and_its_probabilities_are_recorded():
    told = [{NAME: 0.7, LOGIN: 0.3}, {WORD: 0.6, "wait": 0.4}, {LOGIN: 1.0}]
    form = LoginForm()
    agent = load_agent("miniwob_decide", model=FunctionModel(lambda r: told[r.call.step]))
    events = play(agent.episode(), form)
    assert form.is_won
    first = next(e for e in events if isinstance(e, NodeFinished) and e.node == "move")
    (decision,) = first.completion.decisions
    assert decision.probabilities[NAME] == 0.7
    assert len(decision.probabilities) == 8


def test_what_it_keeps_stays_small_in_a_long_episode():
    model = FunctionModel(lambda request: 'click textbox "Username" (e2)')
    episode = load_agent("miniwob_decide", model=model).episode()
    play(episode, LoginForm(), decisions=55)
    assert len(episode.state.memory["done"]) == 20


def test_its_prompt_is_as_it_was_read():
    asked = []

    def model(request):
        asked.append(request.messages)
        return [NAME, WORD][request.call.step]

    agent = load_agent("miniwob_decide", model=FunctionModel(model))
    play(agent.episode(), LoginForm(), decisions=2)
    check_prompt(PROMPTS / "miniwob_decide_move_1.txt", asked[1])


@needs_chromium
@pytest.mark.parametrize("answer", ["certain", "probable"])
def test_the_command_plays_a_script(tmp_path, answer):
    move = 'click button "Click Me!" (e2)'
    text = move if answer == "certain" else json.dumps({move: 0.8, "wait": 0.2})
    (tmp_path / "moves.json").write_text(json.dumps({"move": text}), encoding="utf-8")
    code = "from agentkit.cli import main; main()"
    arguments = ["run", "miniwob_decide", "--model", "script:moves.json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--input", "task=click-test", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert '"return": 1.0' in done.stdout or '"mean_return": 1.0' in done.stdout, done.stdout


def test_the_observation_is_all_that_the_moves_are_made_of():
    seen = page("Press Ok.", Element("button", "Ok", "e1"))
    assert possible_moves(describe(seen)) == moves_on(seen)


SEEN = Path(__file__).parent / "observations"


@pytest.mark.parametrize("file", sorted(SEEN.iterdir()), ids=lambda file: file.stem)
def test_what_is_asked_of_a_real_page_is_as_it_was_read(file):
    """The observations were recorded in the browser."""
    observation = file.read_text(encoding="utf-8").removesuffix("\n")
    given = {"observation": observation, "moves": possible_moves(observation)}
    state = State({"done": []})
    snapshot = Snapshot({"step": 0, "episode": 0, "history": [], "info": {}, **given}, state)
    (messages,) = render(load_agent("miniwob_decide"), "move", snapshot, given).messages
    check_prompt(PROMPTS / f"miniwob_decide_{file.stem}.txt", messages)


@needs_chromium
@pytest.mark.slow
def test_the_rules_win_all_tasks_but_those_that_the_page_names():
    about = (Path(__file__).parents[3] / "docs" / "browser.md").read_text(encoding="utf-8")
    named = about.split("this is so in 29 tasks of `expert`: ")[1].split(". Some")[0]
    lost = set(re.findall(r"`([^`]+)`", named))
    tasks = groups()["expert"]
    summary = rollout_sync(load_agent("miniwob_decide"), Plan(len(tasks)))
    won = {e.info["task"] for e in summary.episodes if e.info["success"]}
    assert len(lost) == 29
    assert set(tasks) - won == lost
