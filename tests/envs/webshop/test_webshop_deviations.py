"""The shipped shoppers with answers as language models give them: a visit goes on sensibly."""

import json
import random
from typing import Any

import pytest
from agentkit_envs.webshop.env import WebShopEnv
from agentkit_envs.webshop.expert import answer
from envs.deviations import DEVIATIONS, Deviant
from envs.webshop_played import play_visit

from agentkit import FunctionModel, Limits, Request, load_agent
from agentkit.agentfile.load import find_agent

SHOP = "agentkit/WebShop-v1"
NODES = [("webshop", node) for node in ("wanted", "compared", "judged", "act")]
NODES.append(("webshop_decide", "click"))
HARMLESS = ["other words", "yes for true", "another sentence", "a fence", "thoughts", "all twice"]
"""Deviations that change nothing in what is done."""


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """A shop of 300 generated products."""
    return WebShopEnv(products=300, cache=tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def undisturbed(env):
    """What is done without deviations, by agent."""
    return {
        name: play_visit(load_agent(find_agent(name)), env, 2).actions
        for name in ("webshop", "webshop_decide")
    }


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize(("name", "node"), NODES)
def test_a_visit_with_odd_answers_ends_with_a_purchase(env, undisturbed, name, node, deviation):
    model = Deviant(SHOP, deviation, node)
    played = play_visit(load_agent(find_agent(name), model=model), env, 2)
    assert model.asked[node]
    assert played.info["purchase"] is not None
    if deviation in HARMLESS:
        assert played.actions == undisturbed[name]
        assert played.retried == []


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("name", ["webshop", "webshop_decide"])
def test_a_visit_with_odd_answers_everywhere_ends_with_a_purchase(env, name, deviation):
    model = Deviant(SHOP, deviation, *answer.nodes)
    for seed in (0, 5):
        played = play_visit(load_agent(find_agent(name), model=model), env, seed)
        assert played.info["purchase"] is not None


def wanderer(titles: list[str]) -> FunctionModel:
    """Says everything twice and at length, and goes about without buying."""
    chance = random.Random(1)

    def wanted() -> Any:
        option = {"option": "color", "value": "red"}
        return {
            "product": "lamp " * 500, "attributes": ["bright", "red"] * 50, "price_limit": None,
            "options": [option] * 50, "strategy": "look " * 500, "search": "search[lamp]",
        }  # fmt: skip

    def compared(schema: Any) -> Any:
        asins = schema["items"]["properties"]["product"]["enum"] * 2
        return [{"product": one, "why": "so " * 500, "promise": 5} for one in asins]

    def judged(schema: Any, step: int) -> Any:
        values = schema["properties"]["choose"]["items"]["enum"] * 9
        said = ["y" * 1_000] * 30
        return {"met": said, "missing": said, "unsure": said, "fits": chance.randrange(11),
                "choose": values, "lesson": f"lesson {step} " + "x" * 1_000}  # fmt: skip

    def act(actions: list[str]) -> Any:
        actions = [one for one in actions if one != "click[Buy Now]"]
        actions += [f"search[{chance.choice(titles)}]"] * len(actions)
        return {"why": "because " * 500, "action": chance.choice(actions)}

    def complete(request: Request) -> str:
        match request.call.node:
            case "wanted":
                return json.dumps(wanted())
            case "compared":
                return json.dumps(compared(request.schema))
            case "judged":
                return json.dumps(judged(request.schema, request.call.step))
        return json.dumps(act(request.moment.info["actions"]))

    return FunctionModel(complete, name="wanderer")


def test_memory_stays_bounded_in_a_long_visit_with_every_list_repeated(tmp_path):
    env = WebShopEnv(products=600, cache=tmp_path, max_steps=None)
    titles = [env.catalogue[place].title for place in range(600)]
    agent = load_agent(find_agent("webshop"), model=wanderer(titles))
    agent = agent.replace(limits=Limits())
    played = play_visit(agent, env, 0, most=300)
    assert len(played.actions) == 300
    memory = played.memory
    notes = memory["notes"]
    assert len(notes["products"]) == 300
    assert len(notes["searches"]) == 30
    assert len(memory["judged"]) == 10
    assert len(memory["lessons"]) == 6
    assert memory["wanted"]["attributes"] == ["bright", "red"]
    assert played.retried == []
    assert all(len(one["missing"]) <= 6 for one in memory["judged"])
    assert len(json.dumps([memory["judged"], memory["lessons"]])) < 20_000
    assert played.sizes[-1] < 1.5 * played.sizes[149]
