"""`agentkit profile`: where time and money of a recorded run went, and what would help."""

from dataclasses import asdict
from pathlib import Path

import click

from agentkit.cli import options


@click.command("profile")
@click.argument("run", metavar="RUN", type=options.FILE)
@click.option("--episode", metavar="N", type=click.IntRange(0), help="Only this episode.")
@click.option(
    "--top", metavar="N", type=click.IntRange(1), help="Only the N nodes that took most time."
)
@click.option(
    "--model",
    "model_id",
    metavar="MODEL",
    help="What a step would cost with this model, such as openai:gpt-5-mini, by the length of the "
    "texts. Nothing is sent.",
)
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
def command(
    run: Path, episode: int | None, top: int | None, model_id: str | None, as_json: bool
) -> None:
    """Show where time and money of a recorded RUN (a folder) went, and what would help.

    For each node: its calls, latency, tokens and cost; how much of the steps' time hangs on it;
    and how much of its input a server could take from a cache, because an earlier request began
    in the same way. The run may still be going on.

    \b
    Examples:
      agentkit profile runs/20260131-120000-crafter
      agentkit profile runs/20260131-120000-crafter --episode 0 --top 5
      agentkit profile runs/20260131-120000-crafter --model openai:gpt-5-mini
      agentkit profile runs/20260131-120000-crafter --json
    """
    from agentkit.cli.arguments import choose_episode, open_run
    from agentkit.cli.view.closing import print_json
    from agentkit.cli.view.profile_tables import show_costs, show_profile
    from agentkit.profiling import estimate_costs, profile_run

    recorded = open_run(run)
    model = None
    if model_id is not None:
        from agentkit.models.registry import get_model

        model = get_model(model_id)
    chosen = None if episode is None else [choose_episode(recorded, episode)]
    profile = profile_run(recorded, chosen)
    costs = [] if model is None else estimate_costs(profile, model)
    if as_json:
        said = profile.as_json()
        if model is not None:
            said["estimate"] = {"model": model.name, "costs": [*map(asdict, costs)]}
        print_json(said)
        return
    show_profile(profile, top)
    if model is not None:
        show_costs(profile, model.name, costs)
