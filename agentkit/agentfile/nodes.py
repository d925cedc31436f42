"""The nodes of an agent's YAML: a list that runs as a conversation, or a mapping by name."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agentkit.agentfile.field_kinds import (
    AnyKind,
    ExpressionKind,
    FlagKind,
    NumberKind,
    Page,
    SchemaDict,
    TextKind,
)
from agentkit.agentfile.field_records import Field, ListKind, MapKind, OneOrMoreKind, RecordKind
from agentkit.agentfile.yaml_marks import EntriesMark, ItemsMark, Mark, ScalarMark
from agentkit.agentfile.yaml_source import Flaw
from agentkit.graph.compile import name_problem
from agentkit.graph.node import MISSING, Check, Node

_EXPRESSIONS = MapKind(ExpressionKind(), "a mapping of names to expressions")
_NAMES = ListKind(TextKind("the name of a node"), "a list of node names")

SAMPLING_FIELDS: Final = {
    "temperature": Field(
        NumberKind(0), "How freely tokens are picked; 0 always takes the likeliest."
    ),
    "top_p": Field(NumberKind(0, 1), "The share of probability that tokens are picked from."),
    "max_tokens": Field(NumberKind(1, whole=True), "The most tokens of an answer."),
    "stop": Field(ListKind(TextKind(), "a list of texts"), "Texts that end the answer."),
    "seed": Field(NumberKind(whole=True), "The seed of the sampler, where the model has one."),
}
"""How a model picks tokens, for a node or for a model under `models`."""

_CHECK = RecordKind(
    {
        "that": Field(ExpressionKind(), "An expression over output; true when all is well.", True),
        "say": Field(TextKind(), "What the model is told when it is not."),
    },
    "a check such as {that: output > 0, say: must be positive}",
)

NODE_TABLE: Final = {
    "prompt": Field(
        TextKind("a prompt", prompt=True),
        "What the model is asked: a Jinja template. The nodes it names run first.",
    ),
    "output": Field(
        AnyKind(words=True),
        "How the answer is read: text, number, integer, yes_no, code, json, {choice: [a, b]}, "
        "or fields with their types.",
    ),
    "model": Field(
        TextKind("a model's id, or a name under 'models'"),
        "Which model answers: an id, or a name under models.",
    ),
    "when": Field(
        ExpressionKind(), "The node is skipped while this is false, and keeps its value."
    ),
    "initial": Field(AnyKind(), "The value before the node first ran."),
    "each": Field(ExpressionKind(), "A list: the prompt is asked once for each item, all at once."),
    "recall": Field(_NAMES, "Nodes whose question and answer stand before the prompt."),
    "after": Field(_NAMES, "Nodes that must finish first, without being read."),
    "save": Field(_EXPRESSIONS, "What is written to memory: key to an expression over output."),
    "check": Field(
        OneOrMoreKind(_CHECK), "Conditions on the output; else the model is asked again."
    ),
    "attempts": Field(
        NumberKind(1, whole=True), "How often the model is asked at most; 3 if unset."
    ),
    "otherwise": Field(AnyKind(), "The value when no attempt gave an acceptable output."),
    "function": Field(TextKind("a function"), "A registered Python function, instead of a prompt."),
    "with": Field(_EXPRESSIONS, "The function's arguments: name to expression."),
    "images": Field(ExpressionKind(), "A picture, or a list of them, shown with the prompt."),
    "reuse": Field(FlagKind(), "Take the answer to the same request of this episode again."),
    "with_context": Field(FlagKind(), "Whether the agent's context stands before the prompt."),
    **SAMPLING_FIELDS,
}
"""Every field of a node: what it holds, and what editors say about it."""

STAND_IN: Final = "-"
"""The prompt of a node whose own cannot be read, so that the rest of it can be checked."""

_NAMED: Final[SchemaDict] = {
    "type": "object",
    "propertyNames": {"pattern": "^[^A-Z\\s\\d_:-][^A-Z\\s:-]*$"},
    "additionalProperties": {"anyOf": [TextKind().schema(), {"$ref": "#/$defs/node"}]},
}
_EXPECTED = "a list of prompts, or a mapping of names to prompts"


@dataclass(frozen=True, slots=True)
class Written:
    """A node, and where it is written."""

    node: Node
    start: int
    """Index of its name, or of its text where it has no name."""
    value: Mark
    """Its prompt, or its fields."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of an agent."""

    record: RecordKind

    def read(self, value: Mark, page: Page) -> Any:
        """The nodes as `Written`; broken parts are left out."""
        if isinstance(value, ItemsMark) and value.items:
            return self._list(value, page)
        if isinstance(value, EntriesMark) and value.entries:
            return [
                self._node(name, key.start, content, page)
                for name, (key, content) in value.entries.items()
            ]
        text = value.text.lstrip() if isinstance(value, ScalarMark) else ""
        if not text:
            return page.flaw(value, "there are no nodes: give at least one prompt")
        hint = "Put a space after each '-'" if text.startswith("-") else ""
        return page.wrong(value, _EXPECTED, hint)

    def _node(self, name: str, start: int, content: Mark, page: Page) -> Written:
        flaws = len(page.flaws)
        if isinstance(content, EntriesMark):
            fields = self.record.read(content, page)
        else:
            prompt = self.record.fields["prompt"].kind.read(content, page)
            fields = {} if prompt is MISSING else {"prompt": prompt}
        if len(page.flaws) > flaws and "function" not in fields:
            fields.setdefault("prompt", STAND_IN)
        if "with" in fields:
            fields["with_"] = fields.pop("with")
        if "check" in fields:
            fields["check"] = tuple(Check(**check) for check in fields["check"] if "that" in check)
        return Written(Node(name, **fields), start, content)

    def _list(self, value: ItemsMark, page: Page) -> list[Written]:
        written: list[Written] = []
        lines: dict[str, int] = {}
        for item in value.items:
            for name, start, content in self._item(item, page):
                name = name or f"prompt_{len(written) + 1}"
                line = page.source.place(start)[0]
                if name in lines:
                    message = f"two nodes are called '{name}', in lines {lines[name]} and {line}"
                    page.flaws.append(Flaw(start, message))
                    continue
                lines[name] = line
                written.append(self._node(name, start, content, page))
        own = {one.node.name for one in written if _says_recall(one.value)}
        nodes = in_a_row([one.node for one in written], own)
        return [replace(one, node=node) for one, node in zip(written, nodes, strict=True)]

    def _item(self, item: Mark, page: Page) -> Iterator[tuple[str | None, int, Mark]]:
        """The nodes of a list item (one, when all is well): name, where it starts, content."""
        if not isinstance(item, EntriesMark):
            yield None, item.start, item
            return
        if item.entries.keys() & self.record.fields.keys():
            yield self._nameless(item, page)
            return
        if len(item.entries) != 1:
            message = (
                "an item of the list is a text, or one name with its prompt: begin each node "
                "with a '-' of its own"
            )
            page.flaw(item, message)
        for name, (key, content) in item.entries.items():
            if isinstance(content, ScalarMark) and name_problem(name) and name != name.lower():
                message = (
                    f"'{name[:40]}' is no name of a node, which has lower-case letters, digits "
                    "and _. If all of it is the prompt, put quotes around it"
                )
                page.flaw(key, message)
                yield None, key.start, content
            else:
                yield name, key.start, content

    def _nameless(self, item: EntriesMark, page: Page) -> tuple[str | None, int, Mark]:
        """Report fields that stand in a list item without a name above them."""
        entries = dict(item.entries)
        _, given = entries.pop("name", (None, None))
        name = given.text if isinstance(given, ScalarMark) else None
        message = (
            f"the name stands above a node's fields: write '- {name or 'my_name'}:' and indent "
            "the fields below it"
        )
        page.flaw(item, message)
        return name, item.start, replace(item, entries=entries)

    def schema(self) -> SchemaDict:
        """A list, or an object of nodes."""
        return {"anyOf": [self.list_schema(), {**_NAMED, "minProperties": 1}]}

    def list_schema(self) -> SchemaDict:
        """An array of texts and named nodes."""
        one = {**_NAMED, "minProperties": 1, "maxProperties": 1}
        items = {"anyOf": [TextKind().schema(), one]}
        return {"type": "array", "minItems": 1, "items": items}


def _says_recall(value: Mark) -> bool:
    return isinstance(value, EntriesMark) and "recall" in value.entries


def in_a_row(nodes: Sequence[Node], own: Collection[str] = ()) -> list[Node]:
    """Nodes as a list runs them: each after the one before, recalling all that can be.

    Args:
        nodes: The nodes from top to bottom.
        own: Names of those that say themselves what they recall.
    """
    linked: list[Node] = []
    spoken: list[str] = []
    for node in nodes:
        if node.function is None and node.name not in own:
            node = replace(node, recall=tuple(spoken))
        before = linked[-1].name if linked else None
        if before is not None and before not in (*node.recall, *node.after):
            node = replace(node, after=(*node.after, before))
        if node.function is None:
            spoken.append(node.name)
        linked.append(node)
    return linked
