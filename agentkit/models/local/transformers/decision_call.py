"""Decides the questions of a request, whose messages are read once for all of them."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from agentkit.errors import ModelError
from agentkit.messages import Completion, Message, Request, Usage
from agentkit.models.local.transformers.chat import prompt_ids
from agentkit.models.local.transformers.exact_decisions import (
    DEFAULT_HOW,
    decide_exactly,
    exact_text,
    how_to_answer,
    prior_question,
)

if TYPE_CHECKING:
    from agentkit.models.local.transformers.loading import LoadedCheckpoint
    from agentkit.models.local.transformers.prompt_caches import PromptCaches


def decide_questions(
    loaded: "LoadedCheckpoint",
    caches: "PromptCaches",
    request: Request,
    how: Literal["auto", "sum", "mean", "prior"],
    check_length: Callable[[int], None],
    gone: threading.Event,
) -> Completion:
    """Decide the questions of a request by the log-probabilities of their options.

    Args:
        loaded: The model, which nobody else uses meanwhile.
        caches: What it read before.
        request: The request.
        how: How the options are compared.
        check_length: Refuses a prompt of so many tokens.
        gone: Is set when nobody waits for the answer any more.

    Raises:
        ModelError: A prompt is too long, or shows pictures.
    """
    decisions, usage = [], Usage(calls=0)
    way = DEFAULT_HOW if how == "auto" else how
    for question in request.questions:
        if gone.is_set():
            raise ModelError("nobody waits for the decision any more")
        asked = Message("user", exact_text(question), question.images)
        prompt = prompt_ids(loaded.tokenizer, (*request.messages[:-1], asked))
        check_length(len(prompt))
        neutral = Message("user", how_to_answer(prior_question(question)))
        before = caches.reused
        decisions.append(
            decide_exactly(
                loaded.model,
                loaded.tokenizer,
                prompt,
                question,
                way,
                sorted(loaded.end_ids),
                prompt_ids(loaded.tokenizer, (neutral,)) if way == "prior" else None,
                caches,
            )
        )
        usage += Usage(len(prompt), cached_tokens=caches.reused - before)
    return Completion("", usage, decisions=tuple(decisions))
