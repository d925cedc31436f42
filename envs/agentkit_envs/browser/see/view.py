"""What an observation of a page says, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """Where an element stands in the window, in CSS pixels from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Element:
    """One line of a page: an element, or a text that belongs to none of the shown ones."""

    role: str
    """The ARIA role, such as button or textbox; generic for one without; text for a bare text."""
    name: str = ""
    """The accessible name; of a generic or text the words that it shows."""
    ref: str | None = None
    """What actions name it by, such as e3; None for a text."""
    depth: int = 0
    """How many of the shown lines it is inside of."""
    value: str = ""
    """What a field holds, or the words inside an element that has a name besides."""
    states: tuple[str, ...] = ()
    """Such as checked, selected, expanded, disabled, focused, clickable, level=2."""
    url: str = ""
    """Where a link leads."""
    placeholder: str = ""
    """What an empty field shows."""
    box: Box | None = None
    """Where it stands; None where that was not asked for."""


@dataclass(frozen=True, slots=True)
class Tab:
    """An open page."""

    title: str
    url: str
    active: bool = False


@dataclass(frozen=True, slots=True)
class LastAction:
    """The action before this observation, and what came of it."""

    text: str
    """As it was given."""
    error: str = ""
    """Why it did nothing, or not all; empty if it worked."""
    understood: bool = True
    """Whether it could be read as an action of the grammar."""


@dataclass(frozen=True, slots=True)
class View:
    """All that an observation says."""

    goal: str
    url: str
    title: str
    tabs: tuple[Tab, ...] = ()
    elements: tuple[Element, ...] = ()
    focused: str | None = None
    """The reference of the element that has the keyboard."""
    last: LastAction | None = None
    notices: tuple[str, ...] = ()
    """What happened besides: dialogs, refused requests and downloads, windows, crashes."""
    changes: tuple[str, ...] | None = None
    """Lines that are new (+ ...) or gone (- ...) since the last observation; None for the first
    one of a page."""
    left_out: int = 0
    """How many lines of the page did not fit."""
    steps_left: int | None = None
