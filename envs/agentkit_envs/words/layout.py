"""How the values of a space consist of parts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from gymnasium import spaces

from agentkit_envs.words.parts import Array, Choice, Line, Number, Part, Picture, Several

MOST_NUMBERS = 500
"""An array of more numbers is no text that anybody reads."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a space's values, by name, and how a value is taken apart and put together."""

    parts: tuple[tuple[str, Part], ...]
    split: Callable[[Any], Sequence[Any]]
    join: Callable[[Sequence[Any]], Any]


NO_PARTS = Layout((), lambda value: (), lambda values: None)


def layout(space: spaces.Space[Any], names: Any, what: str) -> Layout:
    """Return the parts of a space's values.

    Args:
        space: The space.
        names: What the parts, or the values of a single part, are called; None for numbers.
        what: What the values are, for messages.

    Raises:
        ValueError: The names do not fit the space, or its values are no words.
    """
    match space:
        case spaces.Discrete():
            return _discrete(space, names, what)
        case spaces.Box() | spaces.MultiDiscrete() | spaces.MultiBinary():
            return _array(space, names, what)
        case spaces.Tuple():
            found = _named_parts(names, len(space.spaces), what)
            children = [
                (name, layout(one, inner, f"{what}, part '{name}'"))
                for one, (name, inner) in zip(space.spaces, found, strict=True)
            ]
            return _composed(children, list, lambda values: tuple(values))
        case spaces.Dict():
            inner = _by_key(space, names, what)
            children = [
                (key, layout(one, inner.get(key), f"{what}, part '{key}'"))
                for key, one in space.spaces.items()
            ]
            keys = list(space.spaces)
            return _composed(
                children,
                lambda value: [value[key] for key in keys],
                lambda values: dict(zip(keys, values, strict=True)),
            )
        case spaces.Sequence():
            each = layout(space.feature_space, names, f"{what}, each")
            return _single(Several(each.parts, each.split))
        case spaces.Graph() | spaces.OneOf():
            raise ValueError(f"{what}: {space!r} cannot be put into words")
    if names is not None:
        raise ValueError(f"{what}: {space!r} has texts as values, which need no names")
    return _single(Line(space))


def _discrete(space: spaces.Discrete, names: Any, what: str) -> Layout:
    first, count = int(space.start), int(space.n)
    if not isinstance(names, Mapping):
        return _single(Choice(first, count, _value_names(names, count, what)))
    sizes, parts = [], []
    for name, values in names.items():
        size = values if isinstance(values, int) and values > 0 else None
        listed = None if size else _texts(values, f"{what}, part '{name}'")
        sizes.append(size or len(listed or ()))
        parts.append((str(name), Choice(0, sizes[-1], listed)))
    if math.prod(sizes) != count:
        product = " x ".join(map(str, sizes))
        raise ValueError(
            f"{what}: the parts have {product} = {math.prod(sizes)} values, and there are {count}"
        )
    return Layout(
        tuple(parts),
        lambda value: [int(n) for n in np.unravel_index(int(value) - first, sizes)],
        lambda values: first + int(np.ravel_multi_index(tuple(values), sizes)),
    )


