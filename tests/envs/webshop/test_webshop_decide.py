"""The agent that decides: one closed question a step, answered in text or with probabilities."""

import json
import os
import random
import subprocess
import sys

import pytest
from agentkit_envs.webshop.env import WebShopEnv
from envs.webshop_played import play_visit

from agentkit import FunctionModel, Request, load_agent, load_run
from agentkit.agentfile.load import find_agent
from agentkit.events import EnvironmentStepped, NodeFinished

OPENED = {"product 2": 0.6, "product 1": 0.3, "Next >": 0.1}


@pytest.mark.parametrize(
    "answers",
    [["I click Product 2.", "I choose navy [dark].", "Buy Now"],
     [json.dumps(OPENED), '{"navy [dark]": 0.8, "< Prev": 0.2}', '{"Buy Now": 1}']],
    ids=["texts", "probabilities"],
)  # fmt: skip
def test_a_script_of_answers_shops_from_the_command_line(answers, shop_data, tmp_path):
    script = tmp_path / "answers.jsonl"
    lines = [{"node": "click", "step": step, "text": text} for step, text in enumerate(answers, 1)]
    script.write_text("\n".join(map(json.dumps, lines)))
    program = [sys.executable, "-m", "agentkit", "run", "webshop_decide"]
    program += ["--model", f"script:{script}", "--input", f"data={shop_data}"]
    program += ["--out", str(tmp_path / "run"), "--fresh", "--json"]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    events = [*load_run(tmp_path / "run").events(0)]
    asked = [event for event in events if isinstance(event, NodeFinished) and event.completion]
    assert [event.status for event in asked] == ["ok"] * 3
    assert all(event.completion.decisions for event in asked)
    *_, last = (event for event in events if isinstance(event, EnvironmentStepped))
    assert last.info["purchase"]["asin"] == "B02"
    assert last.info["purchase"]["options"] == {"color": "navy  [dark]"}
    if answers[0].startswith("{"):
        assert asked[0].completion.decisions[0].probabilities["product 2"] == 0.6


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """A shop of 300 generated products."""
    return WebShopEnv(products=300, cache=tmp_path_factory.mktemp("shop"))


def never_buys(options, _):
    return next(one for one in [*options[1:2], options[0]] if one != "Buy Now" or len(options) == 1)


def goes_back(options, _):
    return "< Prev" if "< Prev" in options else options[0]


def by_chance(options, step):
    return random.Random(step).choice(options)


@pytest.mark.parametrize("choose", [never_buys, goes_back, by_chance])
def test_whatever_a_model_prefers_something_is_bought_in_the_end(env, choose):
    """Near the end only what leads to a purchase can be clicked."""

    def decide(request: Request) -> str:
        return choose(request.questions[0].options, request.call.step)

    agent = load_agent(find_agent("webshop_decide"), model=FunctionModel(decide))
    for seed in range(3):
        played = play_visit(agent, env, seed)
        assert played.info["purchase"] is not None, played.actions
        assert played.retried == []


def test_nothing_is_asked_where_only_one_thing_can_be_clicked(env):
    def read(request: Request) -> str:
        options = request.questions[0].options
        return "Features" if "Features" in options else options[0]

    agent = load_agent(find_agent("webshop_decide"), model=FunctionModel(read))
    played = play_visit(agent, env, 2)
    assert played.actions[2:4] == ["click[Features]", "click[< Prev]"]
    calls = {e.step: e.completion.usage.calls for e in played.events
             if isinstance(e, NodeFinished) and e.completion}  # fmt: skip
    assert calls[2] == 1
    assert calls[3] == 0
