import json

import pytest
from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.crafter.expert import answer
from agentkit_envs.crafter.explored_map import chart
from agentkit_envs.crafter.strategy.dangers import dodge, reflex
from agentkit_envs.crafter.strategy.decision import act
from agentkit_envs.crafter.strategy.player import play
from agentkit_envs.crafter.strategy.routes import survey
from agentkit_envs.crafter.strategy.shelter import find_site, is_shield
from agentkit_envs.crafter.strategy.situation import Situation, zombies_at
from test_explored_map import scene

from agentkit import Call, Message, ModelError, Request, SpecError
from agentkit.agentfile.load import find_agent, parse_agent
from agentkit.messages import Moment


def situation(rows=None, **changes) -> Situation:
    now = scene(rows, **changes)
    return Situation(now, chart(now, None))


def ask(node, observation, history=(), notes=None, **asked) -> str:
    moment = Moment(observation, {}, list(history), {} if notes is None else notes)
    return answer(Request((Message("user", "?"),), call=Call(node=node), moment=moment, **asked))


def observations(decisions, seed) -> list[str]:
    """What the player sees in a game, one after the other."""
    env, memory = CrafterEnv(), None
    seen, _ = env.reset(seed=seed)
    found = [seen]
    for _ in range(decisions):
        action, memory = play(found[-1], memory)
        found.append(env.step(action)[0])
    return found


def as_history(seen) -> list[dict]:
    return [{"observation": one, "action": "noop", "reward": 0.0} for one in seen]


def test_its_answers_follow_from_what_was_seen_whether_or_not_it_was_asked_before():
    """A resumed episode has the history and no notes; it is played on as before."""
    seen, notes = observations(40, seed=5), {}
    asked_often = [ask("act", one, as_history(seen[:i]), notes) for i, one in enumerate(seen)]
    for i in (0, 17, 40):
        assert ask("act", seen[i], as_history(seen[:i])) == asked_often[i]
    memory = None
    for one, action in zip(seen, asked_often, strict=True):
        wanted, memory = play(one, memory)
        assert action == wanted


def test_a_step_that_failed_and_is_taken_with_another_observation_leaves_nothing_behind():
    seen, notes = observations(30, seed=5), {}
    for i in (20, 20, 21):
        ask("act", seen[i], as_history(seen[:i]), notes)
    ask("act", seen[30], as_history(seen[:22]), notes)
    again = ask("act", seen[22], as_history(seen[:22]), notes)
    assert again == ask("act", seen[22], as_history(seen[:22]))


def test_it_gives_the_form_that_an_output_asks_for():
    seen = observations(0, seed=5)[0]
    text = {"type": "string"}
    both = {"type": "object", "properties": {"why": text, "act": text}}
    others = {"type": "object", "properties": {"reason": text, "move": text}}
    options = {"type": "string", "enum": ["noop", "move_up", "move_down", "do"]}
    said = json.loads(ask("act", seen, schema=both))
    assert ask("act", seen) == ask("act", seen, schema=text) == said["act"]
    assert [*json.loads(ask("act", seen, schema=others)).values()] == [*said.values()]
    assert ask("act", seen, schema=options) == said["act"].split()[0]
    assert ask("reached", seen, schema={"type": "string", "enum": ["yes", "no"]}) == "no"
    texts = {"type": "array", "items": text, "maxItems": 1}
    assert len(json.loads(ask("plan", seen, schema=texts))) == 1


def test_it_tells_each_amount_once_and_of_meals_the_most():
    seen, notes = observations(200, seed=5), {}
    told = [
        fact
        for i, one in enumerate(seen)
        for fact in json.loads(ask("learned", one, as_history(seen[:i]), notes))["facts"]
    ]
    assert "place_table takes 2 wood." in told
    assert len(told) == len(set(told))
    tidied = json.loads(ask("refined", seen[-1], as_history(seen[:-1]), notes))
    assert sum(fact.startswith("A meal") for fact in tidied) == 1
    assert set(tidied) <= set(told)


def test_an_unknown_node_is_refused_with_the_names_it_could_mean():
    with pytest.raises(ModelError, match=r"node 'sene'.*Did you mean 'seen'\?.*act"):
        ask("sene", "")
    agent = source_of("crafter_list").replace("- seen:\n", "- sene:\n")
    with pytest.raises(SpecError, match=r"no rule for a node of this name.*Did you mean 'seen'"):
        parse_agent(agent, "crafter_list")