def _array(
    space: spaces.Box | spaces.MultiDiscrete | spaces.MultiBinary, names: Any, what: str
) -> Layout:
    match space:
        case spaces.Box():
            low, high = space.low, space.high
        case spaces.MultiDiscrete():
            low, high = space.start, space.start + space.nvec - 1
        case _:
            low, high = np.zeros(space.shape, space.dtype), np.ones(space.shape, space.dtype)
    dtype, shape, size = space.dtype, low.shape, int(low.size)
    if size > MOST_NUMBERS and shape[2:] == (3,) and dtype == np.uint8:
        if names is not None:
            raise ValueError(f"{what}: {_short(space)} is a picture, which needs no names")
        return _single(Picture(*shape[:2]))
    if size > MOST_NUMBERS:
        raise ValueError(f"{what}: {_short(space)} has {size:,} numbers, too many for words")
    if names is None and shape and size > 1:
        return _single(Array(low, high))
    is_whole = not np.issubdtype(low.dtype, np.floating)
    parts: list[tuple[str, Part]] = []
    ends = zip(low.ravel().tolist(), high.ravel().tolist(), strict=True)
    found = _named_parts(names, size, what) if size > 1 or names is not None else [("", None)]
    for (name, values), (least, most) in zip(found, ends, strict=True):
        if values is None:
            parts.append((name, Number(float(least), float(most), is_whole)))
            continue
        if not is_whole:
            raise ValueError(f"{what}, part '{name}': numbers with a fraction have no names")
        count = int(most) - int(least) + 1
        listed = _value_names(values, count, f"{what}, part '{name}'")
        parts.append((name, Choice(int(least), count, listed)))
    return Layout(
        tuple(parts),
        lambda value: np.asarray(value).ravel().tolist(),
        lambda values: np.array(values, dtype).reshape(shape),
    )


def _composed(
    children: Sequence[tuple[str, Layout]],
    split: Callable[[Any], Sequence[Any]],
    join: Callable[[Sequence[Any]], Any],
) -> Layout:
    """A layout of layouts."""
    parts = tuple(
        (f"{name} {part_name}".strip(), part)
        for name, child in children
        for part_name, part in child.parts
    )

    def take_apart(value: Any) -> list[Any]:
        values = split(value)
        pairs = zip(children, values, strict=True)
        return [part for (_, child), one in pairs for part in child.split(one)]

    def put_together(values: Sequence[Any]) -> Any:
        rest, made = list(values), []
        for _, child in children:
            made.append(child.join(rest[: len(child.parts)]))
            rest = rest[len(child.parts) :]
        return join(made)

    return Layout(parts, take_apart, put_together)


def _single(part: Part) -> Layout:
    return Layout((("", part),), lambda value: [value], lambda values: values[0])


def _named_parts(names: Any, count: int, what: str) -> list[tuple[str, Any]]:
    """Of each part its name, and the names of its values."""
    if names is None:
        return [(str(number), None) for number in range(1, count + 1)]
    if isinstance(names, Mapping):
        found = [(str(name), values) for name, values in names.items()]
    elif not isinstance(names, (list, tuple)):
        raise ValueError(f"{what}: names are a list or a mapping, not {names!r}")
    elif all(isinstance(name, (list, tuple)) for name in names):
        found = [(str(number), values) for number, values in enumerate(names, 1)]
    else:
        found = [(name, None) for name in _texts(names, what)]
    if len(found) != count:
        raise ValueError(f"{what}: {len(found)} parts have names, and there are {count}")
    return found


def _by_key(space: spaces.Dict, names: Any, what: str) -> Mapping[str, Any]:
    if names is None:
        return {}
    if not isinstance(names, Mapping):
        listed = ", ".join(space.spaces)
        raise ValueError(f"{what}: names are a mapping by the keys {listed}, not {names!r}")
    for key in names:
        if key not in space.spaces:
            near = get_close_matches(str(key), space.spaces, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ValueError(f"{what}: there is no key {key!r} in {', '.join(space.spaces)}{hint}")
    return names


def _value_names(names: Any, count: int, what: str) -> tuple[str, ...] | None:
    if names is None:
        return None
    listed = _texts(names, what)
    if len(listed) != count:
        raise ValueError(f"{what}: there are {len(listed)} names for {count} values")
    return listed


def _texts(names: Any, what: str) -> tuple[str, ...]:
    is_list = isinstance(names, (list, tuple))
    if not is_list or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"{what}: names are a list of texts, not {names!r}")
    folded = [name.strip().lower() for name in names]
    if len(set(folded)) < len(folded):
        raise ValueError(f"{what}: two names are the same in {names!r}")
    return tuple(names)


def _short(space: spaces.Space[Any]) -> str:
    text = repr(space)
    return text if len(text) <= 120 else f"{text[:117]}..."
