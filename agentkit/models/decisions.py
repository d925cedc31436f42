"""Decisions: answers as probabilities, and questions whose options are labels of one token."""

import json
import math
import string
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from agentkit.errors import CannotDecide, ModelError
from agentkit.messages import Completion, Decision, Question, Request

_SURE_ENOUGH: Final = 0.02
"""By how much probabilities may miss 1 in their sum: servers round them."""


def certain(question: Question, option: str) -> Decision:
    """Return the decision of who has no doubt."""
    return Decision({one: float(one == option) for one in question.options})


def as_decided(request: Request, completion: Completion) -> Completion:
    """Return a completion in text with the decision that it names.

    The text is an option, or the JSON of probabilities by option. Any other text stays a text.
    """
    if completion.decisions or not request.questions:
        return completion
    question = request.questions[0]
    said = completion.text.strip()
    if said in question.options:
        return replace(completion, decisions=(certain(question, said),))
    if not said.startswith("{"):
        return completion
    try:
        probabilities = json.loads(said)
    except ValueError:
        return completion
    if not isinstance(probabilities, dict) or not probabilities.keys() <= {*question.options}:
        return completion
    return replace(completion, decisions=(Decision(probabilities),))


def checked_decision(name: str, question: Question, decision: Any) -> Decision:
    """Return a decision with a probability for every option, in their order, adding up to 1.

    Args:
        name: The model's name, for messages.
        question: What was asked.
        decision: What the model gave.

    Raises:
        ModelError: It is no decision of this question.
    """
    if not isinstance(decision, Decision) or not isinstance(decision.probabilities, Mapping):
        raise ModelError(f"{name} gave {decision!r:.80} for a question: expected a Decision")
    given, other = decision.probabilities, decision.other
    if not given:
        return decision
    for option, probability in given.items():
        if option not in question.options:
            listed = ", ".join(question.options[:10])
            raise ModelError(f"{name} decided for {option!r:.60}, which is no option of: {listed}")
        if not _is_probability(probability):
            raise ModelError(
                f"{name} gave {option!r:.60} the probability {probability!r:.40}: expected a "
                "number from 0 to 1"
            )
    total = math.fsum(given.values())
    if abs(total - 1) > _SURE_ENOUGH:
        raise ModelError(f"{name} gave probabilities that add up to {total:.3g}: expected 1")
    if other is not None and not _is_probability(other):
        raise ModelError(f"{name} gave the probability {other!r:.40} to no option")
    return Decision({one: max(0.0, given.get(one, 0.0)) / total for one in question.options}, other)


