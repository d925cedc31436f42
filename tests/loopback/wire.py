"""The shapes of Chat Completions: answers, pieces of a stream, errors."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

_PIECE = 12  # characters in a piece of a stream


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer with an error status."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def completion(
    number: int, model: str, text: str | None, usage: Mapping[str, Any], **changed: Any
) -> dict[str, Any]:
    """The body of an answer."""
    message = {"role": "assistant", "content": text, "refusal": changed.get("refusal")}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": changed.get("logprobs"),
        "finish_reason": changed.get("finish_reason", "stop"),
    }
    return {
        **_head(number, model, "chat.completion"),
        "choices": [] if changed.get("empty") else [choice],
        "usage": usage,
    }


def stream(body: Mapping[str, Any], include_usage: bool) -> Iterator[dict[str, Any]]:
    """The pieces that an answer is sent in."""
    head = {**body, "object": "chat.completion.chunk"}
    usage = head.pop("usage")
    if include_usage:
        head["usage"] = None
    for choice in body["choices"]:
        message = choice["message"]
        yield _piece(head, {"role": "assistant", "content": ""})
        for field in ("content", "refusal"):
            text = message[field] or ""
            for start in range(0, len(text), _PIECE):
                yield _piece(head, {field: text[start : start + _PIECE]})
        yield _piece(head, {}, choice["finish_reason"])
    if include_usage:
        yield {**head, "choices": [], "usage": usage}


def event(data: Mapping[str, Any]) -> bytes:
    """A line of a stream."""
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def failure(
    status: int,
    message: str,
    kind: str,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Failure:
    """An error as OpenAI words it."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Failure(status, json.dumps({"error": error}).encode(), dict(headers or {}))


def fault_failure(kind: str, wait_s: float, model: str, key: str) -> Failure | None:
    """The error that a kind of fault answers with; None where it answers with something else."""
    shown = f"{key[:8]}{'*' * 20}{key[-4:]}"
    match kind:
        case "rate_limit" | "rate_limit_date" | "rate_limit_ms":
            text = f"Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3."
            return failure(
                429, text, "requests", "rate_limit_exceeded", headers=_retry_after(kind, wait_s)
            )
        case "server_error":
            text = "The server had an error while processing your request. Sorry about that!"
            return failure(500, text, "server_error")
        case "unavailable":  # from a proxy in front, so no JSON
            page = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
            return Failure(503, page, {"content-type": "text/html"})
        case "unauthorized":
            text = (
                f"Incorrect API key provided: {shown}. You can find your API key in the settings."
            )
            return failure(401, text, "invalid_request_error", "invalid_api_key")
        case "forbidden":
            text = f"The key {shown} of your project does not have access to model `{model}`."
            return failure(403, text, "invalid_request_error", "model_not_found")
        case "no_model":
            text = f"The model `{model}` does not exist or you do not have access to it."
            return failure(404, text, "invalid_request_error", "model_not_found", "model")
        case "too_long":
            text = (
                "This model's maximum context length is 8192 tokens. However, your messages "
                "resulted in 90210 tokens. Please reduce the length of the messages."
            )
            return failure(
                400, text, "invalid_request_error", "context_length_exceeded", "messages"
            )
        case "no_quota":
            text = "You exceeded your current quota, please check your plan and billing details."
            return failure(429, text, "insufficient_quota", "insufficient_quota")
    return None


def _retry_after(kind: str, wait_s: float) -> dict[str, str]:
    if kind == "rate_limit_ms":
        return {"retry-after-ms": f"{wait_s * 1000:.0f}"}
    if kind == "rate_limit_date":
        return {"retry-after": formatdate(time.time() + wait_s, usegmt=True)}
    return {"retry-after": f"{wait_s:g}"}


def _head(number: int, model: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": kind,
        "created": 1_700_000_000,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _piece(
    head: Mapping[str, Any], delta: Mapping[str, Any], finish_reason: str | None = None
) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**head, "choices": [choice]}
