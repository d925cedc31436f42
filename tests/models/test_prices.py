"""Prices come from the installed table, for the providers in it and nobody else."""

import subprocess
import sys

import pytest
from genai_prices import Usage as Tokens
from genai_prices import calc_price
from genai_prices.data import providers

from agentkit import Usage
from agentkit.models.hosted import Price, Settings
from agentkit.models.openai.model import OpenAIModel
from agentkit.models.prices import listed_cost, provider_at

MILLION = Usage(input_tokens=1_000_000, output_tokens=100_000)


def in_the_table(cached: int = 0) -> float:
    """What the installed table asks for `MILLION`; prices change with its version."""
    tokens = Tokens(input_tokens=1_000_000, output_tokens=100_000, cache_read_tokens=cached)
    return float(calc_price(tokens, "gpt-5-mini", provider_id="openai").total_price)


def test_a_known_model_has_its_price_and_cached_tokens_cost_less():
    full = listed_cost(MILLION, "gpt-5-mini", "openai")
    cached = listed_cost(Usage(1_000_000, 100_000, 500_000), "gpt-5-mini", "openai")
    assert full == pytest.approx(in_the_table())
    assert cached == pytest.approx(in_the_table(cached=500_000))
    assert 0 < cached < full
    assert listed_cost(Usage(), "gpt-5-mini", "openai") == 0.0


def test_an_unknown_model_or_provider_has_no_price():
    assert listed_cost(MILLION, "gpt-99", "openai") is None
    assert listed_cost(MILLION, "gpt-5-mini", None) is None
    assert listed_cost(MILLION, "gpt-5-mini", "nobody") is None


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://api.openai.com", "openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.openai.com.evil.example/v1", None),
        ("http://api.openai.com/v1", None),
        ("http://127.0.0.1:8000/v1", None),
    ],
)
def test_a_provider_is_known_by_its_address(url, provider):
    assert provider_at(url) == provider


def test_a_server_of_ones_own_does_not_get_the_price_of_a_name():
    assert OpenAIModel("gpt-5-mini").cost_usd(MILLION) == pytest.approx(in_the_table())
    own = "http://127.0.0.1:8000/v1"
    assert OpenAIModel("gpt-5-mini", base_url=own).cost_usd(MILLION) is None
    free = Settings(price=Price(0, 0))
    assert OpenAIModel("gpt-5-mini", base_url=own, settings=free).cost_usd(MILLION) == 0.0


def test_the_table_has_every_provider_with_an_address():
    assert all(provider.api_pattern for provider in providers)


def test_prices_start_no_thread_and_open_no_connection():
    code = """
import socket, sys, threading
def refuse(*arguments):
    raise SystemExit("a connection was opened")
sys.addaudithook(lambda event, _: refuse() if event == "socket.connect" else None)
from agentkit.models.prices import listed_cost
from agentkit import Usage
assert listed_cost(Usage(10, 10), "gpt-5-mini", "openai")
assert threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
