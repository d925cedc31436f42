"""What all models on servers share: tries, waits, the time of a try, and the cost."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from agentkit import Completion, Message, ModelError, Request, Usage
from agentkit.models.base import Priced
from agentkit.models.hosted import HostedModel, Price, Settings
from agentkit.models.retries import Retryable
from agentkit.models.server_errors import retry_after


class Server(HostedModel):
    """A model whose server answers as told: errors first, then texts without end."""

    def __init__(self, errors: Sequence[Exception] = (), **settings: object) -> None:
        super().__init__("test:server", Settings(**settings))  # type: ignore[arg-type]
        self.errors = list(errors)
        self.asked: list[float] = []

    async def _ask(self, request: Request) -> Completion:
        self.asked.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        return Completion("yes", Usage(1000, 100, 400, 1))


def ask(model: HostedModel, **fields: object) -> Completion:
    request = Request((Message("user", "Well?"),), **fields)  # type: ignore[arg-type]
    return asyncio.run(model.complete(request))


def test_a_try_that_failed_is_made_again_and_all_are_counted():
    told = []

    async def on_retry(reason: str, wait_s: float) -> None:
        told.append((reason, wait_s, len(model.asked)))

    model = Server([Retryable("it broke", 0.01), Retryable("it broke again", 0.02)])
    completion = ask(model, on_retry=on_retry)
    assert completion.usage == Usage(1000, 100, 400, calls=3)
    assert told == [("it broke", 0.01, 1), ("it broke again", 0.02, 2)]


def test_a_listener_can_give_up_before_the_next_try():
    class Limit(Exception):
        pass

    async def on_retry(reason: str, wait_s: float) -> None:
        raise Limit

    model = Server([Retryable("it broke", 0.0)])
    with pytest.raises(Limit):
        ask(model, on_retry=on_retry)
    assert len(model.asked) == 1


def test_when_all_tries_failed_the_error_says_how_many_and_what_to_do():
    model = Server([Retryable("no connection", 0.0)] * 9, retries=2)
    with pytest.raises(ModelError, match=r"test:server: no connection \(3 tries\)\. Try later"):
        ask(model)
    model = Server([Retryable("asked too often", 0.0, pause=True)], retries=0)
    with pytest.raises(ModelError, match=r"\(1 try\).* 'requests_per_minute'"):
        ask(model)


def test_a_wait_that_is_too_long_ends_the_call_at_once():
    model = Server([Retryable("asked too often", 3600.0, pause=True)])
    with pytest.raises(ModelError, match="wants a pause of 3600 s"):
        ask(model)


def test_waits_grow_where_the_server_names_none():
    waits = []

    async def on_retry(reason: str, wait_s: float) -> None:
        waits.append(wait_s)
        if len(waits) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        ask(Server([Retryable("it broke")] * 3), on_retry=on_retry)
    assert 0.25 <= waits[0] <= 0.5
    assert 0.75 <= waits[1] <= 1.5


def test_a_try_in_another_way_counts_as_no_further_try():
    model = Server([Retryable("it takes no seed", changed=True)] * 3, retries=0)
    assert ask(model).usage.calls == 4


def test_a_try_that_takes_too_long_is_ended_and_made_again():
    class Slow(Server):
        async def _ask(self, request: Request) -> Completion:
            if not self.asked:
                self.asked.append(0)
                await asyncio.sleep(10)
            return await super()._ask(request)

    reasons = []

    async def on_retry(reason: str, wait_s: float) -> None:
        reasons.append(reason)

    assert ask(Slow(timeout_s=0.1), on_retry=on_retry).text == "yes"
    assert reasons == ["no complete answer within 0.1 s"]


def test_preparing_does_not_count_as_time_of_the_try():
    class Loading(Server):
        async def _prepare(self) -> None:
            await asyncio.sleep(0.3)

    assert ask(Loading(timeout_s=0.1, retries=0)).text == "yes"


def test_a_cancelled_call_is_not_made_again():
    class Slow(Server):
        async def _ask(self, request: Request) -> Completion:
            self.asked.append(0)
            await asyncio.sleep(10)
            return Completion("")

    model = Slow()

    async def main() -> None:
        task = asyncio.create_task(model.complete(Request((Message("user", "Well?"),))))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert len(model.asked) == 1


def test_an_overloaded_server_is_left_alone_by_the_other_calls_too():
    model = Server([Retryable("asked too often", 0.2, pause=True)], max_concurrency=1)

    async def main() -> None:
        request = Request((Message("user", "Well?"),))
        await asyncio.gather(*(model.complete(request) for _ in range(4)))

    asyncio.run(main())
    first, *others = model.asked
    assert len(others) == 4
    assert min(others) - first >= 0.2


def test_without_a_wait_from_the_server_only_the_failed_call_waits():
    model = Server([Retryable("could not answer (503)", pause=True)], max_concurrency=1)

    async def main() -> None:
        request = Request((Message("user", "Well?"),))
        await asyncio.gather(*(model.complete(request) for _ in range(4)))

    asyncio.run(main())
    first, *others, last = model.asked
    assert max(others) - first < 0.2
    assert last - first >= 0.25


def test_a_wait_of_nothing_does_not_spend_all_tries_at_once():
    model = Server([Retryable("asked too often (429)", 0.0, pause=True)] * 2)
    ask(model)
    first, second, third = model.asked
    assert second - first >= 0.25
    assert third - second >= 0.75


@pytest.mark.parametrize(
    ("wait_s", "shown"), [(3600, "of 3600 s,"), (1e308, "of more than a day,")]
)
def test_a_wait_that_is_too_long_is_shown_in_a_few_words(wait_s, shown):
    with pytest.raises(ModelError, match=shown) as caught:
        ask(Server([Retryable("asked too often (429)", wait_s)]))
    assert len(str(caught.value)) < 250


def test_a_price_of_the_settings_gives_the_cost_and_without_one_it_is_unknown():
    model = Server(price=Price(input=1.0, output=10.0, cached=0.1))
    assert isinstance(model, Priced)
    assert ask(model).usage.cost_usd == pytest.approx((600 * 1 + 400 * 0.1 + 100 * 10) / 1e6)
    assert Price(1.0, 10.0).cost_usd(Usage(1000, 100, 400)) == pytest.approx(2000 / 1e6)
    assert ask(Server()).usage.cost_usd is None


def test_tokens_that_a_server_does_not_count_are_estimated_and_said_once(caplog):
    class Silent(Server):
        async def _ask(self, request: Request) -> Completion:
            return Completion("x" * 40)

    model = Silent()
    assert ask(model).usage == Usage(5, 10, 0, 1)
    ask(model)
    assert [record.message for record in caplog.records] == [
        "test:server does not count tokens: they are estimated"
    ]


@pytest.mark.parametrize("written", ["%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S -0000"])
def test_a_date_to_wait_for_is_of_universal_time_wherever_the_program_runs(written, monkeypatch):
    """West of Greenwich a pause of seconds became hours, and the call failed."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        then = datetime.now(UTC) + timedelta(seconds=20)
        assert 10 < retry_after({"retry-after": then.strftime(written)}) <= 20
    finally:
        monkeypatch.undo()
        time.tzset()
