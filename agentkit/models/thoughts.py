"""Thoughts that stand in the text of an answer, kept apart from the answer itself.

A server without a parser for a model's reasoning leaves it in the text. The rule: thoughts are
what stands in their tag at the very beginning, up to its end or, if it has none, all of the text;
and what stands before an end tag whose beginning was in the prompt. Tags further down are part of
the answer.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from agentkit.messages import Completion

_NAMES: Final = ["think", "thinking", "thought", "thoughts", "reasoning", "seed:think"]
_ASIDE: Final = [
    f"{start}<|channel|>{name}"
    for start in ("", "<|start|>assistant")
    for name in ("analysis<|message|>", "commentary<|message|>", "commentary")
]
"""Harmony's channels beside the answer; a call of a tool is one."""
_FINAL: Final = r"(?:<\|start\|>assistant)?<\|channel\|>final(?:[^<]|<\|constrain\|>)*<\|message\|>"
_TAGS: Final = {
    **{f"<{name}>": f"</{name}>" for name in _NAMES},  # DeepSeek, Qwen, GLM, Gemma, Seed, ...
    "[think]": r"\[/think\]",  # Mistral
    "◁think▷": "◁/think▷",  # Kimi
    "<|begin_of_thought|>": r"<\|end_of_thought\|>",  # Sky-T1, OpenThinker
    "<|start_thinking|>": r"<\|end_thinking\|>",  # Cohere
    "<|channel>thought": "<channel\\|>",  # Gemma 4
    "<|inner_prefix|>": r"<\|inner_suffix\|>",  # Apertus
    **dict.fromkeys(_ASIDE, rf"(?:<\|end\|>)?{_FINAL}"),  # Harmony, of gpt-oss
}
"""What thoughts begin with, in lower case, and the pattern of what ends them."""
_ENDS: Final = {begin: re.compile(end, re.IGNORECASE) for begin, end in _TAGS.items()}
_LONGEST_END: Final = 100
"""The most characters of an end tag."""
_BARE_END: Final = re.compile(
    rf"</(?:{'|'.join(_NAMES)})>|\[/THINK\]|◁/think▷|<\|end_(?:of_thought|thinking)\|>",
    re.IGNORECASE,
)
_WRAPPING: Final = re.compile(
    rf"^<\|(?:begin_of_solution|start_response)\|>|^{_FINAL}"
    r"|<\|(?:end_of_solution|end_response|return|end)\|>$",
    re.IGNORECASE,
)
"""What such models put around the answer itself."""
_BARE_HARMONY: Final = re.compile(
    r"\s*(?:analysis|commentary)(.*?)assistantfinal(?:\s*json(?=\s*[{\[]))?", re.DOTALL
)
"""Thoughts in Harmony from a server that drops its special tokens and reads no channels."""


def apart(completion: Completion) -> Completion:
    """Return a completion whose text has no thoughts: they stand under `thoughts`."""
    thoughts, text = split_thoughts(completion.text)
    if text == completion.text:
        return completion
    told = [part for part in (completion.thoughts, thoughts) if part]
    return replace(completion, text=text, thoughts="\n\n".join(told))


def split_thoughts(text: str) -> tuple[str, str]:
    """Return the thoughts and the answer in a text; thoughts are empty where there are none."""
    if "assistantfinal" in text and (bare := _BARE_HARMONY.match(text)) is not None:
        return bare[1].strip(), text[bare.end() :].strip()
    if "<" not in text and "[" not in text and "◁" not in text:  # what every tag begins with
        return "", text
    thoughts: list[str] = []
    rest = text
    while (begin := _begins(rest)) is not None:
        inside = rest.lstrip()[len(begin) :]
        end = _ENDS[begin].search(inside)
        thoughts.append(inside[: end.start()] if end else inside)
        rest = inside[end.end() :] if end else ""
    while (end := _BARE_END.search(rest)) is not None and _ends_thoughts(rest, end):
        thoughts.append(rest[: end.start()])
        rest = rest[end.end() :]
    if rest is text:
        rest = _WRAPPING.sub("", text.strip()) if text.lstrip().startswith("<|") else text
    else:
        rest = _WRAPPING.sub("", rest.strip())
    return "\n\n".join(part.strip() for part in thoughts if part.strip()), rest


def _begins(text: str) -> str | None:
    """The tag that a text begins with."""
    start = text.lstrip()[:_LONGEST_END].lower()
    return next((begin for begin in _TAGS if start.startswith(begin)), None)


def _ends_thoughts(text: str, end: re.Match[str]) -> bool:
    """Whether an end tag without a beginning ends thoughts, and is not a word of the answer.

    It ends them at the beginning of a line or right after a character that is no space and opens
    nothing, outside of a block of code. A beginning before it makes it part of the answer.
    """
    before = text[: end.start()]
    if any(begin in before.lower() for begin in _TAGS) or (before.count("```") % 2):
        return False
    return not before.strip() or before[-1] not in " \t\"'`([{<*\\"


class AnswerText:
    """Hands on the text of an answer as it arrives, without the thoughts in front of it.

    Where only their end is marked, that they were thoughts is known too late.

    Args:
        hand_on: Takes each piece of the answer.
    """

    def __init__(self, hand_on: Callable[[str], None]) -> None:
        self._hand_on = hand_on
        self.start_again()

    def start_again(self) -> None:
        """Expect another answer from its beginning."""
        self._held = ""
        self._ends: re.Pattern[str] | None = None
        self._answers = False

    def __call__(self, text: str) -> None:
        """Take the next piece."""
        if self._answers:
            self._hand_on(text)
            return
        self._held += text
        while self._held and not self._answers:
            if self._ends is not None:
                end = self._ends.search(self._held)
                self._held = self._held[end.end() if end else -_LONGEST_END :]
                if end is None:
                    return
                self._ends = None
            elif (begin := _begins(self._held)) is not None:
                self._held = self._held.lstrip()[len(begin) :]
                self._ends = _ENDS[begin]
            elif _may_begin(self._held):
                return
            else:
                self._answers = True
                self._hand_on(split_thoughts(self._held)[1])


def _may_begin(text: str) -> bool:
    """Whether a text may go on to be a tag."""
    start = text.lstrip().lower()
    return any(begin.startswith(start) for begin in _TAGS)
