"""Numbers and names as advice says them."""

from collections.abc import Sequence


def listed(names: Sequence[str], most: int = 4) -> str:
    """`a`, `b` and 3 more."""
    shown = [f"`{name}`" for name in names[:most]]
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def shortened(text: str, width: int = 60) -> str:
    """A text on one line."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def percent(share: float) -> str:
    """`12%`."""
    return f"{share:.0%}"


def duration(value: float) -> str:
    """`15 µs`, `3.2 ms`, `150 ms`, `2.5 s`, `40 s`, `1,200 s`."""
    if value >= 1:
        return f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"
    if value >= 0.001:
        return f"{value * 1000:.1f} ms" if value < 0.01 else f"{value * 1000:.0f} ms"
    return f"{value * 1e6:.0f} µs"
