"""The scripts of ours that are run in pages."""

from functools import cache
from importlib.resources import files


@cache
def script(name: str) -> str:
    """The text of a script of ours."""
    return files("agentkit_envs.browser").joinpath(name).read_text(encoding="utf-8")
