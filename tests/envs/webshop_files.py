"""Small catalogues in the form of WebShop's official files; every product is invented."""

import json
from pathlib import Path
from typing import Any

LAMP: dict[str, Any] = {
    "asin": "B0LAMP0001",
    "name": "Glimmerhaus Desk Lamp, Brass",
    "full_description": "A lamp for a desk.",
    "small_description": ["Warm light. ", "Folds flat. "],
    "category": "garden",
    "query": " Desk Lamps ",
    "product_category": "Home & Kitchen > Lighting > Desk Lamps",
    "pricing": "$1,019.99$1,249.50",
    "images": ["https://example.invalid/lamp.jpg"],
    "customization_options": {
        "Color": [
            {"value": " Brass/Black ", "image": None},
            {"value": "White", "image": "https://example.invalid/white.jpg"},
        ],
        "Size": [{"value": "S"}, {"value": "M"}, {"value": "L"}],
        "Style": None,
    },
    "brand": "left out",
}
TEA: dict[str, Any] = {
    "asin": "B0TEA00002",
    "name": "Nettle Tea",
    "full_description": None,
    "small_description": "Twenty bags.",
    "category": "grocery",
    "query": "herbal tea",
    "product_category": "Grocery > Tea",
    "pricing": "",
    "images": [],
    "customization_options": "",
}
ATTRIBUTES: dict[str, Any] = {
    "B0LAMP0001": {
        "attributes": ["easy assemble", "warm light"],
        "instruction": "Find me a lamp with warm light",
        "instruction_attributes": ["warm light"],
    },
}
HUMAN: dict[str, Any] = {
    "B0TEA00002": [
        {
            "instruction": "i want nettle tea.",
            "instruction_attributes": ["caffeine free"],
            "instruction_options": ["20 bags"],
        },
        {"instruction": "tea", "instruction_attributes": [], "instruction_options": []},
    ],
}
REVIEWS: list[Any] = [
    {
        "asin": "B0TEA00002",
        "average_rating": 4.5,
        "reviews": [
            {"title": "Fine", "stars": 5.0, "review": "Good tea."},
            {"title": "Bland", "score": "2.0"},
        ],
    },
]


def write_official(
    folder: Path,
    products: object = (LAMP, TEA),
    attributes: object = ATTRIBUTES,
    human: object = HUMAN,
    reviews: object = REVIEWS,
) -> Path:
    """Write the four files; None leaves a file out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in (
        ("items_shuffle_1000.json", products),
        ("items_ins_v2_1000.json", attributes),
        ("items_human_ins.json", human),
        ("reviews.json", reviews),
    ):
        if value is not None:
            (folder / name).write_text(json.dumps(value, indent=2))
    return folder


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """A record with fields left out."""
    return {name: value for name, value in record.items() if name not in names}
