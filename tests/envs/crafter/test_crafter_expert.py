import json
from pathlib import Path

import pytest
from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.crafter.expert import ANSWERS, answer
from agentkit_envs.crafter.explored_map import chart
from agentkit_envs.crafter.observation_reader import read
from agentkit_envs.crafter.strategy.dangers import dodge, reflex
from agentkit_envs.crafter.strategy.decision import act
from agentkit_envs.crafter.strategy.player import play
from agentkit_envs.crafter.strategy.routes import survey
from agentkit_envs.crafter.strategy.shelter import find_site, is_shield
from agentkit_envs.crafter.strategy.situation import Situation, zombies_at
from test_explored_map import scene

from agentkit import Call, Message, ModelError, Request, load_agent

AGENTS = Path(__file__).parents[3] / "agents"


def situation(rows=None, **changes) -> Situation:
    now = scene(rows, **changes)
    return Situation(now, chart(now, None))


def ask(node, **variables) -> str:
    return answer(Request((Message("user", "?"),), call=Call(node=node), variables=variables))


def played(agent_file: str, decisions: int, seed: int) -> tuple[list[str], dict]:
    """The actions an agent takes, and how often each node ran."""
    agent = load_agent(AGENTS / agent_file)
    env = CrafterEnv()
    observation, info = env.reset(seed=seed)
    actions = []
    for _ in range(decisions):
        actions.append(agent.act_sync(observation, actions=info["actions"], info=info))
        observation, *_, info = env.step(actions[-1])
    return actions, agent.result.memory


@pytest.mark.parametrize("agent_file", ["crafter.yaml", "crafter_list.yaml"])
def test_an_agent_plays_exactly_like_the_expert_by_itself(agent_file):
    actions, _ = played(agent_file, decisions=60, seed=5)
    env, memory = CrafterEnv(), None
    observation, _ = env.reset(seed=5)
    for action in actions:
        alone, memory = play(observation, memory)
        assert action == (alone if " " in alone else f"{alone} 1")
        observation, *_ = env.step(action)


def test_the_full_agent_learns_amounts_and_skills_as_it_plays():
    _, memory = played("crafter.yaml", decisions=120, seed=5)
    assert any(fact.startswith("place_table takes") for fact in memory["facts"])
    assert not any("place_table" in question for question in memory["unknowns"])
    assert {"collect tree", "make wood_pickaxe"} <= {skill["name"] for skill in memory["skills"]}
    assert len(memory["record"]) == 25


def test_tidied_facts_keep_the_best_of_what_says_the_same():
    facts = ["A meal can give at least 1 food.", "x takes 2 wood.", "x takes 2 wood."]
    facts.append("A meal can give at least 6 food.")
    assert json.loads(ask("refined", memory={"facts": facts})) == [
        "x takes 2 wood.",
        "A meal can give at least 6 food.",
    ]


def test_a_skill_that_failed_is_remembered_with_its_lesson():
    ended = {"reached": False, "impossible": False, "failed": True, "danger": False, "need": False}
    memory = {"lessons": ["do 1 had no effect: not enough wood"], "subgoal": {"what": "x"}}
    told = ask("feedback", gate=ended, memory=memory, previous={"skill": {"name": "make x"}})
    assert json.loads(told) == {
        "skill": "make x",
        "served": False,
        "advice": "mind the last lesson: do 1 had no effect: not enough wood",
    }


def test_every_model_node_of_the_shipped_agents_has_a_rule():
    for agent_file in ("crafter.yaml", "crafter_list.yaml"):
        nodes = load_agent(AGENTS / agent_file).graph.nodes
        assert {node.name for node in nodes if not node.function} <= set(ANSWERS)


def test_an_unknown_node_is_refused_with_the_names_it_could_mean():
    with pytest.raises(ModelError, match=r"node 'sene'.*Did you mean 'seen'\?.*act"):
        ask("sene")


def test_a_rule_says_which_value_the_prompt_must_read():
    with pytest.raises(ModelError, match=r"rule for node 'gate' needs 'observation'"):
        ask("gate")


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


def test_the_observation_alone_is_read():
    """The expert must not see more than the text: read() of it is all it starts from."""
    env = CrafterEnv()
    observation, _ = env.reset(seed=0)
    assert ask("seen", observation=observation).startswith(f"Facing {read(observation).faced}.")
