"""The shipped agent for MiniWoB++: as the rules play it, and as language models do."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.miniwob.env import MiniWoBEnv
from agentkit_envs.miniwob.strategy.table import decide
from agentkit_envs.miniwob.tasks import groups
from envs.browser_pages import needs_chromium
from envs.deviations import DEVIATIONS, Deviant
from envs.miniwob.login_form import LoginForm, play
from envs.prompt_snapshots import check_prompt

from agentkit import Plan, RunWriter, load_agent, load_run, rollout_sync
from agentkit.agentfile.load import find_agent, parse_agent
from agentkit.errors import SpecError
from agentkit.events import NodeRetried
from agentkit.rollouts.metadata import about_run

ENV = "agentkit/MiniWoB-v1"
TASKS = ("email-inbox-forward-nl", "simon-says", "copy-paste", "scroll-text-2")
"""Among them are some that cannot be played without a memory."""
NODES = ("effect", "plan", "act")
PROMPTS = Path(__file__).parent / "prompts"


@pytest.fixture(scope="module")
def env():
    made = MiniWoBEnv(TASKS)
    yield made
    made.close()


@needs_chromium
@pytest.mark.parametrize("seed", range(len(TASKS)))
def test_the_agent_plays_exactly_like_the_expert_by_itself(env, seed):
    """And the answers of all its nodes fit their schemas and checks at once."""
    player, events = load_agent("miniwob").episode(), []
    observation, info = env.reset(seed=seed)
    tried, facts, over = [], [], False
    while not over:
        step = player.act(
            observation, actions=info["actions"], info=info, emit=events.append,
            parse_action=env.parse_action,
        )  # fmt: skip
        decision = decide(info["task"], read(observation), tried, facts)
        assert asyncio.run(step) == decision.action
        tried.append(decision.action)
        facts += decision.facts
        observation, _, terminated, truncated, info = env.step(decision.action)
        over = terminated or truncated
    assert info["success"], info
    names = {type(event).__name__ for event in events}
    assert "NodeFinished" in names
    assert not names & {"NodeRetried", "NodeFailed"}


@needs_chromium
def test_a_task_without_a_rule_is_given_up_and_counted(tmp_path):
    """The run ends well: to give up is an answer."""
    code = "from agentkit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "miniwob", "--input", "task=drag-cube"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "success rate" in done.stdout
    assert "given up" in done.stdout
    assert "drag-cube (" in done.stdout


def test_a_node_that_no_rule_answers_is_refused_at_load():
    text = find_agent("miniwob").read_text(encoding="utf-8").replace("  plan:\n", "  planned:\n")
    with pytest.raises(SpecError, match=r"no rule for a node of this name. Did you mean 'plan'"):
        parse_agent(text.replace("[plan]", "[planned]"))


RENAMED = {
    r"\bwhy: str": "reason: str",
    r"act\.why": "act.reason",
    r"\bwhy: no": "reason: no",
    r"\baction: (action|noop)": r"move: \1",
    r"(act|output)\.action": r"\1.move",
    r"\bnotes:\n        - str": "kept:\n        - str",
    r"output\.notes": "output.kept",
    r"      notes: \[\]": "      kept: []",
    r"worked: (bool|true)": r"ok: \1",
    r"effect\.worked": "effect.ok",
}


def reworded():
    """The agent with its fields renamed, without prompts, context and system."""
    text = find_agent("miniwob").read_text(encoding="utf-8")
    for old, new in RENAMED.items():
        text, count = re.subn(old, new, text)
        assert count, old
    written = yaml.safe_load(text)
    for node in written["nodes"].values():
        node["prompt"] = "?"
    del written["context"], written["system"]
    return parse_agent(yaml.safe_dump(written, sort_keys=False))


def test_the_rules_play_on_whatever_prompts_and_fields_are_called():
    form, episode = LoginForm(), reworded().episode()
    events = play(episode, form)
    assert form.is_won
    assert form.decisions == 3
    assert not [event for event in events if isinstance(event, NodeRetried)]


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("node", NODES)
def test_the_task_goes_on_whatever_a_node_answers(node, deviation):
    form, model = LoginForm(), Deviant(ENV, deviation, node)
    play(load_agent("miniwob", model=model).episode(), form)
    if node == "act" and deviation in ("wrong fields", "nothing of use"):
        assert form.last.text == "noop()"
        assert form.decisions == 8
    else:
        assert form.is_won
        assert form.decisions == 3
    assert model.asked["act"] <= 3 * form.decisions


def test_what_the_environment_does_not_understand_is_asked_again_with_its_reason():
    answer = {"notes": [], "why": "it is next", "action": "press the blue button"}
    asked = []

    def model(request):
        asked.append(request)
        return '["log in"]' if request.call.node == "plan" else json.dumps(answer)

    form = LoginForm()
    play(load_agent("miniwob", model=model).episode(), form, decisions=1)
    prompts = [request.prompt for request in asked if request.call.node == "act"]
    assert len(prompts) == 3
    assert "press the blue button` is not an action" in prompts[1]
    assert form.last.text == "noop()"


class Stubborn:
    """Gives one action again and again."""

    name = "stubborn"
    reads_variables = False

    def __init__(self, action):
        self.action = action
        self.asked = []

    def __call__(self, request):
        self.asked.append(request)
        if request.call.node == "plan":
            return '["go on"]'
        if request.call.node == "effect":
            return '{"effect": "nothing", "worked": false}'
        return json.dumps({"notes": [], "why": "so", "action": self.action})


def test_an_action_that_just_failed_is_refused_once_and_never_stops_the_task():
    model, form = Stubborn("click('e9')"), LoginForm()
    play(load_agent("miniwob", model=model).episode(), form, decisions=4)
    act = [(r.call.step, r.call.attempt) for r in model.asked if r.call.node == "act"]
    assert act == [(0, 1), (1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2), (3, 3)]
    (again, *_) = [r.prompt for r in model.asked if (r.call.step, r.call.attempt) == (1, 2)]
    assert "This action was your last one, and it did not work." in again


def test_waiting_is_never_refused():
    model, form = Stubborn("noop(500)"), LoginForm()
    play(load_agent("miniwob", model=model).episode(), form, decisions=4)
    assert [r.call.attempt for r in model.asked if r.call.node == "act"] == [1, 1, 1, 1]


def test_what_is_kept_stays_small_in_a_long_episode_in_which_all_is_said_twice():
    long = "blah " * 400

    def model(request):
        step = request.call.step
        if request.call.node == "plan":
            return json.dumps([long] * 30)
        if request.call.node == "effect":
            return json.dumps({"effect": long, "worked": False})
        notes = ["the same", "The same", f"note {step}", f"note {step}", f"{step} {long}"]
        return json.dumps({"notes": notes * 2, "why": "so", "action": f"click('e{step + 10}')"})

    episode = load_agent("miniwob", model=model).episode()
    play(episode, LoginForm(), decisions=55)
    memory = episode.state.memory
    assert {key: len(value) for key, value in memory.items()} == {
        "plan": 8, "notes": 25, "tried": 25,
    }  # fmt: skip
    assert len(set(memory["notes"])) == 25
    assert len(json.dumps(memory)) < 60 * 320


def test_no_prompt_names_the_task_or_repeats_the_actions():
    """The name of the task is no part of what a player is given; the grammar is for `act` alone."""
    asked = {}

    class Reading(Deviant):
        async def complete(self, request):
            asked.setdefault(request.call.node, []).append(request)
            return await super().complete(request)

    form = LoginForm()
    play(load_agent("miniwob", model=Reading(ENV, "thoughts")).episode(), form)
    for node, requests in asked.items():
        for request in requests:
            text = "\n".join(message.content for message in request.messages)
            assert "login-user" not in text.replace("/miniwob/login-user.html", "")
            assert text.count("drag_and_drop(from_bid") == (node == "act")
            assert text.count(form.goal) == 1


SAID = {
    ("plan", 0): ["fill in the username ada", "fill in the password x1", "press Login"],
    ("act", 0): (["the form asks for two things"], "it is asked for", "fill('e2', 'ada')"),
    ("effect", 1): ("The field Username holds ada.", True),
    ("act", 1): ([], "the password comes next", "fill('e7', 'x1')"),
    ("effect", 2): ("Nothing: there is no e7, the password field is e4.", False),
    ("plan", 2): ["fill in the password x1 in e4", "press Login"],
    ("act", 2): ([], "the password field is e4", "fill('e4', 'x1')"),
}
FIELDS = {"act": ("notes", "why", "action"), "effect": ("effect", "worked")}


@pytest.fixture(scope="module")
def asked():
    """What each node was asked in the three steps of a model that makes a mistake."""
    messages = {}

    def model(request):
        at = request.call.node, request.call.step
        messages[at] = request.messages
        fields = FIELDS.get(at[0])
        return json.dumps(dict(zip(fields, SAID[at], strict=True)) if fields else SAID[at])

    play(load_agent("miniwob", model=model).episode(), LoginForm(), decisions=3)
    return messages


@pytest.mark.parametrize(("node", "step"), [("plan", 0), ("effect", 2), ("plan", 2), ("act", 2)])
def test_the_prompts_are_as_they_were_read(asked, node, step):
    check_prompt(PROMPTS / f"miniwob_{node}_{step}.txt", asked[node, step])


@needs_chromium
@pytest.mark.slow
def test_the_rules_win_every_task_in_the_agent_and_no_answer_is_retried(tmp_path):
    tasks = groups()["expert"]
    agent, plan = load_agent("miniwob"), Plan(len(tasks))
    writer = RunWriter(tmp_path / "run", about_run(agent, plan))
    summary = rollout_sync(agent, plan, writer=writer)
    writer.finish(summary.status, summary.totals())
    run = load_run(tmp_path / "run")
    events = [event for episode in run.episodes for event in run.events(episode)]
    assert not [event for event in events if isinstance(event, NodeRetried)]
    assert [e.info["task"] for e in summary.episodes if not e.info["success"]] == []
