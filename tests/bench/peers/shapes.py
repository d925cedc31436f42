"""The graphs that the engines run: for each node the nodes that it comes after."""

Shape = dict[str, list[str]]


def chain(length: int) -> Shape:
    """One node after the other."""
    return {f"n{i}": [f"n{i - 1}"] if i else [] for i in range(length)}


def fan(width: int) -> Shape:
    """One node, then many at once, then one."""
    middle = [f"m{i}" for i in range(width)]
    return {"first": [], **{name: ["first"] for name in middle}, "last": middle}


MIDDLE = ["b0", "b1", "b2", "b3", "b4"]

TEN: Shape = {
    **{f"a{i}": [] for i in range(4)},
    **{name: [f"a{i % 4}", f"a{(i + 1) % 4}"] for i, name in enumerate(MIDDLE)},
    "last": MIDDLE,
}
"""Ten nodes, four, five and one, so three in a row: with 50 ms each, 150 ms at best."""

SKEWED: Shape = {
    "short_first": [],
    "long_first": [],
    "long_second": ["short_first"],
    "short_second": ["long_first"],
    "join": ["long_second", "short_second"],
}
"""Two chains that join."""

SKEWED_SECONDS = {
    "short_first": 0.01,
    "long_second": 0.14,
    "long_first": 0.14,
    "short_second": 0.01,
}
"""10 ms then 140 ms beside 140 ms then 10 ms: 150 ms at best, 280 ms level by level."""
