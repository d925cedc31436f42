"""The application: one request in, one answer or fault out."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from loopback.decisions import Decides
from loopback.faults import Fault
from loopback.formats import Formats, refused_format
from loopback.journal import Journal, Received
from loopback.usage import PrefixCache
from loopback.wire import Failure, completion, event, failure, fault_failure, stream

_SAMPLING = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed")


class App:
    """Answers requests.

    Args:
        journal: Counts and keeps them.
        answer: Gives the text for a body.
        fault_of: Decides what goes wrong.
        latency_s: How long an answer takes, for a body.
        formats: What it takes as `response_format`.
        key: The only key that is let in; None lets everybody in.
        drop: Closes the connection of a client, given its address.
        decides: What it decides; None: it only answers in text.
    """

    def __init__(
        self,
        journal: Journal,
        answer: Callable[[Mapping[str, Any]], str],
        fault_of: Callable[[Received], Fault | None],
        latency_s: Callable[[Mapping[str, Any]], float],
        formats: Formats,
        key: str | None,
        drop: Callable[[tuple[str, int]], Awaitable[None]],
        decides: Decides | None = None,
    ) -> None:
        self._journal = journal
        self._answer = answer
        self._fault_of = fault_of
        self._latency_s = latency_s
        self._formats: Formats = formats
        self._key = key
        self._drop = drop
        self._decides = decides
        self._cache = PrefixCache()
        self._open = 0
        self.most_at_once = 0
        self.asgi = Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/models", self._models),
                *(
                    Route(f"/v1{path}", self._decided, methods=["POST"])
                    for path in ("/decisions", "/systemone")
                    if decides is not None
                ),
            ]
        )

    async def _models(self, request: Request) -> Response:
        model = {"id": "loopback", "object": "model", "created": 1, "owned_by": "tests"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _decided(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/v1")
        assert self._decides is not None
        status, body = self._decides.answer(path, json.loads(await request.body()))
        return JSONResponse(body, status)

    async def _chat(self, request: Request) -> Response:
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            return await self._respond(request)
        finally:
            self._open -= 1

    async def _respond(self, request: Request) -> Response:
        body = json.loads(await request.body())
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        received = self._journal.receive(body, dict(request.headers))
        fault = self._fault_of(received)
        if fault is None and self._key is not None and key != self._key:
            fault = Fault("unauthorized")
        self._journal.write(received, fault.kind if fault else None)
        refused = self._refused(body, fault, key)
        if refused is not None:
            headers = {"content-type": "application/json", **refused.headers}
            return Response(refused.body, refused.status, headers)
        await asyncio.sleep(self._latency_s(body))
        kind = fault.kind if fault else ""
        if fault is not None and kind == "slow":
            await asyncio.sleep(fault.wait_s)
        if kind == "drop_before" and request.client is not None:
            await self._drop(request.client)
        return self._sent(received, kind)

    def _refused(self, body: Mapping[str, Any], fault: Fault | None, key: str) -> Failure | None:
        model = str(body.get("model"))
        if fault is not None:
            kind = fault.kind
            if kind == "stream_error" and not body.get("stream"):
                kind = "server_error"
            return fault_failure(kind, fault.wait_s, model, key)
        known = {*_SAMPLING, *_KNOWN}
        if self._decides is not None and "logprobs" in self._decides.paths:
            known |= {"logprobs", "top_logprobs"}
            most = self._decides.most_tokens
            if body.get("top_logprobs", 0) > most:
                said = f"Invalid value for 'top_logprobs': must be less than or equal to {most}."
                return failure(400, said, "invalid_request_error", param="top_logprobs")
        unknown = set(body) - known
        if unknown:
            text = f"Unrecognized request argument supplied: {min(unknown)}"
            return failure(400, text, "invalid_request_error")
        return refused_format(body, self._formats)

    def _sent(self, received: Received, kind: str) -> Response:
        if kind in _NO_ANSWER:
            return Response(*_NO_ANSWER[kind])
        answer = self._body(received, kind)
        if received.body.get("stream") and kind != "not_streamed":
            options = received.body.get("stream_options") or {}
            pieces = [event(p) for p in stream(answer, bool(options.get("include_usage")))]
            if kind in ("drop_inside", "malformed", "stream_error"):
                pieces = [*pieces[: len(pieces) // 2], *_BROKEN[kind]]
            else:
                pieces.append(b"data: [DONE]\n\n")
            return StreamingResponse(
                _pieces(pieces, kind == "drop_inside"), media_type="text/event-stream"
            )
        data = json.dumps(answer, ensure_ascii=False).encode()
        if kind == "malformed":
            data = data[: len(data) // 2]
        if kind == "drop_inside":
            headers = {"content-type": "application/json", "content-length": str(len(data))}
            return StreamingResponse(_pieces([data[: len(data) // 2]], True), headers=headers)
        return Response(data, media_type="application/json")

    def _body(self, received: Received, kind: str) -> dict[str, Any]:
        body = received.body
        text: str | None = self._answer(body)
        changed: dict[str, Any] = {}
        match kind:
            case "length":
                text, changed = text and text[: len(text) // 2], {"finish_reason": "length"}
            case "content_filter":
                text, changed = "", {"finish_reason": "content_filter"}
            case "refusal":
                text, changed = None, {"refusal": "I'm sorry, I cannot assist with that request."}
            case "null_content":
                text = None
            case "empty_choices":
                changed = {"empty": True}
        usage = self._cache.usage(body, text or changed.get("refusal") or "")
        if body.get("logprobs") and self._decides is not None:
            changed["logprobs"] = self._decides.logprobs(body)
        return completion(received.number, str(body.get("model")), text, usage, **changed)


class _Cut(Exception):
    """Ends a response in the middle."""


async def _pieces(pieces: list[bytes], cut: bool) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)
    if cut:
        raise _Cut


_KNOWN = (
    "model",
    "messages",
    "response_format",
    "stream",
    "stream_options",
    "n",
    "user",
    "store",
    "metadata",
    "reasoning_effort",
    "parallel_tool_calls",
)
_ERROR = {"message": "The server had an error while processing your request.", "code": None}
_NO_ANSWER = {
    "error_body": (json.dumps({"error": _ERROR}).encode(), 200, None, "application/json"),
    "html": (b"<html><body>Please sign in</body></html>", 200, None, "text/html"),
    "bad_utf8": (b'{"choices": "\xff\xfe"}', 200, None, "application/json"),
    "deep": (b"[" * 100_000, 200, None, "application/json"),
}
"""Answers with status 200 that are none."""
_BROKEN = {
    "drop_inside": [],
    "malformed": [b'data: {"id": "chatcmpl-1", "choi\n\n'],
    "stream_error": [event({"error": {**_ERROR, "type": "server_error", "param": None}})],
}
