"""Answers that cannot be used: why, and what a model is shown of them before it answers again."""

import re
from collections.abc import Sequence
from typing import Final

from agentkit.errors import OutputError
from agentkit.messages import Completion, Message
from agentkit.models import finish_reasons

_NOTHING: Final = "(nothing)"
"""What a model is shown of its answer without text: some servers refuse an empty turn."""
_SHOWN: Final = 4_000
"""The most characters that a model is shown of an answer."""
_SHOWN_CUT: Final = 500
"""The same where it was truncated: its mistake is its length, and a long loop invites to go on."""
_SHOWN_EXAMPLE: Final = 500
"""The most characters of an example that a model is shown again."""
_SHORTEST_LOOP: Final = 40
_DIGIT: Final = re.compile(r"\d")
_SEEN: Final = 4_000
"""Characters at the end of an answer that are searched for a loop."""


def fault_of(completion: Completion) -> str | None:
    """Return why a completion is no whole answer, in words for the model; None: it is one."""
    only_thoughts = bool(completion.thoughts) and not completion.text.strip()
    match completion.finish_reason:
        case finish_reasons.LENGTH if completion.detail:
            return completion.detail
        case finish_reasons.LENGTH if only_thoughts:
            return "the token limit was reached in the reasoning, before an answer; think less."
        case finish_reasons.LENGTH:
            return "it was cut off at the token limit; be shorter."
        case finish_reasons.REFUSAL:
            return "it is a refusal, not an answer."
        case finish_reasons.TOOL_CALLS:
            return "it is a call of a tool, and there are no tools here; answer in text."
        case finish_reasons.BAD_FORM:
            return "the server says that it has not the form that was asked for."
        case finish_reasons.STOP:
            return "only reasoning came, and no answer after it." if only_thoughts else None
        case reason:
            return f"it may not be whole: it ended with '{reason}' as the reason, not with 'stop'."


def is_cut(completion: Completion) -> bool:
    """Return whether it is an answer that was truncated at a limit."""
    return completion.finish_reason == finish_reasons.LENGTH and bool(completion.text.strip())


def correction(
    completion: Completion, error: OutputError, examples: Sequence[Message]
) -> tuple[Message, Message]:
    """Return the answer as the model is shown it, and what is wrong with it and what to write.

    What a person could do about it stands behind that in brackets, and is none of the model's
    business: a small one takes it up as its subject.

    Args:
        completion: The answer.
        error: Why it cannot be used.
        examples: The node's examples, of which the first answer is shown if it is short.
    """
    said = str(error)
    if completion.detail:
        said = said.replace(completion.detail, completion.detail.partition(" (")[0])
    wrong = f"That answer cannot be used: {said}\nAnswer again, in full."
    right = next((one.content for one in examples if one.role == "assistant"), "")
    if right and len(right) <= _SHOWN_EXAMPLE:
        wrong += f" An answer looks like this:\n{right}"
    return Message("assistant", _shown(completion)), Message("user", wrong)


def _shown(completion: Completion) -> str:
    """The text of an answer, in excerpts where it is long; of a loop the first round."""
    text = completion.text
    if not text.strip():
        return _NOTHING
    if not is_cut(completion):
        half = _SHOWN // 2
        return text if len(text) <= _SHOWN else f"{text[:half]}\n[...]\n{text[-half:]}"
    most = min(_SHOWN_CUT, _first_round_end(text))
    return text if len(text) <= most else f"{text[:most]}\n[...]"


def _first_round_end(text: str) -> int:
    """Where the first round ends of the loop that a text ends with; without one, its length.

    Rounds may differ in their digits, as in a numbered list. What repeats has a short period: the
    prefix function of the reversed text gives the shortest of everything that the text ends with.
    """
    backwards = _DIGIT.sub("0", text[: -_SEEN - 1 : -1])
    borders = [0] * len(backwards)
    longest, found = 0, 0
    for i in range(1, len(backwards)):
        border = borders[i - 1]
        while border and backwards[i] != backwards[border]:
            border = borders[border - 1]
        borders[i] = border + (backwards[i] == backwards[border])
        period = i + 1 - borders[i]
        if i + 1 >= max(3 * period, _SHORTEST_LOOP):
            longest, found = i + 1, period
    return len(text) - longest + found
