"""Turns messages into the tokens of a checkpoint's chat template, and its tokens into text."""

import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

from agentkit.errors import ModelError, visible
from agentkit.messages import Message
from agentkit.values import json_safe

_MARKER: Final = re.compile("<[|\uff5c].*[|\uff5c]>", re.S)
"""The form of tokens that steer a chat, with a bar or a wide one: no other text looks like it."""
ENCODING: Final = threading.Lock()
"""A tokenizer that encodes a text without control tokens does so for all threads meanwhile."""
_INCOMPLETE: Final = "\ufffd"
"""What stands for the bytes of a character that is not complete."""


def guard_control_tokens(tokenizer: Any) -> None:
    """Tell a tokenizer which of its tokens only its template may write.

    transformers finds those that are special or stand in the template; some templates put others
    together, as in `'<|' + message.role + '|>'`.
    """
    template = str(tokenizer.chat_template)
    tokenizer.chat_control_tokens = [
        token.content
        for token in tokenizer.added_tokens_decoder.values()
        if token.special
        or _MARKER.fullmatch(token.content)
        or (token.content in template and not token.content.isspace())
    ]


def prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Return the tokens of a conversation, up to where the answer begins.

    A token that steers the chat, such as `<|im_end|>`, comes from the template alone: in a message
    it is an ordinary text, since an observation could end its turn with it and speak as another.
    Where a template takes no system message, that stands in front of the first user's; where it
    wants roles to alternate, messages of one role are joined. Threads wait for each other.

    Args:
        tokenizer: That of the checkpoint, with its chat template.
        messages: The conversation.

    Raises:
        ModelError: There are pictures, or the template takes no such conversation.
    """
    if any(message.images for message in messages):
        raise ModelError("the checkpoint runs as a model of text here: it can be shown no pictures")
    told: Exception | None = None
    for turns in _forms(messages):
        try:
            with ENCODING:
                if _shows_system(tokenizer, turns):
                    return _encoded(tokenizer, turns)
        except Exception as error:  # of Jinja or of the template, in whatever way it fails
            told = told or error
    why = visible(str(told or "it leaves the system message out")).replace("\n", " ")[:300]
    raise ModelError(f"the chat template of the checkpoint takes no such conversation: {why}")


def decode(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return the text of tokens, without special ones, with its spaces as they are."""
    return str(
        tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    )


def turn_end(tokenizer: Any) -> int | None:
    """Return the token that the template writes after an answer; None: it writes none.

    It ends an answer too, where the files of a checkpoint forget to say so.
    """
    answer = "The answer."
    turns = [{"role": "user", "content": "A question?"}, {"role": "assistant", "content": answer}]
    try:
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    except Exception:  # of the template: it takes no earlier answers
        return None
    after = text.rpartition(answer)[2].lstrip()
    special = {t.content: one for one, t in tokenizer.added_tokens_decoder.items() if t.special}
    written = [content for content in special if content and after.startswith(content)]
    return special[max(written, key=len)] if written else None


class TextStream:
    """Turns tokens into text as they arrive; all pieces together are what `decode` returns.

    Args:
        tokenizer: That of the checkpoint.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder.items()
        self._special = frozenset(one for one, token in added if token.special)
        self._ids: list[int] = []
        self._context = self._told = 0  # where the tokens begin that are decoded, and new ones

    def add(self, ids: Sequence[int]) -> str:
        """Take tokens, and return the text that is complete now: no part of a character."""
        self._ids += [one for one in ids if one not in self._special]
        text = self._untold()
        if text.endswith(_INCOMPLETE):
            return ""
        self._context, self._told = self._told, len(self._ids)
        return text

    def end(self) -> str:
        """Return what is left: a character whose rest never came stands there as U+FFFD."""
        text = self._untold()
        self._context = self._told = len(self._ids)
        return text

    def _untold(self) -> str:
        """The text of the new tokens, as it reads after those in front of them."""
        before = decode(self._tokenizer, self._ids[self._context : self._told])
        return decode(self._tokenizer, self._ids[self._context :])[len(before) :]


def _forms(messages: Sequence[Message]) -> Iterator[list[dict[str, str]]]:
    """The conversation as it is, and as templates may want it."""
    turns = [{"role": one.role, "content": json_safe(one.content)} for one in messages]
    yield turns
    yield _joined(turns)
    yield _without_system(turns)
    yield _joined(_without_system(turns))


def _joined(turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Turns in which no two that follow each other have the same role."""
    joined: list[dict[str, str]] = []
    for turn in turns:
        if joined and joined[-1]["role"] == turn["role"]:
            content = f"{joined[-1]['content']}\n\n{turn['content']}"
            joined[-1] = {**turn, "content": content}
        else:
            joined.append(turn)
    return joined


def _without_system(turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Turns in which what the system says stands in front of what the user says next."""
    left: list[dict[str, str]] = []
    said: list[str] = []
    for turn in turns:
        if turn["role"] == "system":
            said.append(turn["content"])
        elif said and turn["role"] == "user":
            left.append({**turn, "content": "\n\n".join((*said, turn["content"]))})
            said = []
        else:
            left.append(turn)
    return [*left, {"role": "user", "content": "\n\n".join(said)}] if said else left


def _shows_system(tokenizer: Any, turns: Sequence[dict[str, str]]) -> bool:
    """Whether a template writes what the system says: some leave it out in silence."""
    said = [turn["content"].strip() for turn in turns if turn["role"] == "system"]
    if not any(said):
        return True
    text = tokenizer.apply_chat_template(list(turns), add_generation_prompt=True, tokenize=False)
    return all(one in text for one in said)


def _encoded(tokenizer: Any, turns: list[dict[str, str]]) -> list[int]:
    """The tokens of turns. The template writes the token that begins a text, where there is one."""
    try:
        return _apply(tokenizer, turns)
    except ValueError as error:
        if "Can't sanitize" not in str(error):
            raise
    # The tokenizer makes a control token of ordinary text too: a space breaks it.
    control = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    control += tokenizer.chat_control_tokens or ()
    spelt = re.compile("|".join(map(re.escape, sorted(control, key=len, reverse=True))))
    texts = [
        spelt.sub(lambda found: f"{found[0][:1]} {found[0][1:]}", turn["content"]) for turn in turns
    ]
    return _apply(
        tokenizer,
        [{**turn, "content": text} for turn, text in zip(turns, texts, strict=True)],
    )


def _apply(tokenizer: Any, turns: list[dict[str, str]]) -> list[int]:
    ids = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_dict=False, sanitize_control_tokens=True
    )
    return [int(one) for one in ids]
