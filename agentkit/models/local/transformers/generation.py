"""One answer in the making: how its tokens are picked, where it ends, and who waits for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from agentkit.models import finish_reasons
from agentkit.models.local.transformers.experts import ExpertCounts
from agentkit.models.local.transformers.token_choice import GrammarError, TokenChoice


class TextDecoder(Protocol):
    """Turns tokens into text as they come, and never hands out half of a character."""

    def add(self, ids: Sequence[int]) -> str:
        """Return the text that further tokens make certain."""
        ...

    def end(self) -> str:
        """Return what was held back."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A token of an answer, on its way to who waits."""

    text: str
    """What it adds to the text; empty of half a character, and of what may begin a stop text."""
    tokens: int
    """How many tokens the answer has now."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of an answer."""

    reason: str
    """Why it ended: `stop` or `length`."""
    text: str
    """The rest of its text."""


@dataclass(slots=True, eq=False)
class Generation:
    """An answer in the making. The thread of the engine adds tokens, and one task waits for it."""

    prompt: Sequence[int]
    """The tokens of the prompt."""
    choice: TokenChoice
    """How tokens are picked."""
    max_tokens: int
    """The most tokens of the answer."""
    end_ids: frozenset[int]
    """The tokens that end it."""
    decoder: TextDecoder
    """Turns tokens into text."""
    stops: tuple[str, ...] = ()
    """The texts that end it, and are no part of it."""
    tokens: list[int] = field(default_factory=list)
    """The tokens of the answer so far, the one that ended it included."""
    position: int | None = None
    """How many tokens, of prompt and answer, the model has read; None: it has not begun."""
    cached: int = 0
    """The tokens of the prompt that were read for an earlier request."""
    experts: ExpertCounts = field(default_factory=ExpertCounts)
    """How often each expert was chosen; empty where nobody watches."""
    is_over: bool = False
    """Whether it has ended."""
    events: "asyncio.Queue[Piece | End | Exception]" = field(default_factory=asyncio.Queue)
    """What happens to it, in order."""
    _held: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def pick(self, scores: torch.Tensor, likeliest: int | None = None) -> int:
        """Pick the next token and tell who waits.

        Args:
            scores: The logits, float32 [vocabulary].
            likeliest: The token with the highest, where that is known.

        Returns:
            The token, or one that ends an answer where this one does so in another way.
        """
        if self._is_left:
            return next(iter(self.end_ids))
        try:
            if likeliest is not None and self.choice.is_plain:
                token = likeliest
            else:
                token = self.choice.pick(scores, lambda: [*self.prompt, *self.tokens])
            self._add(token)
        except Exception as error:  # its own fault: the others in the batch go on
            self.fail(error)
            token = -1
        ends_by_itself = token in self.end_ids or len(self.tokens) >= self.max_tokens
        return next(iter(self.end_ids)) if self.is_over and not ends_by_itself else token

    @property
    def _is_left(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.is_over

    def reads(self, start: int, length: int) -> int:
        """Take note of tokens that the model reads next.

        Args:
            start: The tokens in front of them, whose keys and values are there.
            length: How many they are.

        Returns:
            How many of them it has read before.
        """
        if self.position is None:
            self.position = self.cached = start
        again = min(length, max(0, self.position - start))
        self.position = max(self.position, start + length)
        return again

    def fail(self, error: Exception) -> None:
        """End it with an error."""
        if not self.is_over:
            self.is_over = True
            self._tell(error)

    def _add(self, token: int) -> None:
        self.tokens.append(token)
        if token in self.end_ids:
            self._end(finish_reasons.STOP, self._held + self.decoder.end())
            return
        grammar = self.choice.grammar
        if grammar is not None and not grammar.consume_token(token):
            raise GrammarError(grammar.get_error())
        text = self._held + self.decoder.add((token,))
        cut = min((at for stop in self.stops if (at := text.find(stop)) >= 0), default=None)
        if cut is not None:
            self._end(finish_reasons.STOP, text[:cut])
        elif grammar is not None and grammar.is_stopped():
            self._end(finish_reasons.STOP, text + self.decoder.end())
        elif len(self.tokens) >= self.max_tokens:
            self._end(finish_reasons.LENGTH, text + self.decoder.end())
        else:
            kept = max((_overlap(text, stop) for stop in self.stops), default=0)
            self._held = text[len(text) - kept :]
            self._tell(Piece(text[: len(text) - kept], len(self.tokens)))

    def _end(self, reason: str, text: str) -> None:
        self.is_over = True
        self._tell(End(reason, text))

    def _tell(self, event: Piece | End | Exception) -> None:
        try:
            self._loop.call_soon_threadsafe(self.events.put_nowait, event)
        except RuntimeError:  # the loop has ended: nobody waits
            self.is_over = True


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text may begin a stop text."""
    most = min(len(text), len(stop) - 1)
    return next((n for n in range(most, 0, -1) if stop.startswith(text[-n:])), 0)
