"""The command line: its commands, their options, and the view of a run in a terminal."""


def main() -> None:
    """Run `agentkit` with the arguments it was called with."""
    from agentkit.cli.app import cli

    cli(prog_name="agentkit")
