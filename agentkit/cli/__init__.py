"""The command line: one file a command, loaded when that command is run."""


def main() -> None:
    """Run `agentkit` with the arguments it was called with."""
    from agentkit.cli.app import cli

    cli(prog_name="agentkit")
