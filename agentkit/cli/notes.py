"""What the user should know before an agent runs."""

from collections.abc import Iterator
from pathlib import Path

from agentkit.about import node_models
from agentkit.agent import Agent


def notes(agent: Agent, path: Path) -> Iterator[str]:
    """One line each, where there is something to say."""
    for warning in agent.graph.warnings:
        yield f"warning: {path}: {warning}"
    if "rules" in node_models(agent).values():
        yield "note: the model 'rules' is rule-based, not a language model"
        if not _is_shipped(path):
            yield (
                "note: 'rules' answers by the name of the node and ignores the wording of your "
                "prompts; to try your own words, name a language model with --model"
            )


_RULES = "rules (rule-based, no language model)"


def run_title(agent: Agent) -> str:
    """The agent and the models that answer in it."""
    models = dict.fromkeys(node_models(agent).values())
    words = [_RULES if model == "rules" else model for model in models]
    return f"{agent.name} · {', '.join(words)}"


def _is_shipped(path: Path) -> bool:
    """Whether the file is, letter for letter, an agent that comes with AgentKit."""
    from agentkit.spec import shipped_agents

    text = path.read_bytes()
    return any(shipped.read_bytes() == text for shipped in shipped_agents())
