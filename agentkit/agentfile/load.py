"""Load an agent from a file, a text or the shipped ones; every problem comes with its line."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.agent import Agent
from agentkit.agentfile.agent_builder import build
from agentkit.agentfile.draft import Options, read_draft
from agentkit.errors import InputError, Problem, SpecError, advice, suggest
from agentkit.program.argument_kinds import check_given, check_path

if TYPE_CHECKING:
    from agentkit.graph.node import FunctionLike
    from agentkit.models.registry import ModelLike

Inputs = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Values of inputs by name, or a function of a file's own values that gives them."""
MAX_BYTES = 1_000_000
"""Bytes that an agent's file may have."""


def load_agent(
    path: str | Path,
    *,
    model: "ModelLike | None" = None,
    inputs: Inputs | None = None,
    functions: "Mapping[str, FunctionLike] | None" = None,
    memory_file: str | Path | None = None,
    check_environment: bool = True,
) -> Agent:
    """Load an agent from its YAML file.

    Args:
        path: The file, or the name of a shipped agent.
        model: The model that answers every node, instead of all the file's models.
        inputs: Values of the agent's inputs, or a function of the file's own values that gives
            them.
        functions: Python functions by the names that nodes use in `function`.
        memory_file: The file of the memory kept forever, instead of the file's `memory_file`.
        check_environment: Whether the environment must be registered, and there at all if a
            prompt reads an observation. A program that calls `agent.act` with observations of
            its own says False.

    Returns:
        The agent, checked.

    Raises:
        SpecError: The file describes an agent that cannot work; every problem is listed.
        InputError: There is no such file, it cannot be read, or an input is unknown.
    """
    check_path("path", path)
    file = find_agent(path)
    return parse_agent(
        _text(file),
        str(file),
        name=file.stem,
        folder=file.parent,
        model=model,
        inputs=inputs,
        functions=functions,
        memory_file=memory_file,
        check_environment=check_environment,
    )


def parse_agent(
    text: str,
    source: str = "<text>",
    *,
    name: str = "agent",
    folder: str | Path | None = None,
    model: "ModelLike | None" = None,
    inputs: Inputs | None = None,
    functions: "Mapping[str, FunctionLike] | None" = None,
    memory_file: str | Path | None = None,
    files: Mapping[str, str] | None = None,
    check_environment: bool = True,
) -> Agent:
    """An agent from the text of its YAML.

    Args:
        text: The YAML.
        source: What messages call it.
        name: The agent's name, if the text gives none.
        folder: Where relative file names start; by default the current folder.
        model: As in `load_agent`, like the arguments that follow.
        inputs, functions, memory_file, check_environment: See `load_agent`.
        files: Texts of the files that it names, which then are not read.

    Raises:
        SpecError: The text describes an agent that cannot work; every problem is listed.
        InputError: An input is unknown.
    """
    check_given("text", text, str, "the YAML of an agent, as a text")
    draft = read_draft(text)
    if callable(inputs):
        inputs = inputs(draft.fields.get("inputs", {}))
    given = {k: v for k, v in (inputs or {}).items() if k in draft.fields.get("inputs", {})}
    options = Options(
        name,
        None if folder is None else Path(folder),
        model,
        given,
        functions or {},
        None if memory_file is None else Path(memory_file),
        files or {},
        check_environment,
    )
    problems = [draft.places.of_flaw(flaw) for flaw in draft.flaws]
    agent = None
    if draft.places.top is not None:
        try:
            agent = build(draft, options)
        except SpecError as error:
            placed = [draft.places.of(problem) for problem in error.problems]
            problems += [problem for problem in placed if not draft.text.follows(problem.line)]
    if agent is None or problems:
        raise SpecError(_in_order(problems), source)
    return agent.with_inputs(inputs) if inputs and len(inputs) > len(given) else agent


def _in_order(problems: list[Problem]) -> list[Problem]:
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda problem: (problem.line or 0, problem.column or 0))


def _text(file: Path) -> str:
    """The text of a file that a stranger may have written."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{file}: the file is larger than 1 MB, which no agent needs to be")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{file}: the file is saved as UTF-16: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{file}:{line}: byte 0x{data[error.start]:02x} is not UTF-8: save it as UTF-8"
        raise InputError(message) from error


def _shipped_folder() -> Path:
    package = Path(__file__).parents[1]
    installed = package / "agents"
    return installed if installed.is_dir() else package.parent / "agents"


def shipped_agents() -> list[Path]:
    """The files of the agents that come with AgentKit, sorted by name."""
    return sorted(_shipped_folder().glob("*.yaml"))


def schema_file() -> Path:
    """Return the file that holds what `agentkit schema` prints, for editors."""
    return _shipped_folder() / "agent.schema.json"


def find_agent(name: str | Path) -> Path:
    """The file of an agent: a path, or the name of a shipped agent.

    Raises:
        InputError: There is neither a file nor a shipped agent of this name.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = {file.stem: file for file in shipped_agents()}
    if str(name) in shipped:
        return shipped[str(name)]
    if (path / "run.json").is_file():
        ways = advice(
            f"load_run('{name}') reads it, and RunWriter.resume goes on with it",
            f"agentkit show {name} shows it, agentkit run --resume {name} resumes it",
        )
        raise InputError(f"{name} is a recorded run, not an agent: {ways}")
    here = sorted((path if path.is_dir() else path.parent).glob("*.y*ml"))
    if path.is_dir():
        such = f", such as {here[0]}" if here else ", if it has one"
        raise InputError(f"{name} is a folder: name the agent's file in it{such}")
    beside = [file for file in here if file.stem == path.stem]
    near = suggest(str(name), {*map(str, here)}) or suggest(path.stem, set(shipped))
    if beside:
        near = f" Did you mean '{beside[0]}'?"
    known = ", ".join(shipped) or "none"
    raise InputError(f"there is no file {name}, and no shipped agent.{near} Shipped: {known}")
