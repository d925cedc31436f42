from dataclasses import replace

import pytest
from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.crafter.explored_map import CODES, chart, offset_in_words, update_map
from agentkit_envs.crafter.scene import LastAction, Scene
from agentkit_envs.crafter.strategy.situation import Situation

GRASS = ("grass",) * 9
MOVED = LastAction("move_right", times=1, worked=True)


def scene(rows=None, **changes) -> Scene:
    """A meadow with the player in its middle; `rows` replaces cells, {(dx, dy): name}."""
    view = [list(GRASS) for _ in range(7)]
    view[3][4] = "player"
    for (dx, dy), name in (rows or {}).items():
        view[3 + dy][4 + dx] = name
    vitals = {"health": 9, "food": 9, "drink": 9, "energy": 9}
    start = Scene(tuple(map(tuple, view)), "down", "grass", vitals, {}, False, "day", ())
    return replace(start, **changes)


def at(chart, x, y):
    return chart["rows"][y - chart["top"]][x - chart["left"]]


def test_what_was_seen_is_remembered_when_out_of_view():
    known = chart(scene({(-4, 0): "water"}), None)
    known = chart(scene(moved=(5, 0), last=MOVED), known)
    assert (known["x"], known["y"]) == (5, 0)
    assert at(known, -4, 0) == "~"
    assert "water 9 left" in known["text"]


def test_a_new_episode_starts_with_an_empty_map():
    known = chart(scene({(-4, 0): "water"}), None)
    known = chart(scene(moved=(5, 0), last=MOVED), known)
    assert chart(scene(), known) == chart(scene(), None)


def test_a_creature_does_not_wipe_out_what_it_stands_on():
    known = chart(scene({(1, 0): "sand"}), None)
    known = chart(scene({(1, 0): "zombie"}, last=MOVED), known)
    assert at(known, 1, 0) == ","


def test_what_an_arrow_flies_over_is_not_guessed():
    """An arrow flies over lava too: to guess a path there would be to walk into lava."""
    assert at(chart(scene({(1, 0): "arrow-left"}), None), 1, 0) == " "


def test_ticks_count_repeats_and_nothing_that_was_not_understood():
    known = chart(scene(), None)
    known = chart(scene(last=LastAction("sleep 20", times=20, worked=True)), known)
    known = chart(scene(last=LastAction("dance", times=0, worked=False)), known)
    assert known["tick"] == 20


def test_a_plant_grows_only_while_the_player_is_near():
    known = chart(scene({(1, 0): "sapling"}), None)
    known = chart(scene({(1, 0): "sapling"}, last=LastAction("noop 9", 9, True)), known)
    assert known["plants"] == [{"x": 1, "y": 0, "grown": 9, "ripe": False}]
    known = chart(scene(moved=(30, 0), last=LastAction("move_right 30", 30, True)), known)
    assert known["plants"][0]["grown"] == 9


def test_a_plant_that_was_eaten_by_an_animal_is_forgotten_when_seen_gone():
    known = chart(scene({(1, 0): "sapling"}), None)
    assert chart(scene(last=MOVED), known)["plants"] == []


def test_the_map_follows_the_real_game():
    """Dead reckoning over many walks: the map says where the player is and what is around."""
    env = CrafterEnv()
    observation, _ = env.reset(seed=4)
    start = env.game.position
    known = update_map(observation, None)
    for action in ("move_left 6", "do", "move_up 7", "move_right 9", "do 2", "move_down 5") * 5:
        known = update_map(env.step(action)[0], known)
    x, y = env.game.position
    assert (known["x"], known["y"]) == (x - start[0], y - start[1])
    sit = Situation(env.scene, known)
    for row, names in enumerate(env.scene.view):
        for column, name in enumerate(names):
            if name in CODES:
                assert sit.name(sit.here + column - 4 + (row - 3) * sit.width) == name


@pytest.mark.parametrize(
    ("offset", "words"), [((0, 0), "here"), ((-3, 0), "3 left"), ((2, -1), "2 right, 1 up")]
)
def test_offsets_are_said_in_words(offset, words):
    assert offset_in_words(*offset) == words
