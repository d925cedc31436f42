"""A graph with the models and functions that its nodes name, ready to be executed."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agentkit.errors import InputError, Problem, SpecError, suggest
from agentkit.execution.langchain_function import RunnableFunction
from agentkit.graph.compile import CompiledNode, memory_keys
from agentkit.graph.graph import Graph
from agentkit.messages import Sampling
from agentkit.models.base import Model, RulePlayer
from agentkit.models.resolve import ModelChoice, ModelChooser
from agentkit.outputs.output import Output
from agentkit.program.argument_kinds import wrong_kind
from agentkit.program.foreign_objects import is_runnable
from agentkit.program.signatures import argument_problem, parameters_of
from agentkit.program.threads import runs_on_loop

if TYPE_CHECKING:
    from agentkit.graph.node import FunctionLike


@dataclass(frozen=True, slots=True)
class PromptNode:
    """A compiled node with the model that answers it."""

    compiled: CompiledNode
    output: Output
    """How its completion is read."""
    model: Model
    sampling: Sampling
    extra: Mapping[str, Any]
    """The server's own fields of its requests."""
    decide: bool | Literal["auto"] = False
    """Whether the model decides among the options: `auto` where it can."""
    stronger: "PromptNode | None" = None
    """The same node with the model that is asked where this one is unsure."""


@dataclass(frozen=True, slots=True)
class FunctionNode:
    """A compiled node with its function."""

    compiled: CompiledNode
    function_name: str
    call: Callable[..., Any]
    """The function."""
    takes_step: bool
    """Whether it has a parameter called `step`, and so receives the running step."""
    is_plain: bool
    """Whether it is no `async def`, and so called in a thread."""


BoundNode = PromptNode | FunctionNode
"""A compiled node with what gives its value."""


class Binding:
    """Binds the nodes of a graph.

    Args:
        graph: The graph.
        model: What answers nodes that name no model.
        models: Models by the names nodes use.
        functions: Functions by the names nodes use, before those that plug-ins register.
        memory: The declared memory keys.
        chooser: Looks up the models that nodes name by their ids.

    Raises:
        SpecError: A node names a model, function or memory key that is not there.
    """

    def __init__(
        self,
        graph: Graph,
        model: ModelChoice | None,
        models: Mapping[str, ModelChoice],
        functions: "Mapping[str, FunctionLike]",
        memory: Collection[str],
        *,
        chooser: ModelChooser,
    ) -> None:
        self.graph = graph
        self.chooser = chooser
        self.model = model
        self.models = models
        self.functions = dict(functions)
        self.memory = frozenset(memory)
        problems: list[Problem] = []
        nodes = [self.bind(compiled, problems) for compiled in graph.compiled]
        for field, template in (("system", graph.system), ("context", graph.context)):
            for key in sorted((memory_keys(template.reads) or frozenset()) if template else ()):
                if key not in self.memory:
                    problems.append(Problem(self._unknown_key(key), field=field))
        if problems:
            raise SpecError(problems)
        self.nodes: tuple[BoundNode, ...] = tuple(bound for bound in nodes if bound is not None)

    def bind(self, compiled: CompiledNode, problems: list[Problem]) -> BoundNode | None:
        """Bind one node; None where that cannot be, and why is in `problems`."""
        node = compiled.node
        bound = (self._prompt if node.function is None else self._function)(compiled, problems)
        for use in compiled.uses:
            for key in sorted(memory_keys(use.reads) or ()):
                if key not in self.memory:
                    problems.append(Problem(self._unknown_key(key), node.name, use.field, use.key))
        for key in node.save:
            if key not in self.memory:
                problems.append(Problem(self._unknown_key(key), node.name, "save", key))
        return bound

    def _prompt(self, compiled: CompiledNode, problems: list[Problem]) -> PromptNode | None:
        choice = self._choice(compiled, problems)
        if choice is None or compiled.output is None:
            return None
        model = choice.model
        if isinstance(model, RulePlayer) and (message := model.cannot_answer(compiled.name)):
            problems.append(Problem(message, compiled.name, "model"))
        decide = compiled.node.decide
        if decide is None:
            decide = choice.decide if compiled.output.is_closed else False
        stronger, unsure = None, compiled.node.unsure
        if unsure is not None:
            if not decide and compiled.node.decide is None:  # else the node says so itself
                message = "an answer in text has no probability: say 'decide: auto' too"
                problems.append(Problem(message, compiled.name, "unsure"))
            other = self._named_choice(unsure.ask, compiled, "unsure", problems)
            stronger = _prompt_node(compiled, other, "auto") if other else None
        return replace(_prompt_node(compiled, choice, decide), stronger=stronger)

    @property
    def prompts(self) -> list[PromptNode]:
        """The prompt nodes, each also with the model that is asked where the first is unsure."""
        firsts = [node for node in self.nodes if isinstance(node, PromptNode)]
        both = ((node, node.stronger) for node in firsts)
        return [node for pair in both for node in pair if node is not None]

    @property
    def asked(self) -> list[tuple[str, Model]]:
        """The prompt nodes, each with the models that answer it."""
        return [(node.compiled.name, node.model) for node in self.prompts]

    def exchange_models(self, exchange: Callable[[Model], Model]) -> None:
        """Let other models answer in place of those that were bound, added nodes included."""

        def exchanged(choice: ModelChoice) -> ModelChoice:
            return replace(choice, model=exchange(choice.model))

        self.model = None if self.model is None else exchanged(self.model)
        self.models = {name: exchanged(choice) for name, choice in self.models.items()}
        self.nodes = tuple(
            _exchanged(node, exchange) if isinstance(node, PromptNode) else node
            for node in self.nodes
        )

    def _unknown_key(self, key: str) -> str:
        known = ", ".join(sorted(self.memory)) or "none"
        return (
            f"memory has no key '{key}'.{suggest(key, self.memory)} Declared keys: {known}; "
            "declare it with a starting value under 'memory'"
        )

    def _choice(self, compiled: CompiledNode, problems: list[Problem]) -> ModelChoice | None:
        name = compiled.node.model
        if name is None:
            if self.model is None:
                message = "no model answers this node: give the agent a 'model'"
                problems.append(Problem(message, compiled.name, "model"))
            return self.model
        return self._named_choice(name, compiled, "model", problems)

    def _named_choice(
        self, name: str, compiled: CompiledNode, field: str, problems: list[Problem]
    ) -> ModelChoice | None:
        if name in self.models:
            return self.models[name]
        try:
            return self.chooser.choose(name)
        except InputError as error:
            known = ", ".join(sorted(self.models))
            hint = f" Named under 'models': {known}" if known else ""
            message = f"{error}{suggest(name, set(self.models))}{hint}"
            problem = Problem(message, compiled.name, field, missing=error.missing)
            problems.append(problem)
            return None

    def _function(self, compiled: CompiledNode, problems: list[Problem]) -> FunctionNode | None:
        name = compiled.node.function
        function: Any = name
        if isinstance(name, str):
            function = self._named_function(name, compiled.name, problems)
            if function is None:
                return None
        is_own = not is_runnable(function)
        if not is_own:
            function = RunnableFunction(function)
        label = name if isinstance(name, str) else getattr(function, "__name__", "function")
        parameters = parameters_of(function)
        takes_step = is_own and "step" in parameters and "step" not in compiled.node.with_
        if message := argument_problem(label, parameters, compiled.node.with_, takes_step):
            problems.append(Problem(message, compiled.name, "with"))
        return FunctionNode(compiled, label, function, takes_step, not runs_on_loop(function))

    def _named_function(
        self, name: str, node: str, problems: list[Problem]
    ) -> "FunctionLike | None":
        if name in self.functions:
            return self.functions[name]
        from agentkit.plugins import function_names, get_function

        try:
            return get_function(name)
        except InputError as error:
            known = {*self.functions, *function_names()}
            message = f"unknown function '{name}'.{suggest(name, known)}"
            message += f" Known: {', '.join(sorted(known)) or 'none'}"
            message = message if name not in known else str(error)
            problems.append(Problem(message, node, "function", missing=error.missing))
            return None


