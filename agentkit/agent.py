"""Agent: a graph with its models and memory; it maps an observation to an action."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from agentkit.env_spec import EnvFactory, EnvSpec
from agentkit.errors import InputError, Problem, SpecError, advice, listed, suggest
from agentkit.execution.binding import bind
from agentkit.execution.budget import Budget
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.episode import Episode, given_inputs, missing_inputs
from agentkit.execution.session import Actor, Session
from agentkit.graph.compile import compile_text, unknown_name
from agentkit.graph.graph import Graph
from agentkit.graph.validation import probability_problems
from agentkit.limits import UNLIMITED, Limits
from agentkit.memory import Memory
from agentkit.models.none import NoModel
from agentkit.models.prices import check_prices
from agentkit.plugins import has_expert
from agentkit.program.argument_kinds import check_kind
from agentkit.program.display import MAX_NAMES, html_table, short
from agentkit.templates.prompt_names import OWN_NAMES, STEP_NAMES
from agentkit.templates.template import Template, compile_template

if TYPE_CHECKING:
    from agentkit.graph.node import FunctionLike
    from agentkit.models.registry import ModelLike


class AgentArguments(TypedDict, total=False):
    """The arguments of an Agent, as `Agent.replace` takes them."""

    graph: Graph
    model: "ModelLike | None"
    models: Mapping[str, Any] | None
    functions: "Mapping[str, FunctionLike] | None"
    memory: Mapping[str, Any] | Memory | None
    inputs: Mapping[str, Any] | None
    action: str | None
    name: str
    env: EnvSpec | str | EnvFactory | None
    limits: Limits
    run_limits: Limits
    folder: str | Path | None
    source: str
    files: Mapping[str, str]


class Agent(Actor):
    """A graph with what it needs to act.

    Args:
        graph: The nodes and their dependencies.
        model: What answers nodes that name no model: an id such as `echo`, a Model, a function
            of a Request, or a name under `models`.
        models: Models by the names that nodes use.
        functions: Python functions by the names that nodes use.
        memory: Starting values of the memory keys, or a Memory.
        inputs: Values of the graph's inputs; None stands for one that must still be given, with
            `with_inputs` or at each `act`.
        action: Which node's value is the action, or a template over nodes. By default the only
            node that no other depends on.
        name: The agent's name.
        env: The environment it plays in: an id, a class of `gymnasium.Env`, a function that
            returns a new environment, or an EnvSpec, which has arguments too.
        limits: Where an episode ends at the latest.
        run_limits: Where a run, all its episodes together, ends at the latest.
        folder: Where relative file names in model ids start.
        source: The text of the file it was loaded from, recorded with each run.
        files: The texts of other files that it names, by name; recorded too.

    Raises:
        SpecError: Something it names is not there, or the action is unclear; it lists everything.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        model: "ModelLike | None" = None,
        models: Mapping[str, Any] | None = None,
        functions: "Mapping[str, FunctionLike] | None" = None,
        memory: Mapping[str, Any] | Memory | None = None,
        inputs: Mapping[str, Any] | None = None,
        action: str | None = None,
        name: str = "agent",
        env: EnvSpec | str | EnvFactory | None = None,
        limits: Limits = UNLIMITED,
        run_limits: Limits = UNLIMITED,
        folder: str | Path | None = None,
        source: str = "",
        files: Mapping[str, str] | None = None,
    ) -> None:
        self._given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        problems = [*_wrong_arguments(self._given)]
        if problems:
            raise SpecError(problems)
        self._given["folder"] = None if folder is None else Path(folder)
        self.graph = graph
        self.name = name
        self.env = _env(env, problems)
        self.limits = limits
        self.run_limits = run_limits
        self.source = source
        self.files = dict(files or {})
        self.memory = memory if isinstance(memory, Memory) else Memory(memory)
        self.inputs = dict(inputs or {})
        self.action = _compile_action(graph, action, problems)
        for key in sorted(graph.inputs - STEP_NAMES - self.inputs.keys()):
            message = f"'{key}' is no node and no input: give it a value under 'inputs'"
            problems.append(Problem(message, field="inputs", key=key))
        try:
            self.binding = bind(
                graph, model, models or {}, functions or {}, self.memory.start,
                env_id=self.env.id if self.env else None, folder=self._given["folder"],
            )  # fmt: skip
        except SpecError as error:
            problems.extend(error.problems)
        if problems:
            raise SpecError(problems)
        super().__init__(self.memory, self._begin)

    def __repr__(self) -> str:
        env = f", plays in {self.env.id}" if self.env else ""
        return f"<Agent {short(self.name)}: {listed(self.graph.index, MAX_NAMES)}{env}>"

    def _repr_html_(self) -> str:
        nodes = ((node, model.name) for node, model in self.binding.asked)
        facts = {
            "environment": self.env.id if self.env else "none",
            "inputs": listed(self.inputs, MAX_NAMES) or "none",
            "memory": listed(self.memory.start, MAX_NAMES) or "none",
            "limits": str(self.limits) or "none",
            "action": self.action.source if self.action else "",
        }
        rows = [*facts.items(), *((f"model of {node}", model) for node, model in nodes)]
        return html_table(self.name, ("", ""), rows) + self.graph._repr_html_()

    @property
    def given(self) -> Mapping[str, Any]:
        """The arguments it was made with."""
        return self._given

    def replace(self, **changes: Unpack["AgentArguments"]) -> "Agent":
        """Return the same agent with other arguments, such as `model` or `limits`.

        Its memory is a new one, with the same keys.
        """
        memory = self.memory
        fresh = Memory(memory.start, memory.keep, memory.file)
        return Agent(**{**self._given, "memory": fresh, **changes})

    def with_inputs(self, given: Mapping[str, Any]) -> "Agent":
        """The same agent with some of its inputs given. Raises InputError for an unknown one."""
        return self.replace(inputs=given_inputs(self.name, self.inputs, given))

    def check_inputs(self) -> None:
        """Refuse to start while an input has no value.

        Raises:
            InputError: An input has no value.
        """
        if missing := missing_inputs(self.name, self.inputs):
            raise InputError(missing)

    def check_ready(self, given: Mapping[str, Any] | None = None) -> None:
        """Refuse to play while an input has no value, or a node no model.

        Args:
            given: Values of inputs for the next step, instead of the agent's own.

        Raises:
            InputError: Something is missing; it says all that is.
        """
        missing = missing_inputs(self.name, given_inputs(self.name, self.inputs, given))
        lines = [missing] if missing else []
        if any(isinstance(model, NoModel) for _, model in self.binding.asked):
            lines.append(self._no_model())
        if lines:
            raise InputError("\n".join(lines))

    def _no_model(self) -> str:
        """What to do where the file leaves the choice of the model to the user."""
        rules = ""
        if self.env is not None and not has_expert(self.env.id):
            rules = f" There is no rule-based expert for {self.env.id}, so it cannot be 'rules'."
        one = advice("model='openai:gpt-5-mini'", "--model openai:gpt-5-mini")
        echo = advice("model='echo'", "--model echo")
        return (
            f"{self.name} needs a language model: name one, such as {one}. Without a key there is "
            f"{echo}, which repeats its prompt.{rules}"
        )

    def episode(
        self,
        index: int = 0,
        memory: Mapping[str, Any] | None = None,
        source: CompletionSource | None = None,
        conversation: str | None = None,
    ) -> Episode:
        """Begin an episode of its own, for who plays it: `rollout`, or a session."""
        values = self.memory.begin() if memory is None else memory
        source = source or CompletionSource(budget=Budget(self.limits))
        return Episode(
            self.binding, self.inputs, self.action, self.name, index, values, source, conversation
        )

    def session(self, memory: Mapping[str, Any] | None = None) -> Session:
        """Return a way to act with a memory of its own, such as for each user of a service.

        Sessions share the graph and the models of the agent and nothing else; any number of them
        may act at the same time. The limits of the agent hold for each of them. Memory that is
        kept for the `run` is kept for the session, whatever episodes it has.

        Args:
            memory: Values that memory keys begin with, such as `session.memory` of an earlier
                session; the other keys have their starting values.

        Raises:
            InputError: A memory key is unknown, its value is no JSON value, or a key is kept
                `forever`: in one file, for all sessions.
        """
        if forever := ", ".join(self.memory.kept_forever):
            raise InputError(
                f"memory kept forever ({forever}) has one file, and sessions act at the same "
                "time: let the agent itself act, or keep it for the 'run' and keep "
                "session.memory yourself"
            )
        return Session(self.memory.starting_with(memory or {}), self._begin)

    def _begin(self, memory: Mapping[str, Any], inputs: Mapping[str, Any] | None) -> Episode:
        self.check_ready(inputs)
        if self.limits.cost_usd is not None:
            check_prices(self.binding.asked)
        return self.episode(memory=memory)


