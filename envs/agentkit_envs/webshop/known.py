"""Which products a catalogue takes."""

from agentkit_envs.webshop.lookup import LONGEST_ASIN


class Known:
    """The asins taken so far."""

    def __init__(self) -> None:
        self._asins: set[str] = set()

    def take(self, asin: str) -> bool:
        """Whether to take the product: as in the original, once, and not with an odd asin."""
        if asin == "nan" or len(asin) > LONGEST_ASIN or asin in self._asins:
            return False
        self._asins.add(asin)
        return True
