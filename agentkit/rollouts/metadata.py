"""The metadata of a run for `run.json`: agent, models, plan and versions."""

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from agentkit import __version__
from agentkit.agent import Agent
from agentkit.plugins import DISTRIBUTION
from agentkit.rollouts.plan import Plan


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
            "model": model,
            "memory_file": None if memory_file is None else str(memory_file.resolve()),
        },
        "models": node_models(agent),
        "env": None if env is None else {"id": env.id, "arguments": dict(env.arguments)},
        "inputs": agent.inputs,
        "plan": plan,
        "limits": {
            "episode": agent.limits,
            "run": agent.run_limits if plan.limits is None else plan.limits,
        },
        "versions": versions(),
    }


def node_models(agent: Agent) -> dict[str, str]:
    """The model that answers each prompt node, by the node's name."""
    return {node: model.name for node, model in agent.binding.asked}


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