def _is_probability(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and -1e-6 <= value <= 1 + 1e-6


# ---- labels: any model that tells the probabilities of its next token can decide ----

LABELS: Final = string.ascii_uppercase
"""A letter is one token at the beginning of an answer, for nearly all tokenizers."""
_YES_NO: Final = "Answer yes or no, with that word and nothing else."
_LETTER: Final = "Answer with the letter of one option and nothing else."
_NUMBER: Final = "Answer with one of these numbers and nothing else."
_WORTH_ASKING: Final = 0.01
"""The probability from which the options of a group are told apart: others share it evenly."""
_LONGEST_GROUP: Final = 2_000
"""Characters of the options of a group that are shown where groups are compared."""

AskLabels = Callable[[str, Sequence[str]], Awaitable[Sequence[float]]]
"""Asks a text; gives the probability that the answer begins with each of the labels."""


def read_labels(tokens: Iterable[Any], labels: Sequence[str]) -> list[float]:
    """Return the probability of each label, with or without a space, in the likeliest tokens.

    Args:
        tokens: As Chat Completions has them: mappings with `token` and `logprob`.
        labels: The labels. Words are read in upper and lower case, letters in upper case.
    """
    found = dict.fromkeys(labels, 0.0)
    for entry in tokens:
        if not isinstance(entry, Mapping):
            continue
        token, logprob = entry.get("token"), entry.get("logprob")
        if not isinstance(token, str) or not isinstance(logprob, (int, float)):
            continue
        word = token.replace("\u2581", " ").strip()
        label = word if len(word) == 1 else word.lower()
        if label in found and not math.isnan(logprob):
            found[label] += math.exp(min(0.0, logprob))
    return list(found.values())


async def decide_by_labels(
    question: Question, ask: AskLabels, most: int, rotations: int = 1
) -> Decision:
    """Decide a question by the probabilities of labels: first of groups, where there are many.

    Args:
        question: The question.
        ask: Asks a text.
        most: The most labels of one text, at most 26.
        rotations: How often a choice is asked, each time with another option first: the mean
            depends less on the order, which models mind.

    Raises:
        CannotDecide: There are too many options.
        NoLabel: The model's answers begin with no label.
    """
    if question.kind == "predicate":
        text = f"{question.text}\n\n{_YES_NO}"
        return _decision(question.options, await ask(text, question.options))
    if question.kind == "score":
        return await _decide_score(question, ask, most)
    turns = [
        await _decide_choice(replace(question, options=options), ask, most)
        for options in _rotated(question.options, rotations)
    ]
    if len(turns) == 1:
        return turns[0]
    shares = {
        option: math.fsum(turn.probabilities[option] for turn in turns) / len(turns)
        for option in question.options
    }
    return Decision(shares, math.fsum(turn.other or 0.0 for turn in turns) / len(turns))


def _rotated(options: Sequence[str], rotations: int) -> Iterator[tuple[str, ...]]:
    """Options in their order, each time beginning with another one."""
    count = min(rotations, len(options))
    for turn in range(count):
        first = turn * len(options) // count
        yield (*options[first:], *options[:first])


async def _decide_score(question: Question, ask: AskLabels, most: int) -> Decision:
    """Decide among ordered options: their own digits are the labels, where they are digits."""
    options = question.options
    if len(options) > most:
        asked = replace(question, options=question.shown, meanings=())
        found = await _decide_choice(asked, ask, most)
        shares = dict(zip(options, found.probabilities.values(), strict=True))
        return Decision(shares, found.other)
    if all(len(option) == 1 for option in options):
        listed = "\n".join(question.shown)
        text = f"{question.text}\n\n{listed}\n{_NUMBER}"
        return _decision(options, await ask(text, options))
    return _decision(options, await _ask_options(question, question.shown, ask))


async def _decide_choice(question: Question, ask: AskLabels, most: int) -> Decision:
    options = question.options
    if len(options) <= most:
        return _decision(options, await _ask_options(question, options, ask))
    if len(options) > most * most:
        raise CannotDecide(f"it can decide among {most * most} options, and there are more")
    groups = _groups(options, most)
    shown = ["; ".join(group)[:_LONGEST_GROUP] for group in groups]
    places = [str(place) for place in range(len(groups))]
    outer = _decision(places, await _ask_options(question, shown, ask))
    probabilities: dict[str, float] = {}
    kept = 0.0
    for group, probability in zip(groups, outer.probabilities.values(), strict=True):
        inner, other = dict.fromkeys(group, 1 / len(group)), 0.0
        if len(group) > 1 and probability >= _WORTH_ASKING:
            decided = _decision(group, await _ask_options(question, group, ask))
            inner, other = dict(decided.probabilities), decided.other or 0.0
        probabilities |= {option: probability * share for option, share in inner.items()}
        kept += probability * (1 - other)
    return Decision(probabilities, 1 - (1 - (outer.other or 0.0)) * kept)


async def _ask_options(
    question: Question, options: Sequence[str], ask: AskLabels
) -> Sequence[float]:
    labels = LABELS[: len(options)]
    listed = "\n".join(f"{label}. {one}" for label, one in zip(labels, options, strict=True))
    return await ask(f"{question.text}\n\n{listed}\n{_LETTER}", labels)


class NoLabel(CannotDecide):
    """An answer that begins with no label of an option, or does not tell how it could begin."""


def _decision(options: Sequence[str], masses: Sequence[float]) -> Decision:
    """The decision in the probabilities of labels.

    Raises:
        NoLabel: They are all 0.
    """
    total = math.fsum(masses)
    if total <= 0:
        raise NoLabel("its answer would begin with no label of an option")
    shares = {one: mass / total for one, mass in zip(options, masses, strict=True)}
    return Decision(shares, max(0.0, 1 - total))


def _groups(options: Sequence[str], most: int) -> list[Sequence[str]]:
    """Options in as few groups as can be, of nearly equal sizes, in their order."""
    count = math.ceil(len(options) / most)
    ends = [round(len(options) * number / count) for number in range(count + 1)]
    return [options[start:end] for start, end in pairwise(ends)]
