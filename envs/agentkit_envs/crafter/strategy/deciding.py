"""Choosing a subgoal, keeping it while it holds, and the action that follows."""

from dataclasses import astuple, dataclass

from agentkit_envs.crafter.strategy import exploring, garden, shelter
from agentkit_envs.crafter.strategy.dangers import dodge, reflex
from agentkit_envs.crafter.strategy.ideas import all_ideas, idea, nearest_cow, sleep_idea
from agentkit_envs.crafter.strategy.recipes import MOST
from agentkit_envs.crafter.strategy.routes import FAR, Survey, survey
from agentkit_envs.crafter.strategy.situation import Situation
from agentkit_envs.crafter.strategy.subgoals import REST, Subgoal, is_reached, pursue

_REVIEW_EVERY = 8
_PATIENCE, _LEFT_ALONE = 40, 100
_SITE_PATIENCE, _BAD_SITES = 60, 4
_THIRSTY, _HUNGRY, _TIRED, _HURT = 3, 3, 2, 4
_THIRSTY_AT_NIGHT, _HUNGRY_AT_NIGHT = 1, 0


@dataclass(frozen=True, slots=True)
class Gate:
    """Why the subgoal should be chosen anew; all false while it holds."""

    none_yet: bool
    reached: bool
    impossible: bool
    danger: bool
    need: bool
    failed: bool
    overdue: bool

    def __bool__(self) -> bool:
        return any(astuple(self))


def gate(sit: Situation, subgoal: Subgoal | None) -> Gate:
    """Whether the subgoal still holds."""
    if subgoal is None:
        return Gate(True, *(False,) * 6)
    vitals = sit.scene.vitals
    thirsty, hungry = lows(sit)
    urgent = vitals["drink"] <= thirsty or vitals["food"] <= hungry or vitals["energy"] <= _TIRED
    return Gate(
        none_yet=False,
        reached=is_reached(sit, subgoal),
        impossible=not sit.scene.sleeping and pursue(sit, subgoal) is None,
        danger=0 < vitals["health"] <= _HURT
        and min(vitals["food"], vitals["drink"]) > 0
        and not subgoal.get("urgent"),
        need=urgent and not subgoal.get("urgent"),
        failed=_failed(sit),
        overdue=sit.tick - subgoal["since"] >= _REVIEW_EVERY and not sit.scene.sleeping,
    )


def _failed(sit: Situation) -> bool:
    """Whether the last action was to place or make something, and nothing came of it."""
    last = sit.scene.last
    return last is not None and not last.worked and last.text.startswith(("place_", "make_"))


def choose(sit: Situation, previous: Subgoal | None) -> Subgoal:
    """The subgoal to pursue now: needs first, then whatever is cheapest."""
    known = survey(sit)
    ideas = urgent_ideas(sit, known) or all_ideas(sit, known)
    ideas.append(_idle(sit, known))
    avoid = _avoided(sit, previous)
    ideas = [i for i in ideas if _label(i) not in avoid] or [ideas[-1]]
    if previous is not None:
        ideas = _steady(ideas, previous)
    for candidate in ideas:
        chosen = {**_completed(sit, known, candidate, previous), "avoid": avoid}
        if not is_reached(sit, chosen) and pursue(sit, chosen) is not None:
            return chosen
    return {**_completed(sit, known, ideas[-1], previous), "avoid": avoid}


def _label(subgoal: Subgoal) -> str:
    return f"{subgoal['goal']} {subgoal['thing']} {subgoal.get('place')}"


def _avoided(sit: Situation, previous: Subgoal | None) -> dict[str, int]:
    """Subgoals that took far too long, with the tick until which they are left alone."""
    if previous is None:
        return {}
    avoid = {label: tick for label, tick in previous["avoid"].items() if tick > sit.tick}
    took = sit.tick - previous["begun"]
    if _failed(sit):
        avoid[_label(previous)] = sit.tick + _LEFT_ALONE
    if previous["goal"] not in ("sleep", "wait") and took > 3 * previous["allowed"] + _PATIENCE:
        avoid[_label(previous)] = sit.tick + _LEFT_ALONE
    return avoid


def _steady(ideas: list[Subgoal], previous: Subgoal) -> list[Subgoal]:
    """The same ideas, the one pursued so far first unless another is clearly cheaper."""

    def same(i: Subgoal) -> bool:
        return all(i.get(k) == previous.get(k) for k in ("goal", "thing", "place"))

    for candidate in ideas:
        if same(candidate) and candidate["cost"] <= ideas[0]["cost"] + 4:
            return [candidate, *(i for i in ideas if i is not candidate)]
    return ideas


def _completed(
    sit: Situation, known: Survey, candidate: Subgoal, previous: Subgoal | None
) -> Subgoal:
    """An idea with what it needs to be pursued: since when, and where to shelter."""
    chosen = {**candidate, "since": sit.tick, "begun": sit.tick, "allowed": candidate["cost"]}
    if previous is not None and _label(previous) == _label(candidate):
        chosen.update(begun=previous["begun"], allowed=previous["allowed"])
    chosen["bad_sites"] = previous["bad_sites"] if previous is not None else []
    if chosen["goal"] in ("sleep", "wait") and not sit.is_sealed:
        _settle(sit, known, chosen, previous)
    return chosen


