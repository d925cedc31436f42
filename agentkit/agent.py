"""Agent: a graph with its models and memory; it maps an observation to an action."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agentkit import loop
from agentkit.errors import InputError, Problem, RenderError, SpecError, listed, suggest
from agentkit.execution.binding import bind
from agentkit.execution.budget import Budget
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.episode import Episode
from agentkit.execution.step import StepResult
from agentkit.graph.compile import unknown_name
from agentkit.graph.graph import Graph
from agentkit.limits import UNLIMITED, Limits
from agentkit.memory import Memory
from agentkit.models.none import NoModel
from agentkit.models.prices import check_prices
from agentkit.plugins import has_expert
from agentkit.templates.prompt_names import OWN_NAMES, STEP_NAMES
from agentkit.templates.template import (
    Template,
    TemplateProblem,
    compile_expression,
    compile_template,
)

_ONE_EXPRESSION: Final = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*)\}\}")


@dataclass(frozen=True, slots=True)
class EnvSpec:
    """Which environment an agent plays in."""

    id: str
    """The id it is registered under, such as `agentkit/Crafter-v1`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Its arguments; a text may be a template over the agent's inputs."""


class Agent:
    """A graph with what it needs to act.

    Args:
        graph: The nodes and their dependencies.
        model: What answers nodes that name no model: an id such as `echo`, a Model, a function
            of a Request, or a name under `models`.
        models: Models by the names that nodes use.
        functions: Python functions by the names that nodes use.
        memory: Starting values of the memory keys, or a Memory.
        inputs: Values of the graph's inputs; None stands for one that must still be given.
        action: Which node's value is the action, or a template over nodes. By default the only
            node that no other depends on.
        name: The agent's name.
        env: The environment it plays in.
        limits: Where an episode ends at the latest.
        run_limits: Where a run, all its episodes together, ends at the latest.
        folder: Where relative file names in model ids start.
        source: The text of the file it was loaded from, recorded with each run.

    Raises:
        SpecError: Something it names is not there, or the action is unclear; it lists everything.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        model: Any = None,
        models: Mapping[str, Any] | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        memory: Mapping[str, Any] | Memory | None = None,
        inputs: Mapping[str, Any] | None = None,
        action: str | None = None,
        name: str = "agent",
        env: EnvSpec | None = None,
        limits: Limits = UNLIMITED,
        run_limits: Limits = UNLIMITED,
        folder: Path | None = None,
        source: str = "",
    ) -> None:
        self._given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        self.graph = graph
        self.name = name
        self.env = env
        self.limits = limits
        self.run_limits = run_limits
        self.source = source
        self.memory = memory if isinstance(memory, Memory) else Memory(memory)
        self.inputs = dict(inputs or {})
        problems: list[Problem] = []
        self.action = _compile_action(graph, action, problems)
        for key in sorted(graph.inputs - STEP_NAMES - self.inputs.keys()):
            message = f"'{key}' is no node and no input: give it a value under 'inputs'"
            problems.append(Problem(message, field="inputs", key=key))
        try:
            self.binding = bind(
                graph, model, models or {}, functions or {}, self.memory.start,
                env_id=env.id if env else None, folder=folder,
            )  # fmt: skip
        except SpecError as error:
            problems.extend(error.problems)
        if problems:
            raise SpecError(problems)
        self._episode: Episode | None = None

    @property
    def given(self) -> Mapping[str, Any]:
        """The arguments it was made with."""
        return self._given

    def replace(self, **changes: Any) -> "Agent":
        """The same agent with other arguments, such as `model` or `limits`; a new memory too."""
        memory = self.memory
        fresh = Memory(memory.start, memory.keep, memory.file)
        return Agent(**{**self._given, "memory": fresh, **changes})

    def with_inputs(self, given: Mapping[str, Any]) -> "Agent":
        """The same agent with some of its inputs given.

        Raises:
            InputError: An input is unknown.
        """
        lines = [
            f"unknown input '{name}'.{suggest(name, set(self.inputs))}"
            for name in given
            if name not in self.inputs
        ]
        if lines:
            known = ", ".join(self.inputs) or "none"
            raise InputError("\n".join([*lines, f"The inputs of {self.name}: {known}"]))
        return self.replace(inputs={**self.inputs, **given})

    def check_inputs(self) -> None:
        """Refuse to start while an input has no value.

        Raises:
            InputError: An input has no value.
        """
        if lines := self._missing_inputs():
            raise InputError(lines[0])

    def check_ready(self) -> None:
        """Refuse to play while an input has no value, or a node no model.

        Raises:
            InputError: Something is missing; it says all that is.
        """
        lines = self._missing_inputs()
        if any(isinstance(model, NoModel) for _, model in self.binding.asked):
            lines.append(self._no_model())
        if lines:
            raise InputError("\n".join(lines))

    def _missing_inputs(self) -> list[str]:
        missing = [name for name, value in self.inputs.items() if value is None]
        options = " ".join(f"--input {name}=..." for name in missing)
        names = ", ".join(missing)
        return [f"{self.name} needs a value for {names}: {options}"] if missing else []

    def _no_model(self) -> str:
        """What to do where the file leaves the choice of the model to the user."""
        rules = ""
        if self.env is not None and not has_expert(self.env.id):
            rules = f" There is no rule-based expert for {self.env.id}, so it cannot be 'rules'."
        return (
            f"{self.name} needs a language model: name one, such as --model openai:gpt-5-mini. "
            f"Without a key there is --model echo, which repeats its prompt.{rules}"
        )

    def episode(
        self,
        index: int = 0,
        memory: Mapping[str, Any] | None = None,
        source: CompletionSource | None = None,
    ) -> Episode:
        """Begin an episode of its own; several may run at once."""
        self.check_ready()
        values = self.memory.begin() if memory is None else memory
        source = source or CompletionSource(budget=Budget(self.limits))
        return Episode(self.binding, self.inputs, self.action, self.name, index, values, source)

    def reset(self) -> None:
        """Begin a new episode for `act`, keeping the memory that outlives episodes."""
        if self._episode is not None:
            self.memory.end(self._episode.state.memory)
        self._episode = None

    async def act(
        self,
        observation: Any = None,
        *,
        actions: Sequence[str] | None = None,
        reward: float | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> str:
        """Execute one step of the graph.

        Args:
            observation: What the environment shows.
            actions: The legal actions, where they can be listed.
            reward: The reward of the action before; None at the start.
            info: What else the environment says.

        Returns:
            The action, as text.

        Raises:
            StepError: Nodes failed; memory is as it was before the step.
            LimitExceeded: A limit of the agent was reached; memory is as it was before the step.
            InputError: There is a limit on cost, and a model's price is unknown.
        """
        if self._episode is None:
            if self.limits.cost_usd is not None:
                check_prices(self.binding.asked)
            self._episode = self.episode()
        return await self._episode.act(observation, actions=actions, reward=reward, info=info)

    def act_sync(self, observation: Any = None, **options: Any) -> str:
        """Act as `act` does, without `await`; takes the same arguments.

        It works inside a running event loop too, as in a notebook, which then waits for it.
        """
        return loop.run(self.act(observation, **options))

    @property
    def result(self) -> StepResult | None:
        """What the last `act` gave: the value of every node, usage, cost."""
        return self._episode.result if self._episode else None


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
    try:
        template = compile_template(action)
    except TemplateProblem as error:
        problems.append(Problem(error.message, field="action", offset=error.lineno - 1))
        return None
    for name in template.reads:
        if name not in known:
            problems.append(Problem(unknown_name(name, known), field="action"))
    return template


def env_arguments(env: EnvSpec, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """An environment's arguments with the inputs filled in.

    A text that is one `{{ expression }}` keeps the type of its value.

    Raises:
        RenderError: An argument uses something that is no input.
    """

    def fill(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        if not isinstance(value, str) or "{{" not in value:
            return value
        whole = _ONE_EXPRESSION.fullmatch(value.strip())
        try:
            if whole:
                return compile_expression(whole[1]).evaluate(inputs)
            return compile_template(value).render(inputs)
        except TemplateProblem as error:
            raise RenderError(f"env: {error.message}") from error

    filled: dict[str, Any] = fill(dict(env.arguments))
    return filled
