"""What the records of WebShop's files must look like."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat


def _or_empty(value: object) -> object:
    return "" if value is None else value


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _or_nothing(value: object) -> object:
    """The files write "no options" as null, "" or an empty list."""
    return value or {}


def _values(value: object) -> object:
    """People's options are lists of values in the benchmark's files; names are left out here.

    The original would compare names too if there were any.
    """
    return list(value.values()) if isinstance(value, dict) else value


Text = Annotated[str, BeforeValidator(_or_empty)]
"""Text; null is the empty text."""
Texts = Annotated[list[Text], BeforeValidator(_as_list)]
"""A list of texts, or one text."""


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class OptionContent(_Record):
    """One value of an option."""

    value: str


class Named(_Record):
    """The part of a product that decides whether it is taken at all."""

    asin: str = Field(min_length=1)


class OfficialProduct(Named):
    """One element of items_shuffle*.json."""

    name: str
    full_description: Text
    small_description: Texts
    category: Text
    query: str
    product_category: Text
    customization_options: Annotated[
        dict[str, list[OptionContent] | None], BeforeValidator(_or_nothing)
    ]
    pricing: str | None = None


class HumanInstruction(_Record):
    """One wish written by a person."""

    instruction: str
    instruction_attributes: list[str]
    instruction_options: Annotated[list[str], BeforeValidator(_values)]


class HumanEntry(_Record):
    """The wishes of one product."""

    instructions: list[HumanInstruction]


class AttributesEntry(_Record):
    """One entry of items_ins_v2*.json."""

    attributes: list[str] | None = None
    instruction: str | None = None
    instruction_attributes: list[str] | None = None


class ReviewsEntry(_Record):
    """One element of reviews.json; the reviews are read with more patience than the rest."""

    asin: str
    reviews: list[dict[str, Any]]
    average_rating: Any


class ProcessedProduct(Named):
    """One line of products*.jsonl."""

    Title: str
    Description: Text
    BulletPoints: Texts
    pricing: list[FiniteFloat]
    Price: str
    options: dict[str, list[str]]
    Attributes: list[str]
    category: Text
    query: str
    product_category: Text
    Rating: Any = "N.A."
    Reviews: list[dict[str, Any]] = []
    instructions: list[HumanInstruction] = []
