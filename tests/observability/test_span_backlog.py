"""No span is dropped by the processor that OpenTelemetry uses by default, at full speed."""

import asyncio
import threading
import time

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from agentkit.messages import Answer, Call, Completion, Message, Request, Usage
from agentkit.observability.span_backlog import SpanBacklog
from agentkit.observability.telemetry import Tracing


class Slow(SpanExporter):
    """Takes a while for each batch, as a server does."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.exported = 0
        self.open = threading.Event()
        self.open.set()

    def export(self, spans):
        self.open.wait(20)
        time.sleep(self.seconds)
        self.exported += len(spans)
        return SpanExportResult.SUCCESS


@pytest.fixture
def slow():
    exporter = Slow(0.05)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    yield exporter, Tracing(provider.get_tracer("t"), SpanBacklog(provider), "w", "c"), provider
    exporter.open.set()
    provider.shutdown()


async def answer(request):
    return Answer(Completion("x", Usage(1, 1, calls=1)), 0.0, False)


REQUEST = Request((Message("user", "?"),))


def test_five_thousand_questions_in_a_row_are_all_exported(slow):
    exporter, tracing, provider = slow

    async def main():
        for _ in range(5000):
            await tracing.chat("echo", REQUEST, answer)

    asyncio.run(main())
    provider.force_flush()
    assert exporter.exported == 5000


def test_five_thousand_questions_at_once_and_functions_are_all_exported(slow):
    exporter, tracing, provider = slow

    async def call():
        async with tracing.function("f", Call(), {}) as note:
            note(1)

    async def main():
        async with asyncio.TaskGroup() as tasks:
            for _ in range(2500):
                tasks.create_task(tracing.chat("echo", REQUEST, answer))
                tasks.create_task(call())

    asyncio.run(main())
    provider.force_flush()
    assert exporter.exported == 5000


def test_event_loops_of_several_threads_share_the_backlog(slow):
    exporter, tracing, provider = slow

    async def main():
        for _ in range(1000):
            await tracing.chat("echo", REQUEST, answer)

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    provider.force_flush()
    assert exporter.exported == 4000


def test_other_tasks_go_on_while_spans_are_exported(slow):
    exporter, tracing, _ = slow
    exporter.seconds = 0.3
    longest = 0.0

    async def beat():
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    async def main():
        other = asyncio.create_task(beat())
        for _ in range(1100):
            await tracing.chat("echo", REQUEST, answer)
        other.cancel()

    asyncio.run(main())
    assert longest < 0.25


def test_an_exporter_that_hangs_holds_nobody_up_for_long(slow):
    exporter, tracing, provider = slow
    backlog = SpanBacklog(provider, patience_s=0.1)
    exporter.open.clear()
    for _ in range(600):
        backlog.add()

    async def main():
        await tracing.chat("echo", REQUEST, answer)
        started = time.monotonic()
        await backlog.wait()
        once = time.monotonic() - started
        await backlog.wait()
        return once, time.monotonic() - started - once

    once, again = asyncio.run(main())
    assert 0.05 < once < 2
    assert again < 0.05


def test_a_provider_that_cannot_flush_is_not_waited_for():
    backlog = SpanBacklog(object())
    for _ in range(10_000):
        backlog.add()
    asyncio.run(backlog.wait())
