"""What other files say about a product: attributes, instructions, reviews."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agentkit_envs.webshop.catalogue.json_stream import BrokenJsonError, elements
from agentkit_envs.webshop.catalogue.lookup import Lookup
from agentkit_envs.webshop.catalogue.problems import Problems
from agentkit_envs.webshop.catalogue.product import Instruction, Review
from agentkit_envs.webshop.catalogue.records import (
    AttributesEntry,
    HumanEntry,
    HumanInstruction,
    ReviewsEntry,
)

NO_ATTRIBUTES = ("DUMMY_ATTR",)
"""What the original gives a product that the attributes' file does not know."""

_R = TypeVar("_R", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Extras:
    """What is known of one product besides its own record."""

    attributes: tuple[str, ...]
    instructions: tuple[Instruction, ...]
    rating: str
    reviews: tuple[Review, ...]


class ExtraFiles:
    """The files beside the products, open for as long as products are read."""

    def __init__(
        self,
        attributes: Path,
        human: Path | None,
        reviews: Path | None,
        scratch: Path,
        problems: Problems,
    ) -> None:
        self._stack = ExitStack()
        self._problems = problems
        self._files: dict[str, tuple[str, Lookup]] = {}
        for name, path, opening in (
            ("attributes", attributes, "{"),
            ("human", human, "{"),
            ("reviews", reviews, "["),
        ):
            if path is not None:
                lookup = Lookup(_entries(path, opening, problems), scratch)
                self._files[name] = path.name, self._stack.enter_context(lookup)

    def close(self) -> None:
        """Let go of the temporary files."""
        self._stack.close()

    def of(self, asin: str) -> Extras:
        """Everything known of a product."""
        known = self._read("attributes", asin, AttributesEntry)
        written = self._read("human", asin, HumanEntry)
        opinions = self._read("reviews", asin, ReviewsEntry)
        return Extras(
            attributes=_attributes(known),
            instructions=(*_synthetic(known), *human_instructions(written)),
            rating="N.A." if opinions is None else str(opinions.average_rating),
            reviews=() if opinions is None else reviews_of(opinions.reviews),
        )

    def _read(self, name: str, asin: str, model: type[_R]) -> _R | None:
        file, lookup = self._files.get(name, ("", None))
        found = lookup.get(asin) if lookup is not None else None
        if found is None:
            return None
        line, value = found
        record = {"instructions": value} if model is HumanEntry else value
        try:
            return model.model_validate(record)
        except ValidationError as error:
            self._problems.add_invalid(f"{file}, line {line}, product {asin!r}", error)
            return None


def human_instructions(written: HumanEntry | None) -> tuple[Instruction, ...]:
    """People's instructions; the benchmark leaves out those without attributes."""
    if written is None:
        return ()
    return tuple(_human(one) for one in written.instructions if one.instruction_attributes)


def reviews_of(records: Sequence[dict[str, Any]]) -> tuple[Review, ...]:
    """Reviews under the names of the official files or of the processed form."""
    return tuple(_review(record) for record in records)


def _human(one: HumanInstruction) -> Instruction:
    attributes, options = tuple(one.instruction_attributes), tuple(one.instruction_options)
    return Instruction(one.instruction, attributes, options, human=True)


def _synthetic(known: AttributesEntry | None) -> tuple[Instruction, ...]:
    """The instruction made from the product; as with people's, none that asks for nothing."""
    if known is None or known.instruction is None or not known.instruction_attributes:
        return ()
    return (Instruction(known.instruction, tuple(known.instruction_attributes)),)


def _attributes(known: AttributesEntry | None) -> tuple[str, ...]:
    if known is None or known.attributes is None:
        return NO_ATTRIBUTES
    return tuple(known.attributes)


def _review(record: dict[str, Any]) -> Review:
    score = record.get("score", record.get("stars", ""))
    body = record.get("review", record.get("body")) or ""
    return Review(str(record.get("title") or ""), str(score), str(body))


def _entries(path: Path, opening: str, problems: Problems) -> Iterator[tuple[str, int, str]]:
    """Asin, line and JSON text of each entry."""
    try:
        for element in elements(path, opening):
            if opening == "{":
                yield element.key, element.line, element.text
            elif isinstance(element.value, dict) and isinstance(element.value.get("asin"), str):
                yield element.value["asin"], element.line, element.text
            else:
                text = json.dumps(element.value)[:60]
                where = f"{path.name}, line {element.line}"
                problems.add(where, f"expected an object with a text 'asin', found {text}")
    except BrokenJsonError as error:
        problems.add(path.name, str(error))
    except OSError as error:
        problems.add(path.name, f"cannot be read: {error.strerror}")
