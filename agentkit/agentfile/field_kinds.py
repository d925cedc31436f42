"""Kinds of values in an agent's YAML: each reads one, and says it as JSON Schema."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import Any, Protocol

from agentkit.agentfile.yaml_marks import EntriesMark, ItemsMark, Mark, ScalarMark
from agentkit.agentfile.yaml_scalars import INT_LIMIT, could_be_boolean, found, plain
from agentkit.agentfile.yaml_source import Flaw, Source
from agentkit.agentfile.yaml_traps import COLON
from agentkit.graph.node import MISSING

SchemaDict = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A file that is being read, and what was found wrong with it so far."""

    source: Source
    flaws: list[Flaw] = field(default_factory=list)
    meant: dict[tuple[int, str], str] = field(default_factory=dict)
    """Misspelt fields: where their mapping begins and which field is meant, to the name given."""

    def flaw(self, value: Mark, message: str) -> Any:
        """Report what is wrong with a value; gives MISSING, to be returned in its place."""
        self.flaws.append(Flaw(value.start, message))
        return MISSING

    def wrong(self, value: Mark, expected: str, hint: str = "") -> Any:
        """Report a value of another kind than expected."""
        hint = f". {hint}" if hint else ""
        return self.flaw(value, f"expected {expected}, found {found(value)}{hint}")


class Kind(Protocol):
    """What a field holds."""

    def read(self, value: Mark, page: Page) -> Any:
        """The value in Python; MISSING, with a flaw noted, when it is of another kind."""

    def schema(self) -> SchemaDict:
        """The same as JSON Schema."""


@dataclass(frozen=True, slots=True)
class TextKind:
    """A text."""

    expected: str = "a text"
    prompt: bool = False
    """Whether it is read by a model, so that nothing of it may be lost to a comment."""

    def read(self, value: Mark, page: Page) -> Any:
        """The text; numbers and booleans need quotes."""
        if not isinstance(value, ScalarMark):
            return page.wrong(value, self.expected, _not_a_text(value) if self.prompt else "")
        text = plain(value)
        rest = page.source.rest_of_line(value.end)
        if text is None:
            hint = "'#' begins a comment in YAML" if rest.lstrip().startswith("#") else ""
            return page.wrong(value, self.expected, hint)
        if not isinstance(text, str):
            return page.wrong(value, self.expected, "Put quotes around it")
        if self.prompt and not value.style and rest.startswith((" #", "\t#")):
            message = (
                "YAML drops what follows ' #' as a comment: put quotes around the text, or move "
                "the comment to a line of its own"
            )
            page.flaws.append(Flaw(value.end, message))
        return text

    def schema(self) -> SchemaDict:
        """A string that is not empty."""
        return {"type": "string", "minLength": 1}


def _not_a_text(value: ItemsMark | EntriesMark) -> str:
    if value.flow:
        sign = "[" if isinstance(value, ItemsMark) else "{"
        return f"A text that begins with '{sign}' needs quotes around it"
    if isinstance(value, EntriesMark) and len(value.entries) == 1:
        return f"If it is a text, {COLON}"
    return "A text over several lines needs '|' after its name"


@dataclass(frozen=True, slots=True)
class ExpressionKind:
    """A Jinja expression; numbers, booleans and null stand for themselves."""

    def read(self, value: Mark, page: Page) -> Any:
        """The expression's text."""
        if not isinstance(value, ScalarMark):
            return page.wrong(value, "an expression", "Put quotes around it")
        meaning = plain(value)
        if could_be_boolean(value):
            meaning = value.text.lower() in ("yes", "on")
            page.flaw(value, f"'{value.text}' is no boolean in YAML 1.2: write true or false")
        if isinstance(meaning, str):
            return self._without_braces(value, meaning.strip(), page)
        if isinstance(meaning, bool):
            return str(meaning).lower()
        if meaning is None:
            return "none" if value.text else page.wrong(value, "an expression")
        return repr(meaning)

    def _without_braces(self, value: ScalarMark, text: str, page: Page) -> str:
        if not (text.startswith("{{") and text.endswith("}}")):
            return text
        inner = text[2:-2].strip()
        page.flaw(value, f"an expression stands without the braces: write {inner}")
        return inner

    def schema(self) -> SchemaDict:
        """A string, or what stands for itself."""
        return {"type": ["string", "number", "boolean", "null"]}


