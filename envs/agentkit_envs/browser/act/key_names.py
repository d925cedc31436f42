"""The names of keys, as Playwright knows them, and what else they are called."""

from difflib import get_close_matches

_MODIFIERS = ("Alt", "Control", "ControlOrMeta", "Meta", "Shift")
_SIDES = tuple(
    f"{name}{side}" for name in ("Alt", "Control", "Meta", "Shift") for side in ("Left", "Right")
)
_HELD = (*_MODIFIERS, *_SIDES)
_NAMES = (
    *_HELD,
    *("AltGraph", "AudioVolumeDown", "AudioVolumeMute", "AudioVolumeUp"),
    *("MediaPlayPause", "MediaTrackNext", "MediaTrackPrevious"),
    *("ArrowDown", "ArrowLeft", "ArrowRight", "ArrowUp", "Backspace", "CapsLock", "ContextMenu"),
    *("Delete", "End", "Enter", "Escape", "Home", "Insert", "NumLock", "PageDown", "PageUp"),
    *("Pause", "PrintScreen", "ScrollLock", "Space", "Tab"),
    *("Backquote", "Backslash", "BracketLeft", "BracketRight", "Comma", "Equal", "Minus"),
    *("Period", "Quote", "Semicolon", "Slash"),
    *(f"F{number}" for number in range(1, 13)),
    *(f"Digit{digit}" for digit in range(10)),
    *(f"Numpad{digit}" for digit in range(10)),
    *("NumpadAdd", "NumpadDecimal", "NumpadDivide", "NumpadEnter", "NumpadMultiply"),
    "NumpadSubtract",
    *(f"Key{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
)
_ALSO = {
    "cmd": "Meta",
    "command": "Meta",
    "ctrl": "Control",
    "del": "Delete",
    "down": "ArrowDown",
    "esc": "Escape",
    "left": "ArrowLeft",
    "option": "Alt",
    "pgdn": "PageDown",
    "pgup": "PageUp",
    "return": "Enter",
    "right": "ArrowRight",
    "spacebar": "Space",
    "super": "Meta",
    "up": "ArrowUp",
    "win": "Meta",
}
_MOST = 6
_BY_LOWER = {name.lower(): name for name in _NAMES} | _ALSO


def read_keys(text: str) -> tuple[str, str]:
    """What Playwright calls a combination such as ctrl+A, and what is wrong with it or ''."""
    names = _parts(text)
    if len(names) > _MOST:
        return "", f"{len(names)} keys at once are too many"
    problems = []
    for place, name in enumerate(names):
        last = place == len(names) - 1
        known = name if len(name) == 1 and last else _BY_LOWER.get(name.lower())
        if known is None:
            problems.append(_unknown(name))
        elif not last and known not in _HELD:
            problems.append(f"'{name}' cannot be held: only {', '.join(_MODIFIERS)} can")
        else:
            names[place] = known
    return "+".join(names), "; ".join(problems)


def without_side(name: str) -> str:
    """Return the name of a key that is there twice, such as Shift for ShiftLeft."""
    return name.removesuffix("Left").removesuffix("Right") if name in _SIDES else name


def _parts(text: str) -> list[str]:
    """The keys of a combination; the plus sign is a key too, as in Control++."""
    if text == " ":
        return ["Space"]
    bare = text.strip()
    if bare.endswith("+") and bare != "+":
        return [*(part.strip() for part in bare[:-1].rstrip("+").split("+")), "+"]
    return [bare] if bare == "+" else [part.strip() for part in bare.split("+")]


def _unknown(name: str) -> str:
    if not name:
        return "there is no name of a key"
    near = get_close_matches(name.lower()[:40], _BY_LOWER, n=1)
    hint = f". Did you mean '{_BY_LOWER[near[0]]}'?" if near else ""
    return f"no key is called '{name[:40]}'{hint}"
