"""What the user should know before an agent runs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agentkit.agent import Agent
from agentkit.errors import InputError
from agentkit.models.base import Described
from agentkit.rollouts.metadata import node_models
from agentkit.rollouts.resume import ResumePlan


def notes(agent: Agent, path: Path) -> Iterator[str]:
    """One line each, where there is something to say."""
    for warning in agent.graph.warnings:
        yield f"warning: {path}: {warning}"
    for model in {id(model): model for _, model in agent.binding.asked}.values():
        if isinstance(model, Described):
            with suppress(InputError):  # a cache may have every answer
                yield f"note: {model.name}: {model.description}"
    if "rules" in node_models(agent).values():
        yield "note: the model 'rules' is rule-based, not a language model"
        if not _is_shipped(path):
            yield (
                "note: 'rules' answers by the name of the node and ignores the wording of your "
                "prompts; to try your own words, name a language model with --model"
            )


def memory_note(agent: Agent, fresh: bool, resume_plan: ResumePlan) -> Iterator[str]:
    """That what a run learns which goes on is not kept forever, where it is not."""
    keys = ", ".join(agent.memory.kept_forever)
    if not keys or fresh or resume_plan.writes_memory:
        return
    if resume_plan.forked:
        yield (
            f"note: the memory kept forever ({keys}) stays in this run's folder: a run that begins "
            "inside another writes no memory file, unless you name one with --memory FILE"
        )
    else:
        yield (
            f"note: {agent.memory.file} was changed after this run wrote it: it stays as it is, "
            f"and the memory kept forever ({keys}) stays in this run's folder"
        )


_RULES = "rules (rule-based, no language model)"


def run_title(agent: Agent) -> str:
    """The agent and the models that answer in it."""
    models = dict.fromkeys(node_models(agent).values())
    words = [_RULES if model == "rules" else model for model in models]
    return f"{agent.name} · {', '.join(words)}"


def _is_shipped(path: Path) -> bool:
    """Whether the file is, letter for letter, an agent that comes with AgentKit."""
    from agentkit.agentfile.load import shipped_agents

    text = path.read_bytes()
    return any(shipped.read_bytes() == text for shipped in shipped_agents())
