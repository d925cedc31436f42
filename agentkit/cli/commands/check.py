"""`agentkit check`: load agent files and list every problem with its line."""

import click

from agentkit.cli import options
from agentkit.errors import InputError


@click.command("check")
@click.argument("agents", metavar="AGENT...", nargs=-1, required=True)
@options.model
@options.imports
@click.pass_context
def command(ctx: click.Context, /, agents: tuple[str, ...], model: str | None) -> None:
    """Check AGENT files: every problem is listed with its line, and nothing is run.

    \b
    Examples:
      agentkit check my_agent.yaml
      agentkit check agents/*.yaml
      agentkit check prompts.yaml --model echo

    Exit codes: 0 all are well, 2 one of them has a problem.
    """
    from agentkit.cli.view.terminal import echo, echo_pair

    failed = 0
    for name in agents:
        try:
            echo(_report(name, model))
        except InputError as error:
            failed += 1
            echo_pair("error", f": {error}", err=True, fg="red")
    ctx.exit(2 if failed else 0)


def _report(name: str, model: str | None) -> str:
    """A line on an agent that loads, and one for each warning and note.

    Raises:
        InputError: It does not load, or a model in this process cannot; every problem is in the
            message.
    """
    import networkx as nx

    from agentkit.cli.arguments import load
    from agentkit.cli.view.words import count
    from agentkit.models.base import check_ready_models
    from agentkit.models.local.in_process import InProcess
    from agentkit.rollouts.metadata import node_models

    agent, path = load(name, model)
    graph, asked = agent.graph, agent.binding.asked
    try:
        check_ready_models((node, model) for node, model in asked if isinstance(model, InProcess))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    models = ", ".join(dict.fromkeys(node_models(agent).values())) or "none"
    parts = [
        count(len(graph.nodes), "node"),
        count(graph.digraph.number_of_edges(), "edge"),
        f"critical path {len(nx.dag_longest_path(graph.digraph))}",
        f"models: {models}",
    ]
    lines = [f"{path}: OK: {', '.join(parts)}"]
    lines += [f"  warning: {warning}" for warning in graph.warnings]
    lines += [f"  note: {note}" for note in graph.notes]
    return "\n".join(lines)