def source_of(agent: str) -> str:
    return find_agent(agent).read_text(encoding="utf-8")


def test_an_observation_without_its_grid_is_refused_with_what_to_change():
    seen, _ = CrafterEnv(grid=False).reset(seed=0)
    with pytest.raises(ModelError, match="the observation has no grid; make the environment with"):
        ask("act", seen)


def test_answers_do_not_depend_on_earlier_calls():
    """Resume and replay rest on this: the same variables, the same answer."""
    env, memory = CrafterEnv(), None
    observation, _ = env.reset(seed=2)
    states = []
    for _ in range(80):
        states.append((observation, json.dumps(memory)))
        action, memory = play(observation, memory)
        observation, *_ = env.step(action)
    for before, remembered in reversed(states[::7]):
        once, twice = (play(before, json.loads(remembered)) for _ in range(2))
        assert once == twice
        assert json.loads(json.dumps(once[1])) == once[1]


def test_the_first_day_brings_the_easy_achievements():
    env, memory, over = CrafterEnv(length=300), None, False
    observation, _ = env.reset(seed=1011)
    while not over:
        action, memory = play(observation, memory)
        observation, _, died, ended, info = env.step(action)
        over = died or ended
    made = {name for name, count in info["achievements"].items() if count}
    assert {"make_wood_pickaxe", "make_stone_pickaxe", "collect_drink", "place_table"} <= made
    assert not died


def test_it_never_walks_into_lava():
    around = {(1, 0): "lava", (-1, 0): "lava", (0, -1): "lava"}
    sit = situation(around, inventory={"wood_pickaxe": 1, "stone": 5})
    subgoal = {"goal": "explore", "thing": "", "place": [3, 0], "until": {}, "cost": 1}
    for _ in range(5):
        assert act(sit, subgoal)[0].split()[0] not in ("move_left", "move_right", "move_up")


def test_it_turns_to_a_zombie_beside_it_and_then_strikes():
    assert reflex(situation({(1, 0): "zombie"}, facing="down"))[0] == "move_right"
    assert reflex(situation({(1, 0): "zombie"}, facing="right"))[0] == "do"
    assert reflex(situation({(1, 1): "zombie"})) is None


def test_it_steps_out_of_the_way_of_an_arrow_but_not_of_one_that_misses():
    move, _ = dodge(situation({(1, 0): "arrow-left"}), "do")
    assert move in ("move_up", "move_down", "move_left")
    assert dodge(situation({(1, 0): "arrow-up"}), "do") is None
    assert dodge(situation({(1, -1): "arrow-down"}), "move_right")[0] == "noop"


def test_water_keeps_zombies_out_but_arrows_only_when_it_is_wide():
    lake = {(dx, 0): "water" for dx in range(1, 5)}
    narrow = situation(lake | {(2, 0): "sand"})
    assert not is_shield(narrow, narrow.here + 1, 1)
    solid = situation({(1, 0): "stone"})
    assert is_shield(solid, solid.here + 1, 1)


def test_a_shelter_is_found_in_rock_and_never_beside_lava():
    rock = {(dx, dy): "stone" for dx in range(1, 5) for dy in range(-3, 4)}
    tools = {"wood_pickaxe": 1, "stone": 1}
    sit = situation(rock, inventory=tools)
    cost, site = find_site(sit, survey(sit))
    assert site["direction"] == "right"
    assert cost < 30
    hot = {cell: "lava" if cell[0] == 4 else name for cell, name in rock.items()}
    hot |= {(dx, dy): "lava" for dx in range(-4, 2) for dy in (-2, 2)}
    sit = situation(hot, inventory=tools)
    _, site = find_site(sit, survey(sit))
    beside = _cells_of(sit, site)
    assert all(sit.name(near) != "lava" for cell in beside for near in sit.around(cell))


def _cells_of(sit, site) -> tuple[int, int]:
    doorstep, step = sit.cell(site["x"], site["y"]), sit.steps[site["direction"]]
    return doorstep + step, doorstep + 2 * step


def test_zombies_come_at_night():
    assert zombies_at(60) == 0
    assert zombies_at(210) == 3
    assert zombies_at(360) == zombies_at(60)
