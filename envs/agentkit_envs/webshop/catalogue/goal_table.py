"""Which goals a catalogue has, in small tables on disk: none of their texts is kept."""

import math
import random
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentkit_envs.webshop.catalogue.product import Instruction, Product

KINDS = ("synthetic", "human")
SHUFFLE_SEED = 233
"""The benchmark's: session i is goal i of the order that it gives."""
MOST = 200_000_000
"""Goals of one kind; the benchmark's full catalogue has under 10 million."""


class GoalTableWriter:
    """Collects the goals of products in catalogue order, then writes the tables."""

    def __init__(self) -> None:
        self._kinds = {kind: _Rows() for kind in KINDS}

    def add(self, position: int, product: Product) -> None:
        """Note the goals that a product's instructions make."""
        for number, instruction in enumerate(product.instructions):
            kind = "human" if instruction.human else "synthetic"
            goals = _goals_of(product, instruction)
            self._kinds[kind].add(product.asin, (position, number), goals)

    def write(self, folder: Path) -> None:
        """Write the tables, in the benchmark's order."""
        for kind, rows in self._kinds.items():
            rows.write(folder, kind)


class _Rows:
    """One row an instruction."""

    def __init__(self) -> None:
        self._positions = array("I")
        self._numbers = array("I")
        self._ends = array("q")

    def add(self, asin: str, place: tuple[int, int], goals: int) -> None:
        """Add an instruction; `place` is its product's position and its number there."""
        end = (self._ends[-1] if self._ends else 0) + goals
        if end > MOST:
            raise ValueError(
                f"there would be more than {MOST:,} goals: the product {asin!r} has too many "
                "options for a goal of every combination"
            )
        self._positions.append(place[0])
        self._numbers.append(place[1])
        self._ends.append(end)

    def write(self, folder: Path, kind: str) -> None:
        count = self._ends[-1] if self._ends else 0
        order = array("I", range(count))
        random.Random(SHUFFLE_SEED).shuffle(order)
        tables: dict[str, npt.NDArray[Any]] = {
            "positions": np.array(self._positions, dtype=np.uint32),
            "numbers": np.array(self._numbers, dtype=np.uint32),
            "ends": np.array(self._ends, dtype=np.int64),
            "order": np.array(order, dtype=np.uint32),
        }
        for name, table in tables.items():
            np.save(folder / f"{kind}_{name}.npy", table)


class GoalTable:
    """The tables of one kind, memory-mapped."""

    def __init__(self, folder: Path, kind: str) -> None:
        def table(name: str) -> npt.NDArray[Any]:
            loaded: npt.NDArray[Any] = np.load(folder / f"{kind}_{name}.npy", mmap_mode="r")
            return loaded

        self._positions, self._numbers = table("positions"), table("numbers")
        self._ends, self._order = table("ends"), table("order")

    def __len__(self) -> int:
        return len(self._order)

    def row(self, goal: int) -> tuple[int, int, int]:
        """Position of the product, number of its instruction there, of the combination."""
        place = int(self._order[goal])
        row = int(np.searchsorted(self._ends, place, side="right"))
        start = int(self._ends[row - 1]) if row else 0
        return (
            int(self._positions[row]),
            int(self._numbers[row]),
            place - start,
        )


def _goals_of(product: Product, instruction: Instruction) -> int:
    """How many goals an instruction makes: one, or one for each combination of options."""
    if instruction.options is not None:
        return 1
    return math.prod(len(values) for values in product.options.values())
