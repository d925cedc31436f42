"""The scripts of ours that are run in pages; each stands beside the module that uses it."""

from functools import cache
from importlib.resources import files


@cache
def script(package: str, name: str) -> str:
    """The text of a script of ours in a package, such as `__package__`."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def clean(code: str) -> str:
    """Return a function of ours as one in which a page has replaced nothing; see `listening.js`."""
    ours = "window[Symbol.for('agentkit')]?.clean"
    return f"(...given) => ({ours} || (run => run()))(() => ({code.strip()})(...given))"
