"""The texts of a listing: title, bullet points, description."""

from agentkit_envs.webshop.catalogue.generated.design import Design
from agentkit_envs.webshop.catalogue.generated.draw import Draw
from agentkit_envs.webshop.catalogue.generated.english import titled
from agentkit_envs.webshop.catalogue.generated.kinds import Shop, Trait

_NO_DESCRIPTION = 0.2
_IN_FEATURES = 0.6
_AGAIN = 0.4
_FRAMED = 0.4


def title(draw: Draw, design: Design) -> str:
    """The title, as sellers write it: brand, noun and as much as fits."""
    shown = [trait for trait in design.traits if trait.name in design.in_title]
    form = design.form
    before = next((t for t in shown if t.claim.before), None) if "adj" in form.head else None
    rest = [trait.title for trait in shown if trait is not before]
    slots = {
        "brand": design.brand,
        "by_brand": f"by {design.brand}",
        "look": design.look,
        "adj": titled(before.claim.before) if before else "",
        "noun": titled(design.noun),
        "alias": titled(design.alias),
        "look_alias": f"{design.look} {titled(design.alias)}",
        "alias_use": f"{titled(design.alias)} for {design.uses[1]}",
        "traits": ", ".join(rest),
        "use": f"for {design.uses[0]}",
        "variant": _variant(design),
        "model": design.model,
        "noise": design.noise,
    }
    head = " ".join([slots[name] for name in form.head if slots[name]])
    return form.joint.join([head, *[slots[name] for name in form.tail if slots[name]]])


def texts(draw: Draw, shop: Shop, design: Design) -> tuple[tuple[str, ...], str]:
    """The bullet points and the description; each attribute is said somewhere."""
    described = not draw.chance(_NO_DESCRIPTION)
    bullets: list[tuple[str, str]] = []
    prose: list[str] = []
    used: set[int] = set()
    for trait in design.traits:
        if trait.name in design.in_title and not draw.chance(_AGAIN):
            continue
        text = _saying(draw, trait, used)
        if not described or draw.chance(_IN_FEATURES):
            bullets.append((trait.title, text))
        else:
            prose.append(text)
    facts = draw.mixed(design.kind.facts)
    count = draw.between(1, 4)
    bullets += facts[:count]
    label = draw.one(shop.labels)
    features = tuple(
        label.format(label=head, LABEL=head.upper(), text=text)
        for head, text in draw.mixed(bullets)
    )
    if not described:
        return features, ""
    prose += [text for _, text in facts[count : count + draw.between(1, 3)]]
    lines = [draw.one(design.kind.openings), *draw.mixed(prose), draw.one(design.kind.closings)]
    return features, " ".join(lines).replace("{brand}", design.brand)


def _saying(draw: Draw, trait: Trait, used: set[int]) -> str:
    """A sentence that says the attribute; a frame only once in a listing."""
    if trait.frames and draw.chance(_FRAMED):
        place = draw.between(0, len(trait.frames) - 1)
        if place not in used:
            used.add(place)
            return trait.frames[place]
    return draw.one(trait.says)


def _variant(design: Design) -> str:
    for values in design.options.values():
        return titled(values[0])
    return ""
