"""What an observation says, computed for agents: the last action, and what can be done now."""

from collections.abc import Sequence
from typing import Any, Final

from agentkit_envs.crafter.scene import LastAction, Scene

_LONGEST_MEANING: Final = 200
_BY_CHANCE: Final = "found this time"
_REVIEW_AFTER: Final = 25


def report_step(observation: str, meant: str = "", diary: Sequence[str] = ()) -> dict[str, Any]:
    """Return what came of the last action, and what each action would do now.

    Args:
        observation: The observation, with its grid.
        meant: What the agent wanted with its last action.
        diary: The lines about earlier actions, the latest last.

    Returns:
        line: The line for the diary; empty at the start of an episode.
        failed: Whether the action had no effect and should have: neither turned the player for
            the first time nor depended on luck.
        hurt: Whether health fell.
        unlocked: The achievements that it unlocked.
        asleep: Whether the player sleeps, so that every action is sleep.
        can: The actions that would do something now, without those that kill.
        actions: All actions in words, with what keeps each from having an effect.
    """
    from agentkit_envs.crafter.observation_reader import read

    scene = read(observation)
    can, words = _actions(scene)
    last = scene.last
    line = _line(scene, last, meant) if last else ""
    return {
        "line": line,
        "failed": last is not None and not last.worked and _is_failure(last, diary),
        "hurt": any(change.startswith("health ") and _fell(change) for change in scene.changes),
        "unlocked": [c.removeprefix("unlocked ") for c in scene.changes if c.startswith("unlock")],
        "asleep": scene.sleeping,
        "can": can,
        "actions": words,
    }


def reasons_to_replan(subgoal: Any, reached: bool, drop: bool, failed: bool, age: int) -> list[str]:
    """Return why an agent needs a new subgoal; an empty list while it can keep the one it has.

    Args:
        subgoal: The one it has; None where there is none.
        reached: Whether it is reached.
        drop: Whether it was given up.
        failed: Whether the last action had no effect.
        age: Decisions since it was chosen.
    """
    if subgoal is None:
        return ["you have none yet"]
    reasons = {
        "the old one is reached": reached,
        "you gave up the old one": drop,
        "your last action had no effect": failed,
        f"you have pursued the old one for {age} actions": age >= _REVIEW_AFTER,
    }
    return [reason for reason, holds in reasons.items() if holds]


def _line(scene: Scene, last: LastAction, meant: str) -> str:
    """The last action, what came of it, and what was meant."""
    from agentkit_envs.crafter.observation_text import offset

    parts = [_outcome(last)]
    if any(scene.moved):
        parts.append(f"moved {offset(*scene.moved)}")
    parts.extend(scene.changes)
    said = " ".join(meant.split())
    if len(said) > _LONGEST_MEANING:
        said = f"{said[: _LONGEST_MEANING - 3]}..."
    return f"{last.text}: {'; '.join(parts)}" + (f" (meant: {said})" if said else "")


def _outcome(last: LastAction) -> str:
    if not last.times:
        return "not understood" + (f", {last.why}" if last.why else "")
    if not last.worked:
        return "no effect" + (f", {last.why}" if last.why else "")
    times = "done once" if last.times == 1 else f"done {last.times} times"
    return times + (f", then stopped: {last.why}" if last.why else "")


def _is_failure(last: LastAction, diary: Sequence[str]) -> bool:
    """Whether an action without effect went wrong; the same one twice did, but for luck."""
    if last.why.endswith(_BY_CHANCE):
        return False
    if diary and diary[-1].startswith(f"{last.text}: {_outcome(last)}"):
        return True
    return not last.text.startswith("move_")


def _fell(change: str) -> bool:
    """Whether `health 9 -> 7` says that it fell."""
    was, _, now = change.removeprefix("health ").partition(" -> ")
    return int(now) < int(was)


def _in_words(action: str, scene: Scene) -> str:
    if action == "noop":
        return "noop (only waits)"
    if action != "do":
        return action
    luck = ", may give a sapling" if scene.faced == "grass" else ""
    return f"do (on {scene.faced}{luck})"


def _actions(scene: Scene) -> tuple[list[str], str]:
    """The actions that would do something now, and all of them in words."""
    from agentkit_envs.crafter.actions import ACTIONS, cell, why_not
    from agentkit_envs.crafter.scene import OFFSETS

    if scene.sleeping:
        return ["sleep"], "You are asleep: until you wake up, every action is sleep."
    can, works, turns, fails, kills = [], [], [], [], []
    for action in ACTIONS:
        why = why_not(scene, action)
        way = action.removeprefix("move_")
        target = cell(scene, *OFFSETS[way]) if way in OFFSETS else ""
        if target == "lava":
            kills.append(f"{action} (into lava)")
            continue
        if why and target and way != scene.facing:
            turns.append(f"{action} (to {target})")
        elif why:
            fails.append(f"{action} ({why.removesuffix(', which you now face')})")
            continue
        else:
            works.append(_in_words(action, scene))
        can.append(action)
    for some, waiting in ((can, "noop"), (works, "noop (only waits)")):
        some.append(some.pop(some.index(waiting)))
    kinds = {
        "These would have an effect now": works,
        "These would only turn you": turns,
        "These would have no effect": fails,
        "These would kill you": kills,
    }
    return can, "\n".join(f"{kind}: {', '.join(some)}." for kind, some in kinds.items() if some)
