"""Which records of a file become products of a catalogue."""

from typing import Any, TypeVar

from pydantic import ValidationError

from agentkit_envs.webshop.catalogue.lookup import LONGEST_ASIN
from agentkit_envs.webshop.catalogue.problems import Problems
from agentkit_envs.webshop.catalogue.records import Named

_Record = TypeVar("_Record", bound=Named)


class AcceptedRecords:
    """The asins taken so far; what is wrong with a record goes into `problems`."""

    def __init__(self, problems: Problems) -> None:
        self._asins: set[str] = set()
        self._problems = problems

    def take(self, value: Any, form: type[_Record], where: str) -> _Record | None:
        """The record in a value of JSON; None when it is left out or wrong.

        As in the original, an asin is taken once, and not when it is odd.
        """
        try:
            asin = Named.model_validate(value).asin
            if asin == "nan" or len(asin) > LONGEST_ASIN or asin in self._asins:
                return None
            self._asins.add(asin)
            where = named(where, asin)
            return form.model_validate(value)
        except ValidationError as error:
            self._problems.add_invalid(where, error, value if isinstance(value, dict) else ())
            return None


def named(where: str, asin: str) -> str:
    """A place in a file, with the product that stands there."""
    return f"{where} ({asin!r})"
