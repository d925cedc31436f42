"""`check_model` finds what a model does otherwise than it should."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from agentkit import Completion, Decision, EchoModel, Request, ScriptedModel, Usage
from agentkit.testing import MODEL_CHECKS, check_model


class Fine:
    """A model that keeps every promise."""

    name = "fine"
    reads_variables = False

    async def complete(self, request: Request) -> Completion:
        await asyncio.sleep(0)
        for piece in ("A ", "door."):
            if request.on_text is not None:
                request.on_text(piece)
        return Completion("A door.", Usage(10, 2, 0, 1))


class Nameless(Fine):
    name = " fine "


class Empty(Fine):
    async def complete(self, request: Request) -> Completion:
        return Completion("")


class Text(Fine):
    async def complete(self, request: Request) -> Any:
        return "A door."


class Uncounted(Fine):
    async def complete(self, request: Request) -> Completion:
        return Completion("A door.", Usage(10, 2, 0, 0))


class Negative(Fine):
    async def complete(self, request: Request) -> Completion:
        return Completion("A door.", Usage(10, -2, 0, 1))


class Half(Fine):
    async def complete(self, request: Request) -> Completion:
        return Completion("A door.", finish_reason="length")


class Repeating(Fine):
    async def complete(self, request: Request) -> Completion:
        for piece in ("A", "A door."):
            if request.on_text is not None:
                request.on_text(piece)
        return Completion("A door.")


class OneAtATime(Fine):
    busy = False

    async def complete(self, request: Request) -> Completion:
        if self.busy:
            raise RuntimeError("one call at a time")
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        return Completion("A door.")


class OneLoop(Fine):
    loop: Any = None

    async def complete(self, request: Request) -> Completion:
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop():
            raise RuntimeError("attached to a different loop")
        return Completion("A door.")


class OneThread(Fine):
    thread: Any = None

    async def complete(self, request: Request) -> Completion:
        self.thread = self.thread or threading.get_ident()
        if self.thread != threading.get_ident():
            raise RuntimeError("made in another thread")
        return Completion("A door.")


class Lingering(Fine):
    tasks: set[Any] = set()  # noqa: RUF012

    async def complete(self, request: Request) -> Completion:
        self.tasks.add(asyncio.create_task(asyncio.sleep(0.2)))
        await asyncio.sleep(0)
        return Completion("A door.")


@pytest.mark.parametrize("make", [Fine, EchoModel, lambda: ScriptedModel({"": "A door."})])
def test_a_model_that_keeps_its_promises_passes(make):
    check_model(make)


@pytest.mark.parametrize(
    ("kind", "promise", "found"),
    [
        (object, "it is a model with a name", "lacks name, reads_variables or complete"),
        (Nameless, "it is a model with a name", "its name is ' fine '"),
        (Empty, "it answers and counts its call", "its text is ''"),
        (
            Text,
            "it answers and counts its call",
            "complete() gave 'A door.', expected a",
        ),
        (Uncounted, "it answers and counts its call", "usage.calls is 0, expected 1"),
        (Negative, "it answers and counts its call", "usage.output_tokens is -2, expected a whole"),
        (Half, "it answers and counts its call", "finish_reason is 'length'"),
        (
            Repeating,
            "pieces add up to the text",
            "the pieces are 'AA door.', the text is",
        ),
        (
            OneAtATime,
            "many calls at once",
            "it raised RuntimeError: one call at a",
        ),
        (OneLoop, "one event loop after another", "attached to a different loop"),
        (OneThread, "several threads at once", "made in another thread"),
        (Lingering, "works after a call was cancelled", "tasks are left when its calls have ended"),
    ],
)
def test_each_broken_promise_is_told_with_what_was_found(kind, promise, found):
    with pytest.raises(AssertionError) as raised:
        check_model(kind)
    assert promise in str(raised.value)
    assert found in str(raised.value)


def test_every_check_says_what_it_checks():
    assert all(check.__doc__ for check in MODEL_CHECKS)


class Deciding(Fine):
    """A model that decides as it should."""

    decides = True
    most_questions = 2
    other: float | None = 0.25

    async def decide(self, request: Request) -> Completion:
        found = tuple(
            Decision(dict.fromkeys(one.options, 1 / len(one.options)), self.other)
            for one in request.questions
        )
        return Completion("", Usage(calls=1), decisions=found)


class Half(Deciding):
    async def decide(self, request: Request) -> Completion:
        return Completion("", decisions=(Decision({"left": 0.5}),))


class Fewer(Deciding):
    async def decide(self, request: Request) -> Completion:
        whole = await super().decide(request)
        return replace(whole, decisions=whole.decisions[:1])


class Silent(Deciding):
    async def decide(self, request: Request) -> Completion:
        return Completion("")


def test_a_model_that_decides_passes():
    check_model(Deciding)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (Half, "add up to 0.5"),
        (Fewer, "it gave 1 decisions, expected one for each of 2 questions"),
        (Silent, "its text is ''"),
    ],
)
def test_decisions_that_are_none_are_found(model, found):
    with pytest.raises(AssertionError, match=found):
        check_model(model)
