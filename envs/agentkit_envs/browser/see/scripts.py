"""The scripts of ours that are run in pages; each stands beside the module that uses it."""

from functools import cache
from importlib.resources import files


@cache
def script(package: str, name: str) -> str:
    """The text of a script of ours in a package, such as `__package__`."""
    return files(package).joinpath(name).read_text(encoding="utf-8")
