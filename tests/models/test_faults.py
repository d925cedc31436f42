"""Everything that goes wrong with a server is survived, or named in words that help."""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import langchain_openai  # noqa: F401 - importing it takes longer than the timeouts here
import pytest
from loopback import CORRECTED, SURVIVED, Fault, LoopbackServer

from agentkit import (
    AccessError,
    AgentKitError,
    Completion,
    Message,
    ModelError,
    Request,
    get_model,
    load_agent,
    rollout,
)
from agentkit.models.hosted import Settings

AGENTKIT = Path(sys.executable).with_name("agentkit")
KEY = "sk-hidden-Zq4wX9vB2nM7kL5jH8gF"
PARTS = ("sk-hidden", "Zq4w", "H8gF", "5jH8gF")
"""What the server's error shows of the key, and other parts of it."""
IDS = ("openai:loopback", "langchain:openai:loopback")
SETTINGS = Settings(timeout_s=1.5, retries=2)

both_models = pytest.mark.parametrize("model_id", IDS)
both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
Start = Callable[..., LoopbackServer]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a server that the environment names, as a user would."""
    with ExitStack() as stack:

        def started(*kinds: str, always: str | None = None, wait_s: float = 0.1) -> LoopbackServer:
            faults = [Fault(kind, wait_s) for kind in kinds]
            plan = (lambda received: Fault(always, wait_s)) if always else faults
            server = stack.enter_context(LoopbackServer(faults=plan, key=KEY))
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            return server

        yield started


SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}


class Asking:
    """Asks a model once and keeps what was heard of further tries."""

    def __init__(self, model_id: str, settings: Settings = SETTINGS) -> None:
        self.model = get_model(model_id, settings=settings)
        self.retries: list[tuple[str, float]] = []
        self.seconds = 0.0

    def __call__(self, *, streaming: bool = False, schema: Any = None) -> Completion:
        async def on_retry(reason: str, wait_s: float) -> None:
            self.retries.append((reason, wait_s))

        heard: list[str] = []
        on_text = heard.append if streaming else None
        asked = (Message("user", "What do you see?"),)
        started = time.monotonic()
        try:
            return asyncio.run(
                self.model.complete(
                    Request(asked, schema=schema, on_text=on_text, on_retry=on_retry)
                )
            )
        finally:
            self.seconds = time.monotonic() - started

    def error(self, *, streaming: bool = False) -> AgentKitError:
        with pytest.raises(AgentKitError) as caught:
            self(streaming=streaming)
        return caught.value


REASONS = {
    "slow": "1.5 s",
    "rate_limit": "too often",
    "rate_limit_date": "too often",
    "rate_limit_ms": "too often",
    "server_error": "500",
    "unavailable": "503",
    "drop_before": "connection",
    "drop_inside": "connection",
    "malformed": "JSON",
    "empty_choices": "choices",
    "null_content": "empty",
    "stream_error": "",
    "error_body": "error while processing",
    "html": "JSON",
    "bad_utf8": "form of a chat completion",
    "deep": "JSON",
}


ENDS_BADLY = ("drop_inside", "malformed", "empty_choices", "null_content", "stream_error")
NO_ANSWER = ("error_body", "html", "bad_utf8", "deep")
"""Kinds that come after the head of an answer, so that a stream meets them in its own way."""


@pytest.mark.parametrize(
    ("kind", "streaming"),
    [
        *((kind, False) for kind in SURVIVED),
        *((kind, True) for kind in ("slow", *ENDS_BADLY, *NO_ANSWER)),
    ],
)
@both_models
def test_what_another_try_mends_is_survived_and_told(model_id, kind, streaming, start):
    server = start(kind, wait_s=5.0 if kind == "slow" else 0.1)
    asking = Asking(model_id)
    completion = asking(streaming=streaming)
    assert completion.text
    assert completion.finish_reason == "stop"
    assert completion.usage.calls == len(server.requests) == 2
    assert completion.usage.output_tokens > 0
    [(reason, waited)] = asking.retries
    assert 0 <= waited <= 0.5
    assert asking.seconds >= waited
    assert 0 < len(reason) < 400
    if model_id == IDS[0] and not (streaming and kind in ("malformed", "empty_choices", "html")):
        assert REASONS[kind] in reason


@both_models
def test_a_server_that_knows_no_streams_is_asked_for_whole_answers_from_then_on(model_id, start):
    """Its whole answer to the first request counts where it can be read."""
    start(always="not_streamed")
    asking = Asking(model_id)
    calls = 1 if model_id == IDS[0] else 3
    assert [asking(streaming=True).usage.calls for _ in range(2)] == [calls, 1]


@both_ways
@pytest.mark.parametrize("kind", NO_ANSWER)
@both_models
def test_what_is_no_answer_is_survived_where_a_schema_is_asked_for(
    model_id, kind, streaming, start
):
    start(kind)
    asking = Asking(model_id, Settings(timeout_s=5, retries=2))
    assert asking(streaming=streaming, schema=SCHEMA).text.startswith("{")
    assert len(asking.retries) == 1


@pytest.mark.parametrize(
    ("kind", "asked_s", "least_s"),
    [("rate_limit", 1.5, 1.5), ("rate_limit_date", 2, 0.9), ("rate_limit_ms", 0.9, 0.9)],
)
@both_models
def test_a_wait_that_the_server_asks_for_is_kept(model_id, kind, asked_s, least_s, start):
    """A date has whole seconds, so up to one second less is left of it."""
    server = start(kind, wait_s=asked_s)
    asking = Asking(model_id)
    assert asking().text
    first, second = server.requests
    assert least_s <= second.time_s - first.time_s <= asked_s + 0.6
    assert asking.retries[0][1] >= least_s - 0.1


@both_models
def test_a_wait_of_an_hour_is_not_kept_and_said_at_once(model_id, start):
    server = start("rate_limit", wait_s=3600)
    asking = Asking(model_id)
    error = asking.error()
    assert len(server.requests) == 1
    assert isinstance(error, ModelError)
    assert "3600 s" in str(error)
    assert asking.seconds < 5


@pytest.mark.parametrize("kind", ["server_error", "drop_before", "malformed", "slow"])
@both_models
def test_tries_are_bounded_and_the_last_reason_is_shown(model_id, kind, start):
    server = start(always=kind, wait_s=5)
    asking = Asking(model_id, Settings(timeout_s=1.0, retries=1))
    error = asking.error()
    assert len(server.requests) == 2
    assert isinstance(error, ModelError)
    assert len(asking.retries) == 1
    assert asking.model.name in str(error)
    assert asking.retries[0][0] in str(error)
    assert "2 tries" in str(error)


def test_a_server_that_is_not_there_is_named_with_its_address(monkeypatch):
    with LoopbackServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    error = Asking(IDS[0], Settings(retries=0)).error()
    assert isinstance(error, ModelError)
    assert f"no connection to 127.0.0.1:{server.port}" in str(error)


@both_ways
@pytest.mark.parametrize("kind", CORRECTED)
@both_models
def test_an_answer_that_ended_badly_says_why_and_is_not_asked_again(
    model_id, kind, streaming, start
):
    """What to do about it is the engine's matter: it shows the model its answer.

    The stream of LangChain's package for OpenAI leaves refusals out: nothing but an empty answer
    is seen, and that is asked again.
    """
    server = start(kind)
    completion = Asking(model_id)(streaming=streaming)
    if kind == "refusal" and streaming and model_id.startswith("langchain:"):
        assert completion.usage.calls == len(server.requests) == 2
        return
    assert len(server.requests) == 1
    assert completion.finish_reason == ("length" if kind == "length" else "refusal")
    if kind == "refusal":
        assert "cannot assist" in completion.text


@both_ways
@pytest.mark.parametrize("kind", ["unauthorized", "forbidden"])
@both_models
def test_a_refused_key_stops_at_once_and_names_the_variable_but_no_part_of_the_key(
    model_id, kind, streaming, start
):
    server = start(always=kind)
    asking = Asking(model_id)
    error = asking.error(streaming=streaming)
    assert len(server.requests) == 1
    assert isinstance(error, AccessError)
    assert "OPENAI_API_KEY" in str(error)
    assert asking.retries == []
    assert_hidden(told(error))


NAMED = {"no_model": "loopback", "too_long": "8192 tokens", "no_quota": "quota"}


@both_ways
@pytest.mark.parametrize("kind", NAMED)
@both_models
def test_what_no_try_can_mend_is_asked_once_and_named(model_id, kind, streaming, start):
    server = start(always=kind)
    asking = Asking(model_id)
    error = asking.error(streaming=streaming)
    assert len(server.requests) == 1
    assert isinstance(error, ModelError)
    assert NAMED[kind] in str(error)
    assert asking.retries == []
    assert_hidden(told(error))


def test_a_model_that_is_not_there_is_shown_with_those_that_are(start):
    start("no_model")
    assert "Did you mean 'loopback'?" in str(Asking("openai:lopback").error())


@both_models
def test_a_missing_key_is_named_before_anything_is_sent(model_id, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    error = Asking(model_id).error()
    assert isinstance(error, AccessError)
    assert "OPENAI_API_KEY" in str(error)


AGENT = """\
version: 1
name: hidden
model: MODEL
inputs: {questions: QUESTIONS}
nodes:
  - times:
      prompt: How often?
      output: integer
  - seen:
      each: questions
      prompt: "{{ item }}"
