"""Actions as texts: their names, repeats, and why one has no effect."""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from crafter import constants

from agentkit_envs.crafter.scene import OFFSETS, VIEW, Scene

ACTIONS: tuple[str, ...] = tuple(constants.actions)
"""The legal actions."""

HOSTILE = ("zombie", "skeleton", "arrow-left", "arrow-right", "arrow-up", "arrow-down")
"""Names in the view of what can hurt."""

THINGS = (*HOSTILE, "cow", "sapling", "ripe-plant")
"""Names in the view of what stands on a material."""

_FORM = re.compile(r"([a-z_\-\s]*[a-z])\s*(\d{1,9})?(?:\s*\([^()]*\))?")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Command:
    """An action that was understood."""

    name: str
    """One of `ACTIONS`."""
    times: int
    """How often to carry it out."""

    def __str__(self) -> str:
        return self.name if self.times == 1 else f"{self.name} {self.times}"


def parse_action(text: str) -> Command | None:
    """Read `move_left 3`; None when it is no action. Case, quotes, a full stop and words
    in brackets at the end do not matter."""
    form = _FORM.fullmatch(tidy(text).strip("\"'`. ").lower())
    if form is None:
        return None
    name = re.sub(r"[\s\-]+", "_", form[1])
    times = int(form[2] or 1)
    return Command(name, times) if name in ACTIONS and times else None


def tidy(text: str) -> str:
    """The text on one line, shortened when it is long."""
    line = " ".join(text[: 4 * _LONGEST].split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def canonical(text: str) -> str:
    """Return the one spelling of an action.

    Raises:
        ValueError: The text is no action.
    """
    command = parse_action(text)
    if command is None:
        near = suggestion(text)
        raise ValueError(
            f"'{tidy(text)}' is not an action{f': {near}' if near else '.'} An action is one of "
            f"{', '.join(ACTIONS)}; a number repeats it: move_left 3"
        )
    return str(command)


def suggestion(text: str) -> str:
    """What may have been meant by an action that was not understood, or an empty text."""
    words = re.sub(r"[^a-z]+", "_", tidy(text).lower()).strip("_")
    near = get_close_matches(words, ACTIONS, n=1)
    return f"did you mean {near[0]}?" if near else ""


def why_not(scene: Scene, action: str) -> str:
    """Why an action would have no effect now, or an empty text where it would.

    It follows from what can be seen, and from the rules that come with the crafter package.
    """
    rested = scene.vitals["energy"] >= constants.items["energy"]["max"]
    if scene.sleeping and not rested:
        return "" if action in ("sleep", "noop") else "you are asleep"
    verb, _, name = action.partition("_")
    match verb:
        case "move":
            return _why_not_move(scene, name)
        case "do":
            return _why_not_do(scene)
        case "sleep":
            return "you are not tired" if rested and not scene.sleeping else ""
        case "place":
            return _why_not_place(scene, name)
        case "make":
            return _why_not_make(scene, name)
    return ""


def _why_not_move(scene: Scene, direction: str) -> str:
    target = cell(scene, *OFFSETS[direction])  # type: ignore[index]
    free = target in constants.walkable or target == "lava"
    return "" if free else f"blocked by {target}, which you now face"


def _why_not_do(scene: Scene) -> str:
    target = scene.faced
    if target in THINGS:
        if target == "sapling":
            return "the sapling is not ripe yet"
        return f"nothing can be done with {target}" if target.startswith("arrow") else ""
    info = constants.collect.get(target)
    if info is None:
        return f"nothing can be collected from {target}"
    return _lacking(scene, info["require"], "needs")


def _why_not_place(scene: Scene, name: str) -> str:
    target = scene.faced
    info = constants.place[name]
    reasons = []
    if target not in info["where"]:
        reasons.append(f"{name} cannot be placed on {target}")
    reasons.append(_lacking(scene, info["uses"], "not enough"))
    return ", ".join(filter(None, reasons))


def _why_not_make(scene: Scene, name: str) -> str:
    info = constants.make[name]
    around = {cell(scene, dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
    if "edge" in (cell(scene, -1, 0), cell(scene, 0, -1)):
        # The game looks around by slices that start at -1 there, and so finds nothing.
        around = set()
    reasons = [f"no {util} within one step" for util in info["nearby"] if util not in around]
    reasons.append(_lacking(scene, info["uses"], "not enough"))
    return ", ".join(filter(None, reasons))


def _lacking(scene: Scene, needs: dict[str, int], words: str) -> str:
    names = [name for name, amount in needs.items() if scene.inventory.get(name, 0) < amount]
    return f"{words} {' and '.join(names)}" if names else ""


def cell(scene: Scene, dx: int, dy: int) -> str:
    """What is seen so many columns to the right and rows down of the player."""
    return scene.view[VIEW[1] // 2 + dy][VIEW[0] // 2 + dx]
