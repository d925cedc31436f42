"""Reservations: never above a limit, nobody waits for ever, nothing is lost on the way."""

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import InputError, LimitExceeded
from agentkit.execution.budget import Budget, Reservation
from agentkit.limits import Limits, Spent

ONE = Spent(calls=1, tokens=100, cost_usd=0.1)
SOON = 5.0
"""Seconds after which a test counts as hanging."""


def run(coroutine):
    async def soon():
        async with asyncio.timeout(SOON):
            return await coroutine

    return asyncio.run(soon())


async def idle(turns: int = 10) -> None:
    """Let every task go as far as it can."""
    for _ in range(turns):
        await asyncio.sleep(0)


def untouched(budget: Budget) -> bool:
    """Whether nothing is reserved, in flight or waiting any more."""
    reserved = budget._reserved
    nothing = (reserved.calls, reserved.tokens, budget._in_flight, budget._blocked) == (0, 0, 0, 0)
    return (
        nothing and abs(reserved.cost_usd) < 1e-9 and not budget._waiting and not budget._retrying
    )


class Watch:
    """Makes calls, and keeps the highest sum that was ever used and under way."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.outcomes: Counter[str] = Counter()

    async def call(self, estimate: Spent, took: Spent, waits: list[int], dies: bool = False):
        try:
            reservation = await self.budget.reserve(estimate)
        except LimitExceeded:
            self.outcomes["refused"] += 1
            return
        spent = Spent(calls=1)
        try:
            for number, wait in enumerate(waits):
                if number:
                    await reservation.extend()
                    spent.calls += 1
                for _ in range(wait):
                    await asyncio.sleep(0)
            if not dies:
                spent = Spent(len(waits), took.tokens, took.cost_usd)
            self.outcomes["answered"] += 1
        except LimitExceeded:
            self.outcomes["gave up"] += 1
        except asyncio.CancelledError:
            self.outcomes["cancelled"] += 1
            raise
        finally:
            reservation.settle(spent)


CALLS = st.lists(
    st.tuples(
        st.integers(1, 40),  # what it reserves
        st.floats(0, 1),  # the share of it that it takes
        st.lists(st.integers(0, 4), min_size=1, max_size=3),  # how long each try takes
        st.sampled_from(["", "", "", "dies", "cancelled"]),
        st.integers(0, 2),  # which episode it belongs to
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(CALLS, st.integers(1, 400), st.integers(1, 200), st.integers(1, 60))
def test_whatever_happens_nothing_overshoots_and_nobody_waits_for_ever(
    calls, run_tokens, tokens, most_calls
):
    whole = Budget(Limits(tokens=run_tokens, calls=most_calls), scope="run.")
    episodes = [Budget(Limits(tokens=tokens), whole) for _ in range(3)]
    watches = [Watch(episode) for episode in episodes]

    async def cancel(task: asyncio.Task[None], after: int) -> None:
        await idle(after)
        task.cancel()

    async def play() -> None:
        tasks = []
        for estimate, share, waits, fate, index in calls:
            reserved = Spent(1, estimate, estimate / 1000)
            took = Spent(1, int(estimate * share), estimate * share / 1000)
            call = watches[index].call(reserved, took, waits, fate == "dies")
            task = asyncio.create_task(call)
            tasks.append(task)
            if fate == "cancelled":
                tasks.append(asyncio.create_task(cancel(task, sum(waits))))
        await asyncio.gather(*tasks, return_exceptions=True)

    run(play())
    assert whole.used.tokens <= run_tokens
    assert whole.used.calls <= most_calls
    assert all(episode.used.tokens <= tokens for episode in episodes)
    assert whole.used.tokens == sum(episode.used.tokens for episode in episodes)
    assert all(untouched(budget) for budget in (whole, *episodes))


def test_a_hundred_at_once_use_what_there_is_and_not_more():
    budget = Budget(Limits(cost_usd=2.0))
    watch = Watch(budget)

    async def play() -> None:
        took = Spent(1, 100, 0.05)
        await asyncio.gather(*(watch.call(ONE, took, [i % 7]) for i in range(100)))

    run(play())
    assert 1.9 < budget.used.cost_usd <= 2.0 + 1e-9
    assert watch.outcomes["answered"] == 39, "from 1.95 on the next might take more than is left"
    assert watch.outcomes["refused"] == 61


def test_an_exact_fit_is_no_overshoot_although_prices_are_fractions():
    budget = Budget(Limits(cost_usd=0.3))
    watch = Watch(budget)

    async def play() -> None:
        for _ in range(3):
            await watch.call(ONE, ONE, [0])

    run(play())
    assert watch.outcomes == {"answered": 3}


def test_what_does_not_fit_waits_for_those_in_flight_and_nobody_overtakes():
    budget = Budget(Limits(tokens=250))
    order: list[str] = []

    async def ask(name: str, tokens: int) -> None:
        reservation = await budget.reserve(Spent(1, tokens, 0.0))
        order.append(name)
        await idle()
        reservation.settle(Spent(1, 10, 0.0))

    async def play() -> None:
        async with asyncio.TaskGroup() as tasks:
            for name, tokens in (("a", 100), ("b", 100), ("large", 200), ("small", 10)):
                tasks.create_task(ask(name, tokens))
            await idle(5)
            assert order == ["a", "b"], "'small' would fit, but stands behind 'large'"

    run(play())
    assert order == ["a", "b", "large", "small"]
    assert budget.used.tokens == 40


def test_once_a_limit_is_reached_everybody_is_refused_who_waits_or_comes_later():
    budget = Budget(Limits(tokens=250))
    refused: list[str] = []

    async def ask(tokens: int) -> None:
        try:
            await budget.reserve(Spent(1, tokens, 0.0))
        except LimitExceeded as error:
            refused.append(str(error))

    async def play() -> None:
        under_way = await budget.reserve(Spent(1, 200, 0.0))
        tasks = [asyncio.create_task(ask(tokens)) for tokens in (100, 5)]
        await idle()
        assert refused == []
        under_way.settle(Spent(1, 180, 0.0))
        await asyncio.gather(*tasks)
        await ask(1)

    run(play())
    why = "180 tokens used, and the next call may take 100 tokens"
    assert refused == [f"the limit tokens of 250 is reached: {why}"] * 3
    assert isinstance(budget.over(), LimitExceeded)


def test_a_single_call_above_a_limit_is_refused_at_once_and_the_message_says_what_helps():
    budget = Budget(Limits(cost_usd=0.05))
    with pytest.raises(LimitExceeded, match=r"a single call may take 0\.1 USD.*'max_tokens'"):
        run(budget.reserve(ONE))


def test_two_in_flight_that_both_want_a_further_try_do_not_wait_for_each_other():
    budget = Budget(Limits(tokens=200))

    async def call() -> str:
        reservation = await budget.reserve(ONE)
        await idle()
        try:
            await reservation.extend()
        except LimitExceeded:
            return "gave up"
        finally:
            reservation.settle(Spent(calls=1))
        return "went on"

    async def play():
        return await asyncio.gather(call(), call())

    assert run(play()) == ["gave up", "gave up"]
    assert budget.used.calls == 2
    assert untouched(budget)


def test_a_further_try_waits_for_another_call_and_then_goes_before_new_ones():
    budget = Budget(Limits(tokens=220))
    order: list[str] = []

    async def again() -> None:
        reservation = await budget.reserve(ONE)
        await idle(3)
        await reservation.extend()
        order.append("again")
        reservation.settle(Spent(2, 10, 0.0))

    async def plain(name: str, after: int) -> None:
        await idle(after)
        reservation = await budget.reserve(ONE)
        order.append(name)
        await idle(20)
        reservation.settle(Spent(1, 10, 0.0))

    async def play() -> None:
        await asyncio.gather(again(), plain("first", 0), plain("new", 1))

    run(play())
    assert order == ["first", "again", "new"]


def test_further_tries_in_two_episodes_and_the_run_do_not_wait_in_a_circle():
    """A waits in its episode for C, which waits in the run for A."""
    whole = Budget(Limits(calls=3), scope="run.")
    one, two = Budget(Limits(tokens=250), whole), Budget(Limits(), whole)

    async def call(budget: Budget, estimate: Spent, after: int) -> str:
        reservation = await budget.reserve(estimate)
        await idle(after)
        try:
            await reservation.extend()
        except LimitExceeded as error:
            return error.limit
        finally:
            reservation.settle(Spent(calls=1))
        return "went on"

    async def play():
        return await asyncio.gather(
            call(one, Spent(1, 150, 0), 2), call(two, Spent(1, 1, 0), 4), call(one, ONE, 6)
        )

    assert set(run(play())) <= {"tokens", "run.calls"}
    assert all(untouched(budget) for budget in (whole, one, two))


def test_what_an_episode_gives_up_may_be_what_the_run_waits_for():
    """The only call in flight is refused by its episode; the run, where another waits, goes on."""
    whole = Budget(Limits(tokens=200), scope="run.")
    one, two = Budget(Limits(tokens=150), whole), Budget(Limits(), whole)

    async def extending() -> str:
        reservation = await one.reserve(ONE)
        await idle()
        try:
            await reservation.extend()
        except LimitExceeded as error:
            return error.limit
        finally:
            reservation.settle(Spent(calls=1))
        return "went on"

    async def waiting() -> str:
        await idle(3)
        reservation = await two.reserve(Spent(1, 150, 0.0))
        reservation.settle(Spent(1, 150, 0.0))
        return "went on"

    async def play():
        return await asyncio.gather(extending(), waiting())

    assert run(play()) == ["tokens", "went on"]


def test_one_who_has_room_in_its_episode_waits_in_the_run_although_others_wait_in_the_episode():
    whole = Budget(Limits(tokens=460), scope="run.")
    one, two = Budget(Limits(tokens=300), whole), Budget(Limits(), whole)
    order: list[str] = []

    async def ask(name: str, tokens: int) -> None:
        reservation = await one.reserve(Spent(1, tokens, 0.0))
        order.append(name)
        reservation.settle(Spent(1, 0, 0.0))

    async def play() -> None:
        short, long = await one.reserve(ONE), await one.reserve(Spent(1, 150, 0.0))
        other = await two.reserve(Spent(1, 200, 0.0))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask("first", 120))
            tasks.create_task(ask("second", 200))
            await idle()
            short.settle(Spent(1, 0, 0.0))
            await idle()
            assert order == []
            other.settle(Spent(1, 0, 0.0))
            await idle()
            long.settle(Spent(1, 0, 0.0))

    run(play())
    assert order == ["first", "second"]


def test_cancelling_one_who_waits_lets_the_next_go_on():
    budget = Budget(Limits(tokens=250))

    async def play() -> None:
        under_way = await budget.reserve(Spent(1, 200, 0.0))
        large = asyncio.create_task(budget.reserve(Spent(1, 100, 0.0)))
        small = asyncio.create_task(budget.reserve(Spent(1, 50, 0.0)))
        await idle()
        assert not small.done()
        large.cancel()
        (await small).settle(Spent(1, 50, 0.0))
        under_way.settle(Spent(1, 200, 0.0))

    run(play())
    assert untouched(budget)


def test_room_found_in_the_moment_of_being_cancelled_is_given_back():
    budget = Budget(Limits(tokens=150))

    async def play() -> None:
        under_way = await budget.reserve(ONE)
        waiting = asyncio.create_task(budget.reserve(ONE))
        await idle()
        under_way.settle(Spent(1, 0, 0.0))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert untouched(budget)
        assert isinstance(await budget.reserve(ONE), Reservation)

    run(play())


def test_cancelling_a_call_in_flight_releases_what_it_held():
    budget = Budget(Limits(tokens=100))
    watch = Watch(budget)

    async def play() -> None:
        task = asyncio.create_task(watch.call(ONE, ONE, [1000]))
        await idle()
        second = asyncio.create_task(watch.call(ONE, ONE, [0]))
        await idle()
        task.cancel()
        await asyncio.gather(task, second, return_exceptions=True)

    run(play())
    assert watch.outcomes == {"cancelled": 1, "answered": 1}
    assert budget.used.calls == 2
    assert untouched(budget)


def test_a_run_counts_what_its_episodes_use_and_says_that_the_limit_is_its_own():
    whole = Budget(Limits(tokens=250), scope="run.")

    async def play() -> None:
        for _ in range(2):
            reservation = await Budget(Limits(tokens=150), whole).reserve(ONE)
            reservation.settle(ONE)
        await Budget(Limits(tokens=150), whole).reserve(ONE)

    with pytest.raises(LimitExceeded) as caught:
        run(play())
    assert (caught.value.limit, caught.value.value) == ("run.tokens", 250)
    assert whole.used == Spent(calls=2, tokens=200, cost_usd=0.2)


def test_what_was_used_before_counts():
    budget = Budget(Limits(calls=5, seconds=60), used=Spent(calls=5))
    with pytest.raises(LimitExceeded, match="limit calls of 5 is reached"):
        run(budget.reserve(ONE))
    over = Budget(Limits(seconds=60), seconds=61).over()
    assert over is not None
    assert over.limit == "seconds"


def test_steps_of_a_run_are_counted_over_its_episodes_and_a_step_without_effect_is_taken_back():
    whole = Budget(Limits(steps=3), scope="run.")
    one, two = Budget(Limits(steps=2), whole), Budget(Limits(), whole)
    one.begin_step()
    one.begin_step()
    with pytest.raises(LimitExceeded, match="limit steps of 2"):
        one.begin_step()
    two.begin_step()
    with pytest.raises(LimitExceeded, match=r"limit run\.steps of 3"):
        two.begin_step()
    two.drop_step()
    two.begin_step()


def test_a_used_up_limit_leaves_nothing_for_another_episode():
    assert Budget(Limits(calls=2, cost_usd=0), used=Spent(calls=1)).used_up() is None
    used_up = Budget(Limits(calls=2), used=Spent(calls=2)).used_up()
    assert used_up is not None
    assert used_up.reason == "calls: 2"


@pytest.mark.parametrize(
    ("name", "value"), [("steps", 0), ("calls", -1), ("cost_usd", -0.1), ("seconds", float("nan"))]
)
def test_a_limit_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(InputError, match=f"the limit {name} is"):
        Limits(**{name: value})


def test_ten_thousand_waiting_calls_take_no_long_time():
    budget = Budget(Limits(tokens=1_000_000))
    watch = Watch(budget)
    shares = random.Random(1)

    async def play() -> None:
        estimate = Spent(1, 4200, 0.0)
        calls = (watch.call(estimate, Spent(1, shares.randint(10, 90)), [1]) for _ in range(10_000))
        await asyncio.gather(*calls)

    run(play())
    assert watch.outcomes == {"answered": 10_000}
