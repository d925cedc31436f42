"""Choosing a subgoal, keeping it while it holds, and the action that follows."""

from dataclasses import astuple, dataclass

from agentkit_envs.crafter.strategy import garden, shelter
from agentkit_envs.crafter.strategy.dangers import dodge, reflex
from agentkit_envs.crafter.strategy.ideas import all_ideas
from agentkit_envs.crafter.strategy.needs import can_recover, is_in_need, urgent_ideas
from agentkit_envs.crafter.strategy.provisions import sleep_idea
from agentkit_envs.crafter.strategy.routes import Survey, survey
from agentkit_envs.crafter.strategy.situation import Situation
from agentkit_envs.crafter.strategy.subgoals import REST, Subgoal, is_reached, pursue

_REVIEW_EVERY = 8
_PATIENCE, _LEFT_ALONE = 40, 100
_SITE_PATIENCE, _BAD_SITES = 60, 4
_IDLE_TICKS = 40


@dataclass(frozen=True, slots=True)
class Gate:
    """Why the subgoal should be chosen anew; all false while it holds."""

    none_yet: bool
    """There is no subgoal."""
    reached: bool
    """Its criterion holds."""
    impossible: bool
    """No action leads to it any more."""
    danger: bool
    """Health is low and it does nothing about that."""
    need: bool
    """Hunger, thirst or tiredness presses and it does nothing about that."""
    failed: bool
    """The last action was to place or make something, and nothing came of it."""
    overdue: bool
    """It is time to look whether something better is near."""

    def __bool__(self) -> bool:
        return any(astuple(self))


def gate(sit: Situation, subgoal: Subgoal | None) -> Gate:
    """Whether the subgoal still holds."""
    if subgoal is None:
        return Gate(True, *(False,) * 6)
    minds = not subgoal.get("urgent")
    return Gate(
        none_yet=False,
        reached=is_reached(sit, subgoal),
        impossible=not sit.scene.sleeping and pursue(sit, subgoal) is None,
        danger=minds and can_recover(sit),
        need=minds and is_in_need(sit),
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
    ideas.append(_idle(sit))
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


def _idle(sit: Situation) -> Subgoal:
    """What is left when there is nothing to do."""
    rest = sleep_idea(99, None, "nothing else is left to do")
    return {**rest, "until": {"tick": sit.tick + _IDLE_TICKS}}


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
