"""Questions that are asked together: what is ready at the same time, in one request."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agentkit.errors import AgentKitError, CannotDecide, ModelError
from agentkit.messages import NOTHING_USED, Answer, Completion, Request, Usage
from agentkit.models.base import DecisionModel, can_decide
from agentkit.values import json_text

_LONGEST_WAIT_S: Final = 0.05
"""How long a request waits for questions that are on their way to it: some may wait for room in
the budget, which this very request has taken."""

_ROUNDS: Final = 3
"""Rounds of the event loop in which the questions begin that are ready at the same time."""


@dataclass(slots=True, eq=False)
class _Batch:
    """Questions that are asked in one request."""

    requests: list[Request] = field(default_factory=list)
    answers: "asyncio.Future[list[Completion | Exception]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class SharedRequests:
    """Asks questions that are ready at the same time, of one model after the same messages, in one
    request, where the model takes several."""

    def __init__(self) -> None:
        self._coming: dict[Hashable, int] = {}
        self._arrived = asyncio.Event()
        self._open: dict[Hashable, _Batch] = {}

    def awaited(
        self, model: Any, next: Callable[[Request], Awaitable[Answer]]
    ) -> Callable[[Request], Awaitable[Answer]]:
        """Return a way to an answer on which questions are waited for by others of their kind."""

        async def ask(request: Request) -> Answer:
            if not _is_shareable(model, request):
                return await next(request)
            with self._coming_of(_kind_of(model, request)):
                return await next(request)

        return ask

    @contextmanager
    def _coming_of(self, key: Hashable) -> Iterator[None]:
        self._coming[key] = self._coming.get(key, 0) + 1
        try:
            yield
        finally:
            self._coming[key] -= 1
            if not self._coming[key]:
                del self._coming[key]
            self._arrived.set()

    async def decide(
        self, model: DecisionModel, request: Request, joined: Callable[[], None]
    ) -> Completion:
        """Decide the question of a request, maybe together with others.

        Its usage counts once: in the answer of the first.

        Args:
            model: The model.
            request: The request, of one question.
            joined: Called when it is asked in the request of another.

        Raises:
            ModelError: The model did not answer.
        """
        if not _is_shareable(model, request):
            return await model.decide(request)
        key = _kind_of(model, request)
        batch = self._open.get(key)
        if batch is None:
            return await self._lead(model, request, key)
        position = len(batch.requests)
        batch.requests.append(request)
        self._arrived.set()
        await asyncio.wait([batch.answers])
        if batch.answers.cancelled():  # so was who asked, and not this one
            return await model.decide(request)
        answer = batch.answers.result()[position]
        if isinstance(answer, Completion) and answer.usage == NOTHING_USED:
            joined()
        return _given(answer)

    async def _lead(self, model: DecisionModel, request: Request, key: Hashable) -> Completion:
        """Wait for those that come at the same time, and ask for all."""
        batch = self._open[key] = _Batch([request])
        try:
            try:
                await self._gather(batch, key)
            finally:
                del self._open[key]
            answers = await _decide_all(model, batch.requests)
            batch.answers.set_result(answers)
        except Exception as error:
            if len(batch.requests) > 1:
                batch.answers.set_exception(error)
            raise
        finally:
            if not batch.answers.done():
                batch.answers.cancel()
        return _given(answers[0])

    async def _gather(self, batch: _Batch, key: Hashable) -> None:
        for _ in range(_ROUNDS):  # the tasks of other nodes begin, and those of their items
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                while len(batch.requests) < self._coming.get(key, 0):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return


def _is_shareable(model: Any, request: Request) -> bool:
    """Whether others may be asked in the same request: there is something that all have in front.

    What follows on nothing is its own state.
    """
    has_others = len(request.questions) == 1 and len(request.messages) > 1
    return has_others and can_decide(model) and model.most_questions > 1


def _kind_of(model: Any, request: Request) -> Hashable:
    return id(model), request.messages[:-1], json_text(request.extra)


def _given(answer: Completion | Exception) -> Completion:
    if isinstance(answer, Exception):
        raise answer
    return answer


async def _decide_all(
    model: DecisionModel, requests: Sequence[Request]
) -> list[Completion | Exception]:
    """Decide the questions of requests of one kind, in as few as the model takes."""
    answers: list[Completion | Exception] = []
    most = max(1, model.most_questions)
    for start in range(0, len(requests), most):
        answers += await _decide_part(model, requests[start : start + most])
    return answers


async def _decide_part(
    model: DecisionModel, requests: Sequence[Request]
) -> list[Completion | Exception]:
    first, *others = requests
    if not others:
        return [await model.decide(first)]
    questions = tuple(request.questions[0] for request in requests)
    try:
        whole = await model.decide(replace(first, questions=questions))
    except CannotDecide as error:
        return await _decide_each(model, requests, error.spent or NOTHING_USED)
    if len(whole.decisions) != len(questions):
        wrong = ModelError(
            f"{model.name} gave {len(whole.decisions)} decisions for {len(questions)} questions"
        )
        wrong.spent = whole.usage
        raise wrong
    parts = [replace(whole, decisions=(decision,)) for decision in whole.decisions]
    return [parts[0], *(replace(part, usage=NOTHING_USED, experts=()) for part in parts[1:])]


async def _decide_each(
    model: DecisionModel, requests: Sequence[Request], taken: Usage
) -> list[Completion | Exception]:
    """Decide questions one by one, each for its own node; the first has what was used before."""
    first = requests[0]
    if taken.calls and first.on_retry is not None:
        await first.on_retry("", 0.0)
    found = await asyncio.gather(*map(model.decide, requests), return_exceptions=True)
    answers: list[Completion | Exception] = []
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, Exception):
            raise one
        answers.append(one)
    lead = answers[0]
    if isinstance(lead, Completion):
        answers[0] = replace(lead, usage=lead.usage + taken)
    elif isinstance(lead, AgentKitError):
        lead.spent = (lead.spent or NOTHING_USED) + taken
    return answers
