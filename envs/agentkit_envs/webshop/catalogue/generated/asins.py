"""Identifiers: ten characters, distinct, and in no order that a reader could use."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAIRS = tuple(a + b for a in _DIGITS for b in _DIGITS)
_COUNT = 36**8
_STEP = 1_743_520_816_309
"""Shares no factor with 36, so that positions below `_COUNT` never meet; far apart, so that
neighbours look unlike each other."""


def asin(position: int, seed: int) -> str:
    """The identifier of a product; the `G` tells that it was generated."""
    number = (position * _STEP + (seed + 1) * 918_273_645_546) % _COUNT
    rest, fourth = divmod(number, 1296)
    rest, third = divmod(rest, 1296)
    first, second = divmod(rest, 1296)
    return f"G0{_PAIRS[first]}{_PAIRS[second]}{_PAIRS[third]}{_PAIRS[fourth]}"
