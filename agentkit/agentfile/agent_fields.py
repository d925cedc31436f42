"""The fields of an agent's YAML, as tables: the loader reads by them, editors check by them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from agentkit.agentfile.field_types import Examples, Expression, Json, Output, one_or_more, or_text
from agentkit.graph.node_fields import SHARED
from agentkit.limits import LOWEST
from agentkit.models.setting_fields import (
    DECIDE,
    SAMPLING,
    SERVER,
    Text,
    adapter,
    extra_field,
    field,
    table,
)

_MODEL: Final = "A model's id, or a mapping with 'use' and settings"
_EXPRESSIONS: Final = "A mapping of names to expressions"
_VALUES: Final = "A mapping of names to values"
_Check = table(
    "check",
    {
        "that": field(
            Expression,
            "An expression over output; true when all is well.",
            needed=True,
            examples=["output > 0"],
        ),
        "say": field(
            Text, "What the model is told when it is not.", examples=["It must be positive."]
        ),
    },
    "A check such as {that: output > 0, say: must be positive}",
)
_Unsure = table(
    "unsure",
    {
        "below": field(
            float,
            "The probability from which the most probable option is taken.",
            needed=True,
            ge=0,
            le=1,
            examples=[0.6],
        ),
        "ask": field(
            Text, "The model that is asked then.", "A model", needed=True, examples=["strong"]
        ),
    },
)
NODE_FIELDS: Final = {
    "prompt": SHARED["prompt"],
    "output": field(
        Output,
        "How the answer is read: text, number, integer, yes_no, code, json, action, "
        "{choice: [a, b]}, {score: [1, 5]}, or fields with "
        "their types.",
        examples=["integer", {"choice": ["left", "right"]}, {"goal": "str", "steps": ["str"]}],
    ),
    "model": SHARED["model"],
    "when": field(
        Expression,
        "The node is skipped while this is false, and keeps its value.",
        examples=["memory.goal is none"],
    ),
    "initial": field(Json, "The value before the node first ran.", examples=["nothing yet"]),
    "each": field(
        Expression,
        "A list: the prompt is asked once for each item, all at once.",
        examples=["questions"],
    ),
    "recall": SHARED["recall"],
    "after": SHARED["after"],
    "save": field(
        dict[str, Expression],
        "What is written to memory: key to an expression over output.",
        _EXPRESSIONS,
        examples=[{"goal": "output"}],
    ),
    "check": field(
        one_or_more(_Check),
        "Conditions on the output; else the model is asked again.",
        examples=[{"that": "output > 0", "say": "It must be positive."}],
    ),
    "attempts": SHARED["attempts"],
    "otherwise": field(
        Json, "The value when no attempt gave an acceptable output.", examples=["noop"]
    ),
    "function": field(
        Text,
        "A registered Python function, instead of a prompt.",
        "A function",
        examples=["calculator"],
    ),
    "with": field(
        dict[str, Expression],
        "The function's arguments: name to expression.",
        _EXPRESSIONS,
        examples=[{"text": "plan"}],
    ),
    "images": field(
        Expression,
        "A picture, or a list of them, shown with the prompt.",
        examples=["info.image"],
    ),
    "unsure": field(
        _Unsure,
        "Another model to ask where the most probable option of a decision is less probable.",
        "A mapping such as {below: 0.6, ask: strong}",
        examples=[{"below": 0.6, "ask": "strong"}],
    ),
    "examples": field(
        or_text(Examples),
        "Questions and answers that stand after the system text, as they are; or the name of a "
        "YAML or JSONL file with them.",
        "A list such as [{user: What now?, assistant: noop}], or the name of a file with one",
        examples=[[{"user": "Is it dark?", "assistant": "yes"}], "examples.yaml"],
    ),
    **SHARED,
}
"""The fields of a node."""

_Node = table("node", NODE_FIELDS)
_USE: Final = field(Text, "The model's id.", "A model", needed=True, examples=["openai:gpt-5-mini"])
_Model = table(
    "model", {"use": _USE, "decide": DECIDE, **SAMPLING, **SERVER, "extra": extra_field(Json)}
)


class _Env(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, title="env")
    __pydantic_extra__: dict[str, Json]
    id: Annotated[
        Text,
        Field(
            title="An environment's id",
            description="The id it is registered under.",
            examples=["agentkit/Crafter-v1"],
        ),
    ]


_LIMITS: Final = {
    "steps": field(int, "The most decisions.", examples=[500], ge=LOWEST["steps"]),
    "calls": field(
        int,
        "The most calls to models, further tries included.",
        examples=[1000],
        ge=LOWEST["calls"],
    ),
    "tokens": field(
        int, "The most tokens, read and written.", examples=[1_000_000], ge=LOWEST["tokens"]
    ),
    "cost_usd": field(float, "The most US dollars.", examples=[2], ge=LOWEST["cost_usd"]),
    "seconds": field(float, "The longest time, in seconds.", examples=[3600], ge=LOWEST["seconds"]),
}
_OF_A_RUN = field(
    table("run limits", _LIMITS),
    "The same for a run: all its episodes together.",
    "A mapping such as {cost_usd: 5}",
    examples=[{"cost_usd": 5}],
)

_NAME: Any = {"propertyNames": {"pattern": "^[^A-Z\\s\\d_:-][^A-Z\\s:-]*$"}}
_Named: Any = Annotated[
    dict[str, or_text(_Node)],  # type: ignore[misc]
    Field(min_length=1, json_schema_extra=_NAME, title="Prompts by name"),
]
_Item: Any = Text | Annotated[_Named, Field(max_length=1)]
_List: Any = Annotated[list[_Item], Field(min_length=1, title="A list of prompts")]

AGENT_FIELDS: Final = {
    "version": field(Literal[1], "The version of this format.", examples=[1]),
    "name": field(Text, "The agent's name; the file's name if unset.", examples=["essay"]),
    "model": SHARED["model"],
    "models": field(
        dict[str, or_text(_Model, _MODEL)],  # type: ignore[misc]
        "Names for models: an id, or a mapping with use and settings.",
        "A mapping of names to models",
        examples=[{"fast": "openai:gpt-5-nano"}],
    ),
    "inputs": field(
        dict[str, Json],
        "Names that prompts may use, with their values; null: given later.",
        _VALUES,
        examples=[{"topic": "bees"}],
    ),
    "env": field(
        or_text(Annotated[_Env, AfterValidator(BaseModel.model_dump)]),
        "The environment to play in: its id, or id and arguments.",
        "An environment's id, or a mapping with 'id' and arguments",
        examples=["agentkit/Crafter-v1"],
    ),
    "system": field(
        Text, "A constant text in front of everything.", examples=["Answer in one sentence."]
    ),
    "context": field(
        Text,
        "Rendered once a step, in front of every node's prompt.",
        examples=["{{ observation }}"],
    ),
    "memory": field(
        dict[str, Json],
        "Values that outlive a step: a starting value for each key.",
        _VALUES,
        examples=[{"goal": None, "facts": []}],
    ),
    "keep": field(
        dict[str, Literal["episode", "run", "forever"]],
        "How long a memory key keeps its value: episode (if unset), run, or forever.",
        "A mapping of memory keys",
        examples=[{"facts": "run"}],
    ),
    "memory_file": field(
        Text, "The file of the memory that is kept forever.", "A file name", examples=["notes.json"]
    ),
    "nodes": field(
        Annotated[Any, BeforeValidator(lambda nodes: nodes, json_schema_input_type=_List | _Named)],
        "The prompts: a list runs top to bottom as one conversation, a mapping by what each needs.",
        needed=True,
        examples=[["What are the pros and cons?", {"essay": "Write an essay about them."}]],
    ),
    "action": field(
        Text,
        "A node's name, or a template over nodes; if unset, the last of a list or the only node "
        "that no other needs.",
        examples=["act"],
    ),
    "limits": field(
        table("limits", {**_LIMITS, "run": _OF_A_RUN}),
        "Where an episode, or a whole run, ends at the latest.",
        "A mapping such as {steps: 500}",
        examples=[{"steps": 500}],
    ),
}
"""The fields of an agent."""

_Agent = table("agent", AGENT_FIELDS, "The fields of an agent (model, nodes), or a list of prompts")


@dataclass(frozen=True)
class Table:
    """The fields that a mapping may have."""

    adapter: TypeAdapter[Any]
    elsewhere: Mapping[str, str]
    """Where fields belong that are often put here by mistake."""

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the table."""
        return self.adapter.json_schema()


_OF_A_NODE = "It is a field of a node: put it under the node's name"
_OF_THE_AGENT = "It is a field of the agent: put it at the left edge of the file"

NODE: Final = Table(adapter(_Node), dict.fromkeys(AGENT_FIELDS, _OF_THE_AGENT))
"""The fields of a node, to read by."""
AGENT: Final = Table(adapter(_Agent), dict.fromkeys(NODE_FIELDS, _OF_A_NODE))
"""The fields of an agent, to read by."""


def agent_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an agent's YAML."""
    schema = TypeAdapter(_Agent | _List).json_schema()
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **schema, "title": "An AgentKit agent"}
