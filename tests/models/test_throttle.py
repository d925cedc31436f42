"""Calls start in their order, no more at once and in a minute than allowed, whoever gives up."""

import asyncio
import threading
import time

import pytest

from agentkit.models.throttle import Bucket, Throttle


async def calls(
    throttle: Throttle, number: int, *, seconds: float = 0.002
) -> tuple[list[int], int]:
    """Make calls, of which every fifth gives up while it waits: their order, the most at once."""
    order: list[int] = []
    running = most = 0

    async def call(index: int) -> None:
        nonlocal running, most
        async with throttle.turn(5):
            order.append(index)
            running += 1
            most = max(most, running)
            await asyncio.sleep(seconds)
            running -= 1

    tasks = [asyncio.create_task(call(index)) for index in range(number)]
    await asyncio.sleep(seconds)
    for task in tasks[number // 2 :: 5]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return order, most


def test_calls_start_in_their_order_and_no_more_at_once_than_allowed():
    throttle = Throttle(4)
    for _ in range(3):  # in one event loop after another
        order, most = asyncio.run(calls(throttle, 100))
        assert order == sorted(order)
        assert len(order) == 90
        assert most == 4


def test_loops_on_several_threads_share_the_places():
    throttle = Throttle(3)
    running, most, done = 0, 0, []
    lock = threading.Lock()

    async def call() -> None:
        nonlocal running, most
        async with throttle.turn():
            with lock:
                running += 1
                most = max(most, running)
            await asyncio.sleep(0.001)
            with lock:
                running -= 1
            done.append(1)

    async def many() -> None:
        await asyncio.gather(*(call() for _ in range(100)))

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(done) == 300
    assert most == 3


def test_places_come_back_when_a_loop_ends_in_the_middle_of_calls():
    throttle = Throttle(2)

    async def stay() -> None:
        async with throttle.turn():
            await asyncio.sleep(60)

    async def begin() -> None:
        tasks = [asyncio.create_task(stay()) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)

    asyncio.run(begin())  # cancels what still runs
    order, most = asyncio.run(calls(throttle, 10))
    assert (len(order), most) == (9, 2)


def test_a_call_that_is_made_again_goes_to_the_front():
    order = []

    async def main() -> None:
        throttle = Throttle(1)

        async def call(name: str, *, again: bool = False) -> None:
            async with throttle.turn(again=again):
                order.append(name)
                await asyncio.sleep(0.005)

        async with asyncio.TaskGroup() as group:
            for name in ("first", "second", "third"):
                group.create_task(call(name))
            await asyncio.sleep(0)
            group.create_task(call("again", again=True))

    asyncio.run(main())
    assert order == ["first", "again", "second", "third"]


def test_after_a_burst_calls_start_at_the_rate_of_a_minute():
    throttle = Throttle(requests_per_minute=1200)  # bursts of 120, then 18 a second
    started = time.monotonic()
    order, _ = asyncio.run(calls(throttle, 120, seconds=0))
    assert time.monotonic() - started < 3  # one after another they take 6
    order, _ = asyncio.run(calls(throttle, 8, seconds=0))
    assert order == sorted(order)
    assert time.monotonic() - started > (len(order) - 1) / 20


@pytest.mark.parametrize("per_minute", [0.5, 3, 10, 60, 600])
def test_no_minute_has_more_than_its_allowance(per_minute):
    """The bucket's own arithmetic: what it holds, and what comes in during a minute."""
    bucket = Bucket(per_minute)
    burst = 0
    while bucket.wait_s(1) == 0:
        bucket.take(1)
        burst += 1
    assert burst == max(1, per_minute // 10)
    before = bucket.wait_s(1)
    bucket.take(100)
    pace_s = (bucket.wait_s(1) - before) / 100
    assert burst - 1 + 60 / pace_s == pytest.approx(per_minute, rel=0.01)


def test_more_tokens_than_the_bucket_holds_do_not_wait_forever_but_delay_the_next():
    throttle = Throttle(tokens_per_minute=600)

    async def main() -> None:
        async with throttle.turn(100_000):
            pass
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), throttle.turn(1):
                raise AssertionError("there are no tokens left")
        throttle.settle(100_000, 10)  # it took less in truth
        async with asyncio.timeout(1), throttle.turn(10):
            pass

    asyncio.run(main())


def test_a_pause_holds_every_call_back():
    throttle = Throttle()
    throttle.pause(0.1)
    started = time.monotonic()
    order, _ = asyncio.run(calls(throttle, 3, seconds=0))
    assert order
    assert time.monotonic() - started >= 0.1
