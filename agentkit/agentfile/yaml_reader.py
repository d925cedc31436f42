"""YAML text as PyYAML's nodes, which know where they stand; what is wrong becomes flaws.

The part of YAML 1.2 that agents are written in. Tags, merge keys and further documents are
reported; aliases are followed as long as they stay small. The text may be a stranger's.
"""

import re
from typing import Any, ClassVar, Final

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

from agentkit.agentfile.line_numbers import FileText, Flaw, Trap
from agentkit.agentfile.yaml_repair import Loader, aligned, without
from agentkit.agentfile.yaml_traps import BRACES, DEEP, MAX_DEPTH, explain
from agentkit.values import NUL

MAX_CHARACTERS: Final = 1_000_000
"""Characters a file may have."""
MAX_ALIASED: Final = 10_000
"""Values that all aliases together may repeat."""

MAX_SYNTAX_ERRORS: Final = 10
"""How often a file is read again without a value that YAML cannot read."""

_UNREADABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


class CoreResolver(Resolver):
    """Tells what a plain scalar is by the core rules of YAML 1.2.

    What YAML 1.1 would have taken for a boolean (`yes`, `no`, `on`, `off`) has a tag of its own.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]


TEXT, NULL, BOOLEAN, YES_NO, INTEGER, FLOAT = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "yes_no", "int", "float")
)
for _tag, _pattern, _first in (
    (NULL, "~|null|Null|NULL|", ["~", "n", "N", ""]),
    (BOOLEAN, "true|True|TRUE|false|False|FALSE", "tTfF"),
    (YES_NO, "(?i:yes|no|on|off)", "yYnNoO"),
    (INTEGER, "[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    CoreResolver.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), [*_first])


def read_yaml(text: FileText, flaws: list[Flaw]) -> yaml.Node | None:
    """Return the node of a YAML text, and add what is wrong with it to `flaws`.

    A value that YAML cannot read counts as some text, so that the rest of the file can be read.

    Returns:
        None when the text is no YAML at all, or is empty. Each key of a mapping in it is a
        scalar and given once.
    """
    readable = text
    found: list[Flaw] = []
    for _ in range(MAX_SYNTAX_ERRORS):
        found.clear()
        try:
            _refuse(text.text)
            node = _Composer(readable, found).document()
        except Trap as trap:
            flaws.append(trap.flaw)
            break
        except yaml.MarkedYAMLError as error:
            flaw = explain(error, readable)
            line = readable.place(flaw.start)[0]
            follows = bool({line, line - 1} & text.unreadable.keys())
            if flaw.indent and line not in text.unreadable and (widths := aligned(readable, flaw)):
                flaws.append(flaw)
                text.indent(widths, flaws)
                readable.indent(widths, [])
                continue
            rest = None if line in text.unreadable else without(readable, flaw, text)
            if rest is not None or not follows:
                flaws.append(flaw)  # else it is most likely only wrong because of the last one
            if rest is None:
                break
            readable = rest
        else:
            flaws += found
            for flaw in found:
                if flaw.message is NUL:  # what else is wrong with the line only follows from it
                    text.unreadable.setdefault(text.place(flaw.start)[0], flaw)
            return node
    flaws += found
    return None


def _refuse(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise Trap(0, f"the file has {len(text):,} characters; {MAX_CHARACTERS:,} is the most")
    if match := _UNREADABLE.search(text):
        raise Trap(
            match.start(),
            f"the character U+{ord(match[0]):04X} cannot be seen and is not allowed: delete it",
        )


class _Composer(Composer, CoreResolver):
    """PyYAML's composer with bounds, which reports what agents must not or need not use."""

    def __init__(self, text: FileText, flaws: list[Flaw]) -> None:
        super().__init__()
        CoreResolver.__init__(self)
        parser: Any = Loader(text.text)
        self.check_event = parser.check_event
        self.peek_event = parser.peek_event
        self.get_event = parser.get_event
        self._text = text
        self._flaws = flaws
        self._depth = 0
        self._unused: dict[str, int] = {}
        self._aliased = 0

    def document(self) -> yaml.Node:
        """Return the only document's node."""
        self.get_event()
        node = None if self.check_event(yaml.StreamEndEvent) else self.compose_document()
        if node is None or (node.tag == NULL and not node.value):
            raise Trap(0, "the file is empty: give it at least 'nodes:' with one prompt")
        if not self.check_event(yaml.StreamEndEvent):
            start = self.peek_event().start_mark.index
            raise Trap(start, "a second document starts here: a file holds one agent")
        for anchor, start in self._unused.items():
            message = (
                f"'&{anchor}' names a value, and nothing uses the name. If the '&' belongs to "
                "the text, put quotes around the text"
            )
            self._flaws.append(Flaw(start, message))
        return node

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        event = self.peek_event()
        anchor = event.anchor
        start = event.start_mark.index
        if isinstance(event, yaml.ScalarEvent) and "\0" in event.value:
            self._flaws.append(Flaw(start, NUL))
            event.value = event.value.replace("\0", "")
        if isinstance(event, yaml.ScalarEvent) and not (event.anchor or event.tag):
            return self.compose_scalar_node(anchor)  # nearly every node, so it is fast
        if isinstance(event, yaml.AliasEvent):
            return self._alias(start)
        if anchor is not None:
            self._unused[anchor] = start
        node: yaml.Node
        if isinstance(event, yaml.ScalarEvent):
            node = self.compose_scalar_node(anchor)
        else:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise Trap(start, DEEP)
            if isinstance(event, yaml.SequenceStartEvent):
                node = self.compose_sequence_node(anchor)
            else:
                node = self._sound(self.compose_mapping_node(anchor))
            self._depth -= 1
        if event.tag is not None:
            node.tag = TEXT
            tag = self._text.text[start:].split(maxsplit=1)[0]
            message = (
                f"'{tag}' is a YAML tag, and agents use none. If the '!' belongs to the text, put "
                "quotes around the text"
            )
            self._flaws.append(Flaw(start, message))
        return node

    def _alias(self, start: int) -> yaml.Node:
        event = self.get_event()
        written = self._text.text[start : event.end_mark.index]
        node = self.anchors.get(event.anchor)
        self._unused.pop(event.anchor, None)
        if node is None:
            message = (
                f"'{written}' is YAML for a value named before, and there is none. If the "
                "'*' belongs to the text, put quotes around the text"
            )
            self._flaws.append(Flaw(start, message))
            return yaml.ScalarNode(TEXT, written, event.start_mark, event.end_mark)
        if node.end_mark is None:
            raise Trap(start, f"'{written}' contains itself")
        self._aliased += _size(node, MAX_ALIASED)
        if self._aliased > MAX_ALIASED:
            raise Trap(start, f"aliases such as this repeat more than {MAX_ALIASED:,} values")
        return node

    def _sound(self, node: yaml.MappingNode) -> yaml.Node:
        """Return a mapping without the entries that cannot be used, which are reported."""
        start, end = node.start_mark.index, node.end_mark.index
        entries: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
        for key, value in node.value:
            message, at = None, key.start_mark.index
            if isinstance(key, yaml.MappingNode) and key.flow_style and node.flow_style:
                self._flaws.append(Flaw(start, BRACES))
                written = self._text.text[start:end]
                return yaml.ScalarNode(TEXT, written, node.start_mark, node.end_mark)
            if not isinstance(key, yaml.ScalarNode):
                message = "a key must be a text, not a list or mapping"
            elif key.value == "<<" and not key.style:
                message = "'<<' (merge) is not read here: write the fields out"
            elif key.value in entries:
                first = self._text.place(entries[key.value][0].start_mark.index)[0]
                line = self._text.place(at)[0]
                message = (
                    f"'{key.value}' is given twice, in lines {first} and {line}: keep one of them"
                )
            else:
                entries[key.value] = (key, value)
            if message is not None:
                self._flaws.append(Flaw(at, message))
        node.value = [*entries.values()]
        return node


def _size(node: yaml.Node, limit: int) -> int:
    """Return how many values a node is made of, counted up to a limit."""
    waiting = [node]
    count = 0
    while waiting and count <= limit:
        count += 1
        current = waiting.pop()
        if isinstance(current, yaml.SequenceNode):
            waiting.extend(current.value)
        elif isinstance(current, yaml.MappingNode):
            waiting.extend(value for _, value in current.value)
    return count
