"""What every model promises that nodes ask."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from typing import Final

from agentkit.errors import CannotDecide, ModelError
from agentkit.messages import Completion, Message, Question, Request
from agentkit.models.base import DecisionModel, Model
from agentkit.models.decisions import checked_decision
from agentkit.testing.promises import require, run_checks

MakeModel = Callable[[], Model]
CALLS: Final = 50
"""So many calls run at once."""


def check_model(make: MakeModel) -> None:
    """Check a model: what agents count on, whoever answers.

    It has a name, answers with a text and counts its call, streams pieces that add up to the text,
    answers many calls at once, in one event loop after another and in several threads, and goes on
    working after a call was cancelled. One that can decide gives every option a probability. About
    80 short calls are made, and 60 decisions.

    Args:
        make: Makes a model, such as its class; it is called by each check.

    Raises:
        AssertionError: A promise is broken; it lists all that are, with what was found.
    """
    run_checks(MODEL_CHECKS, make)


def it_is_a_model_with_a_name(make: MakeModel) -> None:
    """It has `complete`, and a name without spaces around it."""
    model = make()
    require(isinstance(model, Model), f"{model!r} lacks name, reads_variables or complete")
    name = model.name
    good = isinstance(name, str) and name and name == name.strip()
    require(good, f"its name is {name!r}, expected a text without spaces around it")


def it_answers_and_counts_its_call(make: MakeModel) -> None:
    """A completion has a text, says that it is whole, and counts as one call."""
    _check_answer(_ask(make(), "What do you see?"))


def pieces_add_up_to_the_text(make: MakeModel) -> None:
    """What is told to `on_text`, if anything, is the text of the answer."""
    heard: list[str] = []
    answer = asyncio.run(make().complete(_request("What do you see?", heard.append)))
    _check_answer(answer)
    told = "".join(heard)
    require(
        not heard or told == answer.text, f"the pieces are {told!r}, the text is {answer.text!r}"
    )


def many_calls_at_once_are_all_answered(make: MakeModel) -> None:
    """Fifty calls in one event loop."""
    model = make()

    async def many() -> list[Completion]:
        calls = (model.complete(_request(f"Question {number}")) for number in range(CALLS))
        return await asyncio.gather(*calls)

    for answer in asyncio.run(many()):
        _check_answer(answer)


def it_works_in_one_event_loop_after_another(make: MakeModel) -> None:
    """Nothing that it keeps belongs to the first loop it ran in."""
    model = make()
    for number in range(3):
        _check_answer(_ask(model, f"Question {number}"))


def it_works_in_several_threads_at_once(make: MakeModel) -> None:
    """Each thread has an event loop of its own."""
    model = make()
    with ThreadPoolExecutor(4) as threads:
        questions = [f"Question {number}" for number in range(12)]
        for answer in threads.map(partial(_ask, model), questions):
            _check_answer(answer)


def it_works_after_a_call_was_cancelled(make: MakeModel) -> None:
    """A cancelled call ends as cancelled, leaves no task, and hinders no other."""
    model = make()

    async def cancelled() -> tuple[Completion, int]:
        call = asyncio.ensure_future(model.complete(_request("What do you see?")))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        answer = await model.complete(_request("And now?"))
        return answer, len(asyncio.all_tasks() - {asyncio.current_task()})

    answer, tasks = asyncio.run(cancelled())
    _check_answer(answer)
    require(not tasks, f"{tasks} tasks are left when its calls have ended")


def decisions_have_a_probability_for_every_option(make: MakeModel) -> None:
    """A model that can decide does so for all questions of a request, or says that it cannot."""
    for kinds in (("choice",), ("predicate",), ("score",), ("choice", "predicate")):
        model = make()
        if not isinstance(model, DecisionModel) or not model.decides:
            return
        questions = tuple(_QUESTIONS[kind] for kind in kinds[: model.most_questions])
        try:
            answer = asyncio.run(model.decide(_decision_request(questions)))
        except CannotDecide:
            continue
        require(isinstance(answer, Completion), f"decide() gave {answer!r}, expected a Completion")
        require(answer.usage.calls >= 1, f"usage.calls is {answer.usage.calls}, expected 1 or more")
        given = answer.decisions
        if len(questions) == 1 and not given:
            _check_answer(answer)
            continue
        expected = f"expected one for each of {len(questions)} questions"
        require(len(given) == len(questions), f"it gave {len(given)} decisions, {expected}")
        for question, decision in zip(questions, given, strict=False):
            try:
                checked_decision(model.name, question, decision)
            except ModelError as error:
                require(False, str(error))


def many_decisions_at_once_are_all_made(make: MakeModel) -> None:
    """Fifty in one event loop."""
    model = make()
    if not isinstance(model, DecisionModel) or not model.decides:
        return
    deciding = model

    async def many() -> list[Completion | BaseException]:
        request = _decision_request((_QUESTIONS["choice"],))
        asked = (deciding.decide(request) for _ in range(CALLS))
        return await asyncio.gather(*asked, return_exceptions=True)

    for answer in asyncio.run(many()):
        if isinstance(answer, CannotDecide):
            continue
        if isinstance(answer, BaseException):
            raise answer
        found = len(answer.decisions) == 1 or bool(answer.text)
        require(found, f"of {CALLS} decisions at once one is {answer!r}")


_QUESTIONS: Final = {
    "choice": Question("Where do you go?", ("left", "right", "stay")),
    "predicate": Question("Is it dark?", ("yes", "no"), "predicate"),
    "score": Question("How dark?", ("1", "2", "3"), "score", meanings=("dim", "dark", "black")),
}


MODEL_CHECKS: Final[tuple[Callable[[MakeModel], None], ...]] = (
    it_is_a_model_with_a_name,
    it_answers_and_counts_its_call,
    pieces_add_up_to_the_text,
    many_calls_at_once_are_all_answered,
    it_works_in_one_event_loop_after_another,
    it_works_in_several_threads_at_once,
    it_works_after_a_call_was_cancelled,
    decisions_have_a_probability_for_every_option,
    many_decisions_at_once_are_all_made,
)
"""The checks that `check_model` runs, each a function of what makes the model."""


def _request(text: str, on_text: Callable[[str], None] | None = None) -> Request:
    return Request((Message("system", "You look around."), Message("user", text)), on_text=on_text)


def _decision_request(questions: tuple[Question, ...]) -> Request:
    request = _request(f"{questions[0].text}\n\nAnswer with one of: {questions[0].options}")
    return replace(request, questions=questions)


def _ask(model: Model, text: str) -> Completion:
    return asyncio.run(model.complete(_request(text)))


def _check_answer(answer: object) -> None:
    require(isinstance(answer, Completion), f"complete() gave {answer!r}, expected a Completion")
    if not isinstance(answer, Completion):
        return
    require(isinstance(answer.text, str) and answer.text.strip(), f"its text is {answer.text!r}")
    calls = answer.usage.calls
    require(calls == 1, f"usage.calls is {calls}, expected 1")
    counts = {
        name: value for name, value in asdict(answer.usage).items() if name.endswith("tokens")
    }
    for name, value in counts.items():
        good = isinstance(value, int) and value >= 0
        require(good, f"usage.{name} is {value!r}, expected a whole number of 0 or more")
    why = answer.finish_reason
    require(why == "stop", f"finish_reason is {why!r}, expected 'stop' of a whole answer")
