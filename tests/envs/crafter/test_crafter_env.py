import re

import crafter
import gymnasium
import numpy as np
import pytest
from agentkit_envs import register
from agentkit_envs.crafter.actions import ACTIONS
from agentkit_envs.crafter.env import CrafterEnv
from crafter import constants
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

ID = "agentkit/Crafter-v1"


@pytest.fixture(scope="module")
def env():
    """One environment for many tests; each resets it."""
    return CrafterEnv()


def documented_keys() -> set[str]:
    section = CrafterEnv.__doc__.split("## Information")[1].split("##")[0]
    return {line.split("`")[1] for line in section.splitlines() if line.strip().startswith("- `")}


def test_registering_twice_is_registering_once():
    register()
    before = dict(gymnasium.registry)
    register()
    assert gymnasium.registry == before


@pytest.mark.parametrize("options", [{}, {"image": True, "render_mode": "rgb_array"}])
def test_gymnasium_finds_nothing_to_complain_about(options):
    register()
    check_env(gymnasium.make(ID, **options).unwrapped)


def test_the_documented_info_keys_are_the_real_ones():
    env = CrafterEnv(image=True)
    _, at_reset = env.reset(seed=0)
    *_, after_step = env.step("noop")
    *_, after_nonsense = env.step("dance")
    assert set(at_reset) == set(after_step) == set(after_nonsense) == documented_keys()


def test_the_picture_is_in_info_only_when_asked_for(env):
    _, info = env.reset(seed=0)
    assert set(info) == documented_keys() - {"image"}
    _, info = CrafterEnv(image=True, size=(90, 72)).reset(seed=0)
    assert (info["image"].dtype, info["image"].shape) == (np.uint8, (72, 90, 3))


def test_info_is_a_copy_that_later_steps_leave_alone(env):
    _, info = env.reset(seed=0)
    info["inventory"]["wood"] = 9
    info["actions"].clear()
    *_, after = env.step("noop")
    assert after["inventory"]["wood"] == 0
    assert after["actions"] == constants.actions


def test_info_says_nothing_about_where_the_player_is(env):
    _, info = env.reset(seed=0)
    assert set(info) == {"actions", "game_steps", "achievements", "inventory", "understood"}
    assert set(info["achievements"]) == set(constants.achievements)
    assert set(info["inventory"]) == set(constants.items)


def test_an_unknown_action_costs_no_game_step_and_changes_nothing(env):
    env.reset(seed=0)
    env.step("move_left 2")
    before = env.scene, env.game.steps, env.game._world.random.get_state()[1].tolist()
    text, reward, terminated, truncated, info = env.step("move_lft")
    after = env.scene, env.game.steps, env.game._world.random.get_state()[1].tolist()
    assert after[1:] == before[1:]
    assert after[0].view == before[0].view
    assert (after[0].moved, after[0].changes) == ((0, 0), ())
    assert (reward, terminated, truncated, info["understood"]) == (0, False, False, False)
    assert "did you mean move_left?" in text
    assert all(action in text for action in ACTIONS)


def test_an_unknown_action_does_not_change_what_follows():
    told = []
    for nonsense in (False, True):
        env = CrafterEnv()
        env.reset(seed=4)
        for action in ["move_up 3", "do 4", "move_right 9", "noop 40"]:
            if nonsense:
                env.step("please help")
            told.append(env.step(action))
    assert told[:4] == told[4:]


def test_an_action_that_is_no_text_is_an_error(env):
    env.reset(seed=0)
    with pytest.raises(TypeError, match="an action is a text"):
        env.step(3)


def test_the_episode_is_truncated_at_its_length():
    env = CrafterEnv(length=5)
    env.reset(seed=0)
    assert env.step("noop 3")[3] is False
    text, _, terminated, truncated, info = env.step("noop 9")
    assert (terminated, truncated, info["game_steps"]) == (False, True, 5)
    assert "done 2 times, it worked; then stopped: the episode is over" in text
    with pytest.raises(ResetNeeded):
        env.step("noop")


def test_without_a_length_an_episode_goes_on():
    env = CrafterEnv(length=None, repeats=1)
    env.reset(seed=0)
    env.game._step = 10_000
    assert env.step("noop")[2:4] == (False, False)


