"""`agentkit moe profile`: which experts each node of a recorded run uses."""

from pathlib import Path

import click

from agentkit.cli import options


@click.command("profile")
@click.argument("run", metavar="RUN", type=options.FILE)
@click.option("--episode", metavar="N", type=click.IntRange(0), help="Only this episode.")
@click.option(
    "--html", metavar="FILE", type=options.FILE, help="Write a page with the heat maps, too."
)
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
def command(run: Path, episode: int | None, html: Path | None, as_json: bool) -> None:
    """Show which experts of a mixture each node of a recorded RUN (a folder) uses.

    For each node and layer: how its choices are spread over the experts, how few of them carry
    most of it, and how alike two nodes are; with a heat map. The model must tell which experts it
    takes: 'telemetry: experts' under a model in this process.

    \b
    Examples:
      agentkit moe profile runs/20260131-120000-crafter
      agentkit moe profile runs/20260131-120000-crafter --html experts.html
      agentkit moe profile runs/20260131-120000-crafter --episode 0 --json
    """
    from agentkit.cli.arguments import choose_episode, open_run
    from agentkit.cli.view.closing import print_json
    from agentkit.cli.view.expert_tables import show_experts
    from agentkit.cli.view.terminal import echo
    from agentkit.errors import InputError
    from agentkit.moe.profile import profile_experts

    recorded = open_run(run)
    chosen = None if episode is None else [choose_episode(recorded, episode)]
    profile = profile_experts(recorded, chosen)
    if html is not None:
        from agentkit.atomic_files import write_atomic
        from agentkit.moe.report import html_report

        try:
            write_atomic(html, html_report(profile).encode("utf-8", "replace"))
        except OSError as error:
            raise InputError(f"cannot write {html}: {error.strerror}") from error
    if as_json:
        print_json(profile.as_json())
        return
    show_experts(profile)
    if html is not None:
        echo(f"\nheat maps: {html}")
