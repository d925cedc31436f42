"""AgentKit turns a list of plain-language prompts into an agent.

Importing this package executes nothing and loads nothing else: each name is imported from its
module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentkit.agent import Agent, EnvSpec
    from agentkit.cache import CompletionFile
    from agentkit.errors import (
        AccessError,
        AgentKitError,
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
    from agentkit.graph import Graph
    from agentkit.limits import Limits
    from agentkit.memory import Memory
    from agentkit.messages import (
        Call,
        Completion,
        Image,
        Message,
        Request,
        Sampling,
        Usage,
    )
    from agentkit.models.base import Model
    from agentkit.models.echo import EchoModel
    from agentkit.models.function import FunctionModel
    from agentkit.models.langchain import LangChainModel
    from agentkit.models.openai import OpenAIModel
    from agentkit.models.registry import get_model
    from agentkit.models.rules import RulesModel
    from agentkit.models.scripted import ScriptedModel
    from agentkit.node import Check, Node
    from agentkit.reading import Run, comparable, load_run
    from agentkit.replaying import replay
    from agentkit.rollouts import Plan, rollout
    from agentkit.run_folder import RunWriter
    from agentkit.spec import agent_schema, dump_agent, load_agent, parse_agent
    from agentkit.step import Step, StepResult
    from agentkit.summaries import RunSummary

__version__ = "0.1.0"

_MODULES = {
    "agent": ("Agent", "EnvSpec"),
    "cache": ("CompletionFile",),
    "errors": (
        "AccessError",
        "AgentKitError",
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
    "graph": ("Graph",),
    "limits": ("Limits",),
    "memory": ("Memory",),
    "messages": ("Call", "Completion", "Image", "Message", "Request", "Sampling", "Usage"),
    "models.base": ("Model",),
    "models.echo": ("EchoModel",),
    "models.function": ("FunctionModel",),
    "models.langchain": ("LangChainModel",),
    "models.openai": ("OpenAIModel",),
    "models.registry": ("get_model",),
    "models.rules": ("RulesModel",),
    "models.scripted": ("ScriptedModel",),
    "node": ("Check", "Node"),
    "reading": ("Run", "comparable", "load_run"),
    "replaying": ("replay",),
    "rollouts": ("Plan", "rollout"),
    "run_folder": ("RunWriter",),
    "spec": ("agent_schema", "dump_agent", "load_agent", "parse_agent"),
    "step": ("Step", "StepResult"),
    "summaries": ("RunSummary",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AccessError",
    "Agent",
    "AgentKitError",
    "Call",
    "Check",
    "Completion",
    "CompletionFile",
    "EchoModel",
    "EnvError",
    "EnvSpec",
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
    "Problem",
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
    "SpecError",
    "Step",
    "StepError",
    "StepInterrupted",
    "StepResult",
    "TraceError",
    "Usage",
    "agent_schema",
    "comparable",
    "dump_agent",
    "get_model",
    "load_agent",
    "load_run",
    "parse_agent",
    "replay",
    "rollout",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agentkit' has no attribute '{name}'")
    value = getattr(import_module(f"agentkit.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
