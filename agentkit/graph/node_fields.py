"""What the fields of a node hold: one table, for nodes built in Python and in YAML."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field, WrapValidator
from pydantic_core import PydanticKnownError

from agentkit.errors import Problem
from agentkit.graph.node import Check, FirstOf, Node, Unsure
from agentkit.models.setting_fields import DECIDE, SAMPLING, Text, faults, field, table, texts
from agentkit.outputs.output import Output
from agentkit.program.argument_kinds import wrong_kind
from agentkit.program.foreign_objects import is_runnable

_Names = texts("A list of node names", "The name of a node")

_TURN: Final = table(
    "turn",
    {
        "user": field(Text, "What the model is told: a template.", examples=["Go north."]),
        "assistant": field(Text, "What it is to have said: a template.", examples=["I went."]),
    },
    "A turn such as {user: What now?}",
)


def _text_or_turns(value: Any, read: Callable[[Any], Any]) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)) and all(isinstance(one, Mapping) for one in value):
        return read([*value])
    raise PydanticKnownError("string_type")


SHARED: Final = {
    "prompt": field(
        Annotated[
            list[_TURN],  # type: ignore[valid-type]
            WrapValidator(
                _text_or_turns,
                json_schema_input_type=Text | Annotated[list[_TURN], Field(min_length=1)],  # type: ignore[valid-type]
            ),
        ],
        "What the model is asked: a Jinja template, or a list of turns, of which the last is the "
        "user's. The nodes it names run first.",
        "A prompt",
        examples=[
            "What is the next step towards {{ goal }}?",
            [{"user": "Hi.", "assistant": "Hello."}, {"user": "{{ question }}"}],
        ],
    ),
    "system": field(
        str,
        "A text in front of everything, instead of the agent's system text; empty: nothing.",
        "A text",
        examples=["You judge plans."],
    ),
    "model": field(
        Text,
        "Which model answers: an id, or a name under models.",
        "A model's id, or a name under 'models'",
        examples=["echo", "rules", "openai:gpt-5-mini"],
    ),
    "recall": field(
        _Names, "Nodes whose question and answer stand before the prompt.", examples=[["plan"]]
    ),
    "after": field(
        _Names, "Nodes that must finish first, without being read.", examples=[["look"]]
    ),
    "cut": field(
        Literal["last", "accept", "error"],
        "When an answer that was cut off at the token limit is used: a text after the last "
        "attempt if unset; accept: at once; error: never.",
        examples=["accept"],
    ),
    "attempts": field(int, "How often the model is asked at most; 3 if unset.", ge=1, examples=[3]),
    "decide": DECIDE,
    "reuse": field(
        bool, "Take the answer to the same request of this episode again.", examples=[True]
    ),
    "with_context": field(
        bool, "Whether the agent's context stands before the prompt.", examples=[False]
    ),
    **SAMPLING,
}
"""The fields of a node that are the same in Python and in YAML."""

MAX_NODES: Final = 5_000
"""Nodes that a graph may have."""


def too_many_nodes(count: int) -> str:
    """Return the message for a graph of too many nodes."""
    return (
        f"there are {count:,} nodes, and {MAX_NODES:,} is the most: to ask the same of many things "
        "use one node with 'each'"
    )


_CHECKED: Final = table("node", SHARED)
_MAY_BE_NONE: Final = frozenset(
    {"model", "function", "system", "temperature", "top_p", "max_tokens", "seed", "decide"}
)
_UNSET: Final = Node("unset", "-")


def validate_fields(node: Node, problems: list[Problem]) -> Node:
    """Return the node, with invalid fields reported and reset to their defaults."""
    wrong = dict(_only_in_python(node))
    given = {name: getattr(node, name) for name in SHARED}
    given = {k: v for k, v in given.items() if v is not None or k not in _MAY_BE_NONE}
    if isinstance(node.recall, FirstOf):  # made by AgentKit, of names that it has checked
        del given["recall"]
    for (name, *_), _kind, holds in faults(_CHECKED, given):
        wrong[name] = holds.replace("true or false", "True or False")
    for name, holds in wrong.items():
        message = wrong_kind(getattr(node, name), holds)
        problems.append(Problem(message, str(node.name), name.rstrip("_")))
    changes = {name: getattr(_UNSET, name) for name in wrong}
    return replace(node, **changes) if changes else node


def _only_in_python(node: Any) -> Iterator[tuple[str, str]]:
    """Yield the fields that YAML writes in another way and that are wrong, with what they hold."""
    if not isinstance(node.name, str):
        yield "name", "the name of a node"
    function = node.function
    if not (
        function is None or isinstance(function, str) or callable(function) or is_runnable(function)
    ):
        yield "function", "a function, or the name of a registered one"
    for name, keys in (("save", "memory keys"), ("with_", "the function's arguments")):
        value = getattr(node, name)
        if not (isinstance(value, Mapping) and all(isinstance(key, str) for key in value)):
            yield name, f"a mapping of {keys} to expressions"
    if not (
        isinstance(node.check, (Check, list, tuple))
        and all(isinstance(one, Check) and isinstance(one.say, str) for one in node.checks)
    ):
        yield "check", "Check(that, say), or a list of them"
    unsure = node.unsure
    if unsure is not None and not (
        isinstance(unsure, Unsure)
        and isinstance(unsure.ask, str)
        and isinstance(unsure.below, (int, float))
        and 0 <= unsure.below <= 1
    ):
        yield "unsure", "Unsure(below, ask): a probability from 0 to 1, and a model"


def decision_problems(node: Node, output: Output | None) -> Iterator[Problem]:
    """Yield what cannot be decided: an output without options, or what is to be answered in text.

    Args:
        node: The node.
        output: Its output; None of a function, or where the output is wrong.
    """
    if output is not None and not output.is_closed:
        for name in ("decide", "unsure"):
            if getattr(node, name):
                message = (
                    f"a model decides among options, and this output is {output.describe()}: "
                    "give an output of options, such as yes_no, {choice: [left, right]} or "
                    "{score: [1, 5]}"
                )
                yield Problem(message, node.name, name)
    elif node.unsure and node.decide is False:
        message = "an answer in text has no probability: remove 'decide: false', or 'unsure'"
        yield Problem(message, node.name, "unsure")


_PROMPT_ONLY: Final = {
    "recall": (),
    "images": None,
    "reuse": False,
    "model": None,
    "output": "text",
    "cut": "last",
    "system": None,
    "examples": (),
    "decide": None,
    "unsure": None,
}
"""Fields that mean nothing in a function node, with the value that stands for not given."""


def prompt_problems(node: Node) -> Iterator[Problem]:
    """A node has a prompt or a function, with the fields that go with it."""
    if node.function is None:
        if node.with_:
            message = "'with' gives arguments to a function, and there is none"
            yield Problem(message, node.name, "with")
        return
    if node.prompt:
        yield Problem("a node has a prompt or a function, not both", node.name, "function")
    for name, unset in _PROMPT_ONLY.items():
        value = getattr(node, name)
        if value != unset and value != []:
            yield Problem(f"'{name}' needs a prompt; a function node has none", node.name, name)


def checked_nodes(nodes: Any, problems: list[Problem]) -> tuple[Node, ...]:
    """Those of the nodes that are nodes."""
    if isinstance(nodes, (str, Mapping)) or not isinstance(nodes, Iterable):
        problems.append(Problem(wrong_kind(nodes, "a list of nodes"), field="nodes"))
        return ()
    given = tuple(nodes)
    if len(given) > MAX_NODES:
        problems.append(Problem(too_many_nodes(len(given)), field="nodes"))
        return ()
    if not given:
        problems.append(Problem("there are no nodes: give at least one prompt", field="nodes"))
    for node in given:
        if not isinstance(node, Node):
            message = wrong_kind(node, "a Node, such as Node('name', 'What?')")
            problems.append(Problem(message, field="nodes"))
    return tuple(node for node in given if isinstance(node, Node))
