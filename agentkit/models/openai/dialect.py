"""What a server takes of Chat Completions: guessed at first, then learnt from what it refuses."""

import base64
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from agentkit.messages import Message, Request
from agentkit.models.hosted import DEFAULT, Settings
from agentkit.models.json_forms import in_object, is_wrapped, strict, unwrapped
from agentkit.models.openai.answers import clean
from agentkit.models.openai.taken_bounds import TakenBounds
from agentkit.models.server_errors import (
    names_unknown_field,
    refuses_form,
    refuses_length,
    refuses_system_role,
)
from agentkit.values import JsonSchema, json_text

_LOG = logging.getLogger("agentkit.models")

_ABOUT_STREAM = re.compile(r"\bstream(?:ing|ed)?\b", re.I)
_LIMITS: Final = ("max_completion_tokens", "max_tokens")
_OPTIONAL: Final = ("temperature", "top_p", "seed", "stop", "stream_options")
_FORMATS: Final = ("strict", "schema", "object", "none")
"""How an answer's form is asked for, the surest first."""
_KNOWN_SCHEMAS: Final = 1000
_KNOWN_PROMPTS: Final = 1000
_ENOUGH: Final = 2
"""Streams in a row that end too early, and tell of a server whose streams have no end."""


class Dialect:
    """Writes requests so that a server takes them.

    Args:
        model: The model, as the server calls it.
        is_openai: Whether the server is OpenAI's own.
        default_max_tokens: The limit on tokens of an answer where nobody said another: unlike one
            that was asked for, it is left out where the server does not take it.
        takes_schemas: Whether it is known to take schemas: a refusal is of one schema, not of all.
    """

    def __init__(
        self,
        model: str,
        is_openai: bool = False,
        default_max_tokens: int | None = None,
        *,
        takes_schemas: bool = False,
    ) -> None:
        self._model = model
        self._unasked_limit = default_max_tokens
        self._limit = _LIMITS[0] if is_openai else _LIMITS[1]
        self._limits_refused: set[str] = set()
        self._unlimited: set[int] = set()
        """Hashes of the conversations after which the model has no room for the default limit."""
        self._dropped: set[str] = set()
        self._first = _FORMATS[0]
        self._taken = set(_FORMATS[:-1] if takes_schemas else ())
        self._by_schema: dict[str, str] = {}
        self._bounds = TakenBounds(is_openai)
        self._streams = True
        self._broken_streams = 0
        self._folds_system = False

    def body(self, request: Request, settings: Settings = DEFAULT) -> dict[str, Any]:
        """What is sent for a request, without the server's own fields."""
        sampling = request.sampling
        schema = None if settings.structured == "off" else request.schema
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [_message(message) for message in self._turns(request.messages)],
            self._limit: None if self._is_unlimited(request) else sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "stop": list(sampling.stop) or None,
            "response_format": self._response_format(schema),
        }
        if request.on_text is not None and settings.stream and self._streams:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return {
            name: value
            for name, value in body.items()
            if value is not None and name not in self._dropped
        }

    def text(self, request: Request, body: Mapping[str, Any], text: str) -> str:
        """The text of an answer as the node's output expects it."""
        if request.schema is not None and "response_format" in body and is_wrapped(request.schema):
            text = unwrapped(text)
        if "stop" in self._dropped:
            for mark in request.sampling.stop:
                text = text.partition(mark)[0]
        return text

    def takes(self, name: str) -> bool:
        """Return whether the server has not refused a field."""
        return name not in self._dropped

    def taken(self, body: Mapping[str, Any]) -> None:
        """Remember that the server took a request."""
        if "response_format" in body:
            self._taken.add(_level(body["response_format"]))
        if "stream" in body:
            self._broken_streams = 0

    def learn_whole(self) -> None:
        """Remember that the server sends whole answers where pieces are asked for."""
        self._streams = False

    def learn_broken_stream(self, why: str, *, ended: bool) -> str | None:
        """Learn that a stream could not be read.

        Args:
            why: What was wrong with it.
            ended: Whether it only ended too early, as any connection can.

        Returns:
            What the next try does in another way, in words; None when there is nothing to change.
        """
        self._broken_streams += 1
        if ended and self._broken_streams < _ENOUGH:
            return None
        if self._streams:
            self._streams = False
            _LOG.warning("%s: %s: asking for whole answers", self._model, why)
        return f"its stream cannot be read ({why}): asking for whole answers"

    def learn(
        self,
        request: Request,
        body: Mapping[str, Any],
        status: int | None,
        param: str | None,
        said: str,
        settings: Settings = DEFAULT,
    ) -> str | None:
        """Learn from a refusal.

        Args:
            request: What was asked.
            body: What was sent for it.
            status: The HTTP status; None: it came in the place of an answer.
            param: The field of it that the server names, if it does.
            said: The server's words.
            settings: What the user wants of the server.

        Returns:
            What the next try does in another way, in words; None when there is nothing to change.
        """
        if status not in (None, 400, 422, 500) or named_extra(request, param, said):
            return None
        sent_system = body["messages"][0]["role"] == "system"
        if sent_system and _can_fold(request) and refuses_system_role(f"{param} {said}", status):
            return self._fold_system()
        if refuses_form(body, param, said):
            schema, form = request.schema or {}, body["response_format"]
            if change := self._bounds.learn(schema, form, said):
                return change
            if settings.structured == "on" and _level(form) != _FORMATS[0]:
                return None
            return self._next_format(schema, _level(form))
        if status == 500:
            return None
        if self._limit in body and refuses_length(said) and self._without_unasked(request):
            return f"it has no room for {self._unasked_limit} tokens: asking without a limit"
        unknown = names_unknown_field(said)
        if "stream" in body and (param == "stream" or (unknown and _ABOUT_STREAM.search(said))):
            self._streams = False
            _LOG.warning("%s does not take 'stream': asking for whole answers", self._model)
            return "it does not take 'stream': asking for whole answers"
        if not unknown:
            # A temperature that somebody set was taken with the first attempt: this one is ours.
            is_ours = request.call.attempt > 1 and "temperature" in body
            about = param == "temperature" or "temperature" in said.lower()
            return self._without("temperature") if is_ours and about else None
        return self._without_named(body, param, said)

    def _without_named(self, body: Mapping[str, Any], param: str | None, said: str) -> str | None:
        """Leave out the setting that a refusal names."""
        for name in (*_LIMITS, *_OPTIONAL):
            if name in body and (param == name or re.search(rf"\b{name}\b", said)):
                return self._without(name)
        return None

    def _turns(self, messages: tuple[Message, ...]) -> Iterator[Message]:
        """The conversation; where the model knows no system role, its text is the user's."""
        if not self._folds_system:
            return iter(messages)
        first = next((i for i, m in enumerate(messages) if m.role != "system"), 0)
        told = "\n\n".join(message.content for message in messages[: first + 1])
        return iter((replace(messages[first], content=told), *messages[first + 1 :]))

    def _fold_system(self) -> str:
        if not self._folds_system:
            self._folds_system = True
            _LOG.warning(
                "%s knows no system role: 'system' stands in the user's first turn", self._model
            )
        return "it knows no system role: asking with its text in the user's first turn"

    def _without(self, name: str) -> str | None:
        if name in _LIMITS:
            return self._with_other_limit(name)
        if name not in self._dropped:
            self._dropped.add(name)
            if name != "stream_options":
                _LOG.warning("%s does not take '%s': asking without it", self._model, name)
        return f"it does not take '{name}': asking without it"

    def _is_unlimited(self, request: Request) -> bool:
        return bool(self._unlimited) and hash(request.messages) in self._unlimited

    def _without_unasked(self, request: Request) -> bool:
        """Leave out the limit that nobody asked for; False where somebody asked for another."""
        if self._unasked_limit is None or request.sampling.max_tokens != self._unasked_limit:
            return False
        if len(self._unlimited) >= _KNOWN_PROMPTS:
            self._unlimited.clear()
        self._unlimited.add(hash(request.messages))
        return True

    def _with_other_limit(self, name: str) -> str | None:
        """Say the limit on tokens under its other name; never ask without it."""
        self._limits_refused.add(name)
        other = _LIMITS[name == _LIMITS[0]]
        if other in self._limits_refused:
            return None
        self._limit = other
        return f"it does not take '{name}': asking with '{other}'"

    def _response_format(self, schema: JsonSchema | None) -> Mapping[str, Any] | None:
        if schema is None:
            return None
        level = self._first
        if self._by_schema:
            level = max(level, self._by_schema.get(json_text(schema), level), key=_FORMATS.index)
        form = self._bounds.taken(schema, in_object(schema))
        if level == "strict":
            strict_form = strict(form)
            if strict_form is not None:
                return _json_schema(strict_form, True)
            level = "schema"
        if level == "schema":
            return _json_schema(form, False)
        # An answer that is no object stands in one only where the schema can say so.
        return {"type": "json_object"} if level == "object" and not is_wrapped(schema) else None

    def _next_format(self, schema: JsonSchema, refused: str) -> str:
        """Step down: for this schema if the server took others in this form, else for all."""
        lower = _FORMATS[_FORMATS.index(refused) + 1]
        if refused in self._taken:
            if len(self._by_schema) >= _KNOWN_SCHEMAS:
                self._by_schema.clear()
            self._by_schema[json_text(schema)] = lower
        else:
            self._first = max(self._first, lower, key=_FORMATS.index)
        return f"it does not take this form of 'response_format': asking in the form '{lower}'"


def named_extra(request: Request, param: str | None, said: str) -> str | None:
    """The field of the server's own that a refusal names; None: it names none."""
    about = f"{param} {said}"
    named = (n for n in request.extra if re.search(rf"(?<!\w){re.escape(n)}(?!\w)", about))
    return next(named, None)


def _can_fold(request: Request) -> bool:
    return any(message.role != "system" for message in request.messages)


def _json_schema(schema: JsonSchema, is_strict: bool) -> Mapping[str, Any]:
    form = {"name": "answer", "schema": schema, "strict": is_strict}
    return {"type": "json_schema", "json_schema": form}


def _level(response_format: Mapping[str, Any]) -> str:
    if response_format["type"] == "json_object":
        return "object"
    return "strict" if response_format["json_schema"]["strict"] else "schema"


def _message(message: Message) -> dict[str, Any]:
    content = clean(message.content)
    if not message.images:
        return {"role": message.role, "content": content}
    parts: list[dict[str, Any]] = []
    for image in message.images:
        url = f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return {"role": message.role, "content": [*parts, {"type": "text", "text": content}]}
