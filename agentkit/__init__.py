"""AgentKit turns a list of plain-language prompts into an agent.

Importing this package executes nothing and loads nothing else: each name is imported from its
module when it is first used. The events that `Graph.stream` yields are in `agentkit.events`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentkit.agent import Agent
    from agentkit.agentfile.agent_fields import agent_schema
    from agentkit.agentfile.dump import dump_agent
    from agentkit.agentfile.load import load_agent, parse_agent
    from agentkit.env_spec import EnvSpec
    from agentkit.errors import (
        AccessError,
        AgentKitError,
        CannotDecide,
        EnvError,
        FunctionError,
        InputError,
        LimitExceeded,
        ModelError,
        OutputError,
        Problem,
        RenderError,
        ReplayError,
        ScriptExhausted,
        SpecError,
        StepError,
        StepInterrupted,
        TraceError,
    )
    from agentkit.execution.completion_file import CompletionFile
    from agentkit.execution.running_step import Step
    from agentkit.execution.session import Session
    from agentkit.execution.step import StepResult
    from agentkit.graph.graph import Graph
    from agentkit.graph.node import Check, Node, Unsure
    from agentkit.limits import Limits
    from agentkit.memory import Memory
    from agentkit.messages import (
        Call,
        Completion,
        Decision,
        Image,
        Message,
        Question,
        Request,
        Sampling,
        Usage,
    )
    from agentkit.models.base import Cache, DecisionModel, Model
    from agentkit.models.echo import EchoModel
    from agentkit.models.function import FunctionModel
    from agentkit.models.hosted import Price, Settings
    from agentkit.models.langchain.model import LangChainModel
    from agentkit.models.openai.model import OpenAIModel
    from agentkit.models.registry import get_model
    from agentkit.models.rules import RulesModel
    from agentkit.models.scripted import ScriptedModel
    from agentkit.preview.preview import render
    from agentkit.profiling.profile import profile_run
    from agentkit.record.diff import comparable
    from agentkit.record.reader import Run, load_run
    from agentkit.record.run_folder import RunWriter
    from agentkit.record.summaries import EpisodeSummary, RunSummary
    from agentkit.rollouts.fork import fork
    from agentkit.rollouts.plan import Plan
    from agentkit.rollouts.replay import replay
    from agentkit.rollouts.rollout import rollout, rollout_sync

__version__ = "0.1.0"

_MODULES = {
    "agent": ("Agent",),
    "env_spec": ("EnvSpec",),
    "execution.completion_file": ("CompletionFile",),
    "errors": (
        "AccessError",
        "AgentKitError",
        "CannotDecide",
        "EnvError",
        "FunctionError",
        "InputError",
        "LimitExceeded",
        "ModelError",
        "OutputError",
        "Problem",
        "RenderError",
        "ReplayError",
        "ScriptExhausted",
        "SpecError",
        "StepError",
        "StepInterrupted",
        "TraceError",
    ),
    "graph.graph": ("Graph",),
    "limits": ("Limits",),
    "memory": ("Memory",),
    "messages": (
        "Call",
        "Completion",
        "Decision",
        "Image",
        "Message",
        "Question",
        "Request",
        "Sampling",
        "Usage",
    ),
    "models.base": ("Cache", "DecisionModel", "Model"),
    "models.echo": ("EchoModel",),
    "models.function": ("FunctionModel",),
    "models.hosted": ("Price", "Settings"),
    "models.langchain.model": ("LangChainModel",),
    "models.openai.model": ("OpenAIModel",),
    "models.registry": ("get_model",),
    "models.rules": ("RulesModel",),
    "models.scripted": ("ScriptedModel",),
    "graph.node": ("Check", "Node", "Unsure"),
    "preview.preview": ("render",),
    "profiling.profile": ("profile_run",),
    "record.diff": ("comparable",),
    "record.reader": ("Run", "load_run"),
    "rollouts.fork": ("fork",),
    "rollouts.replay": ("replay",),
    "rollouts.plan": ("Plan",),
    "rollouts.rollout": ("rollout", "rollout_sync"),
    "record.run_folder": ("RunWriter",),
    "agentfile.dump": ("dump_agent",),
    "agentfile.agent_fields": ("agent_schema",),
    "agentfile.load": ("load_agent", "parse_agent"),
    "execution.session": ("Session",),
    "execution.running_step": ("Step",),
    "execution.step": ("StepResult",),
    "record.summaries": ("EpisodeSummary", "RunSummary"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AccessError",
    "Agent",
    "AgentKitError",
    "Cache",
    "Call",
    "CannotDecide",
    "Check",
    "Completion",
    "CompletionFile",
    "Decision",
    "DecisionModel",
    "EchoModel",
    "EnvError",
    "EnvSpec",
    "EpisodeSummary",
    "FunctionError",
    "FunctionModel",
    "Graph",
    "Image",
    "InputError",
    "LangChainModel",
    "LimitExceeded",
    "Limits",
    "Memory",
    "Message",
    "Model",
    "ModelError",
    "Node",
    "OpenAIModel",
    "OutputError",
    "Plan",
    "Price",
    "Problem",
    "Question",
    "RenderError",
    "ReplayError",
    "Request",
    "RulesModel",
    "Run",
    "RunSummary",
    "RunWriter",
    "Sampling",
    "ScriptExhausted",
    "ScriptedModel",
    "Session",
    "Settings",
    "SpecError",
    "Step",
    "StepError",
    "StepInterrupted",
    "StepResult",
    "TraceError",
    "Unsure",
    "Usage",
    "agent_schema",
    "comparable",
    "dump_agent",
    "fork",
    "get_model",
    "load_agent",
    "load_run",
    "parse_agent",
    "profile_run",
    "render",
    "replay",
    "rollout",
    "rollout_sync",
]


if not TYPE_CHECKING:  # a misspelt name is an error for type checkers

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'agentkit' has no attribute '{name}'")
        value = getattr(import_module(f"agentkit.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
