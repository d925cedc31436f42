"""A chat model of LangChain with the settings and the schema of a request."""

import inspect
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from agentkit.messages import Sampling
from agentkit.models.json_forms import in_object, strict
from agentkit.models.langchain.wrappers import chat_models, exchanged
from agentkit.values import json_text

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agentkit.models.langchain.wrappers import Chat

_LOG = logging.getLogger("agentkit.models")

LIMITS: Final = (
    "max_tokens", "max_output_tokens", "max_tokens_to_sample", "num_predict",
    "max_completion_tokens",
)  # fmt: skip
"""What the packages call the most tokens of an answer."""
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p", "p"),
    "max_tokens": LIMITS,
    "seed": ("seed", "random_seed"),
}
"""What the packages call a setting."""
_KEPT: Final = 1000


class Forms:
    """A chat model, tuned to requests. It is never changed itself: copies of it are.

    Args:
        chat: The chat model, wrapped or not.
    """

    def __init__(self, chat: "Chat") -> None:
        self._chat = chat
        self._left_out: set[str] = set()
        self._warned: set[tuple[type, str]] = set()
        self._tuned: dict[Sampling, Chat] = {}
        self._structured: dict[tuple[Sampling, str], Chat | None] = {}

    def tuned(self, sampling: Sampling) -> "Chat":
        """The chat model with sampling settings; what it has no setting for is left out."""
        if sampling not in self._tuned:
            _make_room(self._tuned)
            unbound = self._said(sampling)
            self._tuned[sampling] = exchanged(
                self._chat, lambda chat: self._copy(chat, sampling), unbound
            )
        return self._tuned[sampling]

    def structured(self, sampling: Sampling, schema: Mapping[str, Any]) -> "Chat | None":
        """The chat model held to a JSON schema; None where its package cannot say so."""
        key = (sampling, json_text(schema))
        if key not in self._structured:
            _make_room(self._structured)
            held = {
                id(chat): self._constrained(chat, sampling, schema)
                for chat, _ in chat_models(self._chat)
            }
            unbound = {*self._said(sampling), "response_format"}
            self._structured[key] = (
                None
                if None in held.values()
                else exchanged(self._chat, lambda chat: held[id(chat)] or chat, unbound)
            )
        return self._structured[key]

    def _said(self, sampling: Sampling) -> set[str]:
        """The options that a request sets: they come before those that are bound."""
        return {
            name
            for setting, names in _FIELDS.items()
            if getattr(sampling, setting) is not None and setting not in self._left_out
            for name in names
        }

    def options(self, sampling: Sampling) -> dict[str, Any]:
        """The settings that are arguments of the call: the texts that end an answer."""
        return (
            {"stop": list(sampling.stop)} if sampling.stop and "stop" not in self._left_out else {}
        )

    def secrets(self) -> Iterator[str]:
        """The keys that the chat model holds."""
        for chat, options in chat_models(self._chat):
            own = (getattr(chat, name, None) for name in type(chat).model_fields)
            for value in (*own, *options.values()):
                if isinstance(value, SecretStr) and (secret := value.get_secret_value()):
                    yield secret

    def leave_out(self, setting: str, sampling: Sampling) -> bool:
        """Ask without a setting from now on; False when it was not asked with."""
        if setting in self._left_out or getattr(sampling, setting) in (None, ()):
            return False
        self._left_out.add(setting)
        for chat, _ in chat_models(self._chat):
            self._warn(type(chat), setting)
        self._tuned.clear()
        self._structured.clear()
        return True

    def _warn(self, kind: type, setting: str) -> None:
        if (kind, setting) not in self._warned:
            self._warned.add((kind, setting))
            _LOG.warning("%s does not take '%s': asking without it", kind.__name__, setting)

    def _copy(self, chat: "BaseChatModel", sampling: Sampling) -> "Chat":
        fields = type(chat).model_fields
        changes: dict[str, Any] = {}
        unfielded: dict[str, Any] = {}
        for setting in _FIELDS:
            value = getattr(sampling, setting)
            if value is None or setting in self._left_out:
                continue
            name = _field(type(chat), setting)
            if name is None and setting == "max_tokens":
                unfielded["max_tokens"] = value  # a limit is never left out
            elif name is None:
                self._warn(type(chat), setting)
            else:
                changes[name] = value
        if "stream_usage" in fields and getattr(chat, "stream_usage", None) is None:
            changes["stream_usage"] = True
        copy = chat.model_copy(update=changes) if changes else chat
        return copy.bind(**unfielded) if unfielded else copy

    def _constrained(
        self, chat: "BaseChatModel", sampling: Sampling, schema: Mapping[str, Any]
    ) -> "Chat | None":
        from langchain_core.runnables import RunnableBinding, RunnableParallel, RunnableSequence

        constrains, takes_strict = _structured_support(type(chat))
        if not constrains:
            return None
        form = in_object(schema)
        strict_form = strict(form) if takes_strict else None
        options = {} if strict_form is None else {"strict": True}
        copy: Any = self._copy(chat, sampling)
        if isinstance(copy, RunnableBinding):  # what is bound would be lost
            return None
        chain = copy.with_structured_output(
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


def _field(kind: type, setting: str) -> str | None:
    """What a class calls a setting; None: it has none."""
    fields = kind.model_fields  # type: ignore[attr-defined]
    return next((name for name in _FIELDS[setting] if name in fields), None)


def _structured_support(kind: "type[BaseChatModel]") -> tuple[bool, bool]:
    """Whether a class can hold answers to a JSON schema, and whether strictly."""
    parameters = inspect.signature(kind.with_structured_output).parameters
    method = parameters.get("method")
    constrains = method is not None and "json_schema" in str(method.annotation)
    return constrains, "strict" in parameters


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= _KEPT:
        kept.clear()
