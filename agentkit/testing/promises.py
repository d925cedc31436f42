"""Run checks one after another, and tell everything that is broken at once."""

from collections.abc import Callable, Sequence
from textwrap import indent
from typing import TypeVar

from agentkit.environments.failure import env_error
from agentkit.errors import AgentKitError

Made = TypeVar("Made")
Check = Callable[[Callable[[], Made]], None]


def run_checks(checks: Sequence[Check[Made]], make: Callable[[], Made]) -> None:
    """Run checks.

    Args:
        checks: Functions of what makes the thing that is checked; each is named after a promise.
        make: Makes it; called by each check, for each thing that it needs.

    Raises:
        AssertionError: Promises are broken; it lists all with what was found.
    """
    broken = []
    for check in checks:
        try:
            check(make)
        except Exception as error:
            expected = isinstance(error, (AssertionError, AgentKitError))
            found = str(error if expected else env_error(error, "it"))
            promise = getattr(check, "__name__", str(check)).replace("_", " ")
            broken.append(f"  {promise}:\n{indent(found, '    ')}")
    if broken:
        count = "a promise is" if len(broken) == 1 else f"{len(broken)} promises are"
        raise AssertionError("\n".join([f"{count} broken", *broken]))


def require(holds: object, found: str) -> None:
    """Raise that a promise is broken, unless it holds.

    Raises:
        AssertionError: It does not; `found` says what was found and what was expected.
    """
    if not holds:
        raise AssertionError(found)
