"""Completions of an episode that may be taken again instead of asking the model."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

import orjson

from agentkit.messages import Answer, Completion, Request, Sampling
from agentkit.models.base import Model, RulePlayer
from agentkit.models.token_estimates import ASSUMED_OUTPUT

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Does one thing for all who want the same at the same time."""

    def __init__(self) -> None:
        self._in_flight: dict[Hashable, asyncio.Future[T]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """What the work gives, and whether somebody else did it.

        Work that fails or is cancelled gives its error to the one who did it; of those who
        waited for it, the first does it now, and the others wait on.

        Args:
            key: What makes two requests the same.
            work: Does it, at once and in this task.
        """
        while (earlier := self._in_flight.get(key)) is not None:
            await asyncio.wait([earlier])
            if not earlier.cancelled():
                return earlier.result(), True
        self._in_flight[key] = settled = asyncio.get_running_loop().create_future()
        try:
            # Not in a task of its own: a cancellation could come between it and the answer.
            result = await work()
            settled.set_result(result)
        finally:
            del self._in_flight[key]
            settled.cancel()
        return result, False


class RequestCache:
    """Remembers the completions of nodes with `reuse`, for one episode.

    A request is the same when model, messages, pictures, sampling, schema and the server's own
    fields are (for a model that reads variables, these too). The bound that limits set on answers
    where a node has none does not count: an answer stays known when a limit is set or lifted.
    Attempts and items keep their own entries unless the temperature is 0. Identical requests in
    flight are asked once.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, bytes], Completion] = {}
        self._new: dict[tuple[int, bytes], Completion] = {}
        self._restored: dict[bytes, Completion] = {}
        self._flights: SingleFlight[Answer] = SingleFlight()

    def commit(self) -> None:
        """Keep what this step asked."""
        self._kept |= self._new
        self._new = {}

    def discard(self) -> None:
        """Forget what this step asked: it failed, and a step leaves all or nothing."""
        self._new = {}

    def restore(self, key: bytes, completion: Completion) -> None:
        """Keep what an earlier process asked, by its request's digest."""
        self._restored[key] = completion

    def keep(self, model: Model, request: Request, completion: Completion) -> None:
        """Keep a completion of this step that was not asked for here."""
        self._new[id(model), request_key(model, request)] = completion

    async def complete(
        self, model: Model, request: Request, ask: Callable[[], Awaitable[Answer]]
    ) -> tuple[Completion, bool]:
        """The completion of a request, and whether nothing was paid for it.

        Args:
            model: The model.
            request: What it is asked.
            ask: Asks it; called when the answer is not known here.
        """
        digest = request_key(model, request)
        key = (id(model), digest)
        known = self._kept.get(key) or self._new.get(key) or self._restored.get(digest)
        if known is not None:
            return known, True
        answer, shared = await self._flights.do(key, ask)
        self._new[key] = answer.completion
        return answer.completion, answer.reused or shared


def request_key(model: Model, request: Request) -> bytes:
    """A digest of everything that an answer depends on."""
    call = request.call
    content: dict[str, Any] = {
        "model": model.name,
        "messages": [
            [m.role, m.content, *(hashlib.sha256(i.data).hexdigest() for i in m.images)]
            for m in request.messages
        ],
        "sampling": _own_sampling(request.sampling),
        "schema": request.schema,
    }
    if request.extra:
        content["extra"] = request.extra
    if request.questions:
        content["options"] = [[one.kind, *one.options] for one in request.questions]
    if request.sampling.temperature != 0:
        content["call"] = [call.item, call.attempt]
    if model.reads_variables:
        content["variables"] = [call.node, request.variables]
    if isinstance(model, RulePlayer):
        content["moment"] = [call.episode, call.step]
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY
    try:
        data = orjson.dumps(content, default=repr, option=options)
    except orjson.JSONEncodeError:  # a huge number, half a surrogate pair, a key that is no text
        data = repr(_ordered(content)).encode("ascii", "backslashreplace")
    return hashlib.sha256(data).digest()


def _own_sampling(sampling: Sampling) -> Sampling:
    """Sampling settings without the bound that limits set where a node has none."""
    return replace(sampling, max_tokens=None) if sampling.max_tokens == ASSUMED_OUTPUT else sampling


def _ordered(value: Any) -> Any:
    """A value whose `repr` is the same for equal values."""
    if isinstance(value, Mapping):
        return {"map": sorted((repr(key), repr(_ordered(item))) for key, item in value.items())}
    if isinstance(value, (list, tuple)):
        return [_ordered(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value)
    if hasattr(value, "tolist"):
        return _ordered(value.tolist())
    return value
