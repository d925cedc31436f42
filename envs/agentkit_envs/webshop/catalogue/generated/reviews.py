"""Ratings and reviews."""

from agentkit_envs.webshop.catalogue.generated.design import Design
from agentkit_envs.webshop.catalogue.generated.draw import Draw
from agentkit_envs.webshop.catalogue.product import Review

_UNRATED = 0.12
_PRAISE = 0.5
_MOODS = (0, 1, 1, 2, 2, 2, 2, 2)
"""Most of those who write are happy."""


def opinions(draw: Draw, design: Design) -> tuple[str, tuple[Review, ...]]:
    """The rating and up to three reviews; no rating means no reviews."""
    if draw.chance(_UNRATED):
        return "N.A.", ()
    rating = f"{3.4 + 1.5 * draw.share():.1f}"
    return rating, tuple(_review(draw, design) for _ in range(draw.between(0, 3)))


def _review(draw: Draw, design: Design) -> Review:
    mood = design.kind.reviews[draw.one(_MOODS)]
    parts = [draw.one(mood.starts), draw.one(mood.ends)]
    if mood is design.kind.reviews[-1] and draw.chance(_PRAISE):
        parts.insert(1, draw.one(draw.one(design.traits).praise))
    body = " ".join(parts).replace("{brand}", design.brand)
    return Review(draw.one(mood.titles), draw.one(mood.stars), body)
