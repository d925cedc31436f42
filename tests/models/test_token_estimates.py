"""What a call is taken for before it is made."""

import pytest

from agentkit import Completion, Image, Message, Request, Sampling
from agentkit.messages import Usage
from agentkit.models.hosted import HostedModel
from agentkit.models.token_estimates import likely_tokens, likely_usage, most_usage


class Unasked(HostedModel):
    """A model on a server, of which only the estimates are wanted."""

    async def _ask(self, request: Request) -> Completion:
        raise NotImplementedError


MODEL = Unasked("test:server")


def both(request: Request) -> tuple[Usage, Usage]:
    return likely_usage(request), most_usage(MODEL, request)


def test_what_is_likely_is_less_than_the_most():
    request = Request((Message("user", "x" * 400, (Image(b"x"),)),))
    likely, most = both(request)
    assert (likely.input_tokens, likely.output_tokens) == (100 + 4 + 1000, 500)
    assert (most.input_tokens, most.output_tokens) == (200 + 8 + 1500, 4096)


@pytest.mark.parametrize("most", [0, 7])
def test_max_tokens_bounds_the_answer_in_both(most):
    request = Request((Message("user", "x"),), Sampling(max_tokens=most))
    assert [usage.output_tokens for usage in both(request)] == [most, most]


def test_a_schema_is_counted_in_both():
    messages = (Message("user", "x"),)
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    for plain, shaped in zip(
        both(Request(messages)), both(Request(messages, schema=schema)), strict=True
    ):
        assert shaped.input_tokens > plain.input_tokens


def test_letters_of_several_bytes_count_by_their_bytes():
    assert likely_tokens("é" * 40) == 20
    assert likely_tokens("\ud800" * 4) == 1
