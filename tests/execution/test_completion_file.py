"""The file of completions: what it keeps, who shares it, and what happens when it is broken."""

import asyncio
import logging
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit import (
    Agent,
    Completion,
    CompletionFile,
    Graph,
    Message,
    Node,
    Plan,
    Request,
    Sampling,
    ScriptedModel,
    Usage,
    rollout,
)
from agentkit.events import NodeFinished

ANSWER = Completion("Göd \ud83d\x00", Usage(7, 5, 3, 2, 0.25), model="gpt-9-2026")


class Counting:
    """A model that gives an answer and counts how often it is asked."""

    reads_variables = False

    def __init__(self, name: str = "m:1", answer: Completion = ANSWER) -> None:
        self.name = name
        self.answer = answer
        self.asked = 0

    async def complete(self, request: Request) -> Completion:
        self.asked += 1
        await asyncio.sleep(0)
        return self.answer


def request(text: str = "What now?", **changes) -> Request:
    return replace(Request((Message("user", text),)), **changes)


def ask(cache: CompletionFile, model, *requests: Request) -> list[tuple[Completion, bool]]:
    """Ask one after the other."""

    async def all_of_them() -> list[tuple[Completion, bool]]:
        return [await cache.complete(model, r, lambda r=r: model.complete(r)) for r in requests]

    return asyncio.run(all_of_them())


@contextmanager
def opened(path: Path, **options) -> Iterator[tuple[CompletionFile, list[str]]]:
    warnings: list[str] = []
    with CompletionFile(path, warnings.append, **options) as cache:
        yield cache, warnings


def test_a_completion_comes_back_whole_in_a_later_run(tmp_path):
    path, model = tmp_path / "new" / "answers.db", Counting()
    with opened(path) as (cache, warnings):
        assert ask(cache, model, request(), request()) == [(ANSWER, False), (ANSWER, True)]
    with opened(path) as (cache, later):
        assert ask(cache, Counting(), request()) == [(ANSWER, True)]
    assert model.asked == 1
    assert warnings == later == []


def test_another_model_name_is_another_request(tmp_path):
    with opened(tmp_path / "a.db") as (cache, _):
        ask(cache, Counting("m:1"), request())
        other = Counting("m:2")
        ask(cache, other, request())
        assert other.asked == 1


@pytest.mark.parametrize("reason", ["length", "refusal", "tool_calls"])
def test_what_did_not_end_by_itself_is_not_kept(tmp_path, reason):
    model = Counting(answer=replace(ANSWER, finish_reason=reason))
    with opened(tmp_path / "a.db") as (cache, _):
        ask(cache, model, request(), request())
    assert model.asked == 2


def test_models_that_answer_by_more_than_the_messages_are_always_asked(tmp_path):
    class Rules(Counting):
        reads_variables = True

    rules = Rules()
    script = ScriptedModel(["one", "two"])
    with opened(tmp_path / "a.db") as (cache, _):
        ask(cache, rules, request(), request())
        answers = ask(cache, script, request(), request())
    assert rules.asked == 2
    assert [(answer.text, known) for answer, known in answers] == [("one", False), ("two", False)]


class Slow(Counting):
    """Answers when it is told to; fails as often as `failures` says."""

    failures = 0

    async def complete(self, request: Request) -> Completion:
        self.asked += 1
        await asyncio.sleep(0.05)
        if self.asked <= self.failures:
            raise RuntimeError("no")
        return self.answer


def test_identical_requests_in_flight_are_asked_once(tmp_path):
    async def all_at_once(cache, model):
        tasks = [
            asyncio.create_task(cache.complete(model, request(), lambda: model.complete(request())))
            for _ in range(20)
        ]
        return await asyncio.gather(*tasks)

    model = Slow()
    with opened(tmp_path / "a.db") as (cache, _):
        answers = asyncio.run(all_at_once(cache, model))
    assert model.asked == 1
    assert sorted(known for _, known in answers) == [False] + [True] * 19


def test_a_request_that_fails_or_is_given_up_does_not_fail_those_that_wait_for_it(tmp_path):
    """Two episodes ask the same: what ends the first must not end the second."""

    async def both(cache, model, cancel):
        def ask():
            return cache.complete(model, request(), lambda: model.complete(request()))

        first, second = asyncio.create_task(ask()), asyncio.create_task(ask())
        while not model.asked:
            await asyncio.sleep(0.001)
        if cancel:
            first.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    for cancel in (True, False):
        model = Slow()
        model.failures = 0 if cancel else 1
        with opened(tmp_path / f"{cancel}.db") as (cache, _):
            first, second = asyncio.run(both(cache, model, cancel))
        assert isinstance(first, asyncio.CancelledError if cancel else RuntimeError)
        assert second == (ANSWER, False)
        assert model.asked == 2


