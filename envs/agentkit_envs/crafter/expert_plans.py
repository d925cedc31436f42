"""Answers about what to do: the gate questions, subgoals, skills, the plan and the action."""

from typing import Any

from agentkit_envs.crafter.expert_state import Player
from agentkit_envs.crafter.explored_map import offset_in_words
from agentkit_envs.crafter.strategy.criteria import in_words
from agentkit_envs.crafter.strategy.decision import act
from agentkit_envs.crafter.strategy.guides import GUIDES, goal_in_words, skill_name
from agentkit_envs.crafter.strategy.ideas import all_ideas
from agentkit_envs.crafter.strategy.routes import survey
from agentkit_envs.crafter.strategy.subgoals import Subgoal
from agentkit_envs.experts import Said

_CHALLENGES = 3


def is_reached(player: Player) -> bool:
    """Whether the subgoal that it had is reached."""
    return player.reasons.reached


def is_dropped(player: Player) -> bool:
    """Whether the subgoal that it had gave way to another without being reached."""
    previous = player.previous
    if previous is None or player.reasons.reached:
        return False
    return _label(previous) != _label(player.subgoal)


def _label(subgoal: Subgoal) -> tuple[Any, ...]:
    return subgoal["goal"], subgoal["thing"], subgoal.get("place")


def subgoal(player: Player) -> dict[str, Any]:
    """What could be done next, and the subgoal that it has."""
    chosen = player.subgoal
    return {
        "challenges": _challenges(player),
        "what": goal_in_words(chosen),
        "why": chosen["why"],
        "done_when": in_words(chosen["until"]),
    }


def _challenges(player: Player) -> list[dict[str, Any]]:
    """What could be done next, with its urgency and convenience out of five."""
    sit = player.sit
    ideas = all_ideas(sit, survey(sit))[:_CHALLENGES]
    return [
        {
            "challenge": goal_in_words(idea),
            "urgency": 5 if sit.scene.vitals["health"] <= 4 else 3 if index == 0 else 2,
            "convenience": max(1, 5 - max(0, idea["cost"]) // 8),
        }
        for index, idea in enumerate(ideas)
    ]


def feedback(player: Player) -> dict[str, Any]:
    """How the last skill served its subgoal, and what to mind next time."""
    ended, last = player.reasons, player.scene.last
    advice = ""
    if ended.failed and last is not None:
        advice = f"mind that {last.text} had no effect: {last.why}"
    elif ended.danger:
        advice = "look for dangers before setting out"
    elif ended.need:
        advice = "eat, drink and sleep first"
    return {"served": ended.reached, "advice": advice}


def skill(player: Player) -> dict[str, Any]:
    """The skill that the subgoal calls for."""
    return {"name": skill_name(player.subgoal), "guide": GUIDES[player.subgoal["goal"]]}


def questions(player: Player) -> list[dict[str, str]]:
    """What has to be known for the subgoal, with answers."""
    chosen, sit = player.subgoal, player.sit
    asked = []
    if chosen["goal"] in ("place", "place beside", "make"):
        verb = "make" if chosen["goal"] == "make" else "place"
        action = f"{verb}_{chosen['thing']}"
        known = [fact for fact in player.known + player.news if fact.startswith(f"{action} takes")]
        answer = known[0] if known else "Not known yet; trying it will tell."
        asked.append({"question": f"How much does {action} take?", "answer": answer})
    if chosen.get("place"):
        way = offset_in_words(*sit.offset(sit.cell(*chosen["place"])))
        asked.append({"question": "Which way is it?", "answer": f"It lies {way}."})
    light = player.scene.light
    night = "few zombies are about" if light == "day" else "zombies come up on grass"
    lava = " Lava is known near by." if any(sit.all_cells("lava")) else ""
    answer = f"It is {light}: {night}.{lava}"
    return [*asked, {"question": "What must be watched on the way?", "answer": answer}]


def plan(player: Player) -> dict[str, Any]:
    """The steps towards the subgoal, and when to drop them."""
    return {
        "steps": GUIDES[player.subgoal["goal"]],
        "drop_if": "a danger or a need presses that the subgoal does nothing about",
    }


def next_action(player: Player) -> Said:
    """The action, in one text and by its parts, and why."""
    action, why = act(player.sit, player.subgoal)
    name, _, times = action.partition(" ")
    parts = {"why": why, "act": action, "action": name, "times": int(times or 1)}
    return Said(action, parts)
