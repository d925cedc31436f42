"""What `run.json` says of a run, as the agent and the plan it was begun with."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agentkit.agent import Agent
from agentkit.agentfile.load import parse_agent
from agentkit.errors import InputError, TraceError, advice
from agentkit.limits import Limits
from agentkit.record.reader import Run
from agentkit.rollouts.metadata import node_models, versions
from agentkit.rollouts.plan import Plan


def recorded_agent(run: Run, model: Any = None) -> Agent:
    """The agent of a recorded run, as its file was when the run began.

    Args:
        run: The run.
        model: The model that answers every node, instead of the recorded ones.

    Raises:
        InputError: The run was not made from an agent's file, or the agent cannot work here.
        TraceError: The record is damaged.
    """
    about = _section(run, "agent")
    if not about.get("source"):
        raise _of_a_program(run, "was not made from an agent's file but by a program")
    name = str(about.get("name") or "agent")
    path = Path(about.get("path") or Path(about.get("folder") or "") / f"{name}.yaml")
    memory_file = about.get("memory_file")
    agent = parse_agent(
        about["source"],
        f"{path} (as recorded in {run.folder})",
        name=path.stem,
        folder=path.parent,
        model=about.get("model") if model is None else model,
        inputs=_section(run, "inputs") or None,
        memory_file=None if memory_file is None else Path(memory_file),
        files=_section(run, "agent").get("files"),
    )
    env_id = _section(run, "env").get("id")
    if env_id != (agent.env and agent.env.id) and "env" in run.about:
        raise _of_a_program(run, f"was played in {env_id}, which a program gave the agent")
    limits = _section(run, "limits")
    return agent.replace(
        limits=_limits(run, limits.get("episode")), run_limits=_limits(run, limits.get("run"))
    )


def _of_a_program(run: Run, why: str) -> InputError:
    return InputError(
        f"{run.folder} {why}: only that program can go on with it, with RunWriter.resume, or "
        "replay it, with replay(run, writer, agent)"
    )


def recorded_plan(run: Run) -> Plan:
    """The plan of a recorded run.

    Raises:
        TraceError: The record is damaged.
    """
    left_out = ("limits", "show")  # the one is recorded apart; a window is for who asks for it
    plan = {key: value for key, value in _section(run, "plan").items() if key not in left_out}
    try:
        return Plan(**plan)
    except (TypeError, InputError) as error:
        raise TraceError(f"the plan in {run.folder / 'run.json'} is damaged: {error}") from error


def check_models(agent: Agent, run: Run) -> None:
    """Refuse to go on with other models than before.

    Raises:
        InputError: A node would be answered by another one.
    """
    recorded = _section(run, "models")
    for node, now in node_models(agent).items():
        was = recorded.get(node, now)
        if was != now:
            raise InputError(
                f"node '{node}' was answered by {was}, and now it would be by {now}: set the "
                "environment as it was then (such as OPENAI_BASE_URL). To go on with another "
                "model, fork the run: "
                + advice("agentkit.fork", "agentkit run AGENT --model ID --from RUN:EPISODE:STEP")
            )


def changes(run: Run) -> Iterator[str]:
    """What is not as it was when a run was recorded, one line each."""
    about = _section(run, "agent")
    path = about.get("path")
    if path is not None:
        try:
            same = Path(path).read_text(encoding="utf-8-sig") == about.get("source")
        except (OSError, UnicodeDecodeError):
            same = False
        if not same:
            yield f"{path} has changed since; the agent is the one that was recorded"
    recorded = _section(run, "versions")
    for name, now in versions().items():
        if (was := recorded.get(name)) not in (None, now):
            yield f"{name} was {was} when this was recorded and is {now} now"


def _section(run: Run, name: str) -> Mapping[str, Any]:
    section = run.about.get(name)
    return section if isinstance(section, Mapping) else {}


def _limits(run: Run, recorded: Any) -> Limits:
    try:
        return Limits(**(recorded or {}))
    except (TypeError, InputError) as error:
        raise TraceError(f"the limits in {run.folder / 'run.json'} are damaged: {error}") from error