"""


@pytest.mark.parametrize("refused", [False, True])
@both_models
def test_no_part_of_the_key_stands_in_a_run_or_on_the_screen(model_id, refused, tmp_path):
    """The whole program meets every fault, and logs everything that it can."""
    kinds = (*SURVIVED, *CORRECTED) if not refused else ("unauthorized",)
    questions = [f"What is thing {number}?" for number in range(len(kinds))]
    agent = AGENT.replace("MODEL", model_id).replace("QUESTIONS", str(questions))
    (tmp_path / "hidden.yaml").write_text(agent)
    with LoopbackServer(faults=[Fault(kind, 0.05) for kind in kinds], key=KEY) as server:
        done = subprocess.run(
            [AGENTKIT, "run", "hidden.yaml"],
            cwd=tmp_path,
            env={
                **os.environ,
                "OPENAI_API_KEY": KEY,
                "OPENAI_BASE_URL": server.base_url,
                "OPENAI_LOG": "debug",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == (2 if refused else 0), done.stderr
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    if refused:
        assert len(server.requests) == 1
        assert "OPENAI_API_KEY" in done.stderr
    else:
        assert any(path.suffix == ".jsonl" for path in files)
    assert_hidden(done.stdout, done.stderr, *(path.read_text() for path in files))


def test_a_refused_key_ends_the_run_from_inside_an_each_node_too(tmp_path, start):
    start(always="unauthorized")
    each = "nodes:\n  - seen:\n      each: '[1, 2]'\n      prompt: What is {{ item }}?\n"
    (tmp_path / "a.yaml").write_text(f"version: 1\nname: a\nmodel: {IDS[0]}\n{each}")
    agent = load_agent(tmp_path / "a.yaml")
    with pytest.raises(AccessError, match="OPENAI_API_KEY"):
        asyncio.run(rollout(agent))


@both_models
def test_nothing_that_is_logged_shows_the_key(model_id, start, caplog):
    caplog.set_level(logging.DEBUG)
    start("server_error", "unauthorized")
    assert isinstance(Asking(model_id).error(), AccessError)
    assert caplog.records
    assert_hidden(caplog.text, *(repr(vars(record)) for record in caplog.records))


def told(error: BaseException | None) -> str:
    """Everything that a traceback would show."""
    texts = []
    while error is not None:
        texts.append(f"{error!r} {error} {vars(error)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(texts)


def assert_hidden(*texts: str) -> None:
    for text in texts:
        for part in PARTS:
            assert part not in text
