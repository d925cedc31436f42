"""`agentkit moe`: mixtures of experts, what they need and which experts an agent uses."""

import click

from agentkit.cli.commands.moe import plan


@click.group("moe")
def command() -> None:
    """Plan what a mixture of experts needs, and see which experts an agent uses.

    \b
    Example:
      agentkit moe plan Phi-3.5-MoE-instruct/config.json --gpu h100
    """


command.add_command(plan.command)
