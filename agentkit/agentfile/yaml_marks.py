"""YAML text as values that know where they stand.

The part of YAML 1.2 that agents are written in. Tags, merge keys and further documents are
reported; aliases are followed as long as they stay small.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from agentkit.agentfile.yaml_source import Flaw, Source, Trap
from agentkit.agentfile.yaml_traps import BRACES, DEEP, MAX_DEPTH, explain

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML built without libyaml: the same events, ten times slower
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

MAX_CHARACTERS: Final = 1_000_000
"""Characters a file may have."""
MAX_ALIASED: Final = 10_000
"""Values that all aliases together may repeat."""

_UNREADABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


@dataclass(frozen=True, slots=True)
class ScalarMark:
    """A text, number, boolean or null, as written."""

    start: int
    """Index of its first character in the file."""
    end: int
    """Index after its last character."""
    text: str
    """The text that YAML makes of it."""
    style: str = ""
    """`|`, `>`, `'`, `"`, or nothing for a plain one."""


@dataclass(frozen=True, slots=True)
class ItemsMark:
    """A list."""

    start: int
    end: int
    flow: bool
    """Whether it is written in brackets."""
    items: list["Mark"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EntriesMark:
    """A mapping; its keys are scalars, each given once."""

    start: int
    end: int
    flow: bool
    """Whether it is written in braces."""
    entries: dict[str, tuple[ScalarMark, "Mark"]] = field(default_factory=dict)
    """Key and value by the key's text."""


Mark = ScalarMark | ItemsMark | EntriesMark


def read_yaml(source: Source, flaws: list[Flaw]) -> Mark | None:
    """The value of a YAML text; what is wrong with it is added to `flaws`.

    Returns:
        None when the text is no YAML at all, or is empty.
    """
    try:
        _refuse(source.text)
        return _Reader(source, flaws).document()
    except Trap as trap:
        flaws.append(trap.flaw)
    except yaml.MarkedYAMLError as error:
        flaws.append(explain(error, source))
    return None


