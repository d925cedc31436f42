"""How to do things, in words: what the player's skills consist of."""

from agentkit_envs.crafter.strategy.subgoals import Subgoal

GUIDES: dict[str, list[str]] = {
    "collect": [
        "go to the nearest one that is known, digging where rock is in the way",
        "face it and use do until the amount is reached",
    ],
    "collect sapling": ["stand in front of grass", "use do until a sapling turns up"],
    "hunt": ["go up to it, as it moves", "face it and strike with do until it is gone"],
    "place": ["face free ground, digging a hole where there is none", "place it"],
    "place beside": ["go to what it must stand near", "face free ground beside it", "place it"],
    "make": ["go where everything it needs is within one step", "make it"],
    "plant": ["go to the chosen grass", "face it and place the sapling"],
    "fence": ["walk round the sapling", "put a stone on every side an animal could come from"],
    "eat plant": ["go to the ripe plant, taking away one stone of the fence", "eat it with do"],
    "wait": ["stay near the plant, closed in", "go and look when it should be ripe"],
    "sleep": [
        "go to the shelter site: a doorstep and two cells behind it",
        "close missing walls with stones, go in, turn round, put a stone on the doorstep",
        "sleep until rested and stay until it is bright",
    ],
    "explore": ["go to the edge of what is known", "look round"],
}
"""Steps for each kind of subgoal."""

_TARGETS = ("collect", "hunt", "place", "make", "fence")


def skill_name(subgoal: Subgoal) -> str:
    """The skill a subgoal calls for."""
    goal = str(subgoal["goal"])
    return f"{goal} {subgoal['thing']}" if goal in _TARGETS else goal


def goal_in_words(subgoal: Subgoal) -> str:
    """A subgoal in a few words."""
    match subgoal["goal"]:
        case "collect" if subgoal["thing"] == "water":
            return "drink water"
        case "collect" if subgoal["thing"] == "tree":
            return "collect wood from a tree"
        case "collect sapling":
            return "collect a sapling"
        case "place beside":
            return f"place a {subgoal['thing']} beside the table"
        case "plant":
            return "plant a sapling where it can be fenced"
        case "fence":
            return "fence the sapling"
        case "eat plant":
            return "eat the ripe plant"
        case "wait":
            return "stay near the plant until it is ripe"
        case "sleep":
            return "sleep in a closed shelter"
        case "explore":
            return "explore"
    return f"{subgoal['goal']} {subgoal['thing']}"
