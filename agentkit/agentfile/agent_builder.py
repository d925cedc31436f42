"""From what a file says to an Agent, with every problem on the way and its place."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.agent import Agent
from agentkit.agentfile.draft import Draft, Options
from agentkit.agentfile.env_check import environment_problems, names_in, needs_environment, reads_in
from agentkit.agentfile.example_files import ExampleFiles
from agentkit.agentfile.kind_problems import kind_problems, without_slips
from agentkit.agentfile.nodes import STAND_IN
from agentkit.agentfile.own_files import memory_problem, script_problem
from agentkit.agentfile.problem_places import CALLERS_MODEL
from agentkit.env_spec import EnvSpec
from agentkit.errors import Problem, SpecError, advice
from agentkit.execution.binding import Binding
from agentkit.graph.compile import CompiledNode, compile_node, name_problem
from agentkit.graph.graph import Graph
from agentkit.graph.node import Node
from agentkit.graph.races import RACE
from agentkit.graph.validation import missing_fields, value_fields
from agentkit.limits import Limits
from agentkit.memory import Memory
from agentkit.models.echo import EchoModel
from agentkit.models.resolve import ModelChoice, ModelChooser

if TYPE_CHECKING:
    pass


def build(draft: Draft, options: Options) -> Agent:
    """The agent of a draft.

    Raises:
        SpecError: It cannot work; the error lists every problem without its place.
    """
    return _Builder(draft, options).build()


class _Builder:
    def __init__(self, draft: Draft, options: Options) -> None:
        self._draft = draft
        self._fields = draft.fields
        self._options = options
        self._folder = options.folder or Path()
        self._problems: list[Problem] = []
        self._example_files = ExampleFiles(self._folder, options.files)
        self._nodes = self._made_nodes()
        self._inputs = {**self._fields.get("inputs", {}), **options.inputs}
        self._env = self._made_env()
        self._env_given = "env" in self._fields or "env" in draft.present
        self._env_broken = self._env_given and not self._env_sound()
        self._memory = self._made_memory()
        self._model = self._made_model()
        self._models = {
            name: self._own_model(model, "models", key=name)
            if isinstance(model, str) or (model and "use" in model)
            else EchoModel()
            for name, model in self._fields.get("models", {}).items()
            if options.model in (None, name)
        }

    def build(self) -> Agent:
        graph = self._graph()
        compiled: Collection[CompiledNode]
        agent = None
        if graph is None or self._draft.damaged:
            compiled = [*self._probed()]
        else:
            compiled = graph.compiled
            self._unused_inputs(graph)
            agent = self._agent(graph)
        sound = graph or without_slips(self._nodes, self._problems, self._input_names)
        if sound and not self._draft.damaged:
            self._problems.extend(kind_problems(sound, self._inputs, self._memory))
        self._problems.extend(self._input_fields(compiled))
        if self._options.check_environment and not self._env_given:
            texts = {key: self._fields.get(key, "") for key in ("system", "context")}
            self._problems.extend(needs_environment(compiled, texts))
        if agent is None or self._problems:
            raise SpecError(self._problems)
        return agent

    def _collect(self, error: SpecError, *, agent_only: bool = False) -> None:
        """Note the problems of an error once."""
        given = CALLERS_MODEL + advice("model=", "--model")
        for problem in error.problems:
            if self._follows(problem) or (agent_only and problem.node is not None):
                continue
            if self._options.model is not None and (problem.field, problem.node) == ("model", None):
                problem = replace(problem, message=f"{given}: {problem.message}")
            if problem not in self._problems:
                self._problems.append(problem)

    def _follows(self, problem: Problem) -> bool:
        """Whether a problem only follows from something that could not be read."""
        message, unread = problem.message, self._draft.unread
        return (
            (self._draft.damaged and RACE in message)
            or ("memory" in unread and message.startswith("memory has no"))
            or ("models" in unread and problem.field == "model")
            or (problem.node is not None and problem.field == "model" and self._is_named(problem))
            or (self._env_broken and "model 'rules'" in message)
        )

    def _is_named(self, problem: Problem) -> bool:
        """Whether a node's model is one of the file's `models`, where what is wrong is told."""
        models = {node.name: node.model for node in self._nodes}
        return models.get(problem.node or "") in self._fields.get("models", {})

    def _made_memory(self) -> Memory:
        start = self._fields.get("memory", {})
        file = self._options.memory_file
        if file is None and "memory_file" in self._fields:
            file = self._folder / self._fields["memory_file"]
            if message := memory_problem(self._fields["memory_file"], self._folder):
                self._problems.append(Problem(message, field="memory_file"))
                file = None
        try:
            return Memory(start, self._fields.get("keep"), file)
        except SpecError as error:
            self._collect(error)
            return Memory(start)

    def _own_model(
        self, model: Any, field: str, *, node: str | None = None, key: str | None = None
    ) -> Any:
        """A model that the file names; a stand-in for a script that it may not name."""
        message = script_problem(model, self._folder)
        if message is None:
            return model
        self._problems.append(Problem(message, node, field, key))
        return "echo"

    def _made_nodes(self) -> list[Node]:
        nodes = self._example_files.filled([one.node for one in self._draft.nodes], self._problems)
        if self._options.model is not None:
            return [replace(node, model=None) for node in nodes]
        named = self._fields.get("models", {})
        return [
            node
            if node.model is None or node.model in named
            else replace(node, model=self._own_model(node.model, "model", node=node.name))
            for node in nodes
        ]

    def _made_env(self) -> EnvSpec | None:
        env = self._fields.get("env")
        if isinstance(env, str):
            return EnvSpec(env)
        if env is None or "id" not in env:
            return None
        return EnvSpec(env["id"], {key: value for key, value in env.items() if key != "id"})

    def _env_sound(self) -> bool:
        """Whether the environment can be made, as far as that can be known."""
        if self._env is None or not self._options.check_environment:
            return self._env is not None
        found = list(environment_problems(self._env, self._input_names))
        self._problems.extend(found)
        return not found

    def _made_model(self) -> Any:
        """The default model; a stand-in, with a problem noted, where one is needed and missing."""
        model = self._options.model
        if model is None:
            model = self._fields.get("model")
            if not isinstance(model, str) or model not in self._fields.get("models", {}):
                model = self._own_model(model, "model")
        needed = any(node.function is None and node.model is None for node in self._nodes)
        if model is not None or not needed:
            return model
        if "model" not in self._draft.unread:
            where = "" if "nodes" in self._draft.present else ", and 'nodes:' above the list"
            other = advice("give one: model='echo'", "use --model")
            message = f"no model is given: add a line such as 'model: echo'{where}, or {other}"
            self._problems.append(Problem(message))
        return EchoModel()

    @property
    def _input_names(self) -> Collection[str] | None:
        """The declared inputs; None, which lets every name pass, when they cannot be read."""
        return None if "inputs" in self._draft.unread else self._inputs

    def _graph(self) -> Graph | None:
        if not self._nodes:
            return None
        try:
            return Graph(
                self._nodes,
                system=self._fields.get("system", ""),
                context=self._fields.get("context", ""),
                inputs=self._input_names,
            )
        except SpecError as error:
            self._collect(error)
            return None

    def _agent(self, graph: Graph, **changes: Any) -> Agent | None:
        options = self._options
        limits = {"run": {}, **self._fields.get("limits", {})}
        arguments = {
            "model": self._model,
            "models": self._models,
            "functions": options.functions,
            "memory": self._memory,
            "inputs": dict.fromkeys(graph.inputs) if self._input_names is None else self._inputs,
            "action": self._fields.get("action"),
            "name": self._fields.get("name", options.name),
            "env": self._env,
            "run_limits": Limits(**limits.pop("run")),
            "limits": Limits(**limits),
            "folder": options.folder,
            "source": self._draft.text.text,
            "files": self._example_files.texts,
        }
        try:
            return Agent(graph, **{**arguments, **changes})
        except SpecError as error:
            self._collect(error, agent_only=bool(changes))
            return None

    def _probed(self) -> Iterator[CompiledNode]:
        """Check what can be checked although the graph cannot be built.

        Models, functions and memory are looked up node by node, and what concerns the agent
        itself on a chain of stand-ins, so that nothing is blamed for what is broken elsewhere.
        """
        no_action = {} if self._nodes else {"action": None}
        self._agent(self._stand_ins(), functions={}, **no_action)
        echo = ModelChoice(EchoModel())
        binding = Binding(
            Graph([Node("stand_in", STAND_IN)]),
            echo,
            dict.fromkeys(self._models, echo),
            self._options.functions,
            self._memory.start,
            chooser=ModelChooser(self._env.id if self._env else None, self._options.folder),
        )
        found: list[Problem] = []
        for node in self._nodes:
            compiled = compile_node(node, [])
            binding.bind(compiled, found)
            yield compiled
        self._collect(SpecError(found))

    def _stand_ins(self) -> Graph:
        """A chain of nodes with the names of the real ones, which reads every input."""
        names = [n.name for n in self._nodes if not name_problem(n.name)] or ["stand_in"]
        inputs = [name for name in self._inputs if not name_problem(name) and name not in names]
        prompt = " ".join([STAND_IN, *(f"{{{{ {name} }}}}" for name in inputs)])
        nodes = [
            Node(name, prompt, after=names[max(i - 1, 0) : i])
            for i, name in enumerate(dict.fromkeys(names))
        ]
        texts = {key: self._fields.get(key, "") for key in ("system", "context")}
        try:
            return Graph(nodes, inputs=self._input_names, **texts)
        except SpecError:
            return Graph(nodes)

    def _input_fields(self, compiled: Collection[CompiledNode]) -> Iterator[Problem]:
        """Reads of a field that the mapping given for an input does not have."""
        given = self._inputs.items()
        fields = {name: frozenset(value) for name, value in given if isinstance(value, Mapping)}
        for one in compiled:
            for use in one.uses:
                for message in missing_fields(use.reads, fields):
                    yield Problem(message, one.name, use.field, use.key)
        known = {**fields, **{one.name: value_fields(one) for one in compiled}}
        for name in ("system", "context", "action", "env"):
            for reads in reads_in(self._fields.get(name, "")):
                yield from (Problem(text, field=name) for text in missing_fields(reads, known))

    def _unused_inputs(self, graph: Graph) -> None:
        used = {*graph.reads, *names_in(self._env.arguments if self._env else {})}
        used |= names_in(self._fields.get("action", ""))
        for name in self._fields.get("inputs", {}):
            if name not in used:
                message = f"the input '{name}' is never used: no prompt has {{{{ {name} }}}} in it"
                self._problems.append(Problem(message, field="inputs", key=name))
