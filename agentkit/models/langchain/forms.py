"""A chat model of LangChain with the settings and the schema of a request."""

import inspect
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from agentkit.messages import Sampling
from agentkit.models.json_forms import in_object, strict
from agentkit.values import json_text

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable

    Chat = Runnable[Any, BaseMessage]

_LOG = logging.getLogger("agentkit.models")

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p", "p"),
    "max_tokens": ("max_tokens", "max_output_tokens", "max_tokens_to_sample", "num_predict"),
    "seed": ("seed", "random_seed"),
}
"""What the packages call a setting."""
_KEPT: Final = 1000


class Forms:
    """A chat model, tuned to requests. It is never changed itself: copies of it are.

    Args:
        chat: The chat model.
    """

    def __init__(self, chat: "BaseChatModel") -> None:
        self._chat = chat
        self._constrains, self._takes_strict = _structured_support(type(chat))
        self._left_out: set[str] = set()
        self._tuned: dict[Sampling, BaseChatModel] = {}
        self._structured: dict[tuple[Sampling, str], Chat | None] = {}

    def tuned(self, sampling: Sampling) -> "BaseChatModel":
        """The chat model with sampling settings; what it has no setting for is left out."""
        if sampling not in self._tuned:
            _make_room(self._tuned)
            self._tuned[sampling] = self._copy(sampling)
        return self._tuned[sampling]

    def structured(self, sampling: Sampling, schema: Mapping[str, Any]) -> "Chat | None":
        """The chat model held to a JSON schema; None where its package cannot say so."""
        if not self._constrains:
            return None
        key = (sampling, json_text(schema))
        if key not in self._structured:
            _make_room(self._structured)
            self._structured[key] = self._constrained(sampling, schema)
        return self._structured[key]

    def options(self, sampling: Sampling) -> dict[str, Any]:
        """The settings that are arguments of the call.

        These are the texts that end an answer, and a limit on tokens for a class that has no field
        for it: a limit is never left out.
        """
        given: dict[str, Any] = {}
        if sampling.stop and "stop" not in self._left_out:
            given["stop"] = list(sampling.stop)
        if sampling.max_tokens is not None and self._field("max_tokens") is None:
            given["max_tokens"] = sampling.max_tokens
        return given

    def _field(self, setting: str) -> str | None:
        """What the class calls a setting; None: it has none."""
        fields = type(self._chat).model_fields
        return next((name for name in _FIELDS[setting] if name in fields), None)

    def secrets(self) -> Iterator[str]:
        """The keys that the chat model holds."""
        for name in type(self._chat).model_fields:
            value = getattr(self._chat, name, None)
            if isinstance(value, SecretStr) and (secret := value.get_secret_value()):
                yield secret

    def leave_out(self, setting: str, sampling: Sampling) -> bool:
        """Ask without a setting from now on; False when it was not asked with."""
        if setting in self._left_out or getattr(sampling, setting) in (None, ()):
            return False
        self._left_out.add(setting)
        self._warn(setting)
        self._tuned.clear()
        self._structured.clear()
        return True

    def _warn(self, setting: str) -> None:
        _LOG.warning("%s does not take '%s': asking without it", type(self._chat).__name__, setting)

    def _copy(self, sampling: Sampling) -> "BaseChatModel":
        fields = type(self._chat).model_fields
        changes: dict[str, Any] = {}
        for setting in _FIELDS:
            value = getattr(sampling, setting)
            if value is None or setting in self._left_out:
                continue
            name = self._field(setting)
            if name is None and setting == "max_tokens":
                continue
            if name is None:
                self._left_out.add(setting)
                self._warn(setting)
            else:
                changes[name] = value
        if "stream_usage" in fields and getattr(self._chat, "stream_usage", None) is None:
            changes["stream_usage"] = True
        return self._chat.model_copy(update=changes) if changes else self._chat

    def _constrained(self, sampling: Sampling, schema: Mapping[str, Any]) -> "Chat | None":
        from langchain_core.runnables import RunnableBinding, RunnableParallel, RunnableSequence

        form = in_object(schema)
        strict_form = strict(form) if self._takes_strict else None
        options = {} if strict_form is None else {"strict": True}
        chain = self.tuned(sampling).with_structured_output(
            {"title": "answer", **(strict_form or form)},
            method="json_schema",
            include_raw=True,
            **options,
        )
        # The first part of the chain asks the model; the others read its answer, as the node does.
        first = chain.first if isinstance(chain, RunnableSequence) else None
        asking = first.steps__.get("raw") if isinstance(first, RunnableParallel) else None
        # Some packages take the method and call a tool after all: that answer has no text.
        if not isinstance(asking, RunnableBinding) or "tools" in asking.kwargs:
            return None
        return asking


def _structured_support(kind: "type[BaseChatModel]") -> tuple[bool, bool]:
    """Whether a class can hold answers to a JSON schema, and whether strictly."""
    parameters = inspect.signature(kind.with_structured_output).parameters
    method = parameters.get("method")
    constrains = method is not None and "json_schema" in str(method.annotation)
    return constrains, "strict" in parameters


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= _KEPT:
        kept.clear()
