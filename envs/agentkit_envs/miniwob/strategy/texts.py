"""Tasks that type a text into fields."""

import re

from PIL import ImageColor

from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import FIELDS, Lost, Move, Turn, words

_SIGNS = {"-": int.__sub__, "+": int.__add__, "x": int.__mul__}
_FILMS = re.compile(
    r"Search for (?P<genre>.+) movies directed by (?P<director>.+) from year (?P<year>\d+)"
)

_FILE = re.compile(r"[a-z]+(?:\.[a-z.]+)?")
_LIST = moves.type_keys("ls\n")
_FAR = 5000
"""More pixels than any text is high."""


def quoted_text(turn: Turn) -> str:
    """Type the text in quotes, in the case that the goal asks for."""
    text = goals.quotes(turn.goal)[0]
    if "upper case" in turn.goal:
        text = text.upper()
    if "lower case" in turn.goal:
        text = text.lower()
    return turn.enter([(field, text) for field in turn.all("textbox")])


def login(turn: Turn) -> str:
    """Type a name and a password; send away what pops up in between."""
    away = turn.seek("Cancel", "button")
    if away:
        return turn.submit("Cancel")
    return turn.enter(
        list(zip(turn.all("textbox"), goals.quotes(turn.goal), strict=False)), "Login", "OK"
    )


def date(turn: Turn) -> str:
    """Type a date as fields for dates take it: the year first."""
    month, day, year = goals.between(turn.goal, "Enter ", " as the date").split("/")
    return turn.enter([(turn.first("textbox"), f"{year}-{month}-{day}")])


def time(turn: Turn) -> str:
    """Type a time as fields for times take it: from 00:00 to 23:59."""
    clock, half = goals.between(turn.goal, "Enter ", " as the time").split()
    hour, minute = clock.split(":")
    hours = int(hour) % 12 + (12 if half == "PM" else 0)
    return turn.enter([(turn.first("textbox"), f"{hours:02}:{minute}")])


def nth_word(turn: Turn) -> str:
    """Type a word of the paragraph."""
    word = words(turn.first("paragraph")).split()[goals.ordinals(turn.goal)[0]]
    return turn.enter([(turn.first("textbox"), word.strip(".,"))])


def last_word(turn: Turn) -> str:
    """Type the last word of the text area."""
    source, target = turn.all("textbox")
    return turn.enter([(target, source.value.split()[-1].strip(".,"))])


def copied(turn: Turn) -> str | Move:
    """Copy what one field holds, by the clipboard, into the field that is empty at first."""
    fields = turn.all("textbox")
    empty = [field for field in fields if not field.value]
    if not turn.facts and not empty:
        raise Lost("no field is empty")
    ref = turn.facts[0] if turn.facts else str(empty[0].ref)
    target = next(field for field in fields if field.ref == ref)
    position = goals.ordinals(turn.goal)
    source = [e for e in fields if e is not target][position[0] if position else 0]
    if target.value == source.value:
        return turn.submit()
    steps = [
        moves.press(source, "Control+a"),
        moves.press(source, "Control+c"),
        moves.press(target, "Control+a"),
        moves.press(target, "Control+v"),
    ]
    last = steps.index(turn.tried[-1]) if turn.tried and turn.tried[-1] in steps else -1
    return Move(steps[(last + 1) % len(steps)], () if turn.facts else (ref,))


def spelled(turn: Turn) -> str:
    """Type the letters that stand above the field."""
    field = turn.first("textbox")
    letters = [words(e).strip() for e in turn.elements[: turn.place(field)] if words(e).strip()]
    return turn.enter([(field, "".join(letters))])


def table_value(turn: Turn) -> str:
    """Type the value that a table has for the label in the goal."""
    label = goals.between(turn.goal, "value of ", " into")
    return turn.enter([(turn.first("textbox"), _table(turn)[label])])


def table_values(turn: Turn) -> str:
    """Type the value that a table has for the label of each field."""
    table = _table(turn)
    return turn.enter([(field, table.get(turn.label(field), "")) for field in turn.all("textbox")])


def _table(turn: Turn) -> dict[str, str]:
    cells = [words(e) for e in turn.elements if e.role == "cell"]
    return dict(zip(cells[::2], cells[1::2], strict=False))


