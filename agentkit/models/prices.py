"""What models cost: the table of genai-prices as it was installed, never fetched from a network."""

import re
from functools import cache
from typing import TYPE_CHECKING

from agentkit.messages import Usage

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot


def listed_cost(usage: Usage, model: str, provider: str | None) -> float | None:
    """What tokens cost in US dollars; None when the model or its provider is not in the table.

    Args:
        usage: The tokens.
        model: The model's name, as its provider writes it.
        provider: The provider's id in the table, such as `openai`.
    """
    if provider is None:
        return None
    from genai_prices import Usage as Tokens

    tokens = Tokens(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        price = _table().calc(tokens, model, provider, None, None)
    except LookupError:
        return None
    return float(price.total_price)


@cache
def provider_at(url: str) -> str | None:
    """The id of the provider whose API has this address; None when it is nobody known."""
    from genai_prices.data import providers

    for provider in providers:
        found = re.match(provider.api_pattern, url)
        if found and (found[0].endswith("/") or url[found.end() :][:1] in ("", "/")):
            return str(provider.id)
    return None


@cache
def _table() -> "DataSnapshot":
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    return DataSnapshot(providers=providers, from_auto_update=False)
