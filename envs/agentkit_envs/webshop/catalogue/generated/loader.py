"""Reading the data: YAML to the values of `kinds`, each sentence made to fit its kind."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from agentkit_envs.webshop.catalogue.generated.english import MANY, ONE, titled
from agentkit_envs.webshop.catalogue.generated.kinds import (
    Choice,
    Claim,
    Kind,
    Opinions,
    Shop,
    TitleForm,
    Trait,
    WishForm,
)

CATEGORIES = ("beauty", "electronics", "fashion", "garden", "grocery")
"""WebShop's five."""
_FORMS = ("be", "have", "for")


@cache
def shop() -> Shop:
    """All there is to draw from, read once."""
    listings, titles, brands = read("listings"), read("titles"), read("brands")
    wishes = read("wishes")
    return Shop(
        kinds=_kinds(listings),
        starts=tuple(brands["starts"]),
        ends=tuple(brands["ends"]),
        houses={name: tuple(words) for name, words in brands["houses"].items()},
        titles={name: tuple(map(_title_form, forms)) for name, forms in titles["titles"].items()},
        noise={name: tuple(words) for name, words in titles["noise"].items()},
        labels=tuple(titles["labels"]),
        wishes={
            True: _wish_forms(wishes["with options"], wishes["price phrases"]),
            False: _wish_forms(wishes["without options"], wishes["price phrases"]),
        },
        stories={name: tuple(texts) for name, texts in wishes["stories"].items()},
        option_nouns=wishes["option nouns"],
    )


def read(name: str) -> dict[str, Any]:
    """The data of one file."""
    import yaml

    text = resources.files(__package__).joinpath("data", f"{name}.yaml").read_text("utf-8")
    # The loader in C reads the same ten times as fast; some builds of PyYAML lack it.
    result: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return result


def _kinds(listings: Mapping[str, Any]) -> dict[str, tuple[Kind, ...]]:
    common = read("shared")["traits"]
    pools = read("options")
    opinions = read("reviews")
    result = {}
    for category in CATEGORIES:
        data = read(category)
        builder = _Builder(category, common | data["traits"], pools, listings, opinions)
        result[category] = tuple(builder.kind(fields) for fields in data["kinds"])
    return result


class _Builder:
    def __init__(
        self,
        category: str,
        traits: Mapping[str, Any],
        pools: Mapping[str, Any],
        listings: Mapping[str, Any],
        opinions: Mapping[str, Any],
    ) -> None:
        self.category = category
        self.traits = traits
        self.pools = pools
        self.listings = listings
        self.opinions = opinions

    def kind(self, fields: Mapping[str, Any]) -> Kind:
        many = fields.get("many", False)
        noun = fields["noun"]
        words = {**(MANY if many else ONE), "noun": noun}
        closings = self.listings["closings"]
        groups = [[group] if isinstance(group, str) else group for group in fields["traits"]]
        return Kind(
            category=self.category,
            noun=noun,
            many=many,
            articles=tuple(fields["articles"]),
            names=tuple(fields["names"]),
            query=fields["query"],
            path=fields["path"],
            prices=tuple(fields["price"]),
            looks=tuple(fields["looks"]),
            uses=tuple(fields["uses"]),
            traits=tuple(tuple(self.trait(name, words) for name in group) for group in groups),
            choices=tuple(self.choice(*option) for option in fields["options"].items()),
            facts=tuple((label, text.format_map(words)) for label, text in fields["facts"].items()),
            openings=_fitted(self.listings["openings"], words),
            closings=_fitted([*closings["all"], *closings[self.category]], words),
            reviews=tuple(self.mood(name, words) for name in self.opinions["moods"]),
        )

    def mood(self, name: str, words: Mapping[str, str]) -> Opinions:
        fields = self.opinions["moods"][name]
        own = self.opinions["starts"][self.category][name]
        return Opinions(
            stars=tuple(fields["stars"]),
            titles=tuple(fields["titles"]),
            starts=_fitted([*fields["starts"], *own, *own], words),
            ends=_fitted(fields["ends"], words),
        )

    def trait(self, name: str, words: Mapping[str, str]) -> Trait:
        fields = self.traits[name]
        claim = _claim(fields)
        # A frame says the phrase; it says the attribute only where the phrase contains it.
        says_it = name in claim.phrase.lower()
        frames = self.listings["frames"][claim.form] if says_it else []
        words = {**words, "phrase": claim.phrase}
        return Trait(
            name=name,
            title=fields.get("title", titled(name)),
            claim=claim,
            also=(_claim(fields["also"]),) if "also" in fields else (),
            says=_fitted(fields["says"], words),
            frames=_fitted(frames, words),
            praise=_fitted(self.listings["praise"][claim.form], words),
        )

    def choice(self, name: str, values: str | list[str]) -> Choice:
        if isinstance(values, list):
            return Choice(name, tuple(values), False, min(2, len(values)), len(values))
        pool = self.pools[values]
        fewest, most = pool["count"]
        return Choice(name, tuple(pool["values"]), pool.get("neighbours", False), fewest, most)


def _claim(fields: Mapping[str, Any]) -> Claim:
    form = next(form for form in _FORMS if form in fields)
    return Claim(form, fields[form], fields.get("before", ""))


def _fitted(texts: list[str], words: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(text.format_map(words) for text in texts)


def _title_form(fields: Mapping[str, Any]) -> TitleForm:
    return TitleForm(tuple(fields["head"]), tuple(fields["tail"]), fields["joint"])


def _wish_forms(
    patterns: Mapping[str, list[str]], phrases: Mapping[str, list[str]]
) -> tuple[WishForm, ...]:
    short = tuple(phrases["any"] + phrases["one sentence"])
    anywhere = tuple(phrases["any"])
    return tuple(
        _wish_form(pattern, short if length == "one sentence" else anywhere)
        for length, texts in patterns.items()
        for pattern in texts
    )


def _wish_form(pattern: str, price_phrases: tuple[str, ...]) -> WishForm:
    pieces = [piece for part in pattern.split("{") for piece in part.split("}")]
    return WishForm(tuple(pieces[::2]), tuple(pieces[1::2]), price_phrases)