def arithmetic(turn: Turn) -> str:
    """Type the result of two numbers."""
    first, sign, second = _match(turn, r"(\d+) ([-+x]) (\d+) =")
    return turn.enter([(turn.first("textbox"), str(_SIGNS[sign](int(first), int(second))))])


def algebra(turn: Turn) -> str:
    """Type the number that x stands for."""
    left, sign, right, result = _match(turn, r"(x|\d+) ([-+]) (x|\d+) = (\d+)")
    if left == "x":
        found = int(result) + int(right) * (1 if sign == "-" else -1)
    else:
        found = (int(result) - int(left)) * (-1 if sign == "-" else 1)
    return turn.enter([(turn.first("textbox"), str(found))])


def _match(turn: Turn, pattern: str) -> tuple[str, ...]:
    for element in turn.elements:
        found = re.search(pattern, words(element))
        if found:
            return found.groups()
    raise Lost("there is no problem to solve")


def blocks(turn: Turn) -> str:
    """Type how many blocks there are."""
    count = sum(element.name.startswith("addition-block") for element in turn.all())
    return turn.enter([(turn.first("textbox"), str(count))])


def films(turn: Turn) -> str:
    """Fill in a search form whose fields are named in many ways, before or after them."""
    wanted = _FILMS.match(turn.goal)
    if not wanted:
        raise Lost("the goal describes no film")
    parts = [part for e in turn.elements if e.role not in FIELDS and (part := _part(words(e)))]
    fields = turn.all("textbox")
    texts = [(field, wanted[part]) for field, part in zip(fields, parts, strict=False)]
    return turn.enter(texts, "Submit", "Search", "Go!")


def _part(label: str) -> str:
    names = {"genre": "genre", "director": "director", "year": "year", "date": "year"}
    return next((part for word, part in names.items() if word in label.casefold()), "")


def spinner(turn: Turn) -> str:
    """Type a number into a field with arrows."""
    number = goals.between(turn.goal, "Select ", " with")
    return turn.enter([(turn.first("spinbutton"), number)])


def form(turn: Turn) -> str:
    """Choose a radio button and fill a text field, each by its position."""
    choice, place = goals.ordinals(turn.goal)
    text = goals.quotes(turn.goal)[0]
    radio = turn.nth(choice, "radio")
    if "checked" not in radio.states:
        return moves.tick(radio)
    return turn.enter([(turn.nth(place, "textbox"), text)])


def dropdown(turn: Turn) -> str:
    """Choose an option of a list, then press a button."""
    option = goals.between(turn.goal, "Choose ", " from the")
    field = turn.first("combobox")
    if any("selected" in e.states and e.name == option for e in turn.inside(field)):
        return turn.submit(goals.quotes(turn.goal)[0])
    return moves.choose(field, [option])


def terminal(turn: Turn) -> str:
    """List the files, and remove one whose name ends as it should."""
    field = turn.first("textbox")
    if "focused" not in field.states:
        return moves.click(field)
    if not turn.did(_LIST):
        return _LIST
    ending = re.search(r"(\.\S+)$", turn.goal)
    for element in reversed(turn.elements):
        for name in words(element).split():
            fits = name.endswith(ending[1]) if ending else "." not in name
            if fits and _FILE.fullmatch(name):
                return moves.type_keys(f"rm {name}\n")
    raise Lost("there is no such file")


def picked_colour(turn: Turn) -> str:
    """Type the code of a colour into the field of the picker."""
    name = goals.between(turn.goal, "Select ", " with the color picker").split(", ")[-1].rstrip("]")
    code = name if name.startswith("#") else ImageColor.colormap.get(name)
    if not isinstance(code, str):
        raise Lost(f"the colour {name} is not known")
    return turn.enter([(turn.first("textbox"), code.removeprefix("#").upper())])


def scrolled(turn: Turn) -> str:
    """Scroll a text area to its end or beginning."""
    way = -1 if "top" in turn.goal else 1
    action = moves.scroll(turn.first("textbox"), way * _FAR)
    return turn.submit() if turn.did(action) else action


def agreement(turn: Turn) -> str:
    """Read a text to its end, type a name and press a button; or only press the button."""
    if "Scroll" not in turn.goal:
        return turn.submit("Cancel")
    name, button = goals.quotes(turn.goal)
    text, field = turn.all("textbox")
    if "disabled" in field.states:
        return moves.scroll(text, _FAR)
    return turn.enter([(field, name)], button)
