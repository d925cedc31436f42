"""Completions of an episode that may be taken again instead of asking the model."""

import asyncio
import hashlib
from typing import Any

import orjson

from agentkit.messages import Completion, Request
from agentkit.models.base import Model


class ReuseCache:
    """Remembers the completions of nodes with `reuse`, for one episode.

    A request is the same when model, messages, pictures, sampling and schema are (for a model
    that reads variables, these too). Attempts and items keep their own entries unless the
    temperature is 0. Identical requests in flight are asked once.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, bytes], Completion] = {}
        self._new: dict[tuple[int, bytes], Completion] = {}
        self._in_flight: dict[tuple[int, bytes], asyncio.Future[Completion]] = {}

    def commit(self) -> None:
        """Keep what this step asked."""
        self._kept |= self._new
        self._new = {}

    def discard(self) -> None:
        """Forget what this step asked: it failed, and a step leaves all or nothing."""
        self._new = {}

    async def complete(self, model: Model, request: Request) -> tuple[Completion, bool]:
        """The completion of a request, and whether it was there already."""
        key = (id(model), request_key(model, request))
        known = self._kept.get(key) or self._new.get(key)
        if known is not None:
            return known, True
        if key in self._in_flight:
            return await asyncio.shield(self._in_flight[key]), True
        task = asyncio.ensure_future(model.complete(request))
        self._in_flight[key] = task
        try:
            self._new[key] = completion = await task
        finally:
            del self._in_flight[key]
        return completion, False


def request_key(model: Model, request: Request) -> bytes:
    """A digest of everything that an answer depends on."""
    call = request.call
    content: dict[str, Any] = {
        "model": model.name,
        "messages": [
            [m.role, m.content, *(hashlib.sha256(i.data).hexdigest() for i in m.images)]
            for m in request.messages
        ],
        "sampling": request.sampling,
        "schema": request.schema,
    }
    if request.sampling.temperature != 0:
        content["call"] = [call.item, call.attempt]
    if model.reads_variables:
        content["variables"] = [call.node, request.variables]
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY
    return hashlib.sha256(orjson.dumps(content, default=repr, option=options)).digest()
