"""`agentkit moe`: mixtures of experts, what they need and which experts an agent uses."""

import click

from agentkit.cli.commands.moe import keep, plan, profile


@click.group("moe")
def command() -> None:
    """Plan what a mixture of experts needs, see which experts an agent uses, and keep those.

    \b
    Examples:
      agentkit moe plan Phi-3.5-MoE-instruct/config.json --gpu h100
      agentkit moe profile runs/20260131-120000-crafter
      agentkit moe keep runs/20260131-120000-crafter --mass 0.98
    """


command.add_command(keep.command)
command.add_command(plan.command)
command.add_command(profile.command)
