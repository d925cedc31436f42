"""An agent in the terminal: its nodes in order, with what they read and write."""

from pathlib import Path
from typing import Any

from agentkit.agent import Agent
from agentkit.cli.arguments import load
from agentkit.cli.view.limit_lines import listed_both
from agentkit.cli.view.terminal import echo, echo_facts, echo_pair
from agentkit.errors import InputError, suggest
from agentkit.graph.node import MISSING, Node
from agentkit.rollouts.metadata import node_models
from agentkit.templates.prompt_names import decided_names
from agentkit.templates.sandbox.functions import PROBABILITIES
from agentkit.values import json_text


def show_agent(
    name: str, model: str | None, node: str | None, mermaid: bool, svg: Path | None
) -> None:
    """Print an agent, or draw its graph.

    Raises:
        InputError: It cannot be loaded, has no such node, or the file cannot be written.
    """
    agent, path = load(name, model)
    if svg is not None:
        agent.graph.draw(svg)
        echo(f"{svg} is drawn", err=True)
    if mermaid:
        echo(str(agent.graph))
    if svg is not None or mermaid:
        return
    if node is not None and node not in agent.graph.index:
        raise InputError(
            f"{agent.name} has no node '{node}'.{suggest(node, set(agent.graph.index))}"
        )
    if node is None:
        _show_head(agent, path)
    models = node_models(agent)
    for number, index in enumerate(agent.graph.order, 1):
        each = agent.graph.nodes[index]
        if node in (None, each.name):
            echo_pair(each.name, "", before=f"\n{number:3}. ", bold=True)
            echo_facts(_lines(agent, each, models.get(each.name)), width=10, indent=5)


def _show_head(agent: Agent, path: Path) -> None:
    echo_pair(agent.name, f" ({path})", bold=True)
    keep = agent.memory.keep
    head = {
        "environment": _environment(agent),
        "models": ", ".join(dict.fromkeys(node_models(agent).values())),
        "inputs": ", ".join(f"{name}={json_text(v)}" for name, v in agent.inputs.items()),
        "memory": ", ".join(f"{key} ({keep.get(key, 'episode')})" for key in agent.memory.start),
        "limits": "; ".join(listed_both(agent.limits, agent.run_limits)),
        "action": "" if agent.action is None else agent.action.source.strip(),
        "system": agent.graph.system.source.strip() if agent.graph.system else "",
        "context": agent.graph.context.source.strip() if agent.graph.context else "",
    }  # fmt: skip
    echo_facts([(label, text) for label, text in head.items() if text], width=12)


def _environment(agent: Agent) -> str:
    if agent.env is None:
        return ""
    arguments = ", ".join(f"{key}={json_text(v)}" for key, v in agent.env.arguments.items())
    return agent.env.id + (f" ({arguments})" if arguments else "")


_UNSET = Node("unset", "-")


def _value(value: Any) -> str:
    return "" if value is MISSING else json_text(value) or '""'


def _lines(agent: Agent, node: Node, model: str | None) -> list[tuple[str, str]]:
    compiled = agent.graph.compiled[agent.graph.index[node.name]]
    reads = sorted(
        f"{name}.{key}"
        for name, keys in compiled.reads.items()
        if name != PROBABILITIES
        for key in (keys if keys and name in ("memory", "previous") else [""])
    )
    reads += [f"probability('{name}')" for name in sorted(decided_names(compiled.reads))]
    function, output = "", ""
    if node.function is not None:
        by_name = isinstance(node.function, str)
        name = node.function if by_name else getattr(node.function, "__name__", "function")
        arguments = ", ".join(f"{key}={source}" for key, source in node.with_.items())
        function = f"{name}({arguments})"
    if compiled.output is not None and compiled.output.describe() != "text":
        output = compiled.output.describe()
    lines = [
        ("reads", ", ".join(name.rstrip(".") for name in reads)),
        ("recalls", ", ".join(node.recall)),
        ("after", ", ".join(node.after)),
        ("when", node.when),
        ("each", node.each),
        ("function", function),
        ("system", "none" if node.system == "" else node.system),
        ("examples", str(len(compiled.examples) // 2) if compiled.examples else ""),
        ("prompt", node.prompt_text.strip()),
        ("output", output),
        *(("check", f"{one.that}: {one.say}" if one.say else one.that) for one in node.checks),
        ("attempts", "" if node.attempts == _UNSET.attempts else str(node.attempts)),
        *(("saves", f"memory.{key} = {source}") for key, source in node.save.items()),
        ("initial", _value(node.initial)),
        ("otherwise", _value(node.otherwise)),
        ("cut", "" if node.cut == _UNSET.cut else node.cut),
        ("model", model),
    ]
    return [(label, text) for label, text in lines if text]
