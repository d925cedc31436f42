"""What a product is, before any text is written; and its siblings, almost the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agentkit_envs.webshop.catalogue.generated.draw import Draw
from agentkit_envs.webshop.catalogue.generated.kinds import Choice, Kind, Shop, TitleForm, Trait

_CENTS = (0.99, 0.99, 0.99, 0.95, 0.49, 0.0, 0.9, 0.5, 0.89, 0.97)
_WITHOUT_OPTION = 0.12
_PRICE_RANGE = 0.4
_IN_TITLE = 0.4
_MOST_IN_TITLE = 4


@dataclass(frozen=True, slots=True)
class Design:
    """All that the texts of a product are made from."""

    kind: Kind
    brand: str
    noun: str
    alias: str
    look: str
    uses: tuple[str, str]
    model: str
    form: TitleForm
    noise: str
    traits: Sequence[Trait]
    in_title: frozenset[str]
    """Names of the attributes that the title says."""
    options: Mapping[str, tuple[str, ...]]
    prices: tuple[float, ...]
    mark: Trait | None = None
    """The attribute by which a sibling differs."""


def invent(draw: Draw, shop: Shop, category: str) -> Design:
    """A new product of the category."""
    kind = draw.one(shop.kinds[category])
    noun = kind.noun if draw.chance(0.6) else draw.one(kind.names)
    uses = draw.mixed(kind.uses)
    traits = _traits(draw, kind)
    options = {
        choice.name: _values(draw, choice)
        for choice in kind.choices
        if not draw.chance(_WITHOUT_OPTION)
    }
    return Design(
        kind=kind,
        brand=_brand(draw, shop, category),
        noun=noun,
        alias=draw.one([name for name in (kind.noun, *kind.names) if name != noun]),
        look=draw.one(kind.looks),
        uses=(uses[0], uses[1]),
        model=_model(draw),
        form=draw.one(shop.titles[category]),
        noise=draw.one(shop.noise[category]),
        traits=traits,
        in_title=_shown(draw, traits),
        options=options,
        prices=_prices(draw, kind, options),
    )


def sibling(draw: Draw, design: Design) -> Design:
    """The same product but for one attribute, the values of its options, or its price."""
    way = draw.between(0, 3)
    if way < 2:
        return _other_trait(draw, design)
    if way == 2 and design.options:
        options = {
            choice.name: _values(draw, choice)
            for choice in design.kind.choices
            if choice.name in design.options
        }
        return replace(design, options=options, prices=_prices(draw, design.kind, options))
    model = _model(draw)
    return replace(design, model=model, prices=_prices(draw, design.kind, design.options))


def _other_trait(draw: Draw, design: Design) -> Design:
    """One attribute goes and another comes, of a group that the product does not have yet."""
    has = {trait.name for trait in design.traits}
    free = [group for group in design.kind.traits if not any(t.name in has for t in group)]
    if not free:
        return replace(design, prices=_prices(draw, design.kind, design.options))
    new = draw.one(draw.one(free))
    traits = list(design.traits)
    place = draw.between(0, len(traits) - 1)
    old, traits[place] = traits[place], new
    shown = design.in_title
    if old.name in shown:
        shown = (shown - {old.name}) | {new.name}
    return replace(design, traits=traits, in_title=shown, mark=new)


def _traits(draw: Draw, kind: Kind) -> list[Trait]:
    groups = draw.some(kind.traits, draw.between(2, min(7, len(kind.traits) - 1)))
    return draw.mixed([group[0] if len(group) == 1 else draw.one(group) for group in groups])


def _shown(draw: Draw, traits: Sequence[Trait]) -> frozenset[str]:
    shown = [trait.name for trait in traits if draw.chance(_IN_TITLE)]
    return frozenset(shown[:_MOST_IN_TITLE])


def _values(draw: Draw, choice: Choice) -> tuple[str, ...]:
    count = draw.between(choice.fewest, choice.most)
    chosen = draw.run if choice.neighbours else draw.some
    return tuple(chosen(choice.values, count))


def _brand(draw: Draw, shop: Shop, category: str) -> str:
    name = draw.one(shop.starts) + draw.one(shop.ends)
    if draw.chance(0.25):
        return name.upper()
    return f"{name} {draw.one(shop.houses[category])}" if draw.chance(0.2) else name


def _model(draw: Draw) -> str:
    letters = "ABCDEFGHKLMNPRSTVWXZ"
    return f"{draw.one(letters)}{draw.one(letters)}{draw.between(10, 999)}"


def _prices(draw: Draw, kind: Kind, options: Mapping[str, tuple[str, ...]]) -> tuple[float, ...]:
    low, high = kind.prices
    price = low * (high / low) ** draw.share()
    first = _rounded(draw, price)
    several = any(len(values) > 1 for values in options.values())
    if several and draw.chance(_PRICE_RANGE):
        last = _rounded(draw, price * (1.15 + draw.share()))
        if last > first:
            return (first, last)
    return (first,)


def _rounded(draw: Draw, price: float) -> float:
    return round(int(price) + draw.one(_CENTS), 2)
