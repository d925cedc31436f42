"""Answers about what to do: the gate, subgoals, skills, knowledge, the plan and the action."""

from dataclasses import asdict
from typing import Any

from agentkit_envs.crafter.expert_words import situation
from agentkit_envs.crafter.explored_map import offset_in_words
from agentkit_envs.crafter.strategy.criteria import in_words
from agentkit_envs.crafter.strategy.decision import act, choose, gate
from agentkit_envs.crafter.strategy.guides import GUIDES, goal_in_words, skill_name
from agentkit_envs.crafter.strategy.ideas import all_ideas
from agentkit_envs.crafter.strategy.recipes import MAKE, PLACE
from agentkit_envs.crafter.strategy.routes import survey
from agentkit_envs.crafter.strategy.situation import Situation
from agentkit_envs.crafter.strategy.subgoals import Subgoal
from agentkit_envs.experts import Variables, value

_CHALLENGES = 3
_QUESTIONS = 3


def check_gate(variables: Variables) -> dict[str, bool]:
    """Each reason to choose a new subgoal, and whether there is one."""
    found = gate(situation(variables), value(variables, "memory.subgoal"))
    return {**asdict(found), "replan": bool(found)}


def challenges(variables: Variables) -> list[dict[str, Any]]:
    """What could be done next, with its urgency and convenience out of five."""
    sit = situation(variables)
    ideas = all_ideas(sit, survey(sit))[:_CHALLENGES]
    return [
        {
            "challenge": goal_in_words(idea),
            "why": idea["why"],
            "urgency": 5 if sit.scene.vitals["health"] <= 4 else 3 if index == 0 else 2,
            "convenience": max(1, 5 - max(0, idea["cost"]) // 8),
        }
        for index, idea in enumerate(ideas)
    ]


def subgoal(variables: Variables) -> Subgoal:
    """The subgoal: the one there is while it holds, else a new one."""
    sit, previous = situation(variables), value(variables, "memory.subgoal")
    chosen = previous
    if chosen is None or gate(sit, chosen):
        chosen = choose(sit, previous)
    return {**chosen, "what": goal_in_words(chosen), "done_when": in_words(chosen["until"])}


def feedback(variables: Variables) -> dict[str, Any]:
    """How the last skill served its subgoal, and what to mind next time."""
    ended, lessons = value(variables, "gate"), value(variables, "memory.lessons")
    advice = ""
    if ended["failed"] and lessons:
        advice = f"mind the last lesson: {lessons[-1]}"
    elif ended["danger"]:
        advice = "look for dangers before setting out"
    elif ended["need"]:
        advice = "eat, drink and sleep first"
    name = value(variables, "previous.skill")["name"]
    return {"skill": name, "served": ended["reached"], "advice": advice}


def skill(variables: Variables) -> dict[str, Any]:
    """The skill that the subgoal calls for: one known already, or a new one."""
    chosen, known = value(variables, "subgoal"), value(variables, "memory.skills")
    name = skill_name(chosen)
    for old in known:
        if old["name"] == name:
            return {**old, "known": True}
    return {"name": name, "guide": GUIDES[chosen["goal"]], "known": False}


def unknowns(variables: Variables) -> list[str]:
    """What about the game is not known yet: the amounts that no fact tells."""
    facts = value(variables, "memory.facts")
    actions = [f"place_{thing}" for thing in PLACE] + [f"make_{thing}" for thing in MAKE]
    return [_amount(a) for a in actions if not any(f.startswith(f"{a} takes") for f in facts)]


def _amount(action: str) -> str:
    return f"How much does {action} take?"


def questions(variables: Variables) -> list[str]:
    """Up to three things to know for the subgoal."""
    chosen = value(variables, "subgoal")
    asked = []
    if chosen["goal"] in ("place", "place beside", "make"):
        verb = "make" if chosen["goal"] == "make" else "place"
        asked.append(_amount(f"{verb}_{chosen['thing']}"))
    if chosen.get("place"):
        asked.append("Which way is it?")
    asked.append("What must be watched on the way?")
    return asked[:_QUESTIONS]


def answer_question(variables: Variables) -> str:
    """The answer to one question, from facts, the map and the view."""
    question = str(value(variables, "item"))
    if question.startswith("How much does "):
        action = question.removeprefix("How much does ").removesuffix(" take?")
        facts = value(variables, "memory.facts")
        known = [fact for fact in facts if fact.startswith(f"{action} takes")]
        return known[0] if known else "Not known yet; trying it will tell."
    sit = situation(variables)
    if question.startswith("Which way"):
        place = value(variables, "subgoal").get("place")
        return _way(sit, place) if place else "It has no fixed place."
    night = "it is dark and zombies come up on grass" if sit.zombies else "few zombies are about"
    lava = " Lava is known near by." if any(sit.all_cells("lava")) else ""
    return f"By this hour {night}.{lava}"


def _way(sit: Situation, place: list[int]) -> str:
    return f"It lies {offset_in_words(*sit.offset(sit.cell(*place)))}."


def plan(variables: Variables) -> dict[str, Any]:
    """The steps towards the subgoal, and when to drop them."""
    chosen, known = value(variables, "subgoal"), value(variables, "skill")
    return {
        "steps": known["guide"],
        "holds_while": f"the subgoal is to {goal_in_words(chosen)}",
        "ends_when": in_words(chosen["until"]),
    }


def next_action(variables: Variables) -> dict[str, Any]:
    """The action, how often, and why."""
    action, why = act(situation(variables), value(variables, "subgoal"))
    name, _, times = action.partition(" ")
    return {"why": why, "action": name, "times": int(times or 1)}
