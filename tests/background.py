"""Commands that are started as a shell starts background jobs."""

from collections.abc import Sequence


def background(command: Sequence[object]) -> list[str]:
    """A command whose process, from its first moment, ignores SIGINT."""
    return ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *map(str, command)]
