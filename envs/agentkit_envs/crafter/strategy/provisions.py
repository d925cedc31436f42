"""Food, water and rest: having enough of each before it presses."""

from collections.abc import Iterator

from agentkit_envs.crafter.strategy import exploration, shelter
from agentkit_envs.crafter.strategy.recipes import MOST
from agentkit_envs.crafter.strategy.routes import FAR, Survey
from agentkit_envs.crafter.strategy.situation import Situation
from agentkit_envs.crafter.strategy.subgoals import Subgoal, idea


def topping_up(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    """Top up when it is near, and before the night."""
    vitals = sit.scene.vitals
    ticks, _ = known.nearest("water")
    new = "collect_drink" not in sit.achieved
    if ticks >= FAR and vitals["drink"] <= 6 and not sit.is_dark:
        yield from look_for(sit, known, "", f"drink is {vitals['drink']}, no water known")
    elif new or vitals["drink"] <= (7 if sit.is_evening or ticks <= 6 else 6):
        full = {"vitals": {"drink": MOST["drink"]}}
        detour = -6 if sit.is_evening else 1 if new or vitals["drink"] <= 4 or ticks <= 8 else 8
        yield idea("collect", "water", ticks + detour, full, f"drink is {vitals['drink']}")
    if "eat_cow" not in sit.achieved or vitals["food"] <= (7 if sit.is_evening else 6):
        yield from _meat(sit, known)


def _meat(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    food = sit.scene.vitals["food"]
    new = "eat_cow" not in sit.achieved
    why = f"food is {food}"
    cow = nearest_cow(sit, known)
    if cow is None:
        if food <= 6 and not sit.zombies:
            yield from look_for(sit, known, "grass", f"{why}, no cow known")
        return
    far, place = cow
    fed = {"vitals": {"food": min(food + 1, MOST["food"])}}
    until = {"achieved": "eat_cow"} if new else fed
    detour = -6 if sit.is_evening else 3 if new or food <= 4 or far <= 8 else 10
    cost = far // 2 if food <= 5 and not sit.zombies else far + detour
    yield idea("hunt", "cow", cost, until, why, place=place)


def look_for(sit: Situation, known: Survey, land: str, why: str) -> Iterator[Subgoal]:
    """Look for food or water in good time."""
    frontier = exploration.find_frontier(sit, known, land)
    if frontier is not None:
        place = list(sit.place(frontier[1]))
        cost = (0 if sit.is_evening else 5) + frontier[0] // 2
        yield idea("explore", "", cost, {"known": place}, why, place=place)


def nearest_cow(sit: Situation, known: Survey) -> tuple[int, list[int]] | None:
    """(ticks, place) of the nearest cow seen or remembered."""
    cows = [(known.beside(sit.cell(x, y)), [x, y]) for x, y in sit.map["cows"]]
    cows = [cow for cow in cows if cow[0] < FAR]
    return min(cows) if cows else None


def sleep_idea(cost: int, site: shelter.Site | None, why: str) -> Subgoal:
    """Sleep until rested."""
    return idea("sleep", "", cost, {"vitals": {"energy": MOST["energy"]}}, why, site=site)
