"""Reasons and repeats, each against the game itself."""

import numpy as np
import pytest
from agentkit_envs.crafter.actions import ACTIONS, Command, parse_action, suggestion, why_not
from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.crafter.scene_builder import look
from crafter import constants, objects
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def env():
    """A player on a bare meadow."""
    env = CrafterEnv()
    env.reset(seed=0)
    world, player = env.game._world, env.game.player
    for obj in world.objects:
        if obj is not player:
            world.remove(obj)
    world._mat_map[:] = world._mat_ids["grass"]
    return env


def put(env, dx, dy, what):
    """Put a material or a creature so far from the player, and look again."""
    world, player = env.game._world, env.game.player
    x, y = env.game.position
    if isinstance(what, str):
        world[x + dx, y + dy] = what
    else:
        needs_player = what in (objects.Zombie, objects.Skeleton)
        world.add(what(world, (x + dx, y + dy), *([player] if needs_player else [])))
    env._scene = look(env.game)


def carry(env, **items):
    env.game.player.inventory.update(items)
    env._scene = look(env.game)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("noop", Command("noop", 1)),
        ("move_left 3", Command("move_left", 3)),
        ("  'Move_Left 3.' ", Command("move_left", 3)),
        ("move left 3", Command("move_left", 3)),
        ("`DO`", Command("do", 1)),
        ('"make-wood-pickaxe"', Command("make_wood_pickaxe", 1)),
        ("sleep\n20", Command("sleep", 20)),
    ],
)
def test_an_action_is_read_however_it_is_written(text, command):
    assert parse_action(text) == command


@pytest.mark.parametrize(
    "text", ["", "3", "fly", "do 0", "do -2", "do 1.5", "do it", "do do", "d o"]
)
def test_what_is_no_action_is_not_read(text):
    assert parse_action(text) is None


@given(st.text())
def test_any_text_is_read_or_refused_without_an_error(text):
    parse_action(text)
    suggestion(text)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_legal_action_is_read_as_itself(action):
    assert parse_action(action) == Command(action, 1)


def test_a_misspelt_action_suggests_the_nearest():
    assert suggestion("make wood pickax 2") == "did you mean make_wood_pickaxe?"


@pytest.mark.parametrize("name", constants.make)
def test_making_says_what_the_rules_of_the_package_ask_for(env, name):
    rule = constants.make[name]
    reason = why_not(env.scene, f"make_{name}")
    for util in rule["nearby"]:
        assert f"no {util} within one step" in reason
    assert reason.endswith("not enough " + " and ".join(rule["uses"]))
    for number, util in enumerate(rule["nearby"]):
        put(env, number, -1, util)
    carry(env, **rule["uses"])
    assert why_not(env.scene, f"make_{name}") == ""
    for item, amount in rule["uses"].items():
        carry(env, **{item: amount - 1})
        assert why_not(env.scene, f"make_{name}") == f"not enough {item}"
        carry(env, **{item: amount})


@pytest.mark.parametrize("name", constants.place)
def test_placing_says_what_the_rules_of_the_package_ask_for(env, name):
    rule = constants.place[name]
    put(env, 0, 1, "grass")
    assert why_not(env.scene, f"place_{name}") == "not enough " + " and ".join(rule["uses"])
    carry(env, **rule["uses"])
    for material in constants.materials:
        put(env, 0, 1, material)
        reason = why_not(env.scene, f"place_{name}")
        can = material in rule["where"]
        assert reason == ("" if can else f"{name} cannot be placed on {material}")


@pytest.mark.parametrize("material", constants.materials)
def test_collecting_says_what_the_rules_of_the_package_ask_for(env, material):
    put(env, 0, 1, material)
    rule = constants.collect.get(material)
    if rule is None:
        assert why_not(env.scene, "do") == f"nothing can be collected from {material}"
        return
    missing = " and ".join(rule["require"])
    assert why_not(env.scene, "do") == (f"needs {missing}" if missing else "")
    carry(env, **rule["require"])
    assert why_not(env.scene, "do") == ""


def state(env):
    """Everything an action can change at once, apart from needs and creatures."""
    player, world = env.game.player, env.game._world
    things = {name: count for name, count in player.inventory.items() if name not in NEEDS}
    x, y = env.game.position
    around = world._mat_map[max(x - 1, 0) : x + 2, max(y - 1, 0) : y + 2].tobytes()
    return things, dict(player.achievements), env.game.position, around


NEEDS = ("health", "food", "drink", "energy")


