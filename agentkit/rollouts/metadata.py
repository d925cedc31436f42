"""The metadata of a run for `run.json`: agent, models, plan and versions."""

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from agentkit import __version__
from agentkit.agent import Agent
from agentkit.env_spec import EnvSpec, env_arguments
from agentkit.limits import Limits
from agentkit.plugins import DISTRIBUTION
from agentkit.record.reader import Run
from agentkit.rollouts.plan import Plan
from agentkit.values import as_recorded


def about_run(
    agent: Agent, plan: Plan, path: Path | None = None, model: str | None = None
) -> dict[str, Any]:
    """The `about` of a RunWriter.

    Args:
        agent: The agent that plays.
        plan: What the run shall do.
        path: The file the agent was loaded from.
        model: The id of the model that answers in place of the file's own.
    """
    env, memory_file, folder = agent.env, agent.memory.file, agent.given["folder"]
    return {
        "agent": {
            "name": agent.name,
            "path": None if path is None else str(path.resolve()),
            "folder": None if folder is None else str(folder.resolve()),
            "source": agent.source,
            "files": agent.files,
            "model": model,
            "memory_file": None if memory_file is None else str(memory_file.resolve()),
        },
        "models": node_models(agent),
        "env": None if env is None else {"id": env.id, "arguments": dict(env.arguments)},
        "inputs": agent.inputs,
        "plan": plan,
        "limits": limits_of(agent, plan),
        "versions": versions(),
    }


def limits_of(agent: Agent, plan: Plan) -> dict[str, Limits]:
    """The limits of each episode and of the whole run."""
    run = agent.run_limits if plan.limits is None else plan.limits
    return {"episode": agent.limits, "run": run}


def env_in_record(run: Run) -> str | None:
    """The environment of a run with its arguments; None where `run.json` does not say it."""
    env, inputs = run.about.get("env"), run.about.get("inputs")
    if not isinstance(env, dict) or not isinstance(inputs, dict):
        return None
    return described_env(EnvSpec(env["id"], env["arguments"]), inputs)


def described_env(env: EnvSpec, inputs: Mapping[str, Any]) -> str:
    """An environment with its arguments, as one would write a call."""
    arguments = as_recorded(env_arguments(env, inputs))
    return f"{env.id}({', '.join(f'{key}={arguments[key]!r}' for key in sorted(arguments))})"


def node_models(agent: Agent) -> dict[str, str]:
    """The model that answers each prompt node first, by the node's name."""
    found: dict[str, str] = {}
    for node, model in agent.binding.asked:
        found.setdefault(node, model.name)
    return found


_NAME = re.compile(r"[A-Za-z0-9._-]+")


def versions() -> Mapping[str, str]:
    """Versions of AgentKit and of what it is built on, as far as they are installed."""
    found = {"agentkit": __version__}
    needed = [line for line in requires(DISTRIBUTION) or () if "extra == 'dev'" not in line]
    names = [match[0] for line in needed if (match := _NAME.match(line))]
    for name in dict.fromkeys(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
