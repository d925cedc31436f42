"""What agents are told of the last action, and of what each action would do."""

import pytest
from agentkit_envs.crafter.actions import ACTIONS
from agentkit_envs.crafter.env import CrafterEnv
from agentkit_envs.crafter.observation_text import describe
from agentkit_envs.crafter.scene import LastAction
from agentkit_envs.crafter.step_report import reasons_to_replan, report_step
from test_explored_map import scene


def report(meant="", diary=(), rows=None, **changes):
    return report_step(describe(scene(rows, **changes)), meant, diary)


def after(text, *, times=1, worked=True, why="", **more):
    return report(last=LastAction(text, times, worked, why), **more)


def test_nothing_was_done_at_the_start_of_an_episode():
    told = report()
    assert (told["line"], told["failed"], told["hurt"], told["unlocked"]) == ("", False, False, [])


def test_a_line_says_what_was_done_what_came_of_it_and_what_was_meant():
    told = after(
        "move_left 5", times=3, why="a zombie is near", moved=(-3, 0),
        changes=("health 9 -> 7", "zombie came into view"), meant="  To the\ntree. ",
    )  # fmt: skip
    assert told["line"] == (
        "move_left 5: done 3 times, then stopped: a zombie is near; moved 3 left; health 9 -> 7; "
        "zombie came into view (meant: To the tree.)"
    )
    assert told["hurt"]


def test_what_was_meant_is_cut_where_it_is_long():
    line = after("do", meant="so " * 500)["line"]
    assert len(line) < 250
    assert line.endswith("...)")


@pytest.mark.parametrize(
    ("action", "why", "failed"),
    [
        ("place_table", "not enough wood", True),
        ("do", "nothing can be collected from sand", True),
        ("do", "no sapling found this time", False),
        ("move_up", "blocked by tree, which you now face", False),
    ],
)
def test_what_turns_the_player_or_hangs_on_luck_is_no_failure_the_first_time(action, why, failed):
    first = after(action, worked=False, why=why)
    assert first["failed"] is failed
    again = after(action, worked=False, why=why, meant="x", diary=[first["line"]])
    assert again["failed"] is not why.endswith("found this time"), "luck is tried again"


def test_an_action_that_was_not_understood_is_a_failure():
    told = after("jump", times=0, worked=False, why="did you mean move_up?")
    assert told["failed"]
    assert told["line"] == "jump: not understood, did you mean move_up?"


def test_achievements_are_told():
    assert after("do", changes=("wood 0 -> 1", "unlocked collect_wood"))["unlocked"] == [
        "collect_wood"
    ]


def test_every_action_is_told_with_what_it_would_do():
    rows = {(1, 0): "tree", (-1, 0): "water", (0, 1): "lava"}
    told = report(rows=rows, facing="right", inventory={"wood": 1})
    works, turns, fails, kills = told["actions"].split("\n")
    assert works == "These would have an effect now: move_up, do (on tree), noop (only waits)."
    assert turns == "These would only turn you: move_left (to water)."
    assert "move_right (blocked by tree)" in fails
    assert "place_table (table cannot be placed on tree" in fails
    assert kills == "These would kill you: move_down (into lava)."
    assert told["can"] == ["move_left", "move_up", "do", "noop"]
    assert all(told["actions"].count(f"{action} (") <= 1 for action in ACTIONS)
    assert all(action in told["actions"] for action in ACTIONS)


def test_asleep_there_is_only_sleep():
    told = report(sleeping=True, vitals={"health": 9, "food": 9, "drink": 9, "energy": 3})
    assert (told["asleep"], told["can"]) == (True, ["sleep"])


def test_the_reasons_for_a_new_subgoal_are_said():
    old = {"what": "wood"}
    assert reasons_to_replan(None, False, False, False, 0) == ["you have none yet"]
    assert reasons_to_replan(old, False, False, False, 24) == []
    assert reasons_to_replan(old, True, True, True, 25) == [
        "the old one is reached",
        "you gave up the old one",
        "your last action had no effect",
        "you have pursued the old one for 25 actions",
    ]


def test_what_it_says_can_be_done_is_done():
    """Played for a while, whatever is foretold happens: something changes or time passes."""
    env = CrafterEnv()
    seen, _ = env.reset(seed=3)
    diary: list[str] = []
    for turn in range(120):
        told = report_step(seen, "", diary)
        action = told["can"][turn % len(told["can"])]
        turned = f"{action} (to " in told["actions"]
        seen, *_ = env.step(action)
        last = env.scene.last
        lucky = last.why.endswith("found this time")
        assert last.worked is not turned or lucky
        diary.append(report_step(seen, "", diary)["line"])
