"""LlamaCppModel: a language model in this process, from a GGUF file."""

import importlib.util
import json
import re
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from agentkit.errors import InputError, ModelError
from agentkit.messages import Completion, Request
from agentkit.models.arrival import Try, cut_off_at
from agentkit.models.decisions import LABELS
from agentkit.models.hosted import (
    DEFAULT,
    OF_TRANSFORMERS,
    Settings,
)
from agentkit.models.local.engines import get_engine
from agentkit.models.local.find import find_model
from agentkit.models.local.in_process import InProcess, load_parts
from agentkit.models.local.llamacpp.engine import LlamaCppEngine
from agentkit.models.local.llamacpp.gguf import Header, check_header, read_header
from agentkit.models.local.llamacpp.server import EnginePlan
from agentkit.models.local.machine import byte_text, count_text, free_cores, free_memory
from agentkit.models.openai.answers import read_json
from agentkit.models.openai.chat_model import ChatModel
from agentkit.models.openai.dialect import Dialect
from agentkit.models.openai.errors import Refusal
from agentkit.models.retries import Retryable
from agentkit.models.server_errors import outcome
from agentkit.plugins import DISTRIBUTION

_SLOTS: Final = 4
"""The calls at once where nobody said another number."""
_CONTEXT: Final = 8192
"""The tokens of context where nobody said another number, the model reads as many, and they fit."""
_LEAST_CONTEXT: Final = 1024
_KEPT_MIB: Final = 512
"""The most memory for prompts that were read before."""
_OWN_BYTES: Final = 150 * 2**20
"""What the engine takes beside the weights and the context."""
_OVERFLOW: Final = re.compile(r"\((\d+) tokens\) exceeds the available context size \((\d+)")


