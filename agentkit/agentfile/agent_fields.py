"""The fields of an agent's YAML, as one table: the loader reads by it, editors check by it."""

from typing import Any, Final

from agentkit.agentfile.field_kinds import AnyKind, Kind, NumberKind, OneOfKind, TextKind
from agentkit.agentfile.field_records import Field, MapKind, RecordKind, TextOrKind
from agentkit.agentfile.nodes import NODE_TABLE, SAMPLING_FIELDS, Nodes

_VALUES = MapKind(AnyKind(), "a mapping of names to values")
_PRICE = RecordKind(
    {
        "input": Field(NumberKind(0), "Tokens read.", True),
        "output": Field(NumberKind(0), "Tokens written.", True),
        "cached": Field(NumberKind(0), "Tokens read from the provider's cache; as input if unset."),
    },
    "a mapping such as {input: 0.25, output: 2}",
    whole=True,
)
_SERVER: Final = {
    "base_url": Field(
        TextKind("the address of a server"),
        "The server of an openai: model, such as http://127.0.0.1:8000/v1; OpenAI's if unset.",
    ),
    "timeout_s": Field(NumberKind(0.1), "The longest one try may take, in seconds; 120 if unset."),
    "retries": Field(
        NumberKind(0, 20, whole=True), "Further tries when the server cannot answer; 4 if unset."
    ),
    "max_concurrency": Field(NumberKind(1, whole=True), "The most calls at once; 16 if unset."),
    "requests_per_minute": Field(NumberKind(0.1), "The most calls that start in a minute."),
    "tokens_per_minute": Field(NumberKind(1), "The most tokens, read and written, in a minute."),
    "price": Field(_PRICE, "What tokens cost, in USD per million, where AgentKit does not know."),
}
_MODEL = RecordKind(
    {"use": Field(TextKind("a model"), "The model's id.", True), **SAMPLING_FIELDS, **_SERVER},
    "a model's id, or a mapping with 'use' and settings",
    "setting",
)
_ENV = RecordKind(
    {"id": Field(TextKind("an environment's id"), "The id it is registered under.", True)},
    "an environment's id, or a mapping with 'id' and arguments",
    others=True,
)
_WHAT: Final = {
    "steps": (NumberKind(1, whole=True), "The most decisions"),
    "calls": (NumberKind(1, whole=True), "The most calls to models, further tries included,"),
    "tokens": (NumberKind(1, whole=True), "The most tokens, read and written,"),
    "cost_usd": (NumberKind(0), "The most US dollars"),
    "seconds": (NumberKind(0), "The longest time, in seconds,"),
}


def _limits(whose: str) -> dict[str, Field]:
    return {name: Field(kind, f"{text} of {whose}.") for name, (kind, text) in _WHAT.items()}


_RUN_LIMITS = RecordKind(_limits("a run"), "a mapping such as {cost_usd: 5}", "limit")
_LIMITS = RecordKind(
    {
        **_limits("an episode"),
        "run": Field(_RUN_LIMITS, "The same for a run: all its episodes together."),
    },
    "a mapping such as {steps: 500}",
    "limit",
)
_OF_A_NODE = "It is a field of a node: put it under the node's name"
_OF_THE_AGENT = "It is a field of the agent: put it at the left edge of the file"


def _text_or(record: RecordKind) -> Kind:
    return TextOrKind(record, TextKind(record.expected))


_SHARED: Final[dict[str, Field]] = {
    "version": Field(OneOfKind((1,)), "The version of this format."),
    "name": Field(TextKind(), "The agent's name; the file's name if unset."),
    "model": Field(
        TextKind("a model's id, or a name under 'models'"),
        "Which model answers: an id, or a name under models.",
    ),
    "models": Field(
        MapKind(_text_or(_MODEL), "a mapping of names to models"),
        "Names for models: an id, or a mapping with use and settings.",
    ),
    "inputs": Field(_VALUES, "Names that prompts may use, with their values; null: given later."),
    "env": Field(_text_or(_ENV), "The environment to play in: its id, or id and arguments."),
    "system": Field(TextKind(prompt=True), "A constant text in front of everything."),
    "context": Field(
        TextKind(prompt=True), "Rendered once a step, in front of every node's prompt."
    ),
    "memory": Field(_VALUES, "Values that outlive a step: a starting value for each key."),
    "keep": Field(
        MapKind(OneOfKind(("episode", "run", "forever")), "a mapping of memory keys"),
        "How long a memory key keeps its value: episode (if unset), run, or forever.",
    ),
    "memory_file": Field(TextKind("a file name"), "The file of the memory that is kept forever."),
}
_AFTER_NODES: Final[dict[str, Field]] = {
    "action": Field(
        TextKind(prompt=True),
        "A node's name, or a template over nodes; if unset, the last of a list or the only "
        "node that no other needs.",
    ),
    "limits": Field(_LIMITS, "Where an episode, or a whole run, ends at the latest."),
}
_NODE: Final = RecordKind(
    NODE_TABLE,
    "a prompt, or the fields of a node",
    elsewhere=dict.fromkeys([*_SHARED, *_AFTER_NODES], _OF_THE_AGENT),
)
_NODES: Final = Nodes(_NODE)

AGENT_TABLE: Final = {
    **_SHARED,
    "nodes": Field(
        _NODES,
        "The prompts: a list runs top to bottom as one conversation, a mapping by what each needs.",
        True,
    ),
    **_AFTER_NODES,
}
"""Every field of an agent."""

AGENT: Final = RecordKind(
    AGENT_TABLE,
    "the fields of an agent (model, nodes), or a list of prompts",
    elsewhere=dict.fromkeys(NODE_TABLE, _OF_A_NODE),
)
"""A whole file."""


def agent_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an agent's YAML."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An AgentKit agent",
        "anyOf": [AGENT.schema(), _NODES.list_schema()],
        "$defs": {"node": _NODE.schema()},
    }
