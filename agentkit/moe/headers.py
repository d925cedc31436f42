"""What the weight files of a checkpoint hold, read from their headers alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agentkit.models.local.transformers.folder_contents import read_weights

_COMPUTED: Final = "rotary_emb.inv_freq"
"""What old checkpoints hold besides weights: it follows from the config."""
_WHOLE: Final = frozenset({"F16", "BF16", "F32", "F64"})


@dataclass(frozen=True, slots=True)
class Stored:
    """What the files of a checkpoint hold."""

    size: int
    """Bytes of all tensors."""
    values: int
    """Numbers in all tensors."""
    dtypes: Mapping[str, int]
    """Bytes by the type that the files have for them, such as `BF16`."""
    faults: tuple[str, ...]
    """What is wrong with the files: missing, cut off, damaged."""

    @property
    def packed(self) -> bool:
        """Whether some are quantised, so that numbers are no parameters."""
        return not {*self.dtypes} <= _WHOLE


def read_stored(folder: Path) -> Stored:
    """Read the headers of a checkpoint's safetensors files, those that transformers would load.

    Args:
        folder: The checkpoint.
    """
    tensors, _, faults = read_weights(folder)
    weights = [head for name, head in tensors.items() if not name.endswith(_COMPUTED)]
    dtypes: Counter[str] = Counter()
    for head in weights:
        dtypes[head.dtype] += head.size
    values = sum(head.count for head in weights)
    return Stored(dtypes.total(), values, dict(dtypes), tuple(faults))
