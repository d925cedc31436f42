"""What threatens the player, and what to do about it at once."""

from agentkit_envs.crafter.scene import OFFSETS, Direction
from agentkit_envs.crafter.strategy.moves import turn
from agentkit_envs.crafter.strategy.situation import Creature, Situation


def arriving_arrows(sit: Situation, within: int = 2) -> list[Creature]:
    """Arrows that fly at the player and are this close."""
    arrows = []
    for creature in sit.creatures:
        if not creature.name.startswith("arrow") or creature.away > within:
            continue
        dx, dy = OFFSETS[heading(creature)]
        if (creature.dx + dx * creature.away, creature.dy + dy * creature.away) == (0, 0):
            arrows.append(creature)
    return sorted(arrows, key=lambda arrow: arrow.away)


def heading(arrow: Creature) -> Direction:
    """Which way an arrow flies."""
    direction = arrow.name.removeprefix("arrow-")
    for known in OFFSETS:
        if known == direction:
            return known
    raise ValueError(f"'{arrow.name}' is no arrow with a direction.")


def threats(sit: Situation) -> list[str]:
    """Dangers in view, in words, the most pressing first."""
    words = [f"{arrow.name} flies at you" for arrow in arriving_arrows(sit, within=4)]
    for creature in sorted(sit.creatures, key=lambda c: c.away):
        if creature.name == "zombie" and creature.away <= 5:
            words.append(f"zombie {creature.away} steps away")
        elif creature.name == "skeleton" and creature.away <= 5:
            words.append(f"skeleton {creature.away} steps away")
    if any(sit.name(cell) == "lava" for cell in sit.around(sit.here)):
        words.append("lava beside you")
    return words


def reflex(sit: Situation) -> tuple[str, str] | None:
    """(action, why) when an enemy beside the player has to be fought before anything else."""
    if sit.scene.sleeping:
        return None
    beside = [c for c in sit.creatures if c.away == 1 and c.name in ("zombie", "skeleton")]
    if not beside:
        return None
    cells = [sit.here + c.dx + c.dy * sit.width for c in beside]
    if sit.faced in cells:
        return "do", f"strike the {beside[cells.index(sit.faced)].name}"
    return turn(sit, cells[0]) or "do", f"face the {beside[0].name}"


def struck_cells(sit: Situation) -> set[int]:
    """Where arrows will strike in the next tick: the cell in front of each."""
    return {
        sit.here + c.dx + c.dy * sit.width + sit.steps[heading(c)]
        for c in sit.creatures
        if c.name.startswith("arrow")
    }


def dodge(sit: Situation, action: str) -> tuple[str, str] | None:
    """(action, why) in place of one that would end where an arrow strikes; None if all is well."""
    struck = struck_cells(sit)
    if not struck or sit.scene.sleeping:
        return None
    ends = sit.here
    if action.startswith("move_"):
        target = sit.here + next(s for d, s in sit.steps.items() if action.startswith(f"move_{d}"))
        ends = target if sit.is_free(target) else ends
    if ends not in struck:
        return _shield(sit)
    if sit.here not in struck:
        return "noop", "let the arrow pass"
    for direction, step in sit.steps.items():
        if sit.is_free(sit.here + step) and sit.here + step not in struck:
            return f"move_{direction}", "step out of the arrow's way"
    return None


def _shield(sit: Situation) -> tuple[str, str] | None:
    """A stone in front against an arrow that one could not step away from."""
    arrows = arriving_arrows(sit, within=4)
    if not arrows or not sit.has("stone") or not sit.is_free(sit.faced):
        return None
    across = (1, -1) if arrows[0].dy else (sit.width, -sit.width)
    flies_in_front = sit.direction(sit.faced) == _towards(arrows[0])
    if flies_in_front and not any(sit.is_free(sit.here + side) for side in across):
        return "place_stone", "a stone stops the arrow"
    return None


def _towards(creature: Creature) -> Direction:
    """Which way a creature in line with the player lies."""
    if creature.dx:
        return "right" if creature.dx > 0 else "left"
    return "down" if creature.dy > 0 else "up"