@pytest.mark.parametrize("seed", range(4))
def test_a_reason_is_given_exactly_when_an_action_has_no_effect(seed):
    """Random play with gifts: what was foretold is compared with what the game did."""
    env = CrafterEnv(area=(24, 24), length=None)
    random = np.random.default_rng(seed)
    env.reset(seed=seed)
    seen = set()
    for _ in range(1500):
        if env._ended():
            env.reset()
        if random.random() < 0.5:
            item = random.choice([name for name in constants.items if name != "health"])
            carry(env, **{str(item): int(random.integers(9))})
        if random.random() < 0.05:
            env.game.player.health = 9
        action = str(random.choice(ACTIONS))
        scene, before = env.scene, state(env)
        env.step(action)
        reason, changed = why_not(scene, action), state(env) != before
        free_to_act = action not in ("noop", "sleep") and not scene.sleeping
        # An arrow that hits a table changes the world too.
        free_to_act &= not any(name.startswith("arrow") for row in scene.view for name in row)
        by_chance = action == "do" and scene.faced in ("grass", "zombie", "skeleton", "cow")
        if free_to_act and not by_chance:
            assert bool(reason) is not changed, (action, reason, scene)
            assert env.scene.last.worked is changed
            seen.add((action.partition("_")[0], changed))
    assert len(seen) == 8


def test_at_the_left_and_upper_edge_nothing_can_be_made(env):
    """Upstream's look around starts at index -1 there, which is an empty slice."""
    put(env, 0, 1, "table")
    env.game._world.move(env.game.player, (0, 5))
    put(env, 0, 1, "table")
    carry(env, wood=1)
    text, *_ = env.step("make_wood_pickaxe")
    assert "no effect: no table within one step" in text
    env.game._world.move(env.game.player, (63, 5))
    put(env, 0, 1, "table")
    assert "it worked" in env.step("make_wood_pickaxe")[0]


def test_a_move_stops_where_it_is_blocked(env):
    put(env, 3, 0, "stone")
    text, _, _, _, info = env.step("move_right 9")
    assert (env.scene.moved, info["game_steps"]) == ((2, 0), 2)
    assert '"move_right 9" done 2 times, it worked; then stopped: blocked by stone' in text


def test_a_move_stops_before_lava_but_a_single_step_is_taken(env):
    put(env, 3, 0, "lava")
    assert "lava ahead" in env.step("move_right 9")[0]
    assert env.scene.moved == (2, 0)
    assert env.step("move_right")[2] is True


def test_collecting_stops_when_the_thing_is_gone(env):
    carry(env, wood_pickaxe=1)
    put(env, 0, 1, "stone")
    text, _, _, _, info = env.step("do 5")
    assert info["inventory"]["stone"] == info["game_steps"] == 1
    assert "stone is no longer in front of you" in text


def test_drinking_stops_when_full(env):
    put(env, 0, 1, "water")
    carry(env, drink=5)
    text, _, _, _, info = env.step("do 9")
    assert (info["inventory"]["drink"], info["game_steps"]) == (9, 4)
    assert "drink is full" in text


def test_searching_grass_stops_when_something_is_found(env):
    text, reward, _, _, info = env.step("do 100")
    assert info["inventory"]["sapling"] == 1
    assert 1 <= info["game_steps"] < 100
    assert "found sapling" in text
    assert reward == 1


def test_a_repeat_stops_when_a_zombie_comes_near(env):
    put(env, 4, 0, objects.Zombie)
    text, _, _, _, info = env.step("noop 50")
    assert info["game_steps"] < 15
    assert "a zombie is near" in text
    assert env.scene.vitals["health"] == 9


def test_a_repeat_stops_when_health_falls(env):
    put(env, 1, 0, objects.Zombie)
    text, reward, _, _, info = env.step("noop 50")
    assert info["game_steps"] < 15
    assert "you lost health" in text
    assert reward == pytest.approx(-0.2)


def test_sleep_repeats_until_waking_up(env):
    carry(env, energy=8)
    env.game._world.daylight = 1.0
    text, reward, _, _, info = env.step("sleep 100")
    assert 1 < info["game_steps"] < 100
    assert "you woke up" in text
    assert "unlocked wake_up" in text
    assert reward == 1


def test_asleep_any_action_is_sleep_and_the_text_says_so(env):
    carry(env, energy=3)
    text, *_ = env.step("sleep")
    assert "You are asleep and cannot act" in text
    text, *_ = env.step("move_left 5")
    assert '"move_left 5" done once, no effect: you are asleep' in text
    assert env.scene.moved == (0, 0)


def test_a_rested_player_is_not_tired(env):
    assert "no effect: you are not tired" in env.step("sleep 5")[0]


def test_repeats_are_cut_to_the_most_that_is_allowed():
    env = CrafterEnv(repeats=3)
    env.reset(seed=0)
    *_, info = env.step("noop 50")
    assert info["game_steps"] == 3


def test_a_sapling_must_ripen_before_it_is_eaten(env):
    carry(env, sapling=1, food=3)
    env.step("place_plant")
    assert env.scene.faced == "sapling"
    assert "no effect: the sapling is not ripe yet" in env.step("do")[0]
    env.game._world[env.game.position[0], env.game.position[1] + 1][1].grown = 1000
    env.step("noop")
    assert env.scene.faced == "ripe-plant"
    assert "unlocked eat_plant" in env.step("do 5")[0]