def _settle(sit: Situation, known: Survey, chosen: Subgoal, previous: Subgoal | None) -> None:
    """Keep the shelter site there is, unless it came to nothing for long; else find one."""
    site = previous.get("site") if previous is not None else None
    since = previous.get("site_since", sit.tick) if previous is not None else sit.tick
    if site is not None and sit.tick - since > _SITE_PATIENCE:
        chosen["bad_sites"] = [*chosen["bad_sites"], site][-_BAD_SITES:]
        site = None
    if site is not None and shelter.enter(sit, site) is not None:
        chosen.update(site=site, site_since=since)
        return
    near = sit.cell(*chosen["place"]) if chosen["goal"] == "wait" else garden.tended(sit)
    found = shelter.find_site(sit, known, near, chosen["bad_sites"])
    chosen.update(site=found[1] if found else None, site_since=sit.tick)


def lows(sit: Situation) -> tuple[int, int]:
    """At which drink and food the player goes out for more: later at night, when it is risky."""
    if sit.keeps_in:
        return -1, -1
    return (_THIRSTY_AT_NIGHT, _HUNGRY_AT_NIGHT) if sit.is_dark else (_THIRSTY, _HUNGRY)


def urgent_ideas(sit: Situation, known: Survey) -> list[Subgoal]:
    """What must come first to stay alive; empty when nothing presses."""
    vitals = sit.scene.vitals
    thirsty, hungry = lows(sit)
    ideas = []
    water = known.nearest("water")[0]
    if _presses(sit, vitals["drink"], thirsty, water):
        full = {"vitals": {"drink": MOST["drink"]}}
        ideas.append(
            (
                vitals["drink"] + min(water, 40) // 10,
                idea("collect", "water", water, full, f"drink is {vitals['drink']}")
                if water < FAR
                else _search(sit, known, "water"),
            )
        )
    cow = nearest_cow(sit, known)
    if _presses(sit, vitals["food"], hungry, cow[0] if cow else FAR):
        until = {"vitals": {"food": min(MOST["food"], vitals["food"] + 5)}}
        ideas.append(
            (
                vitals["food"] + min(cow[0] if cow else FAR, 40) // 10,
                idea("hunt", "cow", cow[0], until, f"food is {vitals['food']}", place=cow[1])
                if cow
                else _search(sit, known, "a cow"),
            )
        )
    fed = min(vitals["food"], vitals["drink"]) > 0
    if vitals["energy"] <= _TIRED or (vitals["health"] <= _HURT and fed):
        found = shelter.find_site(sit, known)
        site = found[1] if found else None
        if site or sit.is_sealed or vitals["energy"] <= 1:
            level = min(vitals["energy"], vitals["health"])
            ideas.append((level, recovery(sit, site)))
    ideas.sort(key=lambda pair: pair[0])
    return [{**i, "urgent": True} for _, i in ideas if i is not None]


def recovery(sit: Situation, site: shelter.Site | None) -> Subgoal:
    vitals = sit.scene.vitals
    until = {"energy": MOST["energy"], "health": 7}
    chosen = sleep_idea(sit, 0, site, f"energy is {vitals['energy']}, health is {vitals['health']}")
    return {**chosen, "until": {"vitals": until}}


def _presses(sit: Situation, level: int, low: int, ticks: int) -> bool:
    """Whether to go now: it is low, or will be by the time one is there."""
    return level <= low or (not sit.is_dark and ticks < FAR and level * 20 < ticks * 3 // 2 + 20)


def _search(sit: Situation, known: Survey, what: str) -> Subgoal | None:
    frontier = exploring.find_frontier(sit, known, "grass" if what == "a cow" else "")
    if frontier is None:
        return None
    place = list(sit.place(frontier[1]))
    return idea("explore", "", frontier[0], {"known": place}, f"{what} must be found", place=place)


def _idle(sit: Situation, known: Survey) -> Subgoal:
    found = None if sit.is_sealed else shelter.find_site(sit, known)
    return {
        **sleep_idea(sit, 99, found[1] if found else None, "nothing else is left to do"),
        "until": {"tick": sit.tick + 40},
    }


def act(sit: Situation, subgoal: Subgoal) -> tuple[str, str]:
    """(action, why): a reflex if something presses, else the next action of the subgoal."""
    if sit.scene.sleeping:
        return f"sleep {REST}", "asleep"
    action, why = reflex(sit) or (
        pursue(sit, subgoal) or "noop",
        f"towards the subgoal: {subgoal['goal']} {subgoal['thing']}".rstrip(),
    )
    return dodge(sit, action) or (_safe(sit, action), why)


def _safe(sit: Situation, action: str) -> str:
    """The same action unless it would walk into lava or the unknown."""
    if action.startswith("move_"):
        direction = action.split()[0].removeprefix("move_")
        for known, step in sit.steps.items():
            if known == direction and sit.name(sit.here + step) in ("lava", None):
                return "noop"
    return action
