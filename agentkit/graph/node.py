"""Node: one prompt, or one Python function, and how its answer is read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from agentkit.messages import Sampling

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    FunctionLike = Callable[..., Any] | Runnable[Any, Any]
    """What a user may give for a function; a Runnable is a tool or a chain of LangChain."""


class MissingType:
    """The type of `MISSING`, which tells a value that was not given from null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = MissingType()

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class FirstOf(Sequence[T]):
    """The first items of a sequence that several share: none of them copies it."""

    shared: Sequence[T]
    """The whole sequence."""
    length: int
    """How many of its items count."""

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[T]:
        return (self.shared[i] for i in range(self.length))

    def __getitem__(self, at: Any) -> Any:
        return self.shared[range(self.length)[at]] if isinstance(at, int) else tuple(self)[at]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FirstOf) and other.shared is self.shared:
            return other.length == self.length
        return isinstance(other, (FirstOf, list, tuple)) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that a node's output must meet."""

    that: str
    """An expression over `output` and the names a prompt may use; true when all is well."""
    say: str = ""
    """What the model is told when it is not; by default the expression itself."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """What is done where a model decided, and was not sure enough."""

    below: float
    """The probability from which the most probable option is taken, from 0 to 1."""
    ask: str
    """The model that is asked then: an id, or a name under the agent's models."""


@dataclass(frozen=True, slots=True)
class Node:
    """One prompt of an agent. See docs/yaml.md for each field at length.

    Everything here is only stored; `Graph` checks it and reports all problems at once.
    """

    name: str
    """A lower-case identifier by which other nodes read this node's output."""
    prompt: str | Sequence[Mapping[str, str]] = ""
    """A Jinja template; the names in it that are nodes are dependencies. Or turns, each a
    template: `[{"user": "...", "assistant": "..."}, {"user": "..."}]`."""
    _: KW_ONLY
    output: Any = "text"
    """How the completion is read: `text`, `number`, `integer`, `yes_no`, `code`, `json`,
    `action`, `{"choice": ...}`, `{"score": ...}`, a mapping of fields to types; or a Python type
    (`int`, `list[str]`, a TypedDict, a dataclass, a pydantic model, ...) or a JSON Schema."""
    model: str | None = None
    """Which of the agent's models answers; None is the agent's own."""
    when: str | None = None
    """An expression; when it is false the node is skipped and keeps its value."""
    initial: Any = MISSING
    """The value before the node first ran."""
    each: str | None = None
    """An expression giving a list: the prompt is asked once per `item`; the output is a list."""
    recall: Sequence[str] = ()
    """Nodes whose question and answer stand in the conversation before the prompt."""
    after: Sequence[str] = ()
    """Nodes that must finish first, without being read."""
    save: Mapping[str, str] = field(default_factory=dict)
    """Memory writes: key to an expression over `output`."""
    check: Check | Sequence[Check] = ()
    """A condition on the output, or several."""
    attempts: int = 3
    """How often the model is asked before an unreadable or unacceptable answer fails the node."""
    otherwise: Any = MISSING
    """The value when all attempts are spent."""
    cut: Literal["last", "accept", "error"] = "last"
    """When an answer is used that was cut off at the token limit: a text `last`, once all attempts
    are spent and there is no `otherwise`; `accept`: at once; `error`: never. An answer of another
    output is used at once where it was complete before the cut, unless this is `error`."""
    function: "str | FunctionLike | None" = None
    """A registered function's name, or in Python the function itself, instead of a prompt. A tool
    or another Runnable of LangChain is a function too."""
    with_: Mapping[str, str] = field(default_factory=dict)
    """Arguments of the function: name to expression (`with` in YAML)."""
    images: str | None = None
    """An expression giving a picture, or a list of them, shown with the prompt."""
    reuse: bool = False
    """Whether a request made before in the episode takes its completion without a call."""
    with_context: bool = True
    """Whether the agent's context stands in front of this prompt."""
    system: str | None = None
    """A template that stands in front of everything instead of the agent's system text; an empty
    text: nothing does. None: the agent's."""
    examples: Sequence[Mapping[str, Any]] = ()
    """Questions and answers that stand after the system text, as they are:
    `[{"user": "...", "assistant": "..."}]`. An answer that is no text is written as JSON."""
    temperature: float | None = None
    """Sampling temperature; 0 is greedy."""
    top_p: float | None = None
    """Share of probability mass kept, in (0, 1]."""
    max_tokens: int | None = None
    """The most tokens of a completion."""
    stop: Sequence[str] = ()
    """Texts that end the completion."""
    seed: int | None = None
    """Seed of the sampler, where the model has one."""
    decide: bool | Literal["auto"] | None = None
    """Whether the model decides among the options, with a probability for each, instead of
    answering in text: `auto` where it can; True refuses a model that cannot, when a run starts;
    None is what the model's entry says, else False."""
    unsure: Unsure | None = None
    """Another model to ask where the most probable option is not probable enough."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """The conditions on the output, also where there is one."""
        return (self.check,) if isinstance(self.check, Check) else tuple(self.check)

    @property
    def prompt_text(self) -> str:
        """The prompt as one text; of several turns each begins with who speaks."""
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n".join(f"{role}: {text}" for turn in self.prompt for role, text in turn.items())

    @property
    def sampling(self) -> Sampling:
        """The node's own sampling settings."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, tuple(self.stop), self.seed)


NODE_FIELDS: Final = frozenset(f.name for f in fields(Node)) - {"name", "with_"} | {"with"}
"""The fields of a node as YAML spells them."""
NAME_LIKE: Final = frozenset({"decide", "unsure"})
"""Fields that are younger than agents with nodes of these names: a node may still have them."""
