"""Decides a question by the log-probabilities of its options' texts."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, Literal

from agentkit.messages import Decision, Question
from agentkit.models.local.transformers.chat import ENCODING
from agentkit.models.local.transformers.option_scores import score_options
from agentkit.models.local.transformers.prompt_caches import PromptCaches

How = Literal["sum", "mean", "prior"]
"""How a log-probability becomes a score: as it is, by its number of tokens, or less that after a
neutral prompt."""
DEFAULT_HOW: Final[How] = "sum"
_PROBE: Final = "x"
"""What the user says in the chat that shows where an answer stands."""


def option_ids(tokenizer: Any, options: Sequence[str]) -> list[list[int]]:
    """Return the tokens of texts as the beginning of an assistant's turn.

    They are those that follow the chat template's generation prompt when both are tokenised
    together. White space that the template puts before an answer (`[/INST] left`) belongs to it.
    A text that spells a token which steers the chat, such as `<|im_end|>`, is ordinary text.

    Args:
        tokenizer: Of transformers, with a chat template or without.
        options: The texts, not empty.
    """
    front, gap = _seam(tokenizer, options[0]) if options else ("", "")
    apart, control = _ids(tokenizer, front), _control(tokenizer)
    found = []
    for option in options:
        first, *rest = _broken(option, control)
        together = _ids(tokenizer, front + gap + first)
        fits = together[: len(apart)] == apart and len(together) > len(apart)
        ids = together[len(apart) :] if fits else _ids(tokenizer, gap + first)
        found.append([*ids, *(one for part in rest for one in _ids(tokenizer, part))])
    return found


def _ids(tokenizer: Any, text: str) -> list[int]:
    with ENCODING:
        return list(tokenizer(text, add_special_tokens=False).input_ids) if text else []


def _control(tokenizer: Any) -> re.Pattern[str] | None:
    """Where a text spells a token that steers a chat, which an option must not become."""
    spelt = {one.content for one in tokenizer.added_tokens_decoder.values() if one.special}
    spelt.update(getattr(tokenizer, "chat_control_tokens", None) or ())
    words = sorted((one for one in spelt if len(one) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words))) if words else None


def _broken(text: str, control: re.Pattern[str] | None) -> list[str]:
    """The parts of a text, of which none spells such a token."""
    if control is None:
        return [text]
    cuts = [found.start() + 1 for found in control.finditer(text)]
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


def _seam(tokenizer: Any, answer: str) -> tuple[str, str]:
    """The text in front of an answer, and the white space between; nothing without a template."""
    if not getattr(tokenizer, "chat_template", None):
        return "", ""
    asked = [{"role": "user", "content": _PROBE}]
    try:
        front = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        answered = [*asked, {"role": "assistant", "content": answer}]
        whole = tokenizer.apply_chat_template(answered, tokenize=False)
    except Exception:  # a template may refuse anything; without it, tokens are those of the text
        return "", ""
    rest = whole.removeprefix(front) if whole.startswith(front) else ""
    gap = rest[: len(rest) - len(rest.lstrip())]
    return front, gap if rest[len(gap) :].startswith(answer.strip()) else ""


def spellings(question: Question, option: str) -> tuple[str, ...]:
    """Return the ways in which an answer may be written that mean an option.

    Models say "Yes" and "Yes." where they are asked for "yes".
    """
    if question.kind == "predicate":
        return option, option.capitalize(), f"{option.capitalize()}."
    return (option,)


def exact_text(question: Question) -> str:
    """Return what is asked, as it stands in the prompt.

    The options of a choice are not listed behind it: all their texts are scored anyway, and without
    the list the model that was measured is right more often (docs/benchmarks.md, "Scores of
    options"). What a yes, a no or a number means has to be said.
    """
    if question.kind == "choice":
        return question.text
    return f"{question.text}\n\n{how_to_answer(question)}"


def prior_question(question: Question) -> Question:
    """Return the question without what it is about: what options are likely by themselves."""
    return replace(question, text="", images=())


def how_to_answer(question: Question) -> str:
    """Return the instruction to answer with one of the options."""
    if question.kind == "predicate":
        return "Answer yes or no, with that word and nothing else."
    lines = "".join(f"\n- {option}" for option in question.shown)
    what = "numbers" if question.kind == "score" else "options"
    return f"Answer with exactly one of these {what} and nothing else:{lines}"


def decide_exactly(
    model: Any,
    tokenizer: Any,
    prompt_ids: Sequence[int],
    question: Question,
    how: How = DEFAULT_HOW,
    end_ids: Sequence[int] = (),
    prior_ids: Sequence[int] | None = None,
    caches: PromptCaches | None = None,
) -> Decision:
    """Decide a question by the log-probability of each option's whole text.

    Args:
        model: A causal language model of transformers.
        tokenizer: Its tokenizer.
        prompt_ids: The chat up to where the answer begins, with the question in it.
        question: The question.
        how: `sum` of the log-probabilities of an option's tokens and its end, their `mean`, or the
            sum less that after the `prior` prompt: pointwise mutual information given the domain,
            of Holtzman et al. 2021, arXiv 2104.08315. Probabilities are the softmax of that, at a
            temperature of 1.
        end_ids: The tokens that end an answer.
        prior_ids: The prompt without what the question is about, for `prior`.
        caches: What this model read before.

    Returns:
        A probability for every option; `other` is what the model gives to all other texts.

    Raises:
        ValueError: `how` is `prior` and there are no `prior_ids`, or no such way.
    """
    if how not in ("sum", "mean", "prior") or (how == "prior" and not prior_ids):
        raise ValueError(f"how is {how!r}: expected sum, mean, or prior with prior_ids")
    written = [(one, text) for one in question.options for text in spellings(question, one)]
    ids = option_ids(tokenizer, [text for _, text in written])
    sums = score_options(model, prompt_ids, ids, end_ids, caches)
    other = max(0.0, 1 - math.fsum(map(math.exp, sums)))
    if how == "mean":
        scored = [
            one / (len(tokens) + bool(end_ids)) for one, tokens in zip(sums, ids, strict=True)
        ]
    else:
        scored = sums
    found = _by_option(question, written, scored)
    if how == "prior":
        assert prior_ids is not None
        prior = _by_option(question, written, _prior(model, prior_ids, ids, end_ids, caches))
        found = [one - before for one, before in zip(found, prior, strict=True)]
    total = _log_sum(found)
    shares = [math.exp(one - total) for one in found]
    return Decision(dict(zip(question.options, shares, strict=True)), other)


def _prior(
    model: Any,
    prior_ids: Sequence[int],
    ids: Sequence[Sequence[int]],
    end_ids: Sequence[int],
    caches: PromptCaches | None,
) -> list[float]:
    key = tuple(prior_ids), tuple(map(tuple, ids)), tuple(end_ids)
    known = caches.prior(key) if caches is not None else None
    if known is None:
        known = score_options(model, prior_ids, ids, end_ids)
        if caches is not None:
            caches.keep_prior(key, known)
    return known


def _by_option(
    question: Question, written: Sequence[tuple[str, str]], scores: Sequence[float]
) -> list[float]:
    """The score of each option: the logarithm of the sum over its spellings."""
    found: dict[str, list[float]] = {one: [] for one in question.options}
    for (option, _), score in zip(written, scores, strict=True):
        found[option].append(score)
    return [_log_sum(all_scores) for all_scores in found.values()]


def _log_sum(logs: Sequence[float]) -> float:
    """The logarithm of a sum, of numbers given by their logarithms."""
    highest = max(logs)
    if highest == -math.inf:
        return highest
    return highest + math.log(math.fsum(math.exp(one - highest) for one in logs))
