"""Each event loop has a client of its own, which is closed with the loop or with the owner."""

import asyncio
import gc
import threading

from agentkit.models.per_loop import PerLoop


class Owner:
    """Makes numbered clients and notes which were closed."""

    def __init__(self) -> None:
        self.made: list[list[bool]] = []
        self.clients = PerLoop(self.make, close)

    def make(self) -> list[bool]:
        self.made.append([False])
        return self.made[-1]


async def close(client: list[bool]) -> None:
    await asyncio.sleep(0)  # closing a client takes some turns of the loop
    client[0] = True


def test_a_client_lasts_as_long_as_its_loop():
    owner = Owner()

    async def main() -> None:
        first = await owner.clients.get()
        assert await owner.clients.get() is first
        both = await asyncio.gather(owner.clients.get(), owner.clients.get())
        assert both == [first, first]
        assert first == [False]

    for _ in range(3):
        asyncio.run(main())
    assert owner.made == [[True], [True], [True]]
    assert len(owner.clients._held) <= 1


def test_loops_on_several_threads_have_their_own():
    owner = Owner()
    ready = threading.Barrier(2)

    async def main() -> None:
        await owner.clients.get()
        await asyncio.to_thread(ready.wait, 10)

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert owner.made == [[True], [True]]


def test_a_client_is_closed_when_its_owner_is_dropped_while_the_loop_runs():
    async def main() -> None:
        owner = Owner()
        client = await owner.clients.get()
        del owner
        await asyncio.sleep(0.01)
        assert client == [True]

    asyncio.run(main())


def test_a_client_is_closed_when_the_circle_that_its_owner_is_in_is_collected():
    class Finalized(list[bool]):
        """A client that complains like a socket when it is collected while it is open."""

        def __del__(self) -> None:
            assert self == [True], "collected before it was closed"

    class Circle(Owner):
        def make(self) -> list[bool]:
            self.circle = self
            return Finalized([False])

    async def main() -> None:
        owner = Circle()
        await owner.clients.get()
        del owner
        gc.collect()
        await asyncio.sleep(0.01)
        gc.collect()

    asyncio.run(main())


def test_an_owner_dropped_in_another_thread_or_after_its_loop_is_no_error():
    owners = [Owner(), Owner()]
    clients: list[list[bool]] = []

    async def main() -> None:
        clients.extend([await owner.clients.get() for owner in owners])
        thread = threading.Thread(target=owners.pop)
        thread.start()
        thread.join()
        while clients[1] == [False]:
            await asyncio.sleep(0.01)

    asyncio.run(main())
    owners.clear()
    assert clients == [[True], [True]]


def test_a_loop_that_fails_closes_its_client_too():
    owner = Owner()

    async def main() -> None:
        await owner.clients.get()
        raise KeyboardInterrupt

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        assert owner.made == [[True]]
    else:
        raise AssertionError("the loop did not fail")
