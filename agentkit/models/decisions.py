"""Decisions: what is said of an option becomes probabilities, and labels that a model reads."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from agentkit.errors import ModelError
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