def _prompt_node(
    compiled: CompiledNode, choice: ModelChoice, decide: bool | Literal["auto"]
) -> PromptNode:
    assert compiled.output is not None
    sampling = compiled.node.sampling.over(choice.sampling)
    return PromptNode(compiled, compiled.output, choice.model, sampling, choice.extra, decide)


def _exchanged(node: PromptNode, exchange: Callable[[Model], Model]) -> PromptNode:
    stronger = node.stronger and _exchanged(node.stronger, exchange)
    return replace(node, model=exchange(node.model), stronger=stronger)


def bind(
    graph: Graph,
    model: Any,
    models: Mapping[str, Any],
    functions: "Mapping[str, FunctionLike]",
    memory: Collection[str],
    *,
    env_id: str | None = None,
    folder: Path | None = None,
) -> Binding:
    """Look up every model and bind the nodes of a graph.

    Args:
        graph: The graph.
        model: What answers nodes that name no model: a name under `models`, or one of their kinds.
        models: By name: an id, a Model, a function of a Request, or a mapping with `use` (one of
            these), sampling settings, and how its server is called (`Settings`, `base_url`).
        functions: Functions by the names nodes use.
        memory: The declared memory keys.
        env_id: The environment whose expert the model `rules` is.
        folder: Where relative file names in model ids start.

    Raises:
        SpecError: A model, function or memory key is unknown; it lists every problem.
    """
    problems: list[Problem] = []
    chooser = ModelChooser(env_id, folder)

    def choose(value: Any, key: str | None) -> ModelChoice | None:
        try:
            return chooser.choose(value, key)
        except InputError as error:
            field = "models" if key else "model"
            problems.append(Problem(str(error), None, field, key, missing=error.missing))
            return None

    for name, function in functions.items():
        given: Any = function
        if not (callable(given) or is_runnable(given)):
            problems.append(Problem(wrong_kind(given, "a function"), None, "functions", name))
    if problems:
        raise SpecError(problems)
    choices = {name: choose(value, name) for name, value in models.items()}
    named = isinstance(model, str) and model in choices
    default = choices[model] if named else None if model is None else choose(model, None)
    found = {name: choice for name, choice in choices.items() if choice is not None}
    try:
        binding = Binding(graph, default, found, functions, memory, chooser=chooser)
    except SpecError as error:
        blamed = default is None and model is not None
        rest = [p for p in error.problems if not (blamed and p.field == "model")]
        raise SpecError([*problems, *rest]) from None
    if problems:
        raise SpecError(problems)
    return binding