def test_a_cancellation_while_an_answer_is_written_does_not_lose_it(tmp_path):
    """It was paid for: the one who asked gets it, and the cancellation comes after that."""
    found = []

    async def main(cache, model):
        async def asked() -> Completion:
            asyncio.get_running_loop().call_soon(task.cancel)  # once the file is being written
            return ANSWER

        async def lead() -> None:
            found.append(await cache.complete(model, request(), asked))
            await asyncio.sleep(60)

        task = asyncio.create_task(lead())
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelling()

    with opened(tmp_path / "a.db") as (cache, _):
        assert asyncio.run(main(cache, Counting())) == 1
    assert found == [(ANSWER, False)]
    with opened(tmp_path / "a.db") as (cache, _):
        assert ask(cache, Counting(), request()) == [(ANSWER, True)]


def test_threads_with_event_loops_of_their_own_share_a_file_object(tmp_path):
    answers: list[list[tuple[Completion, bool]]] = []
    requests = [request(f"question {number}") for number in range(30)]
    with opened(tmp_path / "a.db") as (cache, warnings):
        threads = [
            threading.Thread(target=lambda: answers.append(ask(cache, Counting(), *requests)))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(known for _, known in ask(cache, Counting(), *requests))
    assert [len(of_one) for of_one in answers] == [30] * 6
    assert warnings == []


WRITER = """
import asyncio, sys
from agentkit import Completion, Message, Request
from agentkit.execution.completion_file import CompletionFile

class Model:
    name, reads_variables = "m:1", False

path, mine, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

async def main(cache):
    asked = 0
    async def one(text):
        nonlocal asked
        async def ask():
            nonlocal asked
            asked += 1
            return Completion(text.upper())
        answer, _ = await cache.complete(Model(), Request((Message("user", text),)), ask)
        assert answer.text == text.upper(), (answer.text, text)
    sys.stdin.readline()
    for number in range(count):
        await asyncio.gather(one(f"common {number}"), one(f"of {mine}: {number}"))
    return asked

with CompletionFile(path, lambda message: print("WARNING", message)) as cache:
    print("ready", flush=True)
    print("asked", asyncio.run(main(cache)))
"""


def test_many_processes_write_one_new_file_at_once(tmp_path):
    """They also make it at the same moment. Nothing is lost, nobody warns, no answer is wrong."""
    path, count, processes = tmp_path / "shared.db", 60, 5
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(processes)
    ]  # fmt: skip
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * processes, said
    assert all(out.startswith("asked ") and not error for out, error in said), said
    with opened(path) as (cache, warnings):
        requests = [request(f"common {number}") for number in range(count)]
        requests += [request(f"of {p}: {n}") for p in range(processes) for n in range(count)]
        answers = ask(cache, Counting(), *requests)
    assert all(known for _, known in answers)
    assert [a.text for a, _ in answers] == [r.prompt.upper() for r in requests]
    assert warnings == []


def test_a_process_killed_while_it_writes_leaves_a_file_that_works(tmp_path):
    path = tmp_path / "a.db"
    for number in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number), "100000"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        while not rows(path):
            assert process.poll() is None
        process.kill()
        process.communicate()
    with opened(path) as (cache, warnings):
        [(answer, known)] = ask(cache, Counting(), request("common 0"))
    assert (answer.text, known) == ("COMMON 0", True)
    assert warnings == []