def test_death_terminates_the_episode(env):
    env.reset(seed=0)
    env.game.player.inventory.update(health=1, food=0)
    env.game.player._recover = -15
    text, reward, terminated, truncated, _ = env.step("noop")
    assert (terminated, truncated) == (True, False)
    assert reward < 0
    assert "you died" in text


def test_a_reset_without_a_seed_is_the_next_episode_of_the_seed(env):
    first, _ = env.reset(seed=8)
    second, _ = env.reset()
    again = CrafterEnv()
    assert (again.reset(seed=8)[0], again.reset()[0]) == (first, second)
    assert first != second


def test_before_a_reset_there_is_nothing_to_do():
    with pytest.raises(ResetNeeded):
        CrafterEnv().step("noop")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"area": (64,)}, "area is columns and rows of the world, two whole numbers from 9 to"),
        ({"area": (4, 4)}, "not (4, 4)"),
        ({"area": (64, 10**6)}, "two whole numbers from 9 to 4096, not (64, 1000000)"),
        ({"area": 64}, "area is "),
        ({"length": 0}, "length is a whole number of at least 1, or None (null in YAML) for no"),
        ({"length": True}, "length is a whole number"),
        ({"repeats": 2.5}, "repeats is a whole number of at least 1, not 2.5"),
        ({"size": "big"}, "size is width and height of the picture"),
        ({"size": (64, 10**5)}, "from 9 to 4096"),
        ({"grid": "no"}, "grid is True or False (true or false in YAML), not 'no'"),
        ({"remember_map": 1}, "remember_map is True or False"),
        ({"image": None}, "image is True or False"),
        ({"render_mode": "human"}, "render_mode is 'rgb_array', not 'human'"),
        ({"render_mode": "rgb-array"}, "did you mean 'rgb_array'?"),
    ],
)
def test_wrong_arguments_are_refused_by_name(wrong, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        CrafterEnv(**wrong)


def test_all_wrong_arguments_are_told_at_once():
    with pytest.raises(ValueError, match=r"2 arguments are wrong\n  area is .*\n  grid is "):
        CrafterEnv(area=(1, 1), grid="no")


def test_the_semantic_view_shows_the_world_that_is_played(env):
    """BALROG and SmartPlay read it; it showed an empty world."""
    env.reset(seed=0)
    before = env.game._sem_view()
    upstream = crafter.Env(area=(64, 64), view=(9, 9), seed=0)
    upstream.reset()
    assert (before == upstream._sem_view()).all()
    env.step("move_left 3")
    x, y = env.game.position
    player = upstream._sem_view._obj_ids[crafter.objects.Player]
    assert env.game._sem_view()[x, y] == player != before[x, y]


def test_options_at_reset_are_refused(env):
    with pytest.raises(ValueError, match="no options"):
        env.reset(seed=0, options={"level": 2})


def test_the_grid_can_be_left_out(env):
    short, _ = CrafterEnv(grid=False).reset(seed=0)
    whole, _ = env.reset(seed=0)
    assert whole.startswith(short)
    assert "View" in whole.removeprefix(short)


def test_the_paper_variant_has_a_larger_world_and_no_end():
    env = CrafterEnv(area=(256, 256), length=None)
    env.reset(seed=0)
    assert env.game.position == (128, 128)


def test_landmarks_out_of_view_are_remembered_where_they_are():
    env = CrafterEnv(remember_map=True)
    env.reset(seed=3)
    for action in ["move_left 9", "move_down 9", "move_right 9", "move_up 4"]:
        env.step(action)
    assert len(env.scene.landmarks) >= 3
    x, y = env.game.position
    for name, dx, dy in env.scene.landmarks:
        assert env.game.material(x + dx, y + dy) == name
        assert abs(dx) > 4 or abs(dy) > 3
    distances = [abs(dx) + abs(dy) for _, dx, dy in env.scene.landmarks]
    assert distances == sorted(distances)


def test_a_new_episode_remembers_no_landmarks_of_the_last():
    env = CrafterEnv(remember_map=True)
    env.reset(seed=3)
    env.step("move_left 30")
    env.reset()
    assert env.scene.landmarks == ()
