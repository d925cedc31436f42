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
    goal, thing = subgoal["goal"], subgoal["thing"]
    words = _WORDS.get((goal, thing)) or _WORDS.get((goal, ""))
    return words.format(thing=thing) if words else f"{goal} {thing}".rstrip()


_WORDS = {
    ("collect", "water"): "drink water",
    ("collect", "tree"): "collect wood from a tree",
    ("collect sapling", ""): "collect a sapling",
    ("place beside", ""): "place a {thing} beside the table",
    ("plant", ""): "plant a sapling where it can be fenced",
    ("fence", ""): "fence the sapling",
    ("eat plant", ""): "eat the ripe plant",
    ("wait", ""): "stay near the plant until it is ripe",
    ("sleep", ""): "sleep in a closed shelter",
}
