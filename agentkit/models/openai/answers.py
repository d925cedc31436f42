"""Reads answers of Chat Completions, and the parts of an answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from agentkit.messages import Completion, Usage
from agentkit.models import finish_reasons
from agentkit.models.finish_reasons import finish_reason
from agentkit.models.openai.routed_experts import experts_in

_LONGEST_NUMBER: Final = 40
"""Digits of a number that mean something."""
_THOUGHTS: Final = ("reasoning_content", "reasoning", "thinking")
"""Where servers with a parser for reasoning put it: DeepSeek, vLLM, SGLang, llama.cpp and Qwen;
OpenRouter, Groq and Ollama; gateways to Anthropic."""
_THOUGHT_PARTS: Final = ("thinking", "reasoning")
_LONGEST_NAME: Final = 200


class Unreadable(Exception):
    """The server's answer is not what Chat Completions says. The message says how."""


class EndedEarly(Unreadable):
    """A stream ended before its answer did."""


class BrokenOff(Exception):
    """The server says that it broke its answer off. The message has its words, keys included."""


def read_json(content: bytes) -> Any:
    """Return the JSON in bytes, also where half a character, NaN or control characters are in it.

    Raises:
        Unreadable: It is none.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(
            content.decode("utf-8-sig", "replace"),
            strict=False,
            parse_int=lambda digits: int(digits) if len(digits) < _LONGEST_NUMBER else 0,
        )
    except (ValueError, RecursionError):
        raise Unreadable("the server's answer is no JSON") from None


def read_answer(data: Any) -> Completion:
    """The completion in the body of an answer; usage without tokens when it has none.

    Raises:
        Unreadable: It is no answer.
        BrokenOff: The server says so.
    """
    try:
        choices = data["choices"]
        choice = choices[0] if choices else None
        message = choice["message"] if choice is not None else {}
        content, refusal = text_in(message.get("content")), message.get("refusal")
        model = data.get("model")
    except (AttributeError, IndexError, KeyError, TypeError):
        raise Unreadable("the server's answer has not the form of a chat completion") from None
    if choice is None:
        raise Unreadable("the server's answer has no choices")
    reason, usage = reason_in(choice, bool(calls_in(message))), read_usage(data.get("usage"))
    completion = as_completion(content, thoughts_in(message), refusal, reason, usage, model)
    return replace(completion, experts=experts_in(data, choice, usage))


def clean(text: str) -> str:
    """A text in which two halves of a character are one, and a half alone is U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def read_usage(usage: Any) -> Usage:
    """Tokens as a server counts them; none when it says nothing that makes sense."""
    if not isinstance(usage, Mapping):
        return Usage()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    taken = token_count(usage.get("prompt_tokens"))
    cached = token_count(cached or usage.get("prompt_cache_hit_tokens"))
    return Usage(taken, token_count(usage.get("completion_tokens")), min(cached, taken))


def token_count(value: Any) -> int:
    """A number of tokens; 0 where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return max(0, value) if type(value) is int else 0


def text_in(content: Any) -> str:
    """The text of a message, which some servers write in parts.

    Raises:
        TypeError: It is no text.
        AttributeError: A part of it is no part.
        KeyError: A part of it is no part.
    """
    if isinstance(content, list):
        return "".join(text_in(part["text"]) for part in content if part.get("type") == "text")
    return "" + (content or "")


def thoughts_in(message: Mapping[str, Any]) -> str:
    """The thoughts of a message, in a field of their own or in parts of its content."""
    for name in _THOUGHTS:
        if thoughts := _words(message.get(name)):
            return thoughts
    content = message.get("content")
    if not isinstance(content, list):
        return ""
    return "".join(_words(part) for part in content if part.get("type") in _THOUGHT_PARTS)


def _words(part: Any) -> str:
    """The text in a part of thoughts, whatever it is called there."""
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        inner = (part.get(name) for name in ("text", "thinking", "reasoning", "summary"))
        return next(filter(None, map(_words, inner)), "")
    if isinstance(part, Sequence):
        return "".join(map(_words, part))
    return ""


def calls_in(message: Mapping[str, Any]) -> Any:
    """The calls of tools in a message, if there are any."""
    return message.get("tool_calls") or message.get("function_call")


def reason_in(choice: Mapping[str, Any], calls: bool) -> str:
    """Why an answer ended.

    Raises:
        BrokenOff: The server says that it was broken off.
    """
    said = _said_reason(choice)
    reason = finish_reason(said)
    if reason == finish_reasons.ERROR:
        error = choice.get("error")
        words = error.get("message") if isinstance(error, Mapping) else None
        raise BrokenOff(f"{said}: {words}" if words else str(said))
    return finish_reasons.TOOL_CALLS if calls and reason == finish_reasons.STOP else reason


def _said_reason(choice: Mapping[str, Any]) -> Any:
    """The reason that a server gives, or that of the provider behind a router that says `stop`.

    OpenRouter puts the provider's word beside its own. LiteLLM says `stop` for every word that it
    does not know, so there a word that nobody knows counts too.
    """
    said = choice.get("finish_reason")
    if finish_reason(said) != finish_reasons.STOP:
        return said
    fields = choice.get("provider_specific_fields")
    behind = fields.get("native_finish_reason") if isinstance(fields, Mapping) else None
    native = choice.get("native_finish_reason")
    return behind or (native if finish_reasons.is_known(finish_reason(native)) else said)


def as_completion(
    content: str, thoughts: str, refusal: Any, reason: str, usage: Usage, model: Any
) -> Completion:
    """The completion in the parts of an answer, of which a refusal counts most."""
    if refusal:
        content, reason = str(refusal), finish_reasons.REFUSAL
    return clean_completion(content, thoughts, reason, usage, model)


def clean_completion(
    content: str, thoughts: str, reason: str, usage: Usage, model: Any
) -> Completion:
    """A completion of what a server said, without half characters."""
    name = clean(model[:_LONGEST_NAME]) if isinstance(model, str) else ""
    return Completion(
        clean(content), usage, model=name, finish_reason=reason, thoughts=clean(thoughts)
    )
