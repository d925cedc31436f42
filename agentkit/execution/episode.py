"""One episode of an agent: the state between its steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from agentkit.errors import InputError, advice, suggest
from agentkit.events import Event
from agentkit.execution.binding import Binding, PromptNode
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.scope import State
from agentkit.execution.step import StepResult, execute_step
from agentkit.execution.step_run import StepRun
from agentkit.outputs.action import ParseAction, nothing_reads_actions
from agentkit.program.argument_kinds import check_kind
from agentkit.templates.prompt_names import step_names
from agentkit.templates.template import Template


class Episode:
    """One episode of an agent: the state between its steps.

    Args:
        binding: The agent's graph with its models and functions.
        inputs: The values of its inputs.
        action: The template that gives the action.
        name: The agent's name, for logs and spans.
        index: Number of the episode in its run, from 0.
        memory: The values the memory starts with.
        source: Where completions come from.
        conversation: Its id, for spans; by default a new one.
    """

    def __init__(
        self,
        binding: Binding,
        inputs: Mapping[str, Any],
        action: Template | None,
        name: str,
        index: int,
        memory: Mapping[str, Any],
        source: CompletionSource,
        conversation: str | None = None,
    ) -> None:
        self._binding = binding
        self._inputs = inputs
        self._action = action
        self._name = name
        self._conversation = uuid4().hex if conversation is None else conversation
        self.index = index
        self.state = State(memory=dict(memory))
        self.steps = 0
        self.result: StepResult | None = None
        self._history: list[dict[str, Any]] = []
        self.source = source

    def go_on(self, state: State, history: Sequence[Mapping[str, Any]]) -> None:
        """Take up an episode that was recorded, after its last finished step.

        Args:
            state: What that step left.
            history: Observation, action and reward of every finished step.
        """
        self.state = state
        self.steps = len(history)
        self._history = [dict(entry) for entry in history]

    async def act(
        self,
        observation: Any = None,
        *,
        actions: Sequence[str] | None = None,
        reward: float | None = None,
        info: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        emit: Callable[[Event], None] | None = None,
        stopping: Callable[[], bool] | None = None,
        streaming: bool = False,
        parse_action: ParseAction | None = None,
    ) -> str:
        """Execute one step; arguments as `Session.act`, and `emit` for its events."""
        values = given_inputs(self._name, self._inputs, inputs)
        if missing := missing_inputs(self._name, values):
            raise InputError(missing)
        budget = self.source.budget
        if budget is not None:
            budget.begin_step()
        given = step_names(
            observation, info or {}, reward, self.steps, self.index, self._history, actions
        )
        if self.steps == 0 and given["actions"] is None:
            self._refuse_missing_actions()
        if self.steps == 0 and parse_action is None:
            self._refuse_unread_actions()
        if self._history:
            self._history[-1]["reward"] = reward
        names = {**values, **given}
        run = StepRun(
            self._binding, names, self.state, action=self._action, source=self.source,
            emit=emit, stopping=stopping, streaming=streaming, agent=self._name,
            conversation=self._conversation, parse_action=parse_action,
        )  # fmt: skip
        try:
            result = await execute_step(run)
        except BaseException:
            if budget is not None:
                budget.drop_step()
            raise
        action = result.action or ""
        self.state = result.state
        self.result = result
        self.steps += 1
        self._history.append({"observation": observation, "action": action, "reward": None})
        return action

    def _refuse_unread_actions(self) -> None:
        """Refuse to ask for an action that nothing can read."""
        for node in self._binding.nodes:
            if isinstance(node, PromptNode) and node.output.takes_action:
                raise InputError(nothing_reads_actions(node.compiled.name))

    def _refuse_missing_actions(self) -> None:
        """Refuse a choice among actions that the environment cannot list."""
        for node in self._binding.nodes:
            if isinstance(node, PromptNode) and "actions" in node.output.reads:
                none = advice(
                    "neither actions=[...] nor info={'actions': [...]} gives them",
                    "the environment lists none",
                )
                raise InputError(
                    f"node '{node.compiled.name}' chooses among 'actions', and {none}: where they "
                    "are a grammar, let the node answer in text"
                )


def given_inputs(
    name: str, inputs: Mapping[str, Any], given: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return inputs with some of them given anew.

    Args:
        name: The agent's name, for messages.
        inputs: The values that it has.
        given: The values that come before these.

    Raises:
        InputError: An input is unknown.
    """
    check_kind("inputs", given, Mapping, "a mapping of names to values")
    if not given:
        return inputs
    lines = [
        f"unknown input '{one}'.{suggest(str(one), set(inputs))}"
        for one in given
        if one not in inputs
    ]
    if lines:
        known = ", ".join(inputs) or "none"
        raise InputError("\n".join([*lines, f"The inputs of {name}: {known}"]))
    return {**inputs, **given}


def missing_inputs(name: str, inputs: Mapping[str, Any]) -> str | None:
    """Return what to say of inputs without a value; None where all have one."""
    missing = [one for one, value in inputs.items() if value is None]
    if not missing:
        return None
    values = ", ".join(f"'{one}': ..." for one in missing)
    given = advice(f"inputs={{{values}}}", " ".join(f"--input {one}=..." for one in missing))
    return f"{name} needs a value for {', '.join(missing)}: {given}"
