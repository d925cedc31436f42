"""The names of what changes how tokens are picked, as transformers has them."""

from typing import Final

EXTRA: Final = ("top_k", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size")
"""What `extra` may say of a checkpoint."""
COUNTS: Final = ("top_k", "no_repeat_ngram_size")
"""Those that are whole numbers."""
READS_IDS: Final = ("repetition_penalty", "no_repeat_ngram_size")
"""Those that depend on the tokens so far, and hold where the likeliest token is taken too."""
