"""An answer that a request asks for, from its prompt to its completion."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from agentkit.errors import InputError, ModelError, visible
from agentkit.messages import Completion, Request, Usage
from agentkit.models import finish_reasons
from agentkit.models.arrival import Arrived, cut_off_at
from agentkit.models.hosted import LOCAL_MAX_TOKENS
from agentkit.models.json_forms import in_object, is_wrapped, unwrapped
from agentkit.models.local.transformers.chat import TextStream, prompt_ids
from agentkit.models.local.transformers.checkpoint import CheckpointInfo
from agentkit.models.local.transformers.engine import TorchEngine
from agentkit.models.local.transformers.generation import End, Generation
from agentkit.models.local.transformers.grammar import Grammars
from agentkit.models.local.transformers.plan import check_length
from agentkit.models.local.transformers.sampling_names import EXTRA, check_extra
from agentkit.models.local.transformers.token_choice import make_choice
from agentkit.models.thoughts import apart

_LOG = logging.getLogger("agentkit.models")
_LONGEST_ERROR: Final = 300


class AnswerCall:
    """A request on its way through an engine.

    Args:
        name: The model's name, for messages.
        info: What the checkpoint says of itself.
        engine: Runs it.
        request: The request.
        structured: Whether an answer is held to its schema: `auto`, `on`, `off`.

    Raises:
        ModelError: The prompt is too long or shows pictures, a setting has a value that it cannot
            have, or there is no grammar for a schema that has to be held.
    """

    def __init__(
        self,
        name: str,
        info: CheckpointInfo,
        engine: TorchEngine,
        request: Request,
        structured: str,
    ) -> None:
        self._name, self._info, self._engine = name, info, engine
        self._request, self._structured = request, structured
        loaded = engine.checkpoint
        prompt = prompt_ids(loaded.tokenizer, request.messages)
        check_length(name, info, engine.plan, len(prompt))
        most = request.sampling.max_tokens or LOCAL_MAX_TOKENS
        try:
            check_extra(name, {key: request.extra[key] for key in request.extra if key in EXTRA})
            choice = make_choice(
                loaded.model, info.generation, request, len(prompt), self._grammar()
            )
        except InputError as error:
            raise ModelError(str(error)) from None
        except ValueError as error:
            raise ModelError(f"{name}: {visible(str(error))[:_LONGEST_ERROR]}") from None
        self._generation = Generation(
            prompt,
            choice,
            min(most, engine.plan.context - len(prompt)),
            loaded.end_ids,
            TextStream(loaded.tokenizer),
            request.sampling.stop,
        )
        self._said: list[str] = []

    async def answer(self, arrived: Arrived) -> Completion:
        """Wait for the answer.

        Args:
            arrived: Is told of each token.

        Raises:
            ModelError: The engine failed, or was closed.
        """
        events, hear = self._generation.events, self._request.on_text
        free: Callable[[], None] | None = None
        try:
            free = self._engine.begin_now(self._generation)
            if free is None:  # it has to be started, or waits for a decision
                free = await asyncio.to_thread(self._engine.begin, self._generation)
            while True:
                event = await events.get()
                if isinstance(event, ModelError):
                    raise event
                if isinstance(event, Exception):
                    why = visible(str(event))[:_LONGEST_ERROR]
                    raise ModelError(f"{self._name}: the answer failed. {why}")
                self._said.append(event.text)
                if event.text and hear is not None:
                    hear(event.text)
                if isinstance(event, End):
                    return self._completion(event.reason)
                arrived.tell(event.tokens, lambda: self._completion(finish_reasons.LENGTH))
        finally:
            self._generation.is_over = True
            if free is not None:
                free()

    def _grammar(self) -> Any:
        """What holds the answer to its schema; None: nothing does."""
        schema, loaded = self._request.schema, self._engine.checkpoint
        if schema is None or self._structured == "off":
            return None
        grammars = self._engine.once(
            "grammars",
            lambda: Grammars(loaded.tokenizer, self._info.vocabulary, loaded.end_ids),
        )
        try:
            return grammars.matcher(in_object(schema))
        except ModelError as error:
            if self._structured == "on":
                raise ModelError(f"{self._name}: {error}") from None
            _LOG.warning("%s: answers are not held to their schema: %s", self._name, error)
            return None

    def _completion(self, reason: str) -> Completion:
        generation, schema = self._generation, self._request.schema
        usage = Usage(len(generation.prompt), len(generation.tokens), generation.cached)
        completion = apart(
            Completion(
                "".join(self._said),
                usage,
                model=self._info.path.name,
                finish_reason=reason,
                experts=generation.experts.as_tuples(),
            )
        )
        if schema is not None and is_wrapped(schema):
            completion = replace(completion, text=unwrapped(completion.text))
        context = self._engine.plan.context
        if usage.input_tokens + usage.output_tokens < context:
            return completion
        where = f"at the end of the context, {context:,} tokens with the prompt"
        return cut_off_at(completion, where, "Raise 'context' of the model, or shorten the prompt.")
