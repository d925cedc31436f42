"""Scenes in words, and back again."""

import numpy as np
import pytest
from agentkit_envs.crafter.actions import THINGS
from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.crafter.observation_reader import ReadingError, read
from agentkit_envs.crafter.observation_text import describe
from agentkit_envs.crafter.scene import OFFSETS, LastAction, Scene
from agentkit_envs.crafter.scene_builder import changes
from crafter import constants
from hypothesis import given
from hypothesis import strategies as st

VITALS = ("health", "food", "drink", "energy")
NAMES = [*constants.materials, *THINGS, "edge"]
THINGS_CARRIED = [name for name in constants.items if name not in VITALS]
one_line = st.text(st.characters(exclude_characters="\n"), max_size=20)
offsets = st.tuples(st.integers(-99, 99), st.integers(-99, 99))


@st.composite
def scenes(draw):
    view = [draw(st.lists(st.sampled_from(NAMES), min_size=9, max_size=9)) for _ in range(7)]
    view[3][4] = "player"
    last = st.builds(LastAction, st.text(max_size=20), st.integers(1, 99), st.booleans(), one_line)
    unknown = st.builds(LastAction, st.text(max_size=20), st.just(0), st.just(False), one_line)
    marks = st.tuples(st.sampled_from(NAMES), st.integers(-99, 99), st.integers(5, 99))
    return Scene(
        view=tuple(map(tuple, view)),
        facing=draw(st.sampled_from(list(OFFSETS))),
        standing_on=draw(st.sampled_from(constants.walkable)),
        vitals={name: draw(st.integers(0, 9)) for name in VITALS},
        inventory=draw(st.dictionaries(st.sampled_from(THINGS_CARRIED), st.integers(1, 9))),
        sleeping=draw(st.booleans()),
        light=draw(st.sampled_from(["day", "dusk", "night"])),
        achievements=tuple(draw(st.lists(st.sampled_from(constants.achievements), unique=True))),
        moved=draw(offsets),
        last=draw(st.none() | last | unknown),
        changes=tuple(draw(st.lists(st.from_regex(r"[a-z_]{1,9} \d -> \d", fullmatch=True)))),
        landmarks=tuple(draw(st.lists(marks, max_size=5))),
    )


@given(scenes())
def test_a_scene_is_read_back_exactly_as_it_was_described(scene):
    assert read(describe(scene, grid=True)) == scene


@pytest.mark.parametrize("remember_map", [False, True])
def test_an_observation_says_all_that_the_scene_holds(remember_map):
    env = CrafterEnv(area=(40, 40), remember_map=remember_map)
    random = np.random.default_rng(3)
    text, _ = env.reset(seed=6)
    lengths = []
    for _ in range(600):
        assert read(text) == env.scene
        lengths.append(len(text))
        if env._ended():
            text, _ = env.reset()
        else:
            action = random.choice([*env.action_space.examples, "what?"])
            text, *_ = env.step(f"{action} {random.integers(1, 9)}")
    assert np.median(lengths) < 1200
    assert max(lengths) < 2000


def test_an_observation_without_its_grid_cannot_be_read():
    text, _ = CrafterEnv(grid=False).reset(seed=0)
    with pytest.raises(ReadingError, match="grid=True"):
        read(text)


@pytest.mark.parametrize(
    "text", ["", "hello", "hello\nView (L left, R right, U up, D down of you):"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ReadingError):
        read(text)


def test_a_torn_observation_is_refused():
    text, _ = CrafterEnv().reset(seed=0)
    for end in range(0, len(text) - 1, 7):
        with pytest.raises(ReadingError):
            read(text[:end])


def meadow(**changed) -> Scene:
    row = ("grass",) * 9
    middle = ("grass",) * 4 + ("player",) + ("grass",) * 4
    values = {
        "view": (row, row, row, middle, row, row, row),
        "facing": "down",
        "standing_on": "grass",
        "vitals": dict.fromkeys(VITALS, 9),
        "inventory": {},
        "sleeping": False,
        "light": "day",
        "achievements": (),
    }
    return Scene(**values | changed)


def test_changes_are_told_in_words():
    before = meadow(inventory={"wood": 1, "stone": 1})
    after = meadow(
        inventory={"wood": 3},
        vitals=dict.fromkeys(VITALS, 9) | {"health": 7},
        achievements=("collect_wood",),
        sleeping=True,
        light="night",
        view=(("zombie",) * 9, *before.view[1:]),
    )
    assert changes(before, after) == (
        "health 9 -> 7",
        "wood 1 -> 3",
        "stone 1 -> 0",
        "unlocked collect_wood",
        "fell asleep",
        "light day -> night",
        "zombie came into view",
    )
    assert changes(before, before) == ()


def test_every_creature_has_its_place_and_of_other_things_the_nearest():
    rows = [list(row) for row in meadow().view]
    rows[3][0] = rows[0][4] = "cow"
    rows[6][8] = rows[3][6] = "tree"
    text = describe(meadow(view=tuple(map(tuple, rows))), grid=False)
    assert text.splitlines()[-1] == "Nearest: grass 1 up; tree 2 right; cow 3 up and 4 left."


@pytest.mark.parametrize(
    ("step", "words"), [(0, "It is day"), (160, "It is dusk"), (210, "It is night")]
)
def test_the_light_is_told(step, words):
    env = CrafterEnv()
    env.reset(seed=0)
    env.game._step = step
    assert words in env.step("noop")[0]


def test_at_night_the_text_still_says_what_is_there():
    env = CrafterEnv()
    env.reset(seed=0)
    by_day = env.scene.view
    env.game._step = 209
    text, *_ = env.step("noop")
    trees = sum(row.count("tree") for row in by_day)
    assert "It is night" in text
    assert text.count("tree ") >= trees