def _refuse(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise Trap(0, f"the file has {len(text):,} characters; {MAX_CHARACTERS:,} is the most")
    if match := _UNREADABLE.search(text):
        raise Trap(
            match.start(),
            f"the character U+{ord(match[0]):04X} cannot be seen and is not allowed: delete it",
        )


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read."""

    start: int
    flow: bool
    anchor: str | None
    values: list["Mark"] | dict[str, tuple[ScalarMark, "Mark"]]
    key: ScalarMark | None = None
    dropping: bool = False
    """Whether the key was unusable, so that the next value is dropped."""
    template: bool = False
    """Whether this is not a mapping at all but `{{ ... }}` without quotes."""


class _Reader:
    """Builds values from the parser's events, without recursion."""

    def __init__(self, source: Source, flaws: list[Flaw]) -> None:
        self._source = source
        self._flaws = flaws
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[int, Mark | None]] = {}
        self._used: set[str] = set()
        self._aliased = 0
        self._root: Mark | None = None

    def document(self) -> Mark | None:
        for event in self._events():
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._finish(event)
        if self._root is None:
            raise Trap(0, "the file is empty: give it at least 'nodes:' with one prompt")
        for anchor in self._anchors.keys() - self._used:
            message = (
                f"'&{anchor}' names a value, and nothing uses the name. If the '&' belongs to "
                "the text, put quotes around the text"
            )
            self._flaw(self._anchors[anchor][0], message)
        return self._root

    def _events(self) -> Iterator[yaml.Event]:
        loader = Loader(self._source.text)
        documents = 0
        try:
            while loader.check_event():
                event: Any = loader.get_event()
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        message = "a second document starts here: a file holds one agent"
                        raise Trap(_span(event)[0], message)
                yield event
        finally:
            loader.dispose()

    def _flaw(self, start: int, message: str) -> None:
        self._flaws.append(Flaw(start, message))

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is None:
            return
        start, _ = _span(event)
        tag = self._source.text[start:].split(maxsplit=1)[0]
        message = (
            f"'{tag}' is a YAML tag, and agents use none. If the '!' belongs to the text, put "
            "quotes around the text"
        )
        self._flaw(start, message)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_tag(event)
        start, end = _span(event)
        value = ScalarMark(start, end, event.value, event.style or "")
        if event.anchor is not None:
            self._anchors[event.anchor] = (start, value)
        self._place(value)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        self._check_tag(event)
        start, _ = _span(event)
        if len(self._open) >= MAX_DEPTH:
            raise Trap(start, DEEP)
        if event.anchor is not None:
            self._anchors[event.anchor] = (start, None)
        values: Any = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        self._open.append(_Open(start, bool(event.flow_style), event.anchor, values))

    def _finish(self, event: yaml.Event) -> None:
        done = self._open.pop()
        _, end = _span(event)
        value: Mark
        if done.template:
            value = ScalarMark(done.start, end, self._source.text[done.start : end])
        elif isinstance(done.values, list):
            value = ItemsMark(done.start, end, done.flow, done.values)
        else:
            value = EntriesMark(done.start, end, done.flow, done.values)
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.start, value)
        self._place(value)

    def _alias(self, event: yaml.AliasEvent) -> None:
        start, end = _span(event)
        written = ScalarMark(start, end, self._source.text[start:end])
        if event.anchor not in self._anchors:
            message = (
                f"'{written.text}' is YAML for a value named before, and there is none. If the "
                "'*' belongs to the text, put quotes around the text"
            )
            self._flaw(start, message)
            return self._place(written)
        self._used.add(event.anchor)
        value = self._anchors[event.anchor][1]
        if value is None:
            raise Trap(start, f"'{written.text}' contains itself")
        self._aliased += _size(value, MAX_ALIASED)
        if self._aliased > MAX_ALIASED:
            raise Trap(start, f"aliases such as this repeat more than {MAX_ALIASED:,} values")
        return self._place(value)

    def _place(self, value: Mark) -> None:
        """Put a finished value where it belongs: the file itself, a list, a key, or its value."""
        if not self._open:
            self._root = value
            return
        parent = self._open[-1]
        if isinstance(parent.values, list):
            parent.values.append(value)
        elif parent.dropping:
            parent.dropping = False
        elif parent.key is None:
            self._key(parent, parent.values, value)
        else:
            parent.values[parent.key.text] = (parent.key, value)
            parent.key = None

    def _key(self, parent: _Open, entries: dict[str, tuple[ScalarMark, Mark]], key: Mark) -> None:
        """Take in a key, or drop its value with it."""
        message = None
        if not isinstance(key, ScalarMark):
            parent.template = parent.flow and isinstance(key, EntriesMark) and key.flow
            message = BRACES if parent.template else "a key must be a text, not a list or mapping"
        elif key.text == "<<" and not key.style:
            message = "'<<' (merge) is not read here: write the fields out"
        elif key.text in entries:
            first = self._source.place(entries[key.text][0].start)[0]
            line = self._source.place(key.start)[0]
            message = f"'{key.text}' is given twice, in lines {first} and {line}: keep one of them"
        else:
            parent.key = key
        if message is not None:
            parent.dropping = True
            self._flaw(parent.start if parent.template else key.start, message)


def _span(event: Any) -> tuple[int, int]:
    """Where an event begins and ends in the file."""
    return event.start_mark.index, event.end_mark.index


def _size(value: Mark, limit: int) -> int:
    """How many values a value is made of, counted up to a limit."""
    waiting: list[Mark] = [value]
    count = 0
    while waiting and count <= limit:
        count += 1
        current = waiting.pop()
        if isinstance(current, ItemsMark):
            waiting.extend(current.items)
        elif isinstance(current, EntriesMark):
            waiting.extend(inner for _, inner in current.entries.values())
    return count
