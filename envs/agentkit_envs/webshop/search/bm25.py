"""The numbers of BM25 as Lucene computes them: in single precision, with lengths in one byte.

What a term adds to a product's score is `weight - weight / (1 + count * inverse)`: `weight` is the
term's idf times how often the query says it, `count` is how often the product says it, and
`inverse` depends on the product's length.
"""

import math

import numpy as np
from numpy.typing import NDArray

K1 = np.float32(0.9)
B = np.float32(0.4)
_EXACT = 24
"""Lengths under this are their own code; above, a code has three bits after the leading one."""


def _decoded(code: int) -> int:
    rest = code - _EXACT
    if rest < 8:
        return code
    return _EXACT + ((8 | rest & 7) << (rest >> 3) - 1)


LENGTHS = np.array([_decoded(code) for code in range(256)], np.int64)
"""The length that each code stands for: exact below 40, then the next smaller one that has a
code."""


def length_codes(lengths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The code of each length, in tokens."""
    return (np.searchsorted(LENGTHS, lengths, side="right") - 1).astype(np.uint8)


def inverses(tokens: int, documents: int) -> NDArray[np.float32]:
    """For each length code, what a term's count is multiplied by.

    Args:
        tokens: How many tokens all documents have together.
        documents: How many documents have a token.
    """
    average = np.float32(tokens / documents if documents else 1)
    lengths = LENGTHS.astype(np.float32)
    return np.float32(1) / (K1 * ((np.float32(1) - B) + B * lengths / average))


def idf(documents: int, having: int) -> np.float32:
    """How much a term tells that `having` of the documents have."""
    return np.float32(math.log(1 + (documents - having + 0.5) / (having + 0.5)))


def shares(weight: np.float32, products: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a term adds to scores, by its count times the inverse in each document."""
    return weight - weight / (np.float32(1) + products)
