"""`agentkit show`: an agent's graph, or a recorded run step by step."""

from pathlib import Path

import click

from agentkit.cli import options


@click.command("show")
@click.argument("target", metavar="AGENT|RUN")
@options.model
@click.option("--episode", metavar="N", type=click.IntRange(0), help="An episode of the run.")
@click.option("--step", metavar="N", type=click.IntRange(0), help="Only this step.")
@click.option("--node", metavar="NAME", help="Only this node.")
@click.option(
    "--full", is_flag=True, help="Whole conversations, not only the last message; thoughts too."
)
@click.option("--mermaid", is_flag=True, help="The agent's graph in Mermaid's language.")
@click.option("--svg", metavar="FILE", type=options.FILE, help="Draw the agent's graph.")
@options.imports
def command(
    target: str,
    model: str | None,
    episode: int | None,
    step: int | None,
    node: str | None,
    full: bool,
    mermaid: bool,
    svg: Path | None,
) -> None:
    """Show the graph of an AGENT, or a recorded RUN (a folder); of a folder of runs, list them.

    Of a run: its episodes, what the environment says of them, its sums; with --episode what
    happened in each step, what every node was asked and answered, what was remembered, the action
    and the reward.

    \b
    Examples:
      agentkit show crafter
      agentkit show crafter --svg crafter.svg
      agentkit show runs
      agentkit show runs/20260131-120000-crafter
      agentkit show runs/20260131-120000-crafter --episode 0 --step 12 --node plan --full
    """
    if Path(target).is_dir():
        if mermaid or svg is not None or model is not None:
            raise click.UsageError(
                f"{target} is a recorded run: --model, --mermaid and --svg are for an agent"
            )
        from agentkit.cli.view.run_page import show_run, show_runs

        if (Path(target) / "run.json").exists():
            show_run(Path(target), episode, step, node, full)
        else:
            show_runs(Path(target))
        return
    if episode is not None or step is not None or full:
        raise click.UsageError(f"--episode, --step and --full need a run's folder, not {target}")
    from agentkit.cli.view.agent_page import show_agent

    show_agent(target, model, node, mermaid, svg)