_NAMED: Final = "a mapping of names to values"
_KINDS: Final[Mapping[str, tuple[Any, str]]] = {
    "graph": (Graph, "a Graph, such as Graph([Node('name', 'What?')])"),
    "models": (Mapping, _NAMED),
    "functions": (Mapping, _NAMED),
    "memory": ((Mapping, Memory), "a mapping of keys to starting values, or a Memory"),
    "inputs": (Mapping, _NAMED),
    "action": (str, "the name of a node, or a template"),
    "name": (str, "a text"),
    "limits": (Limits, "Limits, such as Limits(steps=100)"),
    "run_limits": (Limits, "Limits, such as Limits(cost_usd=5)"),
    "folder": ((str, Path), "a path"),
    "source": (str, "a text"),
    "files": (Mapping, "a mapping of file names to texts"),
}
"""What the arguments of an agent hold."""


def _wrong_arguments(given: Mapping[str, Any]) -> Iterator[Problem]:
    for name, (kinds, holds) in _KINDS.items():
        try:
            check_kind(name, given[name], kinds, holds)
        except InputError as error:
            yield Problem(str(error), field=name)


def _env(env: Any, problems: list[Problem]) -> EnvSpec | None:
    """Return the environment that an agent was given."""
    if env is None or isinstance(env, EnvSpec):
        return env
    try:
        return EnvSpec(env)
    except InputError as error:
        problems.append(Problem(f"env: {error}", field="env"))
        return None


def _compile_action(graph: Graph, action: str | None, problems: list[Problem]) -> Template | None:
    """The template that gives the action; a node's name stands for its value."""
    if action is None:
        if len(graph.sinks) > 1:
            message = (
                f"no other node depends on any of: {listed(graph.sinks)}. Say which one is the "
                f"action, such as 'action: {graph.sinks[-1]}'"
            )
            problems.append(Problem(message, field="action"))
            return None
        action = graph.sinks[0]
    if action in graph.index:
        return compile_template(f"{{{{ {action} }}}}")
    known = frozenset(graph.index) | STEP_NAMES | OWN_NAMES | graph.inputs
    if "{{" not in action:
        message = f"'{action}' is no node.{suggest(action, set(graph.index))}"
        problems.append(Problem(message, field="action"))
        return None
    template = compile_text("action", action, problems)
    for name in template.reads if template else ():
        if name not in known:
            problems.append(Problem(unknown_name(name, known), field="action"))
    for message in probability_problems(template.reads if template else {}, graph.compiled):
        problems.append(Problem(message, field="action"))
    return template