class LlamaCppModel(InProcess, ChatModel):
    """A model on llama.cpp, in this process. All who ask for one file share one engine.

    Args:
        name: What stands after `local:`: a GGUF file, or `smollm2`.
        settings: Context, threads, calls at once (`max_concurrency`; each has the whole context),
            timeout and tries.
        folder: Where a relative file name starts; by default the current folder.

    Raises:
        InputError: There is no such file, or what it needs is not installed.
    """

    _auto_places = _SLOTS
    _engine: LlamaCppEngine | None = None
    _empty_is_broken = False
    _most_labels = len(LABELS)
    _most_tokens = 500  # llama.cpp tells of as many as are asked for: this takes 30 ms

    def __init__(self, name: str, settings: Settings = DEFAULT, folder: Path | None = None) -> None:
        self.path = find_model(name, folder or Path())
        """The file."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise InputError(
                f"local:{name} needs a package that is not installed: "
                f"pip install '{DISTRIBUTION}[local]'"
            )
        dialect = Dialect(name, default_max_tokens=self.default_max_tokens, takes_schemas=True)
        super().__init__(f"local:{name}", settings, dialect)

    def set_up(self, settings: Settings) -> None:
        """Take other settings, before anything is asked.

        Raises:
            InputError: They are none, or one of them has a value that it cannot have.
        """
        super().set_up(settings)
        for setting in OF_TRANSFORMERS:
            if getattr(settings, setting) != getattr(DEFAULT, setting):
                raise InputError(
                    f"{self.name}: only transformers takes '{setting}', and llama.cpp runs a GGUF "
                    "file: set 'engine' to transformers too, or leave it out"
                )
        if settings.engine == "transformers":
            raise InputError(
                f"{self.name} is named without 'engine' elsewhere: name its entry of 'models'"
            )
        self._engine = None

    @property
    def description(self) -> str:
        """What is loaded: the architecture, its parameters, context, memory and threads."""
        plan, header = self._get_engine().plan, self._header
        parts = [f"{header.architecture}, {count_text(header.parameters)} parameters"]
        if header.active_parameters < header.parameters:
            parts.append(f"{count_text(header.active_parameters)} active")
        calls, threads = load_parts(plan.slots, plan.threads)
        memory = _memory(header, plan.context, plan.slots)
        parts += [
            f"a file of {byte_text(header.size)}",
            f"context {plan.context:,} tokens, {calls}",
            f"about {byte_text(memory)} of memory",
            threads,
        ]
        return ", ".join(parts)

    def _get_engine(self) -> LlamaCppEngine:
        """The engine of the file, not yet loaded.

        Raises:
            InputError: The file holds no model that answers, or does not fit into memory.
        """
        if self._engine is None:
            self._header = read_header(self.path)
            check_header(self._header)
            wishes = self.settings.context, self.settings.threads, self._slot_count
            self._engine = get_engine(self.path, wishes, self._make_engine)
        return self._engine

    @property
    def _slot_count(self) -> int:
        return self._throttle.places or _SLOTS

    def _make_engine(self) -> LlamaCppEngine:
        settings, header, slots = self.settings, self._header, self._slot_count
        if header.context is not None and (settings.context or 0) > header.context:
            raise InputError(
                f"{self.name}: 'context' is {settings.context:,}, and the model was made for "
                f"{header.context:,} tokens at most"
            )
        free = free_memory()
        context = settings.context or _fitting(header, slots, free)
        needed = _memory(header, context, slots)
        if free is not None and needed > free:
            raise InputError(
                f"{self.name} needs about {byte_text(needed)} of memory, and {byte_text(free)} are "
                f"free: {byte_text(header.size)} for its file, and {context:,} tokens of context "
                f"for each of {slots} calls at once. Lower 'context' or 'max_concurrency' of the "
                "model, or take a smaller one"
            )
        kept = min(_KEPT_MIB, (free or 0) // 2**23)
        path, threads = str(self.path.resolve()), settings.threads or free_cores()
        return LlamaCppEngine(self.name, EnginePlan(path, context, slots, threads, kept))

    async def _exchange(self, request: Try, body: Mapping[str, Any]) -> Completion:
        whole = {
            **body,
            **request.extra,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # so that it can be cancelled before the first token
        }
        async with aclosing(self._get_engine().ask(json.dumps(whole).encode())) as events:
            completion = await self._in_pieces(request, body, events)
        context, usage = self._get_engine().plan.context, completion.usage
        if usage.input_tokens + usage.output_tokens < context:
            return completion
        where = f"at the end of the context, {context:,} tokens with the prompt"
        return cut_off_at(completion, where, "Raise 'context' of the model, or shorten the prompt.")

    async def _fetch(self, request: Try, body: Mapping[str, Any]) -> Any:
        whole = json.dumps({**body, **request.extra, "stream": False}).encode()
        async with aclosing(self._get_engine().ask(whole)) as events:
            content = b"".join([part async for part in events])
        return read_json(content.removeprefix(b"data: "))

    async def _failure(
        self, request: Request, body: Mapping[str, Any], refusal: Refusal
    ) -> Exception:
        if found := _OVERFLOW.search(refusal.said):
            prompt, context = (int(number) for number in found.groups())
            most = self._header.context or context + 1
            more = f" (the model reads up to {most:,})" if self._header.context else ""
            return ModelError(
                f"{self.name}: the prompt has {prompt:,} tokens, and the context is {context:,}. "
                "Shorten what the node is shown (context, recall, history)"
                + (f", or raise 'context' of the model{more}" if context < most else "")
            )
        failure = outcome(
            self.name, refusal.status, refusal.code, refusal.said, None, no_access=self.name
        )
        return failure or Retryable(f"the engine failed: {refusal.said}")


def _memory(header: Header, context: int, slots: int) -> int:
    return header.size + header.bytes_per_token * context * slots + _OWN_BYTES


def _fitting(header: Header, slots: int, free: int | None) -> int:
    """The context that is taken where nobody said: as much as fits into half of what is free."""
    context = min(_CONTEXT, header.context or _CONTEXT)
    while free is not None and context > _LEAST_CONTEXT:
        if header.bytes_per_token * context * slots <= max(0, free - header.size) // 2:
            break
        context //= 2
    return context
