"""A space that contains every text."""

import string
from collections.abc import Sequence
from typing import Any

import gymnasium


class AnyText(gymnasium.Space[str]):
    """All texts of any length, in any script. Gymnasium's own `Text` refuses most of them.

    `sample` draws one of `examples` when they are given (the legal actions, say, so that a
    random player plays), else up to 32 printable characters.
    """

    def __init__(self, examples: Sequence[str] = (), seed: int | None = None) -> None:
        self.examples = tuple(examples)
        super().__init__(shape=(), dtype=None, seed=seed)

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """Draw a text; the same seed draws the same texts. Masks have no meaning here."""
        if mask is not None or probability is not None:
            raise ValueError("AnyText cannot be masked: it has no finite list of texts")
        if self.examples:
            return self.examples[int(self.np_random.integers(len(self.examples)))]
        length = int(self.np_random.integers(33))
        letters = self.np_random.integers(len(string.printable), size=length)
        return "".join(string.printable[i] for i in letters)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a text."""
        return isinstance(x, str)

    @property
    def is_np_flattenable(self) -> bool:
        """A text has no fixed number of entries, so it cannot become a flat array."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyText) and self.examples == other.examples

    def __hash__(self) -> int:
        return hash(self.examples)

    def __repr__(self) -> str:
        return f"AnyText({list(self.examples)!r})" if self.examples else "AnyText()"