def rows(path: Path) -> int:
    """How many entries a file has, or 0 while it is being made."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute("SELECT count(*) FROM completions_1").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def test_a_forked_process_opens_the_file_for_itself(tmp_path):
    with opened(tmp_path / "a.db") as (cache, _):
        ask(cache, Counting(), request())

        def in_the_fork() -> None:
            [(_, known)] = ask(cache, Counting(), request())
            ask(cache, Counting(), request("from the fork"))
            cache.close()
            os._exit(0 if known else 1)

        fork = multiprocessing.get_context("fork").Process(target=in_the_fork)
        fork.start()
        fork.join()
        assert fork.exitcode == 0
        assert ask(cache, Counting(), request("from the fork"), request("new"))[0][1]


def damaged(path: Path, statement: str, *values) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


DAMAGES = {
    "another text": ("UPDATE completions_1 SET body = ?", b'{"text": "wrong"}'),
    "no bytes": ("UPDATE completions_1 SET body = ?", "wrong"),
    "nothing": ("UPDATE completions_1 SET body = NULL, checksum = ?", None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_a_warning_and_asked_again(tmp_path, damage):
    path = tmp_path / "a.db"
    with opened(path) as (cache, _):
        ask(cache, Counting(), request(), request("other"))
    statement, value = DAMAGES[damage]
    damaged(path, statement, value)
    with opened(path) as (cache, warnings):
        answers = ask(cache, Counting(), request(), request("other"), request(), request("other"))
    assert answers == [(ANSWER, False), (ANSWER, False), (ANSWER, True), (ANSWER, True)]
    assert warnings == [f"an entry of the cache {path} is damaged: it is asked again"]


def test_an_entry_under_another_request_is_never_its_answer(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as (cache, _):
        ask(cache, Counting(), request("one"), request("two"))
    with closing(sqlite3.connect(path)) as connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM completions_1")]
    damaged(path, "DELETE FROM completions_1 WHERE key = ?", keys[0])
    damaged(path, "UPDATE completions_1 SET key = ?", keys[0])
    with opened(path) as (cache, warnings):
        answers = ask(cache, Counting(), request("one"), request("two"))
    assert [known for _, known in answers] == [False, False]
    assert len(warnings) == 1


def not_a_database(path: Path) -> None:
    path.write_text("my notes, which I want to keep\n" * 200)


def a_truncated_file(path: Path) -> None:
    with opened(path) as (cache, _):
        big = Counting(answer=replace(ANSWER, text="x" * 500))
        ask(cache, big, *(request(f"{number}") for number in range(100)))
    assert path.stat().st_size > 20_000
    os.truncate(path, 9000)


def garbage_in_the_middle(path: Path) -> None:
    a_truncated_file(path)
    with path.open("r+b") as file:
        file.seek(150)
        file.write(os.urandom(8000))


def a_database_of_something_else(path: Path) -> None:
    damaged(path, "CREATE TABLE customers (name TEXT)")


def a_database_of_another_program(path: Path) -> None:
    damaged(path, "PRAGMA application_id = 42")


def a_folder(path: Path) -> None:
    path.mkdir()


BROKEN = [
    not_a_database,
    a_truncated_file,
    garbage_in_the_middle,
    a_database_of_something_else,
    a_database_of_another_program,
    a_folder,
]


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_a_file_that_is_no_cache_is_one_warning_and_is_left_as_it_is(tmp_path, make, caplog):
    path = tmp_path / "mine.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    model = Counting()
    with opened(path) as (cache, warnings):
        answers = ask(cache, model, *(request(f"{number % 3}") for number in range(6)))
    assert all(answer == ANSWER for answer, _ in answers)
    assert model.asked == 6
    assert len(warnings) == 1
    assert str(path) in warnings[0]
    assert [(r.name, r.levelno) for r in caplog.records] == [("agentkit.cache", logging.WARNING)]
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_empty_file_becomes_a_cache(tmp_path):
    path = tmp_path / "a.db"
    path.touch()
    with opened(path) as (cache, warnings):
        assert ask(cache, Counting(), request(), request())[1] == (ANSWER, True)
    assert warnings == []


@pytest.mark.parametrize("place", ["/proc/cache.db", "/proc/folder/cache.db", "{file}/cache.db"])
def test_a_folder_in_which_nothing_can_be_written_is_one_warning(tmp_path, place):
    (tmp_path / "file").touch()
    with opened(Path(place.format(file=tmp_path / "file"))) as (cache, warnings):
        assert ask(cache, Counting(), request(), request()) == [(ANSWER, False)] * 2
    assert len(warnings) == 1


def test_a_file_locked_for_too_long_is_one_warning_and_read_all_the_same(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as (cache, _):
        ask(cache, Counting(), request("known"))
    with closing(sqlite3.connect(path)) as other, opened(path, patience_s=0.05) as (cache, warned):
        other.execute("BEGIN IMMEDIATE")
        answers = ask(cache, Counting(), *(request(text) for text in ("known", "a", "a", "known")))
    assert [known for _, known in answers] == [True, False, False, True]
    assert len(warned) == 1
    assert "locked" in warned[0]


def test_waiting_for_another_process_does_not_hold_up_the_event_loop(tmp_path):
    path = tmp_path / "a.db"

    async def longest_pause(cache: CompletionFile) -> float:
        pause, loop = 0.0, asyncio.get_running_loop()
        model = Counting()
        asking = asyncio.create_task(
            cache.complete(model, request(), lambda: model.complete(request()))
        )
        while not asking.done():
            started = loop.time()
            await asyncio.sleep(0.001)
            pause = max(pause, loop.time() - started)
        return pause

    with opened(path) as (cache, _):
        ask(cache, Counting(), request("known"))
    with closing(sqlite3.connect(path)) as other, opened(path, patience_s=1.0) as (cache, warned):
        other.execute("BEGIN IMMEDIATE")
        assert asyncio.run(longest_pause(cache)) < 0.5
    assert len(warned) == 1


def test_a_full_disk_is_one_warning_and_what_is_there_is_still_used(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as (cache, _):
        ask(cache, Counting(), request("known"))
    script = WRITER.replace("import asyncio", "import resource, asyncio").replace(
        "sys.stdin.readline()", "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), "1", "60"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.count("WARNING nothing more is kept in the cache") == 1
    with opened(path) as (cache, warnings):
        answers = ask(cache, Counting(), request("known"), request("common 0"))
    assert [known for _, known in answers] == [True, True]
    assert warnings == []


def test_without_anybody_to_tell_a_warning_is_one_of_python(tmp_path):
    with CompletionFile(tmp_path) as cache:
        with pytest.warns(RuntimeWarning, match="is not used: unable to open database file"):
            assert ask(cache, Counting(), request()) == [(ANSWER, False)]
        assert ask(cache, Counting(), request()) == [(ANSWER, False)]


def test_a_version_of_agentkit_with_other_entries_shares_the_file(tmp_path):
    path = tmp_path / "a.db"
    with opened(path) as (cache, _):
        ask(cache, Counting(), request())
    damaged(path, "ALTER TABLE completions_1 RENAME TO completions_2")
    with opened(path) as (cache, warnings):
        assert ask(cache, Counting(), request(), request()) == [(ANSWER, False), (ANSWER, True)]
    assert warnings == []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM completions_2").fetchone() == (1,)


def test_after_it_was_closed_everything_is_asked(tmp_path):
    with opened(tmp_path / "a.db") as (cache, warnings):
        ask(cache, Counting(), request())
    assert ask(cache, Counting(), request()) == [(ANSWER, False)]
    assert warnings == []


def test_items_and_attempts_are_kept_apart_unless_the_temperature_is_zero(tmp_path):
    model = Counting()
    for temperature, asked in ((0.7, 2), (0, 1)):
        model.asked = 0
        base = request(sampling=Sampling(temperature=temperature))
        second = replace(base, call=replace(base.call, attempt=2))
        with opened(tmp_path / f"{temperature}.db") as (cache, _):
            ask(cache, model, base, second)
        assert model.asked == asked


def test_a_rollout_and_a_graph_take_completions_from_the_file_at_no_cost(tmp_path):
    graph = Graph([Node("a", "What now?"), Node("b", "And you?", recall=["a"])])
    model = Counting()
    with opened(tmp_path / "a.db") as (cache, _):
        first = graph.run_sync(model=model, cache=cache)
        again = asyncio.run(rollout(Agent(graph, model=model), Plan(episodes=2), cache=cache))
    assert model.asked == 2
    assert (first.usage.calls, first.cost_usd) == (4, 0.5)
    assert (again.usage.calls, again.cost_usd) == (0, 0.0)
    assert again.episodes[1].action == ANSWER.text.strip()


def test_what_comes_from_the_file_is_recorded_as_reused(tmp_path):
    graph = Graph([Node("a", "What now?")])
    with opened(tmp_path / "a.db") as (cache, _):
        reused = [
            event.reused
            for _ in range(2)
            for event in graph.run_sync(model=Counting(), cache=cache).trace
            if isinstance(event, NodeFinished)
        ]
    assert reused == [False, True]


def test_after_a_failure_one_of_those_that_wait_asks_and_the_others_wait_on(tmp_path):
    async def all_at_once(cache, model):
        waiting = (
            cache.complete(model, request(), lambda: model.complete(request())) for _ in range(20)
        )
        return await asyncio.gather(*waiting, return_exceptions=True)

    model = Slow()
    model.failures = 2
    with opened(tmp_path / "a.db") as (cache, _):
        answers = asyncio.run(all_at_once(cache, model))
    assert model.asked == 3
    assert [isinstance(answer, RuntimeError) for answer in answers] == [True] * 2 + [False] * 18
    assert [known for _, known in answers[2:]] == [False] + [True] * 17