@dataclass(frozen=True, slots=True)
class FlagKind:
    """True or false."""

    def read(self, value: Mark, page: Page) -> Any:
        """The boolean."""
        meaning = plain(value) if isinstance(value, ScalarMark) else None
        return meaning if isinstance(meaning, bool) else page.wrong(value, "true or false")

    def schema(self) -> SchemaDict:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class NumberKind:
    """A number between bounds."""

    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False

    def read(self, value: Mark, page: Page) -> Any:
        """The number."""
        number = plain(value) if isinstance(value, ScalarMark) else None
        kinds = int if self.whole else (int, float)
        low = -INT_LIMIT if self.minimum is None else self.minimum
        high = INT_LIMIT if self.maximum is None else self.maximum
        if isinstance(number, kinds) and not isinstance(number, bool) and low <= number <= high:
            return number
        return page.wrong(value, self._expected())

    def _expected(self) -> str:
        name = "a whole number" if self.whole else "a number"
        if self.maximum is not None:
            return f"{name} from {self.minimum} to {self.maximum}"
        return name if self.minimum is None else f"{name} of {self.minimum} or more"

    def schema(self) -> SchemaDict:
        """A number with its bounds."""
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        return {"type": "integer" if self.whole else "number", **given}


@dataclass(frozen=True, slots=True)
class OneOfKind:
    """One of some words or numbers."""

    options: tuple[str | int, ...]

    def read(self, value: Mark, page: Page) -> Any:
        """The option."""
        meaning = plain(value) if isinstance(value, ScalarMark) else None
        if meaning in self.options and not isinstance(meaning, bool):
            return meaning
        nearest = nearest_name(str(meaning), [str(option) for option in self.options])
        hint = f"Did you mean '{nearest}'?" if nearest else ""
        if str(meaning) == nearest:
            hint = "Write it without quotes"
        return page.wrong(value, " or ".join(str(option) for option in self.options), hint)

    def schema(self) -> SchemaDict:
        """An enumeration."""
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class AnyKind:
    """Any JSON value."""

    words: bool = False
    """Whether `yes` and `no` are surely texts here."""

    def read(self, value: Mark, page: Page) -> Any:
        """The value; MISSING if any part of it cannot be read."""
        if isinstance(value, ItemsMark):
            items = [self.read(item, page) for item in value.items]
            return MISSING if MISSING in items else items
        if isinstance(value, EntriesMark):
            entries = {key: self.read(inner, page) for key, (_, inner) in value.entries.items()}
            return MISSING if MISSING in entries.values() else entries
        return self._scalar(value, page)

    def _scalar(self, value: ScalarMark, page: Page) -> Any:
        if not self.words and could_be_boolean(value):
            good = "true" if value.text.lower() in ("yes", "on") else "false"
            message = (
                f"'{value.text}' is a text in YAML 1.2: write {good}, or \"{value.text}\" in "
                "quotes if the text is meant"
            )
            return page.flaw(value, message)
        meaning = plain(value)
        if isinstance(meaning, int) and not -INT_LIMIT <= meaning < INT_LIMIT:
            return page.flaw(value, "this number is too long: put quotes around it")
        if isinstance(meaning, float) and not isfinite(meaning):
            return page.flaw(value, f"'{value.text}' is no number in JSON")
        return meaning

    def schema(self) -> SchemaDict:
        """No condition."""
        return {}


def nearest_name(name: str, known: list[str]) -> str | None:
    """The known name that is most like another, if any is."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.6)), None)
