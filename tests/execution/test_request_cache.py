"""Which requests count as the same one, and which do not."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from agentkit import Agent, Call, Completion, Graph, Image, Message, Node, Request, Sampling
from agentkit.execution.request_cache import RequestCache
from agentkit.messages import Answer
from agentkit.models.token_estimates import ASSUMED_OUTPUT

RED, BLUE = (Image(b"\x89PNG\r\n\x1a\n" + colour) for colour in (b"red", b"blue"))


class Counting:
    """A model that numbers its answers."""

    def __init__(self, reads_variables=False, name="counting"):
        self.name = name
        self.reads_variables = reads_variables
        self.asked: list[Request] = []

    async def complete(self, request: Request) -> Completion:
        self.asked.append(request)
        return Completion(str(len(self.asked)))


PLAIN = Request(
    (Message("system", "S"), Message("user", "What now?", (RED,))),
    Sampling(temperature=0.5, max_tokens=9),
    {"type": "object", "properties": {"subgoal": {"type": "string"}}},
    Call(episode=1, step=2, node="plan"),
    {"observation": "a tree"},
)


async def answer(model, request: Request = PLAIN) -> Answer:
    return Answer(await model.complete(request), 0.0, reused=False)


def ask_all(model, *requests: Request) -> int:
    """How often the model is asked, when all these requests come one after the other."""

    async def ask() -> None:
        cache = RequestCache()
        for request in requests:
            await cache.complete(model, request, partial(answer, model, request))

    asyncio.run(ask())
    return len(model.asked)


def test_a_request_that_comes_again_in_a_later_step_is_not_asked_again():
    later = replace(PLAIN, call=Call(episode=1, step=7, node="plan"))
    assert ask_all(Counting(), PLAIN, later) == 1
    assert ask_all(Counting(reads_variables=True), PLAIN, later) == 1


DIFFERENCES = {
    "text": {"messages": (PLAIN.messages[0], Message("user", "What then?", (RED,)))},
    "role": {"messages": (Message("user", "S"), PLAIN.messages[1])},
    "picture": {"messages": (PLAIN.messages[0], Message("user", "What now?", (BLUE,)))},
    "no picture": {"messages": (PLAIN.messages[0], Message("user", "What now?"))},
    "temperature": {"sampling": Sampling(temperature=0.6, max_tokens=9)},
    "max_tokens": {"sampling": Sampling(temperature=0.5, max_tokens=8)},
    "stop": {"sampling": Sampling(temperature=0.5, max_tokens=9, stop=("END",))},
    "schema": {"schema": {"type": "object", "properties": {"subgoal": {"type": "integer"}}}},
    "no schema": {"schema": None},
    "item": {"call": replace(PLAIN.call, item=1)},
    "attempt": {"call": replace(PLAIN.call, attempt=2)},
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_requests_that_differ_in_one_thing_only_are_asked_separately(difference):
    assert ask_all(Counting(), PLAIN, replace(PLAIN, **DIFFERENCES[difference])) == 2


def test_variables_count_only_for_a_model_that_reads_them():
    other = replace(PLAIN, variables={"observation": "a cow"})
    assert ask_all(Counting(reads_variables=False), PLAIN, other) == 1
    assert ask_all(Counting(reads_variables=True), PLAIN, other) == 2


def test_at_temperature_zero_items_and_attempts_share_an_answer():
    cold = replace(PLAIN, sampling=Sampling(temperature=0))
    calls = [replace(PLAIN.call, item=1), replace(PLAIN.call, attempt=2)]
    assert ask_all(Counting(), cold, *(replace(cold, call=call) for call in calls)) == 1


def act_twice(*nodes: Node, model, observations=("one", "two"), **inputs) -> int:
    graph = Graph([*nodes, Node("end", function=lambda: "x", after=[n.name for n in nodes])])
    agent = Agent(graph, model=model, inputs=inputs)
    for observation in observations:
        agent.act_sync(observation)
    return len(model.asked)


def test_two_nodes_with_the_same_question_are_asked_once_in_an_episode():
    nodes = [Node("a", "Same?", reuse=True), Node("b", "Same?", reuse=True, after=["a"])]
    assert act_twice(*nodes, model=Counting()) == 1


def test_two_nodes_that_differ_in_sampling_or_pictures_are_asked_separately():
    sampling = [
        Node("a", "Same?", reuse=True, temperature=0.1),
        Node("b", "Same?", reuse=True, temperature=0.2),
    ]
    assert act_twice(*sampling, model=Counting()) == 2
    pictures = [
        Node("a", "Same?", reuse=True, images="red"),
        Node("b", "Same?", reuse=True, images="blue"),
    ]
    assert act_twice(*pictures, model=Counting(), red=RED, blue=BLUE) == 2


def test_the_same_text_from_other_variables_is_asked_again_where_the_model_reads_them():
    node = Node("a", "{{ observation | length }} letters", reuse=True)
    assert act_twice(node, model=Counting(reads_variables=False)) == 1
    assert act_twice(node, model=Counting(reads_variables=True)) == 2
    assert act_twice(node, model=Counting(reads_variables=True), observations=("a", "a")) == 1


@pytest.mark.parametrize("odd", [2**70, "\ud800", {1: "a", "b": 2}, [2**64, True]])
def test_a_request_with_values_that_json_cannot_say_is_the_same_when_it_comes_again(odd):
    """The digest once raised an error for them, and the message blamed the model."""
    model = Counting(reads_variables=True)
    request = replace(PLAIN, variables={"info": odd})
    others = [replace(PLAIN, variables={"info": other}) for other in (2**71, "\ud801", [2**64, 1])]
    assert ask_all(model, request, replace(request, variables={"info": odd})) == 1
    assert ask_all(Counting(reads_variables=True), request, *others) == 4


def test_half_a_surrogate_pair_in_a_prompt_can_be_reused():
    model = Counting(name="counting \ud800")
    request = replace(PLAIN, messages=(Message("user", "What is \ud83d?"),))
    assert ask_all(model, request, request) == 1


def test_a_bound_that_a_limit_sets_on_answers_makes_no_other_request():
    free = replace(PLAIN, sampling=Sampling(temperature=0.5))
    bounded = replace(PLAIN, sampling=Sampling(temperature=0.5, max_tokens=ASSUMED_OUTPUT))
    assert ask_all(Counting(), free, bounded) == 1


def test_an_answer_that_arrives_together_with_a_cancellation_is_kept():
    found = []

    async def lead(reuse: RequestCache, model: Counting) -> None:
        async def asked():
            task.cancel()
            return await answer(model)

        task = asyncio.current_task()
        found.append(await reuse.complete(model, PLAIN, asked))
        await asyncio.sleep(60)

    async def main() -> None:
        reuse, model = RequestCache(), Counting()
        await asyncio.gather(lead(reuse, model), return_exceptions=True)
        found.append(await reuse.complete(model, PLAIN, None))

    asyncio.run(main())
    assert found == [(Completion("1"), False), (Completion("1"), True)]


@pytest.mark.parametrize("cancelled", [True, False])
def test_one_that_fails_or_is_cancelled_leaves_those_that_wait_for_it_to_ask(cancelled):
    model = Counting()
    tries = []

    async def asked():
        tries.append(1)
        if len(tries) > 1:
            return await answer(model)
        await asyncio.sleep(60 if cancelled else 0)
        raise RuntimeError("no")

    async def main() -> list:
        reuse = RequestCache()
        first, second = (asyncio.create_task(reuse.complete(model, PLAIN, asked)) for _ in range(2))
        while not tries:
            await asyncio.sleep(0)
        if cancelled:
            first.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(main())
    assert isinstance(first, asyncio.CancelledError if cancelled else RuntimeError)
    assert second == (Completion("1"), False)
    assert len(tries) == 2


@pytest.mark.parametrize("failures", [1, 3])
def test_after_a_failure_one_of_those_that_wait_asks_and_the_others_wait_on(failures):
    """All of them asked at once: 50 calls for one request."""
    model = Counting()
    tries = []

    async def asked():
        tries.append(1)
        await asyncio.sleep(0)
        if len(tries) <= failures:
            raise RuntimeError("no")
        return await answer(model)

    async def main() -> list:
        reuse = RequestCache()
        waiting = (reuse.complete(model, PLAIN, asked) for _ in range(50))
        return await asyncio.gather(*waiting, return_exceptions=True)

    answers = asyncio.run(main())
    assert [type(answer) for answer in answers[:failures]] == [RuntimeError] * failures
    assert answers[failures:] == [(Completion("1"), False)] + [(Completion("1"), True)] * (
        49 - failures
    )
    assert len(tries) == failures + 1
