"""Instructions: wishes that a product fulfils, in the words of many people."""

from collections.abc import Mapping, Sequence

from agentkit_envs.webshop.catalogue.generated.design import Design
from agentkit_envs.webshop.catalogue.generated.draw import Draw
from agentkit_envs.webshop.catalogue.generated.english import MANY, ONE, an, listed, sentence
from agentkit_envs.webshop.catalogue.generated.kinds import Claim, Shop, Trait
from agentkit_envs.webshop.catalogue.product import Instruction

_NONE = 0.15
_OTHER_WORDS = 0.2
_MOST_BEFORE = 2
_VERBS = {
    "must": {"be": "be", "have": "have", "for": "be good for"},
    "one": {"be": "is", "have": "has", "for": "is good for"},
    "many": {"be": "are", "have": "have", "for": "are good for"},
}


def wishes(draw: Draw, shop: Shop, design: Design) -> tuple[Instruction, ...]:
    """None, or one to three instructions."""
    if draw.chance(_NONE):
        return ()
    count = 1 + draw.chance(0.4) + draw.chance(0.2)
    return tuple(_wish(draw, shop, design) for _ in range(count))


def _wish(draw: Draw, shop: Shop, design: Design) -> Instruction:
    traits = _wanted(draw, design)
    options = {name: draw.one(values) for name, values in design.options.items()}
    claims = [
        trait.also[0] if trait.also and draw.chance(_OTHER_WORDS) else trait.claim
        for trait in traits
    ]
    words = _Words(draw, shop, design, claims, options)
    form = draw.one(shop.wishes[bool(options)])
    text = form.texts[0]
    for slot, rest in zip(form.slots, form.texts[1:], strict=True):
        text += words.said(slot) + rest
    return Instruction(
        text=sentence(text),
        attributes=tuple(trait.name for trait in traits),
        options=options,
        price_phrase=draw.one(form.price_phrases),
    )


def _wanted(draw: Draw, design: Design) -> list[Trait]:
    """Two or three attributes as a rule; the one that tells a product from its sibling first."""
    count = 1 + draw.chance(0.8) + draw.chance(0.45) + draw.chance(0.2)
    wanted = draw.some(design.traits, count)
    mark = design.mark
    if mark is not None and all(trait is not mark for trait in wanted):
        wanted[0] = mark
    return wanted


class _Words:
    """What the slots of a pattern become for one wish."""

    def __init__(
        self,
        draw: Draw,
        shop: Shop,
        design: Design,
        claims: Sequence[Claim],
        options: dict[str, str],
    ) -> None:
        self.draw = draw
        self.design = design
        self.claims = claims
        self.options = [
            (shop.option_nouns.get(name, name), value) for name, value in options.items()
        ]
        self.noun = design.kind.noun if draw.chance(0.7) else draw.one(design.kind.names)
        self.stories = shop.stories[design.kind.category]

    def said(self, slot: str) -> str:
        """The text of a slot."""
        method = getattr(self, f"_{slot}", None)
        if method is not None:
            text: str = method()
            return text
        return (MANY if self.design.kind.many else ONE)[slot]

    def _plain(self) -> str:
        return self._with_article(self.noun)

    def _item(self) -> str:
        return self._with_article(self._thing())

    def _thing(self) -> str:
        before = [claim.before for claim in self.claims if claim.before][:_MOST_BEFORE]
        after = [c for c in self.claims if not c.before or c.before not in before]
        phrases = {
            form: [claim.phrase for claim in after if claim.form == form]
            for form in ("have", "for", "be")
        }
        text = f"{', '.join(before)} {self.noun}" if before else self.noun
        if phrases["have"]:
            text += f" with {listed(phrases['have'])}"
        if phrases["for"]:
            text += f" for {listed(phrases['for'])}"
        if phrases["be"]:
            verb = "are" if self.design.kind.many else "is"
            text += f" that {verb} {listed(phrases['be'])}"
        return text

    def _must(self) -> str:
        return self._predicates(_VERBS["must"])

    def _that(self) -> str:
        return self._predicates(_VERBS["many" if self.design.kind.many else "one"])

    def _predicates(self, verbs: Mapping[str, str]) -> str:
        """`is vegan and paraben free, has shea butter and is good for dry hair`."""
        said = []
        for form, verb in verbs.items():
            phrases = [claim.phrase for claim in self.claims if claim.form == form]
            if phrases:
                said.append(f"{verb} {listed(phrases)}")
        return listed(said)

    def _in(self) -> str:
        form = self.draw.one(("the {0} {1}", "{0} {1}", "the {1} {0}"))
        return "in " + listed(self._options(form))

    def _with(self) -> str:
        return "with " + ", and ".join(f"{name}: {value}" for name, value in self.options)

    def _values(self) -> str:
        form = self.draw.one(("{0} {1}", "{1} {0}", "{0}: {1}"))
        joint = self.draw.one((", ", " and "))
        return joint.join(self._options(form))

    def _options(self, form: str) -> list[str]:
        """Names and values; "9 size" and "42 inch size" are not said, whatever the form."""
        return [
            f"{name} {value}" if value[0].isdigit() else form.format(name, value)
            for name, value in self.options
        ]

    def _should(self) -> str:
        return listed([f"the {name} should be {value}" for name, value in self.options])

    def _story(self) -> str:
        return self.draw.one(self.stories)

    def _with_article(self, phrase: str) -> str:
        article = self.draw.one(self.design.kind.articles)
        if article in ("a", "an"):
            return an(phrase)
        return f"{article} {phrase}" if article else phrase
