"""`agentkit schema`: the JSON Schema of agent files."""

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of agent files; editors complete and check with it.

    \b
    Examples:
      agentkit schema > agent.schema.json

    Then write this as the first line of an agent file:

    \b
      # yaml-language-server: $schema=agent.schema.json
    """
    import json

    from agentkit.agentfile.agent_fields import agent_schema

    click.echo(json.dumps(agent_schema(), indent=2, ensure_ascii=False))
